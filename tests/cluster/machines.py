"""Machines on one network: each has its network, processes, mounts and ``/etc`` to itself.

They are namespaces of Linux, each held by a process of ours. When that ends, however it ends, the
kernel ends everything that runs there. Takes root.
"""

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.link.hold import hold
from tests.interop.processes import SEARCH_PATH

NAMESPACES = ("--net", "--mount", "--pid", "--uts")
DEVICE = "eth0"
PREFIX_LENGTH = 24
RUN = "/run"
_PRIVATE = {
    RUN: ("ctdb", "samba"),
    "/var/lib/samba": ("private",),
    "/var/cache/samba": (),
    "/var/log/samba": (),
    "/var/lib/ctdb": ("volatile", "persistent", "state"),
    "/var/log/ctdb": (),
    "/var/lib/glusterd": (),
    "/var/log/glusterfs": (),
}
"""Folders that each machine has to itself, with the folders in them that have to be there."""
# Children that nobody waits for would stay, and a program that looks for them would find them.
_AUTOMATIC_REAPING = "trap '' CHLD"
_ENVIRONMENT = {
    **{key: value for key, value in os.environ.items() if key not in ("XDG_RUNTIME_DIR", "HOME")},
    "PATH": SEARCH_PATH,
}
_serial = itertools.count()


class MachineError(Exception):
    """A command on a machine failed, or the machine could not be made."""


class Machine:
    """A machine with this name and address, whose files are in `folder`.

    It can be started again after `kill`, with the files that it had.
    """

    def __init__(self, name: str, address: str, folder: Path) -> None:
        self.name = name
        self.address = address
        self.folder = folder / name
        self.etc = self.folder / "etc"
        self.pid = 0
        self._mounts = [f"hostname {name}", "ip link set lo up"]
        self._mount(self.etc, "/etc")
        for place, inner in _PRIVATE.items():
            if Path(place).exists():
                for each in ("", *inner):
                    (self._own(place) / each).mkdir(parents=True, exist_ok=True)
                self._mount(self._own(place), place)
        shutil.copytree("/etc", self.etc, symlinks=True, ignore_dangling_symlinks=True)

    def _own(self, place: str) -> Path:
        """Return the folder that it has in place of one that all machines would share."""
        return self.folder / place.strip("/").replace("/", "-")

    def _mount(self, source: Path, target: str) -> None:
        self._mounts.append(f"mount --bind {source} {target}")

    def start(self, stack: ExitStack) -> None:
        """Make its namespaces, which end with the stack at the latest."""
        # As after a reboot: nobody is to find the process ids of the machine's former life.
        shutil.rmtree(self._own(RUN))
        for each in ("", *_PRIVATE[RUN]):
            (self._own(RUN) / each).mkdir()
        new = ["unshare", *NAMESPACES, "--fork", "--kill-child", "--mount-proc"]
        script = "\n".join([_AUTOMATIC_REAPING, *self._mounts])
        self.pid = only_child(hold(stack, new, script=script).pid)

    def _inside(self, command: Sequence[str]) -> list[str]:
        return ["nsenter", "--target", str(self.pid), *NAMESPACES, "--", *command]

    def run(self, *command: str, input: str | None = None, check: bool = True) -> str:
        """Run a command to its end, and return what it printed. Raises `MachineError`."""
        done = subprocess.run(
            self._inside(command),
            input=input,
            stdin=None if input is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            env=_ENVIRONMENT,
        )
        if check and done.returncode:
            raise MachineError(
                f"{self.name}: {' '.join(command)}: exit code {done.returncode}\n{done.stdout}"
            )
        return done.stdout

    def popen(self, *command: str, **options: Any) -> "subprocess.Popen[str]":
        """Start a command; the process that is returned only waits for it (`only_child`)."""
        return subprocess.Popen(self._inside(command), text=True, env=_ENVIRONMENT, **options)

    def processes(self, *names: str) -> list[int]:
        """Return the processes that run there whose names begin so."""
        namespace = Path(f"/proc/{self.pid}/ns/pid").readlink()
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):  # it has just ended
                if (
                    entry.name.isdecimal()
                    and (entry / "ns/pid").readlink() == namespace
                    and (entry / "comm").read_text().startswith(names)
                ):
                    found.append(int(entry.name))
        return found

    def kill(self) -> None:
        """Kill everything that runs there, as a power failure would; nothing says goodbye."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def use_address(self, address: str) -> None:
        """Have another address from now on, and not the former one."""
        self.run("ip", "address", "add", f"{address}/{PREFIX_LENGTH}", "dev", DEVICE)
        self.run("ip", "address", "delete", f"{self.address}/{PREFIX_LENGTH}", "dev", DEVICE)
        self.address = address


class NetworkSwitch(Machine):
    """The network: a bridge that other machines are attached to."""

    def __init__(self, folder: Path) -> None:
        super().__init__("switch", "", folder)
        self._ports: dict[Machine, str] = {}
        self._mounts += ["ip link add bridge0 type bridge", "ip link set bridge0 up"]

    def attach(self, machine: Machine) -> None:
        """Connect a machine that was started, also again after it was killed."""
        port = f"port{next(_serial)}"
        # Among the processes of this machine, where those of both have numbers.
        subprocess.run(
            [
                *("nsenter", "--target", str(self.pid), "--net", "--"),
                *("ip", "link", "add", port, "type", "veth"),
                *("peer", "name", DEVICE, "netns", str(machine.pid)),
            ],
            check=True,
        )
        self._ports[machine] = port
        self.connect(machine)
        address = f"{machine.address}/{PREFIX_LENGTH}"
        machine.run("ip", "address", "add", address, "dev", DEVICE)
        machine.run("ip", "link", "set", DEVICE, "up")
        # Else the kernel deletes further addresses of a network with the first one.
        machine.run("sysctl", "-q", f"net.ipv4.conf.{DEVICE}.promote_secondaries=1")

    def cut(self, machine: Machine) -> None:
        """Lose all that is sent to and from a machine, which is not told."""
        self.run("ip", "link", "set", self._ports[machine], "nomaster")

    def connect(self, machine: Machine) -> None:
        """End the effect of `cut`."""
        self.run("ip", "link", "set", self._ports[machine], "master", "bridge0", "up")


def children(pid: int) -> list[int]:
    """Return the processes that `pid` has started."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def only_child(pid: int) -> int:
    """Return the process that `pid` has started and waits for."""
    [child] = children(pid)
    return child
