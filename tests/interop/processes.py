"""Servers in processes of their own, and what the interop tests know about them."""

import contextlib
import json
import os
import pwd
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from smbquic.auth.users import UserStore
from smbquic.pki import PkiDirectory
from tests import with_workers

USER = "alice"
PASSWORD = "correct horse 7"
SHARE = "data"
READ_ONLY_SHARE = "readonly"
OLD_CLIENTS = ("--minimum-dialect", "2.0.2", "--signing", "negotiated")
"""Options of a server that speaks the dialects before 3.0 too, and leaves signing to clients."""
STARTING = 30.0
"""Seconds that a process may take to say that it is ready."""
STOPPING = 10.0
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
"""Debian keeps smbd where only root's PATH looks."""

_ROOT = Path(__file__).parents[2]


def empty(folder: Path) -> None:
    """Delete all that is in a folder."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def stop(process: "subprocess.Popen[str]") -> None:
    """Ask a process to end, and see to it that it does."""
    process.terminate()
    try:
        process.communicate(timeout=STOPPING)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _read_line(process: "subprocess.Popen[str]", log: Path) -> str:
    """The next line on its standard output."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], STARTING)
    line = process.stdout.readline() if ready else ""
    if not line:
        raise RuntimeError(f"it did not start:\n{log.read_text()}")
    return line


@contextlib.contextmanager
def announcing(
    log: Path, *arguments: "str | Path", within: Sequence[str] = ()
) -> Iterator[tuple[int, list[str]]]:
    """Run a command that announces its listeners; gives its process id and their addresses."""
    command = [*within, sys.executable, "-m", "smbquic", "-v", *map(str, arguments), "--json"]
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=_ROOT
        )
    try:
        event = json.loads(_read_line(process, log))
        assert event["event"] == "ready"
        yield process.pid, event["listeners"]
    finally:
        stop(process)


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A running `smbquic serve`: the folder `share` as ``data``, and read-only as ``readonly``.

    Or a gateway to one that serves this folder.
    """

    pid: int
    ports: dict[str, int]
    share: Path
    log: Path
    pki: PkiDirectory

    def kill(self) -> None:
        """Kill it, as the kernel does a process that takes too much memory."""
        os.kill(self.pid, signal.SIGKILL)

    def memory(self) -> int:
        """The memory that it has resident, in bytes."""
        return self._status("VmRSS")

    def peak_memory(self) -> int:
        """The most memory that it has had resident so far, in bytes."""
        return self._status("VmHWM")

    def forget_peak_memory(self) -> None:
        """Let `peak_memory` count from now on."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def _status(self, key: str) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        [value] = [line.split()[1] for line in status.splitlines() if line.startswith(key)]
        return int(value) * 1024


@contextlib.contextmanager
def running_server(
    folder: Path, pki: PkiDirectory, *options: str, within: Sequence[str] = ()
) -> Iterator[ServerProcess]:
    """Serve ``folder/share`` over both transports to alice; ends with the block.

    `within` is a command that runs the one which follows it.
    """
    share, users, log = folder / "share", folder / "users.txt", folder / "server.log"
    share.mkdir(exist_ok=True)
    store = UserStore()
    store.add(USER, PASSWORD)
    store.save(users)
    with announcing(
        log,
        *("serve", "--users", users),
        *("--share", f"{SHARE}={share}", "--share", f"{READ_ONLY_SHARE}={share}:ro"),
        *("--cert", pki.server.certificate, "--key", pki.server.key),
        *("--listen", "quic://127.0.0.1:0", "--listen", "tcp://127.0.0.1:0"),
        *with_workers.OPTIONS,
        *options,
        within=within,
    ) as (pid, listeners):
        ports = {url.partition(":")[0]: int(url.rpartition(":")[2]) for url in listeners}
        yield ServerProcess(pid, ports, share, log, pki)


@contextlib.contextmanager
def running_gateway(
    folder: Path, pki: PkiDirectory, share: Path, backends: Sequence[int], *options: str
) -> Iterator[ServerProcess]:
    """Run `smbquic gateway` to servers at TCP ports of this machine, which serve `share`."""
    log = folder / "gateway.log"
    pools = [part for port in backends for part in ("--backend", f"tcp://127.0.0.1:{port}")]
    with announcing(
        log,
        *("gateway", "--listen", "quic://127.0.0.1:0", *pools),
        *("--cert", pki.server.certificate, "--key", pki.server.key),
        *options,
    ) as (pid, [listener]):
        port = int(listener.rpartition(":")[2])
        yield ServerProcess(pid, {"quic": port}, share, log, pki)


@contextlib.contextmanager
def running_alone(folder: Path) -> Iterator[tuple[int, Path]]:
    """Serve ``folder/share`` as ``data`` on TCP's own port, in a network of its own.

    Gives the process whose network that is, and the folder. Takes root.
    """
    share, users = folder / "share", folder / "users.txt"
    share.mkdir()
    store = UserStore()
    store.add(USER, PASSWORD)
    store.save(users)
    network = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
    arguments = ("serve", "--users", users, "--share", f"{SHARE}={share}")
    listen = ("--listen", "tcp://127.0.0.1:445")
    with announcing(folder / "server.log", *arguments, *listen, within=network) as (pid, _):
        yield pid, share


@contextlib.contextmanager
def running_relay(folder: Path, server: ServerProcess) -> Iterator[int]:
    """Run `smbquic relay` to the server's QUIC port; gives its TCP port."""
    with announcing(
        folder / "relay.log",
        *("relay", "--listen", "tcp://127.0.0.1:0", "--ca", server.pki.ca),
        f"smb+quic://localhost:{server.ports['quic']}",
    ) as (_, [listener]):
        yield int(listener.rpartition(":")[2])


