"""The base class of VPNs between the two ends of a network."""

import subprocess
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from benchmarks.headers import Headers
from benchmarks.link import LinkUnavailable, Namespace, Network
from benchmarks.workspace import Workspace

CLIENT, SERVER = "198.19.0.2", "198.19.0.1"
"""The addresses inside the tunnel."""


@dataclass(frozen=True, slots=True)
class TunnelEnds:
    """A tunnel: the process at each end, and the server's address inside."""

    client: "subprocess.Popen[Any]"
    server: "subprocess.Popen[Any]"
    address: str = SERVER


class Tunnel(Protocol):
    """Carries what is sent to the server's inner address."""

    programs: ClassVar[dict[str, str]]
    """Programs that have to be installed, with their packages in Debian."""
    headers: Headers
    """Of a full packet outside of the tunnel, which holds one of TCP."""

    def lacking(self) -> list[str]:
        """Return what this machine lacks for it, besides programs."""

    def between(self, network: Network, workspace: Workspace) -> AbstractContextManager[TunnelEnds]:
        """Start it; it is ended with the block. Raises `LinkError`, `ProgramError`."""


def namespaces_of(network: Network) -> tuple[Namespace, Namespace]:
    """Return the client's and the server's namespace. Raises `LinkUnavailable`."""
    client, server = network.client, network.server
    if not isinstance(client, Namespace) or not isinstance(server, Namespace):
        raise LinkUnavailable("a VPN is only between two network namespaces, which are not there")
    return client, server
