"""One attack on one server: quiet, under attack, quiet again, and what came of it."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from smbquic.pki import init
from tests.flood.common import HOST, Target
from tests.flood.honest import Options
from tests.interop.processes import PASSWORD, SHARE, USER, ServerProcess, running_server

MALLORY = ("mallory", "has an account too 1")
BIG, SIZE = "big", 64 << 20
SMALL = "small"
TICK: int = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do to a server with which engine; times in seconds."""

    attack: str
    engine: str = "qh3"
    transport: str = "quic"
    seconds: float = 30.0
    quiet: float = 6.0
    rate: float = 500.0
    count: int = 5000
    nice: int = 10
    settle: float = 1.0
    """Between two phases, which belongs to neither."""


@dataclass(slots=True)
class Phase:
    """What the honest client got in a span of time, and who used the processor meanwhile."""

    begin: float
    end: float = 0.0
    server_cpu: float = 0.0
    get: float = 0.0
    """Bytes a second."""
    small: float = 0.0
    """Operations a second."""
    worst: float = 0.0
    """Seconds that the slowest of them took."""
    visits: int = 0
    visited: int = 0
    lost: int = 0

    def measure(self, turns: list[dict[str, Any]]) -> None:
        """Take what falls into the span."""
        mine = [each for each in turns if self.begin <= each["begin"] and each["end"] <= self.end]
        for kind in ("get", "small"):
            of_kind = [each for each in mine if each["kind"] == kind]
            seconds = sum(each["end"] - each["begin"] for each in of_kind)
            rate = sum(each["amount"] for each in of_kind) / seconds if seconds else 0.0
            setattr(self, kind, rate)
        self.worst = max((each["worst"] for each in mine if each["kind"] == "small"), default=0.0)
        visits = [each for each in turns if self.begin <= each["begin"] < self.end]
        self.visits = sum(each["kind"] == "visit" for each in visits)
        self.visited = sum(each["amount"] for each in visits if each["kind"] == "visit")
        self.lost = sum(each["kind"] == "lost" for each in visits)


