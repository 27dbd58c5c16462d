"""Our server and our client, over either transport, inside a tunnel or not."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Literal

from benchmarks import congestion as tcp_congestion
from benchmarks.arms.base import Arm, Figures, Running
from benchmarks.ends import EndOptions
from benchmarks.headers import IPV4, MTU, UDP, Headers
from benchmarks.link import Link, Namespace
from benchmarks.ports import QUIC_PORT, TCP_PORT
from benchmarks.programs import ProgramError, terminate
from benchmarks.vpn.tunnels import Tunnel
from benchmarks.workspace import Workspace

STARTING = 20.0
"""Seconds that a program may take until it is ready."""
WORKING = 120.0
"""Seconds that a work may take; longer is an error, not a slow sample."""


class SmbArm(Arm):
    """smbquic at both ends. `tcp` is the kernel's congestion control, `congestion` is QUIC's."""

    def __init__(
        self,
        name: str,
        title: str,
        *,
        transport: Literal["quic", "tcp"],
        tcp: str = "cubic",
        tunnel: Tunnel | None = None,
        encrypt: bool = False,
        double: bool = False,
        engine: Literal["aioquic", "qh3"] = "qh3",
        congestion: Literal["cubic", "bbr", "reno"] = "cubic",
    ) -> None:
        self.name, self.title = name, title
        self.transport: Literal["quic", "tcp"] = transport
        self.tcp, self.tunnel = tcp, tunnel
        self.encrypt, self.double, self.engine = encrypt, double, engine
        self.congestion = congestion
        self.encrypted = encrypt or double
        self.quic = transport == "quic"
        if tunnel:
            self.headers = tunnel.headers
        elif transport == "tcp":
            self.headers = Headers.tcp()
        else:
            # Both engines find out what the path carries.
            self.headers = Headers.quic(MTU - IPV4 - UDP, engine)

    def needs(self) -> dict[str, str]:
        return self.tunnel.programs if self.tunnel else {}

    def missing(self) -> list[str]:
        found = super().missing()
        if self.transport == "tcp" and self.tcp not in tcp_congestion.available():
            found.append(f"this kernel has no TCP congestion control {self.tcp}")
        return found + (self.tunnel.lacking() if self.tunnel else [])

    def options(self, workspace: Workspace, host: str) -> dict[str, Any]:
        """What both ends are told."""
        return {
            "transport": self.transport,
            "host": host,
            "port": QUIC_PORT if self.transport == "quic" else TCP_PORT,
            "password": workspace.password,
            "encrypt": self.encrypt,
            "double": self.double,
            "engine": self.engine,
            "congestion": self.congestion,
        }

    @contextmanager
    def start(self, link: Link, workspace: Workspace) -> Iterator[Running]:
        with ExitStack() as stack:
            processes: dict[str, list[subprocess.Popen[Any]]] = {}
            host = link.server.address
            if self.tunnel:
                host, processes["vpn"] = stack.enter_context(self.tunnel.between(link, workspace))
            common = self.options(workspace, host)
            server_options = EndOptions(
                **common,
                folder=str(workspace.share),
                certificate=str(workspace.pki.server.certificate),
                key=str(workspace.pki.server.key),
            )
            client_options = EndOptions(
                **common, folder=str(workspace.scratch), certificate=str(workspace.pki.ca)
            )
            server = Program(link.server, "benchmarks.ends.server", server_options, self.tcp)
            stack.callback(terminate, server.process)
            client = Program(link.client, "benchmarks.ends.client", client_options, self.tcp)
            stack.callback(terminate, client.process)
            for program in (server, client):
                program.answer(STARTING)
            processes["server"] = [server.process]
            yield Running(client.perform, processes, server.lost)


class Program:
    """One of `benchmarks.ends`, which speaks JSON, a line each."""

    def __init__(self, namespace: Namespace, module: str, options: EndOptions, tcp: str) -> None:
        self._heard = b""
        self.process = namespace.popen(
            [sys.executable, "-m", module, options.to_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=tcp_congestion.environment(tcp),
            # Ctrl-C in a terminal is for us.
            start_new_session=True,
        )

    def answer(self, patience: float) -> Figures:
        """The next line. Raises `ProgramError`."""
        assert self.process.stdout is not None
        stdout = self.process.stdout.fileno()
        # Two lines may come at once: what was read of the second is kept here, where it is seen.
        while b"\n" not in self._heard:
            ready, _, _ = select.select([stdout], [], [], patience)
            if not ready:
                raise ProgramError(f"no answer within {patience:g} s")
            more = os.read(stdout, 1 << 16)
            if not more:
                raise ProgramError(f"it ended with exit code {self.process.wait()}")
            self._heard += more
        line, _, self._heard = self._heard.partition(b"\n")
        document: Figures = json.loads(line)
        if "error" in document:
            raise ProgramError(document["error"])
        return document

    def lost(self) -> int:
        """How many packets the server's QUIC has taken for lost. Raises `ProgramError`."""
        assert self.process.stdin is not None
        self.process.stdin.write("lost\n")
        self.process.stdin.flush()
        found: int = self.answer(STARTING)["lost"]
        return found

    def perform(self, request: dict[str, Any], on_event: Callable[[str], None]) -> Figures:
        """Have a work done. Raises `ProgramError`."""
        stdin = self.process.stdin
        assert stdin is not None
        stdin.write(json.dumps(request) + "\n")
        stdin.flush()
        while "event" in (document := self.answer(WORKING)):
            on_event(document["event"])
        return document
