"""Samba's smbclient and smbd at both ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from benchmarks import samba
from benchmarks.arms.base import Arm, Running
from benchmarks.headers import Headers
from benchmarks.link import Network
from benchmarks.ports import TCP_PORT
from benchmarks.programs import Figures
from benchmarks.samba import Protection
from benchmarks.vpn.base import Tunnel
from benchmarks.workspace import Workspace


@dataclass(eq=False, kw_only=True)
class SambaArm(Arm):
    """The outside check: Samba at both ends, over TCP. `tcp` is as in `SmbArm`."""

    programs: ClassVar[dict[str, str]] = {
        "smbd": "samba",
        "smbpasswd": "samba",
        "smbclient": "smbclient",
    }
    works: ClassVar[tuple[str, ...]] = ("bulk-read", "bulk-write")

    name: str
    title: str
    protection: Protection
    tunnel: Tunnel | None = None
    tcp: str | None = "cubic"
    port: int = TCP_PORT

    def __post_init__(self) -> None:
        self.encrypted = self.protection == "encrypt"
        self.headers = self.tunnel.headers if self.tunnel else Headers.tcp()

    def missing(self) -> list[str]:
        return super().missing() + samba.missing()

    @contextmanager
    def start(self, network: Network, workspace: Workspace) -> Iterator[Running]:
        with (
            self.tunnelled(network, workspace) as (host, tunnel),
            samba.smbd(network.server, workspace, self.port, self.protection, self.tcp) as server,
        ):
            address = (host, self.port)
            perform = partial(self._perform, network, workspace, address)
            yield Running(lambda: nullcontext(perform), server, address, tunnel)

    def _perform(
        self,
        network: Network,
        workspace: Workspace,
        address: tuple[str, int],
        request: dict[str, Any],
        on_event: Callable[[str], None],
    ) -> Figures:
        """Do a work with smbclient, which itself says how fast it was."""
        landed = workspace.scratch / "got"
        if request["work"] == "bulk-read":
            size = (workspace.share / request["path"]).stat().st_size
            command = f"get {request['path']} {landed}"
        else:
            size = Path(request["source"]).stat().st_size
            command = f"put {request['source']} {request['path']}"
        done = samba.smbclient(
            network.client, address, workspace, command, self.protection, self.tcp
        )
        figures: Figures = {
            "bytes": size,
            "seconds": size / samba.rate_of(done.output),
            "cpu_seconds": done.cpu_seconds,
            "client_cpu": done.cpu_seconds,
        }
        if request["work"] == "bulk-read":
            figures["landed"] = [str(landed)]
        return figures