@dataclass(frozen=True, slots=True)
class Smbclient:
    """Debian's smbclient, which works in `folder` and talks to a TCP port of this machine."""

    port: int
    folder: Path

    def __call__(
        self,
        commands: str,
        *options: str,
        share: str = SHARE,
        user: str = USER,
        password: str = PASSWORD,
    ) -> tuple[int, str]:
        """Run its commands; its exit code, and what it printed."""
        done = subprocess.run(
            [
                *("smbclient", f"//localhost/{share}", "-p", str(self.port), "-s", "/dev/null"),
                *("-U", f"{user}%{password}", "--option=client min protocol=SMB2_02"),
                *(*options, "-c", commands),
            ],
            cwd=self.folder,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
        )
        return done.returncode, done.stdout.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Smbd:
    """A running smbd: the folder `share` as ``data``, ``sealed`` (encrypted), ``readonly``, ...

    ... as ``versions`` with snapshots in its folder ``.snapshots``, and as ``streams``. `gateway`
    is the QUIC port of the gateway that clients go through, and `ca` its certificate authority.
    """

    port: int
    share: Path
    user: str
    pid: int = 0
    gateway: int = 0
    ca: Path | None = None

    def kill(self) -> None:
        """Kill it, with the processes that it has made for its clients."""
        os.killpg(self.pid, signal.SIGKILL)

    def url(self, share: str = "data") -> str:
        """The URL of a share of it, for its user."""
        scheme, port = ("smb+quic", self.gateway) if self.gateway else ("smb", self.port)
        return f"{scheme}://{self.user}@localhost:{port}/{share}"


needs_smbd = [
    pytest.mark.debian("smbd", "smbpasswd"),
    pytest.mark.skipif(os.geteuid() != 0, reason="smbd has to be run as root"),
]
"""Marks of tests that start smbd."""
directly_and_through_a_gateway = pytest.mark.parametrize("smbd", ["tcp", "gateway"], indirect=True)
"""Mark of tests that use the fixture `smbd` in both ways."""

_SMB_CONF = """
[global]
  bind interfaces only = yes
  interfaces = 127.0.0.1/8
  smb ports = {port}
  server min protocol = SMB2_02
  server multi channel support = {multi_channel}
  server signing = mandatory
  lock directory = {state}
  state directory = {state}
  cache directory = {state}
  pid directory = {state}
  private dir = {state}
  ncalrpc dir = {state}
  passdb backend = tdbsam:{state}/passdb.tdb
  username map = {state}/users
  log file = {state}/log
  log level = 1
  disable spoolss = yes
  load printers = no
  ea support = yes
  store dos attributes = yes
[data]
  path = {share}
  read only = no
[sealed]
  path = {share}
  read only = no
  smb encrypt = required
[readonly]
  path = {share}
[versions]
  path = {share}
  read only = no
  vfs objects = shadow_copy2
  shadow:snapdir = {share}/.snapshots
  shadow:basedir = {share}
[streams]
  path = {share}
  read only = no
  vfs objects = streams_xattr
"""


def _free_port() -> int:
    """One that nobody gets who asks the kernel for any, until smbd has it."""
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def _await_listener(port: int) -> None:
    """smbd says that it is ready a moment before it listens, and does not report the latter."""
    deadline = time.monotonic() + STARTING
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), STARTING).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


@contextlib.contextmanager
def running_smbd(
    folder: Path,
    *,
    multi_channel: bool = False,
    share: Path | None = None,
    alias: str = "",
    password: str = PASSWORD,
) -> Iterator[Smbd]:
    """Run Debian's smbd, which has to be done as root; its one user is whoever we are.

    `share` is the folder that it serves, by default one in `folder`, and `alias` another name of
    the user.
    """
    state, configuration = folder / "state", folder / "smb.conf"
    if share is None:
        share = folder / "share"
        share.mkdir()
    state.mkdir()
    port, user = _free_port(), pwd.getpwuid(os.geteuid()).pw_name
    several = "yes" if multi_channel else "no"
    configuration.write_text(
        _SMB_CONF.format(port=port, share=share, state=state, multi_channel=several)
    )
    (state / "users").write_text(f"{user} = {alias}\n" if alias else "")
    subprocess.run(
        ["smbpasswd", "-c", configuration, "-a", "-s", user],
        input=f"{password}\n{password}\n",
        text=True,
        check=True,
        capture_output=True,
        env={**os.environ, "PATH": SEARCH_PATH},
    )
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifications,
        (folder / "smbd.out").open("w") as output,
    ):
        notifications.bind(str(state / "notify"))
        notifications.settimeout(STARTING)
        process = subprocess.Popen(
            ["smbd", "-s", configuration, "-F", "--no-process-group", "--debug-stdout"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            text=True,
            env={**os.environ, "PATH": SEARCH_PATH, "NOTIFY_SOCKET": str(state / "notify")},
            start_new_session=True,  # with the processes that it makes for its clients
        )
        try:
            while b"READY=1" not in notifications.recv(4096):
                pass
            _await_listener(port)
            yield Smbd(port, share, user, process.pid)
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            stop(process)
            _stop_pipes(state)


def _stop_pipes(state: Path) -> None:
    """End what smbd has started to serve named pipes: it is in a session of its own."""
    noted = state / "samba-dcerpcd.pid"
    if noted.exists():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(noted.read_text()), signal.SIGTERM)
