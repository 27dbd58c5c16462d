"""What the link can carry: TCP, and one stream of a QUIC engine, both without SMB."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from benchmarks import congestion
from benchmarks.arms.base import Arm, Figures, Running
from benchmarks.headers import Headers
from benchmarks.link import Link, Namespace
from benchmarks.ports import TCP_PORT
from benchmarks.programs import ProgramError, terminate
from benchmarks.workspace import Workspace

MEBIBYTE = 1 << 20
DATAGRAM = 1200


class RawTcp(Arm):
    """One connection, as many bytes as the large file has."""

    name, title = "raw-tcp", "TCP without SMB (cubic)"
    headers, smb = Headers.tcp(), False
    works: ClassVar[tuple[str, ...]] = ("bulk-read", "bulk-write")

    @contextmanager
    def start(self, link: Link, workspace: Workspace) -> Iterator[Running]:
        program = [sys.executable, "-m", "benchmarks.ends.raw_tcp"]
        common = [link.server.address, str(TCP_PORT), str(workspace.sizes.bulk)]
        server = _popen(link.server, [*program, "serve", *common])
        try:
            link.server.wait_for_port(("tcp", TCP_PORT), process=server)

            def perform(request: dict[str, Any], on_event: Callable[[str], None]) -> Figures:
                role = request["work"].removeprefix("bulk-")
                return {**_report(link.client, [*program, role, *common]), "no_file": True}

            yield Running(perform, {"server": [server]})
        finally:
            terminate(server)


class RawQuic(Arm):
    """One stream of qh3 on our UDP endpoint, from the client to the server."""

    name, title = "raw-quic", "QUIC without SMB (qh3, cubic)"
    works: ClassVar[tuple[str, ...]] = ("bulk-write",)
    engine = "qh3"
    headers, smb = Headers.quic(DATAGRAM, "qh3"), False

    @contextmanager
    def start(self, link: Link, workspace: Workspace) -> Iterator[Running]:
        total = max(workspace.sizes.bulk // MEBIBYTE, 1)
        common = [self.engine, str(DATAGRAM), link.server.address, str(total)]
        program = [sys.executable, "-m", "benchmarks.ends.raw_quic"]
        files: tuple[Path, Path] = (workspace.pki.server.certificate, workspace.pki.server.key)
        server = _popen(link.server, [*program, "server", *common, *map(str, files)])
        try:
            assert server.stdout is not None
            port = server.stdout.readline().strip()
            if not port:
                raise ProgramError(f"the server ended with exit code {server.wait()}")

            def perform(request: dict[str, Any], on_event: Callable[[str], None]) -> Figures:
                report = _report(link.client, [*program, "client", *common, port])
                return {
                    "bytes": total * MEBIBYTE,
                    "seconds": report["seconds"],
                    "client_cpu": report["cpu_seconds"],
                    "no_file": True,
                }

            yield Running(perform, {"server": [server]})
        finally:
            terminate(server)


def _popen(namespace: Namespace, command: list[str]) -> "subprocess.Popen[str]":
    return namespace.popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env=congestion.environment("cubic"),
        start_new_session=True,
    )


def _report(namespace: Namespace, command: list[str]) -> dict[str, Any]:
    """What a program says in JSON at its end."""
    process = _popen(namespace, command)
    output, _ = process.communicate(timeout=120)
    if process.returncode:
        raise ProgramError(f"{command[0]}: exit code {process.returncode}: {output.strip()[-300:]}")
    report: dict[str, Any] = json.loads(output)
    return report
