"""Pairs of network namespaces, the commands that run in them, and their end.

As root, namespaces have names (``ip netns``), which say whose they are: what a killed process left
behind is removed when the next pair is made. Without root, `unshare` makes them where the machine
lets users have user namespaces; they have no names and live as long as a process holds them.
"""

import atexit
import contextlib
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from benchmarks.link.errors import LinkError, LinkUnavailable
from benchmarks.link.hold import hold
from benchmarks.link.host import Host

DEVICE = "link0"
# The networks that RFC 2544 and RFC 5180 set aside for benchmarks.
SERVER_ADDRESSES = (("198.18.0.1", "2001:2::1"),)
CLIENT_ADDRESSES = tuple((f"198.18.0.{n}", f"2001:2::{n}") for n in (11, 12, 13))
ROUTER_ADDRESSES = ("198.18.0.254", "2001:2::fe")
NETWORKS = ("198.18.0.0/24", "2001:2::/64")

NAMES = Path("/run/netns")
PREFIX = "smbquic"
_NAME = re.compile(rf"{PREFIX}-(\d+-\d+-\d+)-\d+-(?:client|server)")
# Every command carries it, so that it is found when whoever started it was killed.
_OWNER = "SMBQUIC_LINK_OWNER"
# How long a command may take to end by itself, and to be gone after it was killed.
_PATIENCE = ((signal.SIGTERM, 2.0), (signal.SIGKILL, 10.0))
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_serial = itertools.count()

# Only what a program sends shall be on the link, and no run shall know what the last one learnt.
_SYSTEM_SETTINGS = """
cd /proc/sys/net
echo 1 >ipv4/tcp_no_metrics_save
for family in all default; do
    echo 0 >ipv4/conf/$family/rp_filter
    echo 0 >ipv6/conf/$family/disable_ipv6
    echo 0 >ipv6/conf/$family/accept_ra
    echo 0 >ipv6/conf/$family/accept_dad
    echo 0 >ipv6/conf/$family/router_solicitations
    echo 1 >ipv6/conf/$family/addr_gen_mode
done
"""

_MAKE_SOCKET = """
import socket, sys
way, family, kind = map(int, sys.argv[1:])
with socket.socket(fileno=way) as ours, socket.socket(family, kind) as made:
    socket.send_fds(ours, [b"."], [made.fileno()])
"""


def _started(process: int | str) -> str | None:
    """When a process started, in ticks since the machine did; None if it is gone."""
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()[19]


def _owner() -> str:
    """Ourselves, so that nobody who gets our process id later, or elsewhere, is taken for us."""
    return f"{os.getpid()}-{_started('self')}-{Path('/proc/self/ns/pid').stat().st_ino}"


def _is_dead(owner: str) -> bool:
    process, started, place = owner.split("-")
    # Of containers we know nothing.
    return place == _owner().split("-")[2] and _started(process) != started


def _processes() -> Iterator[Path]:
    return (entry for entry in Path("/proc").iterdir() if entry.name.isdecimal())


def _processes_in(network: Path) -> list[int]:
    """The processes whose network namespace this is."""
    wanted = network.stat()
    found = []
    for entry in _processes():
        # A process may end meanwhile, and others' are none of our business.
        with contextlib.suppress(OSError):
            status = (entry / "ns/net").stat()
            if (status.st_dev, status.st_ino) == (wanted.st_dev, wanted.st_ino):
                found.append(int(entry.name))
    return found


def _kill(process: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)


def _delete(name: str) -> None:
    """Delete a named namespace, if it is there."""
    run = subprocess.run(["ip", "netns", "delete", name], capture_output=True, text=True)
    if run.returncode and (NAMES / name).exists():
        raise LinkError(f"cannot delete the network namespace {name}: {run.stderr.strip()}")


def remove_leftovers() -> list[str]:
    """Remove the namespaces and end the commands of owners that were killed; says what it was."""
    removed = []
    for entry in _processes():
        with contextlib.suppress(OSError):
            variables = (entry / "environ").read_bytes().split(b"\0")
            for variable in variables:
                key, _, owner = variable.partition(b"=")
                if (
                    key == _OWNER.encode()
                    and _is_dead(owner.decode())
                    and int(entry.name) != os.getpid()
                ):
                    _kill(int(entry.name), signal.SIGKILL)
                    removed.append(f"process {entry.name}")
    with contextlib.suppress(FileNotFoundError):
        for entry in sorted(NAMES.iterdir()):
            found = _NAME.fullmatch(entry.name)
            if found and _is_dead(found[1]):
                # Another process may be removing it too.
                with contextlib.suppress(FileNotFoundError):
                    for process in _processes_in(entry):
                        _kill(process, signal.SIGKILL)
                        removed.append(f"process {process}")
                _delete(entry.name)
                removed.append(f"network namespace {entry.name}")
    return removed


