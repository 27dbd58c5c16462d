"""Runs one program with one verb, and says what it took."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.ends.options import SHARE, USER
from benchmarks.link import Host, Link, Network
from benchmarks.other_programs import OtherProcesses
from benchmarks.ports import QUIC_PORT, TCP_PORT
from benchmarks.programs import SEARCH_PATH, STARTING, ProgramError, terminate
from benchmarks.programs import Program as JsonProgram
from benchmarks.transfers.clients import Program
from benchmarks.transfers.works import Work
from benchmarks.usage import peak_memory, tree_cpu_seconds
from benchmarks.workspace import Workspace

LONGEST = 600.0
"""Seconds that a program may take."""
HASHED = 20_000
"""Files up to which all contents are compared; of more, only their number."""
LOOK = 0.02
"""Seconds between two looks at the memory of a program."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One transfer. Bytes are those of IP packets on the link; without one they are 0."""

    work: str
    verb: str
    program: str
    seconds: float
    first_output: float
    """Seconds until the program printed something; of a listing, the first entries."""
    client_cpu: float
    server_cpu: float
    peak_bytes: int
    up: int = 0
    down: int = 0
    others: float = 0.0
    """Processor seconds per second of programs that have nothing to do with it."""


@contextmanager
def serving(network: Network, workspace: Workspace) -> Iterator[JsonProgram]:
    """Run `smbquic serve` with the workspace's share, over both transports."""
    host = network.server.address
    certificate = workspace.pki.server
    server = JsonProgram(
        network.server,
        [
            *(sys.executable, "-m", "smbquic", "serve", "--json"),
            *("--share", f"{SHARE}={workspace.share}", "--user", f"{USER}:{workspace.password}"),
            *("--listen", f"quic://{host}:{QUIC_PORT}", "--listen", f"tcp://{host}:{TCP_PORT}"),
            *("--cert", str(certificate.certificate), "--key", str(certificate.key)),
        ],
    )
    try:
        while server.answer(STARTING).get("event") != "ready":
            pass
        yield server
    finally:
        server.close()


class _Peak:
    """The most memory that a process has while it runs."""

    def __init__(self, process: "subprocess.Popen[Any]") -> None:
        self.bytes = 0
        self._process = process
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.wait(LOOK):
            with suppress(OSError, ValueError):
                self.bytes = max(self.bytes, peak_memory(self._process.pid))

    def end(self) -> None:
        self._ended.set()
        self._thread.join()


@dataclass(frozen=True, slots=True)
class Runner:
    """Measures on one network, against one server. `directory` is where files land."""

    network: Network
    workspace: Workspace
    server: JsonProgram
    directory: Path

    def run(self, work: Work, verb: str, program: Program) -> Sample:
        """Run a program to its end. Raises `ProgramError`."""
        here, there = self._place(work, verb, program)
        host = self.network.server.address
        command = program.commands[verb](host, here, there)
        environment = {
            "PATH": SEARCH_PATH,
            "HOME": str(self.workspace.folder),
            **program.environment(self.workspace, host),
        }
        others = OtherProcesses()
        sent = self._counted()
        server_before = tree_cpu_seconds(self.server.process.pid)
        started = time.monotonic()
        output, first, peak, cpu = _run(self.network.client, command, environment)
        seconds = time.monotonic() - started
        up, down = (after - before for after, before in zip(self._counted(), sent, strict=True))
        sample = Sample(
            work.name,
            verb,
            program.name,
            seconds,
            first - started,
            cpu,
            tree_cpu_seconds(self.server.process.pid) - server_before,
            peak,
            up,
            down,
            others.load(),
        )
        self._check(work, verb, here, there, output)
        return sample

    def _counted(self) -> tuple[int, int]:
        if not isinstance(self.network, Link):
            return 0, 0
        counters = self.network.statistics()
        both = [(way.tcp.delivered, way.quic.delivered) for way in (counters.up, counters.down)]
        up, down = (tcp.bytes + quic.bytes for tcp, quic in both)
        return up, down

    def _place(self, work: Work, verb: str, program: Program) -> tuple[Path, str]:
        """Return the local and the remote path; those that are written do not exist yet."""
        written = f"{program.name}-{verb}-{time.monotonic_ns()}"
        if verb.startswith("put"):
            return self.workspace.source / work.place, written
        if verb.startswith("get"):
            landing = self.directory / written
            if program.name == "smbclient" and verb == "get":
                landing.mkdir()
            return landing, work.place
        return self.workspace.source / work.place, work.place

    def _check(self, work: Work, verb: str, here: Path, there: str, output: bytes) -> None:
        """Compare what was written, and remove it. Raises `ProgramError`."""
        if verb == "list":
            found = output.count(b"file-")
            if found != work.files:
                raise ProgramError(f"{found} entries of {work.files}")
            return
        if verb in ("sync", "check"):
            return
        original = self.workspace.source / work.place
        landed = self.workspace.share / there if verb.startswith("put") else here
        if work.files <= HASHED:
            problems = self.workspace.compare(landed, original)
        else:
            problems = [] if _count(landed) == work.files else ["the number of files differs"]
        if problems:
            raise ProgramError("; ".join(problems))


def _count(folder: Path) -> int:
    return sum(1 for path in folder.rglob("*") if path.is_file())


def _run(
    host: Host, command: list[str], environment: dict[str, str]
) -> tuple[bytes, float, int, float]:
    """Return the output of a program, when the first of it came, its memory and processor time."""
    before = os.times()
    process = host.popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    peak = _Peak(process)
    timer = threading.Timer(LONGEST, process.kill)
    timer.start()
    output, first = bytearray(), 0.0
    try:
        assert process.stdout is not None
        while data := os.read(process.stdout.fileno(), 1 << 16):
            first = first or time.monotonic()
            output += data
        process.wait()
    finally:
        timer.cancel()
        peak.end()
        terminate(process)
    after = os.times()
    if process.returncode:
        text = output.decode(errors="replace").strip()[-1000:]
        raise ProgramError(f"{' '.join(command[:5])}: exit code {process.returncode}: {text}")
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return bytes(output), first or time.monotonic(), peak.bytes, cpu
