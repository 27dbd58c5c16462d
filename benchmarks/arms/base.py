"""What an arm is: a server at one end of a link, a client at the other, perhaps in a tunnel."""

import os
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.headers import Headers, message_headers
from benchmarks.link import Link
from benchmarks.place import Place
from benchmarks.works import Work
from benchmarks.works.base import Perform

SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
_TICK = os.sysconf("SC_CLK_TCK")


class ArmError(Exception):
    """An arm did not start, or did not do what it was asked for."""


@dataclass(frozen=True, slots=True)
class Running:
    """An arm in action on a link. `processes` is whose processor time is counted, by role.

    `server_lost` says how many packets the server's QUIC has taken for lost so far.
    """

    perform: Perform
    processes: dict[str, list["subprocess.Popen[Any]"]] = field(default_factory=dict)
    server_lost: Callable[[], int] = lambda: 0

    def cpu_seconds(self) -> dict[str, float]:
        """Processor seconds so far, by role."""
        return {
            role: sum(cpu_seconds(process.pid) for process in processes)
            for role, processes in self.processes.items()
        }


class Arm(ABC):
    """One way to the files."""

    name: str
    title: str
    programs: ClassVar[dict[str, str]] = {}
    """What has to be installed, with the package that Debian has it in."""
    works: ClassVar[Collection[str] | None] = None
    """The names of the works that it can do; None: all."""
    quic = False
    """Whether it is SMB over QUIC."""
    headers: Headers
    """What a full packet of it is made of."""
    smb = True
    """Whether files are in SMB's messages, not only on a stream."""
    encrypted = False
    """Whether these messages are encrypted."""

    def can(self, work: Work) -> bool:
        """Whether it is made for this work."""
        return (self.works is None or work.name in self.works) and (self.quic or not work.quic_only)

    def header_share(self, work: str) -> float:
        """What its headers leave of a link for the files in ``bulk-read`` or ``bulk-write``."""
        message = message_headers(work, encrypted=self.encrypted) if self.smb else 0
        return self.headers.share(message)

    def missing(self) -> list[str]:
        """What this machine lacks for it, as sentences."""
        return [
            f"{program} is not installed (Debian: apt install {package})"
            for program, package in self.needs().items()
            if shutil.which(program, path=SEARCH_PATH) is None
        ]

    def needs(self) -> dict[str, str]:
        """Programs, with their packages."""
        return self.programs

    @abstractmethod
    def start(self, link: Link, place: Place) -> AbstractContextManager[Running]:
        """Start it on a link; it is ended with the block, or at the latest with the link."""


def cpu_seconds(process: int) -> float:
    """Processor time of a process, its living descendants, and its dead ones."""
    try:
        text = Path(f"/proc/{process}/stat").read_text()
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return 0.0
    fields = text.rpartition(")")[2].split()
    own = sum(map(int, fields[11:15])) / _TICK
    return own + sum(cpu_seconds(int(child)) for child in children)


def end(process: "subprocess.Popen[Any]") -> None:
    """End a process, patiently at first."""
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