@contextlib.contextmanager
def _unwinding() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind the stack, as SIGINT does, where they would just end us."""

    def leave(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    taken = []
    try:
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                # Elsewhere than in the main thread this is a ValueError, and the main thread's job.
                with contextlib.suppress(ValueError):
                    signal.signal(number, leave)
                    taken.append(number)
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put signals off until the block has ended."""
    came: list[int] = []
    before = {}
    with contextlib.suppress(ValueError):
        for number in _SIGNALS:
            before[number] = signal.signal(number, lambda late, frame: came.append(late))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        for late in came:
            signal.raise_signal(late)


class Namespace(Host):
    """One end of a link: a network namespace with its device and addresses.

    `address` and `address6` are what it sends from unless a socket says otherwise.
    """

    def __init__(
        self,
        role: str,
        network: Path,
        user: Path | None,
        addresses: Sequence[tuple[str, str]],
        environment: Mapping[str, str],
    ) -> None:
        owner = [f"--user={user}", "--preserve-credentials"] if user else []
        entry = ["nsenter", *owner, f"--net={network}", "--"]
        super().__init__(role, addresses[0][0], entry, environment)
        self.network = network
        self.user = user
        self.addresses = tuple(pair[0] for pair in addresses)
        self.addresses6 = tuple(pair[1] for pair in addresses)
        self.address6 = self.addresses6[0]
        self._children: list[subprocess.Popen[Any]] = []
        self._spared: set[int] = set()

    def __repr__(self) -> str:
        return f"<{self.role} {self.network}>"

    def popen(
        self, command: Sequence[str], *, env: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.Popen[Any]:
        """Start a command here; it is ended with the namespace. Options are those of `Popen`."""
        self._children = [child for child in self._children if child.poll() is None]
        child = super().popen(command, env=env, **options)
        self._children.append(child)
        return child

    def ip(self, *lines: str) -> None:
        """Run commands of `ip` here."""
        self.run(["ip", "-batch", "-"], input="\n".join(lines))

    def socket(self, family: socket.AddressFamily, kind: socket.SocketKind) -> socket.socket:
        """A socket of this namespace, for the calling process."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            program = [sys.executable, "-IS", "-c", _MAKE_SOCKET]
            numbers = [str(number) for number in (theirs.fileno(), int(family), int(kind))]
            self.run([*program, *numbers], pass_fds=[theirs.fileno()])
            _, [descriptor], _, _ = socket.recv_fds(ours, 1, 1)
        return socket.socket(fileno=descriptor)

    def configure(self, mtu: int) -> None:
        """Set the device up with its addresses and routes."""
        self.ip(
            "link set lo up",
            f"link set {DEVICE} mtu {mtu} txqueuelen 10000 up",
            *(f"address add {address}/32 dev {DEVICE}" for address in self.addresses),
            *(f"address add {address}/128 dev {DEVICE} nodad" for address in self.addresses6),
            *self._routes(),
        )

    def _routes(self) -> list[str]:
        sources = (self.address, self.address6)
        return [
            f"route replace {network} dev {DEVICE} src {source}"
            for network, source in zip(NETWORKS, sources, strict=True)
        ]

    def move(self, index: int, *, keep: bool = False) -> None:
        """Send from the address of this index from now on; the one so far vanishes unless kept.

        Sockets that are bound to no address go along. Those that are bound or connected keep the
        old one: once it has vanished, IPv4 refuses to send, and IPv6 sends, but gets no answer.
        """
        before = (self.address, self.address6)
        self.address, self.address6 = self.addresses[index], self.addresses6[index]
        removal = [
            f"address delete {before[0]}/32 dev {DEVICE}",
            f"address delete {before[1]}/128 dev {DEVICE}",
        ]
        leave = not keep and before[0] != self.address
        self.ip(
            # It may have vanished before.
            f"address replace {self.address}/32 dev {DEVICE}",
            f"address replace {self.address6}/128 dev {DEVICE} nodad",
            *self._routes(),
            *(removal if leave else []),
        )

    def spare(self, process: int) -> None:
        """This process makes the link: it is not ended with the commands."""
        self._spared.add(process)

    def _living(self) -> set[int]:
        children = {child.pid for child in self._children if child.poll() is None}
        return (children | set(_processes_in(self.network))) - self._spared

    def end_processes(self) -> None:
        """End whatever runs here."""
        for number, patience in _PATIENCE:
            signalled: set[int] = set()
            deadline = time.monotonic() + patience
            while living := self._living():
                for process in living - signalled:
                    _kill(process, number)
                signalled |= living
                if time.monotonic() > deadline:
                    break
                time.sleep(0.005)


class NamespacePair(ABC):
    """A context manager: a client's and a server's namespace, with something between them."""

    client: Namespace
    server: Namespace

    def __init__(self) -> None:
        self._stack: ExitStack | None = None
        self._signals = ExitStack()

    @abstractmethod
    def _connect(self, stack: ExitStack) -> None:
        """Put a device into each."""

    def __enter__(self) -> Self:
        if self._stack is not None:
            raise LinkError("a link is entered once")
        for program, package in (
            ("ip", "iproute2"),
            ("nsenter", "util-linux"),
            ("unshare", "util-linux"),
        ):
            if shutil.which(program) is None:
                raise LinkUnavailable(f"{program} is not installed (Debian: apt install {package})")
        self._stack = ExitStack()
        self._process = os.getpid()
        # Should nobody leave the context.
        atexit.register(self._finish)
        try:
            self._signals.enter_context(_unwinding())
            remove_leftovers()
            self.client, self.server = _namespaces(self._stack)
            for namespace in (self.client, self.server):
                namespace.run(["sh", "-e", "-c", _SYSTEM_SETTINGS])
            self._connect(self._stack)
            # Last, and so ended first.
            for namespace in (self.client, self.server):
                self._stack.callback(namespace.end_processes)
        except BaseException:
            self._finish()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._finish()

    def _finish(self) -> None:
        # A child that was forked meanwhile is not to tidy up.
        if self._stack is None or os.getpid() != self._process:
            return
        try:
            with _uninterrupted():
                self._stack.close()
        finally:
            self._signals.close()
            atexit.unregister(self._finish)


def _namespaces(stack: ExitStack) -> tuple[Namespace, Namespace]:
    """Named namespaces where we may make them, held ones elsewhere."""
    environment = {
        _OWNER: _owner(),
        "SMBQUIC_LINK_CLIENT": CLIENT_ADDRESSES[0][0],
        "SMBQUIC_LINK_CLIENT_IPV6": CLIENT_ADDRESSES[0][1],
        "SMBQUIC_LINK_SERVER": SERVER_ADDRESSES[0][0],
        "SMBQUIC_LINK_SERVER_IPV6": SERVER_ADDRESSES[0][1],
    }
    refusal = f"user {os.geteuid()} is not root"
    if os.geteuid() == 0:
        try:
            return _named(stack, environment)
        except LinkUnavailable as error:
            refusal = str(error)
    try:
        return _held(stack, environment)
    except LinkUnavailable as error:
        raise LinkUnavailable(f"no network namespaces here: {refusal}, and {error}") from error


def _named(stack: ExitStack, environment: dict[str, str]) -> tuple[Namespace, Namespace]:
    number = next(_serial)
    paths = []
    for role in ("client", "server"):
        name = f"{PREFIX}-{_owner()}-{number}-{role}"
        stack.callback(_delete, name)
        run = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
        if run.returncode:
            raise LinkUnavailable(f"`ip netns add` fails ({run.stderr.strip()})")
        paths.append(NAMES / name)
    return (
        Namespace("client", paths[0], None, CLIENT_ADDRESSES, environment),
        Namespace("server", paths[1], None, SERVER_ADDRESSES, environment),
    )


def _held(stack: ExitStack, environment: dict[str, str]) -> tuple[Namespace, Namespace]:
    first = hold(stack, ["unshare", "--user", "--map-root-user", "--net"]).pid
    user = Path(f"/proc/{first}/ns/user")
    enter = ["nsenter", f"--user={user}", "--preserve-credentials", "--"]
    second = hold(stack, [*enter, "unshare", "--net"]).pid
    paths = [Path(f"/proc/{holder}/ns/net") for holder in (first, second)]
    client = Namespace("client", paths[0], user, CLIENT_ADDRESSES, environment)
    server = Namespace("server", paths[1], user, SERVER_ADDRESSES, environment)
    client.spare(first)
    server.spare(second)
    return client, server
