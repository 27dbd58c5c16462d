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
from typing import Any, Self

from smbquic.observe import process_usage
from smbquic.pki import PkiDirectory, init
from tests.flood.common import HOST, AttackTarget
from tests.flood.honest import Options
from tests.interop.processes import (
    PASSWORD,
    SHARE,
    USER,
    ServerProcess,
    running_gateway,
    running_server,
    running_smbd,
)
from tests.interop.recording import Record, RecordingBackend, recording

MALLORY = ("mallory", "has an account too 1")
MOST_AUDIT = 2 << 20
"""Bytes of audit records: 100 of each of some events in a minute are written whole."""
_MALLORY = ("--user", ":".join(MALLORY))
BIG, SIZE = "big", 64 << 20
SMALL = "small"


@dataclass(frozen=True, slots=True)
class AttackPlan:
    """An attack on a server, and its engine; times in seconds.

    With a `backend`, ``serve`` or ``smbd``, a gateway to one of these is attacked.
    """

    attack: str
    engine: str = "auto"
    backend: str = ""
    transports: tuple[str, ...] = ("quic", "tcp")
    """Of the honest clients."""
    seconds: float = 30.0
    quiet: float = 6.0
    rate: float = 500.0
    count: int = 5000
    nice: int = 10
    settle: float = 1.0
    """Between two phases, which belongs to neither."""


@dataclass(slots=True)
class Gains:
    """The service that an honest client got in a span of time."""

    get: float = 0.0
    """Bytes a second."""
    small: float = 0.0
    """Operations a second."""
    worst: float = 0.0
    """Seconds that the slowest of them took."""
    page: float = 0.0
    """Seconds in which 99 of 100 reads of 4 KiB are answered."""
    visits: int = 0
    visited: int = 0
    lost: int = 0

    @classmethod
    def between(cls, begin: float, end: float, turns: list[dict[str, Any]]) -> Self:
        """Take the turns that fall into the span."""
        whole = [each for each in turns if begin <= each["begin"] and each["end"] <= end]
        begun = [each for each in turns if begin <= each["begin"] < end]
        visits = [each["amount"] for each in begun if each["kind"] == "visit"]
        return cls(
            get=_rate(whole, "get"),
            small=_rate(whole, "small"),
            worst=max(_times(whole, "small"), default=0.0),
            page=percentile(_times(whole, "page"), 0.99),
            visits=len(visits),
            visited=sum(visits),
            lost=sum(each["kind"] == "lost" for each in begun),
        )


def _rate(turns: list[dict[str, Any]], kind: str) -> float:
    of_kind = [each for each in turns if each["kind"] == kind]
    seconds: float = sum(each["end"] - each["begin"] for each in of_kind)
    amount: float = sum(each["amount"] for each in of_kind)
    return amount / seconds if seconds else 0.0


def _times(turns: list[dict[str, Any]], kind: str) -> list[float]:
    return [time for each in turns if each["kind"] == kind for time in each["times"]]


def percentile(times: list[float], part: float) -> float:
    """The time that this part of all does not exceed; 0 if there is none."""
    ordered = sorted(times)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)] if ordered else 0.0


@dataclass(slots=True)
class Phase:
    """A span of time: what each honest client got in it, and what the server used."""

    begin: float
    end: float = 0.0
    server_cpu: float = 0.0
    clients: dict[str, Gains] = field(default_factory=dict)
    """By transport."""


