"""The base class of arms: a server at one end of a network, a client at the other."""

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.headers import Headers, message_headers
from benchmarks.link import Network
from benchmarks.programs import Perform, missing_programs
from benchmarks.usage import tree_cpu_seconds
from benchmarks.vpn.base import Tunnel, TunnelEnds
from benchmarks.workspace import Workspace


@dataclass(frozen=True, slots=True)
class WebListener:
    """The web listener of a server: its Unix socket, and the token of its status page."""

    socket: Path
    token: str


@dataclass(frozen=True, slots=True)
class Running:
    """An arm in action on a network.

    `client` starts a client, which performs requests until the block ends. `address` is where the
    server listens. `lost_packets` counts those that the server's QUIC has declared lost so far.
    `web` is the server's web listener, if it has one.
    """

    client: Callable[[], AbstractContextManager[Perform]]
    server: "subprocess.Popen[Any]"
    address: tuple[str, int]
    tunnel: TunnelEnds | None = None
    lost_packets: Callable[[], int] = lambda: 0
    web: WebListener | None = None

    def cpu_seconds(self) -> dict[str, float]:
        """Return the processor seconds so far, by role. A client reports its own."""
        found = {"server": tree_cpu_seconds(self.server.pid)}
        if self.tunnel:
            ends = (self.tunnel.client, self.tunnel.server)
            found["vpn"] = sum(tree_cpu_seconds(end.pid) for end in ends)
        return found


class Arm(ABC):
    """One way to the files."""

    name: str
    title: str
    programs: ClassVar[dict[str, str]] = {}
    """Programs that have to be installed, with their packages in Debian."""
    works: ClassVar[Collection[str] | None] = None
    """The names of the works that it can do; None: all."""
    tunnel: Tunnel | None = None
    quic = False
    """Whether it is SMB over QUIC."""
    headers: Headers
    """The headers of a full packet."""
    smb = True
    """Whether files are in SMB's messages, not only on a stream."""
    encrypted = False
    """Whether these messages are encrypted."""

    def header_share(self, work: str) -> float:
        """Return what its headers leave of a link in ``bulk-read`` or ``bulk-write``."""
        message = message_headers(work, encrypted=self.encrypted) if self.smb else 0
        return self.headers.share(message)

    def missing(self) -> list[str]:
        """Return what this machine lacks for it, as sentences."""
        programs = {**self.programs, **(self.tunnel.programs if self.tunnel else {})}
        return missing_programs(programs) + (self.tunnel.lacking() if self.tunnel else [])

    @contextmanager
    def tunnelled(
        self, network: Network, workspace: Workspace
    ) -> Iterator[tuple[str, TunnelEnds | None]]:
        """Start its tunnel, if it has one; give the server's address as the client sees it."""
        if self.tunnel is None:
            yield network.server.address, None
            return
        with self.tunnel.between(network, workspace) as ends:
            yield ends.address, ends

    @abstractmethod
    def start(self, network: Network, workspace: Workspace) -> AbstractContextManager[Running]:
        """Start its server; everything of it is ended with the block."""
