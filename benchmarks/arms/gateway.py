"""Our client and Samba's smbd: over TCP, or over QUIC through our gateway."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from benchmarks import samba
from benchmarks.arms.base import Running
from benchmarks.arms.smb import SmbArm
from benchmarks.ends import EndOptions
from benchmarks.link import Network
from benchmarks.programs import STARTING, Program
from benchmarks.workspace import Workspace


@dataclass(eq=False, kw_only=True)
class SmbdArm(SmbArm):
    """Our client at smbd; over QUIC, the gateway stands between them, on the server's machine.

    The processor time and memory of the server are then those of the gateway. `smbd_port` is that
    of smbd.
    """

    programs: ClassVar[dict[str, str]] = {"smbd": "samba", "smbpasswd": "samba"}

    smbd_port: int

    def missing(self) -> list[str]:
        return super().missing() + samba.missing()

    @contextmanager
    def start(self, network: Network, workspace: Workspace) -> Iterator[Running]:
        """Start smbd and the gateway."""
        with samba.smbd(network.server, workspace, self.smbd_port, "sign", self.tcp) as smbd:
            options = EndOptions(
                transport=self.transport,
                host=network.server.address,
                port=self.smbd_port,
                user=samba.user(),
                password=workspace.password,
                engine=self.engine,
                congestion=self.congestion,
                datagram_size=self.datagram_size,
            )
            if not self.quic:
                client = partial(self.client, network, workspace, options)
                yield Running(client, smbd, (options.host, options.port))
                return
            with closing(Program(network.server, self._gateway(options, workspace))) as gateway:
                [url] = gateway.answer(STARTING)["listeners"]
                port = int(url.rpartition(":")[2])
                client = partial(self.client, network, workspace, replace(options, port=port))
                yield Running(client, gateway.process, (options.host, port))

    def _gateway(self, options: EndOptions, workspace: Workspace) -> list[str]:
        server = workspace.pki.server
        return [
            *(sys.executable, "-m", "smbquic", "gateway", "--json", "--engine", self.engine),
            *("--listen", f"quic://{options.host}:0"),
            *("--backend", f"tcp://{options.host}:{self.smbd_port}"),
            *("--cert", str(server.certificate), "--key", str(server.key)),
        ]