@dataclass(slots=True)
class AttackResult:
    """The result of one attack. `ballast` is quiet, but for as much taken of the processor."""

    plan: AttackPlan
    quiet: Phase
    attack: Phase
    ballast: Phase
    sent: dict[str, int] = field(default_factory=dict)
    attackers_cpu: float = 0.0
    refused: dict[str, int] = field(default_factory=dict)
    memory: tuple[int, int, int] = (0, 0, 0)
    """Bytes resident at first, at most, and what the server says is the limit."""
    load: float = 0.0
    """Processes of the whole machine that wanted a processor during the last minute."""
    errors: list[str] = field(default_factory=list)
    """Lines of the server's log about errors of its own."""
    audit: int = 0
    """Bytes of audit records, of all phases."""
    behind: Record | None = None
    """What the back end of a gateway was sent before logons."""

    def ratios(self, transport: str, before: Phase) -> tuple[float, float]:
        """Of what a client got before, the part that it got under attack: of bytes, of
        operations."""
        one, other = self.attack.clients[transport], before.clients[transport]
        return _part(one.get, other.get), _part(one.small, other.small)

    def faults(self, least: float, slowest: float) -> list[str]:
        """Return the missed bounds; `slowest` in seconds, for 99 of 100 reads of 4 KiB."""
        name = f"{self.plan.attack}, engine {self.plan.engine}"
        found = []
        for transport in self.plan.transports:
            for what, ratio in zip(
                ("get", "small"), self.ratios(transport, self.ballast), strict=True
            ):
                if ratio < least:
                    found.append(f"{name}, {transport}: {what} had {ratio:.0%} of quiet")
            page = self.attack.clients[transport].page
            if page > max(slowest, self.ballast.clients[transport].page):
                found.append(f"{name}, {transport}: p99 of 4 KiB reads is {page * 1000:.0f} ms")
        if self.memory[1] > self.memory[2]:
            found.append(f"{name}: more memory than the limit")
        if self.errors:
            found.append(f"{name}: {len(self.errors)} errors in the server's log, first:")
            found.append(self.errors[0])
        if self.audit > MOST_AUDIT:
            found.append(f"{name}: {self.audit} bytes of audit records")
        if self.behind is not None:
            found += [f"{name}: the back end saw {each}" for each in self.behind.faults]
        return found

    def report(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def _part(one: float, whole: float) -> float:
    return one / whole if whole else 0.0


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process so far."""
    seconds = process_usage.processor_seconds(pid)
    if seconds is None:
        raise ProcessLookupError(f"process {pid} has ended")
    return seconds


class FloodProcess:
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

    def start(self) -> None:
        """Let it begin."""
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
def child(module: str, *arguments: str) -> Iterator[FloodProcess]:
    """Run a module of this package until the end of the block."""
    running = FloodProcess(module, *arguments)
    try:
        yield running
    finally:
        running.end()


@dataclass(frozen=True, slots=True)
class AttackedServer:
    """A server, or a gateway and the `backend` behind it, and the `user` of honest clients."""

    server: ServerProcess
    audit: Path
    user: str = USER
    backend: RecordingBackend | None = None


@contextlib.contextmanager
def served(plan: AttackPlan, folder: Path) -> Iterator[AttackedServer]:
    """What is attacked, with what the honest client and the others want to read."""
    pki, audit = init(folder / "pki"), folder / "audit"
    # Clients are killed in the end, and nobody waits for them then.
    mine = ("--engine", plan.engine, "--drain-seconds", "0", "--audit", str(audit))
    with contextlib.ExitStack() as stack:
        if not plan.backend:
            server = stack.enter_context(running_server(folder, pki, *_MALLORY, *mine))
            found = AttackedServer(server, audit)
        else:
            folder.joinpath("behind").mkdir()
            share, port, user = stack.enter_context(_behind(plan, folder / "behind", pki))
            backend = stack.enter_context(recording(port))
            gateway = running_gateway(folder, pki, share, [backend.port], *mine)
            found = AttackedServer(stack.enter_context(gateway), audit, user, backend)
        (found.server.share / BIG).write_bytes(os.urandom(1 << 20) * (SIZE >> 20))
        (found.server.share / SMALL).write_bytes(b"content")
        yield found


@contextlib.contextmanager
def _behind(plan: AttackPlan, folder: Path, pki: PkiDirectory) -> Iterator[tuple[Path, int, str]]:
    """The server behind a gateway: the folder that it serves, its TCP port, and its user."""
    if plan.backend == "smbd":
        with running_smbd(folder) as smbd:
            yield smbd.share, smbd.port, smbd.user
        return
    options = (*_MALLORY, "--no-extended-protection")
    with running_server(folder, pki, *options) as server:
        yield server.share, server.ports["tcp"], USER


def status(server: ServerProcess) -> dict[str, Any]:
    """Return the output of `smbquic status` about a server."""
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


def run(plan: AttackPlan) -> AttackResult:
    """Do it, on a server of its own."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        found = stack.enter_context(served(plan, folder))
        honest = {}
        for transport in plan.transports:
            options = json.dumps(asdict(_options(transport, found)))
            honest[transport] = stack.enter_context(child("honest", options))
            honest[transport].collect()
        outcome = _phases(plan, found, honest)
        if found.backend is not None:
            outcome.behind = found.backend.end()
        return outcome


def _options(transport: str, found: AttackedServer) -> Options:
    scheme, server = {"quic": "smb+quic", "tcp": "smb"}[transport], found.server
    return Options(
        url=f"{scheme}://{found.user}@{HOST}:{server.ports[transport]}/{SHARE}",
        password=PASSWORD,
        ca=str(server.pki.ca),
        big=BIG,
        small=SMALL,
        own=f"own-{transport}",
        size=SIZE,
    )


def _phases(
    plan: AttackPlan, found: AttackedServer, honest: dict[str, FloodProcess]
) -> AttackResult:
    server = found.server
    with attacking(plan, found) as attackers:
        time.sleep(plan.settle)
        first = server.memory()
        with phase(server, plan.quiet) as quiet:
            pass
        before = cpu_seconds(attackers.pid)
        with phase(server, plan.seconds - plan.settle) as attack:
            attackers.start()
        cpu = (cpu_seconds(attackers.pid) - before) / (attack.end - attack.begin)
        sent = json.loads(attackers.read_line())
    said = status(server)
    outcome = AttackResult(plan, quiet, attack, quiet, sent, cpu, said["refused"])
    time.sleep(plan.settle)
    with child("ballast", f"{cpu:.3f}", str(plan.nice)), phase(server, plan.quiet) as ballast:
        pass
    outcome.ballast = ballast
    outcome.memory = (first, server.peak_memory(), said["memory"]["limit"])
    outcome.load = os.getloadavg()[0]
    for each in (quiet, attack, ballast):
        for transport, client in honest.items():
            each.clients[transport] = Gains.between(each.begin, each.end, client.lines)
    outcome.errors = [each for each in server.log.read_text().splitlines() if " ERROR " in each]
    outcome.audit = found.audit.stat().st_size
    return outcome


@contextlib.contextmanager
def attacking(plan: AttackPlan, found: AttackedServer) -> Iterator[FloodProcess]:
    """Attackers that are prepared, and wait for the line that starts them."""
    with child("attack", json.dumps(asdict(target_of(plan, found)))) as attackers:
        attackers.read_line()
        yield attackers


def target_of(plan: AttackPlan, found: AttackedServer) -> AttackTarget:
    """Return the target as attackers are given it."""
    ports = found.server.ports
    return AttackTarget(
        attack=plan.attack,
        quic=ports["quic"],
        tcp=ports.get("tcp", 0),
        seconds=plan.seconds,
        rate=plan.rate,
        count=plan.count,
        nice=plan.nice,
        user=MALLORY[0],
        password=MALLORY[1],
        victim=found.user,
        share=SHARE,
        file=BIG,
    )
