"""Arms without SMB that show what the network can carry: TCP, and one stream of a QUIC engine."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from benchmarks.arms.base import Arm, Running
from benchmarks.headers import Headers
from benchmarks.link import Network
from benchmarks.ports import TCP_PORT
from benchmarks.programs import STARTING, Figures, Program, missing_engine, run
from benchmarks.workspace import Workspace

MEBIBYTE = 1 << 20


class RawTcp(Arm):
    """One connection, as many bytes as the large file has."""

    name, title = "raw-tcp", "TCP without SMB (cubic)"
    headers, smb = Headers.tcp(), False
    works: ClassVar[tuple[str, ...]] = ("bulk-read", "bulk-write")

    @contextmanager
    def start(self, network: Network, workspace: Workspace) -> Iterator[Running]:
        program = [sys.executable, "-m", "benchmarks.ends.raw_tcp"]
        common = [network.server.address, str(TCP_PORT), str(workspace.sizes.bulk)]
        server = Program(network.server, [*program, "serve", *common])
        try:
            network.server.wait_for_port(("tcp", TCP_PORT), process=server.process)

            def perform(request: dict[str, Any], on_event: Callable[[str], None]) -> Figures:
                role = request["work"].removeprefix("bulk-")
                done = run(network.client, [*program, role, *common])
                return {**done.document(), "no_file": True}

            address = (network.server.address, TCP_PORT)
            yield Running(lambda: nullcontext(perform), server.process, address)
        finally:
            server.close()


@dataclass(eq=False, kw_only=True)
class RawQuic(Arm):
    """One stream of an engine on our UDP endpoint, from the client to the server.

    A `part`-th of the large file's bytes moves. The engine `stock` is aioquic with its own UDP.
    """

    works: ClassVar[tuple[str, ...]] = ("bulk-write",)
    smb = False

    name: str
    title: str
    engine: Literal["aioquic", "qh3", "native", "stock"]
    datagram_size: int = 1200
    part: int = 1

    def __post_init__(self) -> None:
        engine = "aioquic" if self.engine == "stock" else self.engine
        self.headers = Headers.quic(self.datagram_size, engine)

    def missing(self) -> list[str]:
        return super().missing() + missing_engine(self.engine)

    @contextmanager
    def start(self, network: Network, workspace: Workspace) -> Iterator[Running]:
        mebibytes = max(workspace.sizes.bulk // MEBIBYTE // self.part, 1)
        host = network.server.address
        common = [self.engine, str(self.datagram_size), host, str(mebibytes)]
        program = [sys.executable, "-m", "benchmarks.ends.raw_quic"]
        files = workspace.pki.server
        command = [*program, "server", *common, str(files.certificate), str(files.key)]
        server = Program(network.server, command)
        try:
            port: int = server.answer(STARTING)["port"]

            def perform(request: dict[str, Any], on_event: Callable[[str], None]) -> Figures:
                figures = run(network.client, [*program, "client", *common, str(port)]).document()
                return {
                    **figures,
                    "bytes": mebibytes * MEBIBYTE,
                    "client_cpu": figures["cpu_seconds"],
                    "no_file": True,
                }

            yield Running(lambda: nullcontext(perform), server.process, (host, port))
        finally:
            server.close()
