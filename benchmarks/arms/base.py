"""What an arm is: a server at one end of a link, a client at the other, perhaps in a tunnel."""

import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from benchmarks.headers import Headers, message_headers
from benchmarks.link import Link
from benchmarks.programs import SEARCH_PATH
from benchmarks.usage import tree_cpu_seconds
from benchmarks.workspace import Workspace

Figures = dict[str, Any]
"""What the client reports of a work, by name."""
Perform = Callable[[dict[str, Any], Callable[[str], None]], Figures]
"""Has the client perform a request; the second argument is called with each event it reports."""


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
            role: sum(tree_cpu_seconds(process.pid) for process in processes)
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
    def start(self, link: Link, workspace: Workspace) -> AbstractContextManager[Running]:
        """Start it on a link; it is ended with the block, or at the latest with the link."""