@dataclass(slots=True)
class Outcome:
    """What came of one attack. `ballast` is quiet, but for as much taken of the processor."""

    plan: Plan
    quiet: Phase
    attack: Phase
    ballast: Phase
    sent: dict[str, int] = field(default_factory=dict)
    attackers_cpu: float = 0.0
    refused: dict[str, int] = field(default_factory=dict)
    memory: tuple[int, int, int] = (0, 0, 0)
    """Bytes resident at first, at most, and what the server says is the limit."""
    errors: list[str] = field(default_factory=list)
    """Lines of the server's log that tell of an error of its own."""

    def ratios(self, before: Phase) -> tuple[float, float]:
        """Of what the client got before, the part that it got under attack: of bytes, of
        operations."""
        return _part(self.attack.get, before.get), _part(self.attack.small, before.small)

    def faults(self, least: float) -> list[str]:
        """What is not as it should be."""
        found = []
        for what, ratio in zip(("get", "small"), self.ratios(self.ballast), strict=True):
            if ratio < least:
                found.append(f"{self.plan.attack}: {what} had {ratio:.0%} of quiet")
        if self.memory[1] > self.memory[2]:
            found.append(f"{self.plan.attack}: more memory than the limit")
        if self.errors:
            found.append(
                f"{self.plan.attack}: {len(self.errors)} errors in the server's log, first:"
            )
            found.append(self.errors[0])
        return found

    def report(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def _part(one: float, whole: float) -> float:
    return one / whole if whole else 0.0


def cpu_seconds(pid: int) -> float:
    """What a process has used of the processors so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


class Child:
    """A module of this package in a process of its own, and the lines that it prints."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"tests.flood.{module}", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        self.lines: list[dict[str, Any]] = []
        self._reader: threading.Thread | None = None

    def collect(self) -> None:
        """Read what it prints, as it comes."""

        def read() -> None:
            assert self._process.stdout is not None
            self.lines.extend(map(json.loads, self._process.stdout))

        self._reader = threading.Thread(target=read, daemon=True)
        self._reader.start()

    def read_line(self) -> str:
        """Wait for a line."""
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def tell(self) -> None:
        """Say that it may begin."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """End it, if it has not ended."""
        self._process.kill()
        if self._reader is not None:
            self._reader.join()
        with self._process:
            pass  # which closes its pipes and waits for it


@contextlib.contextmanager
def child(module: str, *arguments: str) -> Iterator[Child]:
    """Run a module of this package until the end of the block."""
    running = Child(module, *arguments)
    try:
        yield running
    finally:
        running.end()


@contextlib.contextmanager
def served(plan: Plan, folder: Path, *options: str) -> Iterator[ServerProcess]:
    """A server with what the honest client and the others want to read."""
    engine = ("--engine", plan.engine, "--user", ":".join(MALLORY))
    with running_server(folder, init(folder / "pki"), *engine, *options) as server:
        (server.share / BIG).write_bytes(os.urandom(1 << 20) * (SIZE >> 20))
        (server.share / SMALL).write_bytes(b"content")
        yield server


def status(server: ServerProcess) -> dict[str, Any]:
    """What `smbquic status` says of it."""
    command = [sys.executable, "-m", "smbquic", "status", "--json"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, Any]
    [found] = [each for each in map(json.loads, said.splitlines()) if each["pid"] == server.pid]
    return found


@contextlib.contextmanager
def phase(server: ServerProcess, seconds: float) -> Iterator[Phase]:
    """A span of time, that begins with the block and lasts as long at least."""
    found = Phase(time.monotonic())
    before = cpu_seconds(server.pid)
    yield found
    time.sleep(max(0.0, found.begin + seconds - time.monotonic()))
    found.end = time.monotonic()
    found.server_cpu = (cpu_seconds(server.pid) - before) / (found.end - found.begin)


def run(plan: Plan) -> Outcome:
    """Do it, on a server of its own."""
    with tempfile.TemporaryDirectory() as name, served(plan, Path(name)) as server:
        scheme = {"quic": "smb+quic", "tcp": "smb"}[plan.transport]
        options = Options(
            url=f"{scheme}://{USER}@{HOST}:{server.ports[plan.transport]}/{SHARE}",
            password=PASSWORD,
            ca=str(server.pki.ca),
            big=BIG,
            small=SMALL,
            size=SIZE,
        )
        with child("honest", json.dumps(asdict(options))) as honest:
            honest.collect()
            return _phases(plan, server, honest)


def _phases(plan: Plan, server: ServerProcess, honest: Child) -> Outcome:
    with child("attack", json.dumps(asdict(_target(plan, server)))) as attackers:
        attackers.read_line()
        time.sleep(plan.settle)
        first = server.memory()
        with phase(server, plan.quiet) as quiet:
            pass
        before = cpu_seconds(attackers.pid)
        with phase(server, plan.seconds - plan.settle) as attack:
            attackers.tell()
        cpu = (cpu_seconds(attackers.pid) - before) / (attack.end - attack.begin)
        sent = json.loads(attackers.read_line())
    said = status(server)
    outcome = Outcome(plan, quiet, attack, quiet, sent, cpu, said["refused"])
    time.sleep(plan.settle)
    with child("ballast", f"{cpu:.3f}", str(plan.nice)), phase(server, plan.quiet) as ballast:
        pass
    outcome.ballast = ballast
    outcome.memory = (first, server.peak_memory(), said["memory"]["limit"])
    for each in (quiet, attack, ballast):
        each.measure(honest.lines)
    outcome.errors = [each for each in server.log.read_text().splitlines() if " ERROR " in each]
    return outcome


def _target(plan: Plan, server: ServerProcess) -> Target:
    return Target(
        attack=plan.attack,
        quic=server.ports["quic"],
        tcp=server.ports["tcp"],
        seconds=plan.seconds,
        rate=plan.rate,
        count=plan.count,
        nice=plan.nice,
        user=MALLORY[0],
        password=MALLORY[1],
        victim=USER,
        share=SHARE,
        file=BIG,
    )
