"""Our server and our client, over either transport, inside a tunnel or not."""

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from benchmarks import congestion as tcp_congestion
from benchmarks.arms.base import Arm, Running, WebListener
from benchmarks.ends import EndOptions
from benchmarks.headers import IPV4, MTU, UDP, Headers
from benchmarks.link import Network
from benchmarks.ports import QUIC_PORT, TCP_PORT
from benchmarks.programs import STARTING, Figures, Perform, Program, missing_engine, run
from benchmarks.vpn.base import Tunnel
from benchmarks.workspace import Workspace
from smbquic.pki import PkiDirectory

WEB_SOCKET = "web"
"""The file name of the web listener's socket."""


@dataclass(eq=False, kw_only=True)
class SmbArm(Arm):
    """smbquic at both ends.

    `congestion` is QUIC's congestion control, `tcp` the kernel's; None leaves it to the machine.
    `port` is the usual one; 0 lets the server choose. The server has so many `workers`, and so many
    `io_threads`. If it is `mutual`, clients have to show a certificate, and the server has two, by
    name. With `web` it has a web listener.
    """

    name: str
    title: str
    transport: Literal["quic", "tcp"]
    engine: Literal["aioquic", "qh3", "native"] = "qh3"
    congestion: Literal["cubic", "bbr", "reno"] = "cubic"
    datagram_size: int = 0
    encrypt: bool = False
    double: bool = False
    tunnel: Tunnel | None = None
    tcp: str | None = "cubic"
    port: int | None = None
    workers: int = 0
    io_threads: int = 0
    mutual: bool = False
    web: bool = False

    def __post_init__(self) -> None:
        self.quic = self.transport == "quic"
        self.encrypted = self.encrypt or self.double
        if self.tunnel:
            self.headers = self.tunnel.headers
        elif self.quic:
            # Both engines find out what the path carries.
            self.headers = Headers.quic(self.datagram_size or MTU - IPV4 - UDP, self.engine)
        else:
            self.headers = Headers.tcp()

    def missing(self) -> list[str]:
        found = super().missing()
        if not self.quic and self.tcp and self.tcp not in tcp_congestion.available():
            found.append(f"this kernel has no TCP congestion control {self.tcp}")
        return found + (missing_engine(self.engine) if self.quic else [])

    @contextmanager
    def start(self, network: Network, workspace: Workspace) -> Iterator[Running]:
        with self.tunnelled(network, workspace) as (host, tunnel):
            usual = QUIC_PORT if self.quic else TCP_PORT
            options = EndOptions(
                transport=self.transport,
                host=host,
                port=usual if self.port is None else self.port,
                password=workspace.password,
                encrypt=self.encrypt,
                double=self.double,
                engine=self.engine,
                congestion=self.congestion,
                datagram_size=self.datagram_size,
                folder=str(workspace.share),
                certificate=str(workspace.pki.server.certificate),
                key=str(workspace.pki.server.key),
                workers=self.workers,
                io_threads=self.io_threads,
            )
            if self.web:
                # Thousands of clients log on first, which the default share spreads over minutes.
                web = f"unix:{workspace.scratch / WEB_SOCKET}"
                options = replace(options, web=web, unauthenticated_share=1.0)
            if self.mutual:
                options = _mutual(options, workspace.pki)
            command = [sys.executable, "-m", "benchmarks.ends.server", options.to_json()]
            environment = tcp_congestion.environment(self.tcp)
            with closing(Program(network.server, command, environment)) as server:
                started = server.answer(STARTING)
                port = int(started["ready"].rpartition(":")[2])
                yield Running(
                    partial(self.client, network, workspace, replace(options, port=port)),
                    server.process,
                    (host, port),
                    tunnel,
                    partial(_lost_packets, server),
                    WebListener(workspace.scratch / WEB_SOCKET, started["token"])
                    if self.web
                    else None,
                )

    @contextmanager
    def client(
        self, network: Network, workspace: Workspace, options: EndOptions
    ) -> Iterator[Perform]:
        """Start our client. `options` are the server's, with its port."""
        own = replace(
            options, folder=str(workspace.scratch), certificate=str(workspace.pki.ca), key=""
        )
        command = [sys.executable, "-m", "benchmarks.ends.client", own.to_json()]
        environment = tcp_congestion.environment(self.tcp)
        with closing(Program(network.client, command, environment)) as client:
            client.answer(STARTING)
            yield client.perform


def _mutual(options: EndOptions, pki: PkiDirectory) -> EndOptions:
    """Return options with certificates for another name of the server, and for the client."""
    return replace(
        options,
        other_certificate=str(pki.server.certificate),
        other_key=str(pki.server.key),
        client_ca=str(pki.ca),
        client_certificate=str(pki.client.certificate),
        client_key=str(pki.client.key),
    )


def _lost_packets(server: Program) -> int:
    server.send_line("lost")
    found: int = server.answer(STARTING)["lost"]
    return found


class SmbprotocolArm(SmbArm):
    """smbprotocol's client over our QUIC, from our server."""

    works = ("bulk-read", "bulk-write")

    @contextmanager
    def client(
        self, network: Network, workspace: Workspace, options: EndOptions
    ) -> Iterator[Perform]:
        """Run a process for each work."""

        def perform(request: dict[str, Any], on_event: Callable[[str], None]) -> Figures:
            read = request["work"] == "bulk-read"
            file = str(workspace.scratch / "got") if read else request["source"]
            done = run(
                network.client,
                [
                    *(sys.executable, "-m", "benchmarks.ends.smbprotocol_client"),
                    *("get" if read else "put", options.host, str(options.port)),
                    *(options.password, str(workspace.pki.ca), request["path"], file),
                ],
            )
            return {**done.document(), **({"landed": [file]} if read else {})}

        yield perform
