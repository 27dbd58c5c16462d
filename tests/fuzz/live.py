"""The real server in a process of its own, and scripts played to it over both transports.

Over QUIC there are also scripts of packets, which need not be what any client sends.

What guides the scripts is the corpus of the target `server`, which reads them in the same way:
those are mixed and changed. The server is watched from outside: its log, its memory, its files, and
whether honest clients are served all the time.
"""

import asyncio
import contextlib
import random
import resource
import tempfile
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import smbquic
from smbquic.auth.credentials import Credentials
from smbquic.auth.initiator import new_initiator
from smbquic.cli import status
from smbquic.client.transports import client_tls
from smbquic.errors import SmbError, TransportError
from smbquic.options.client import TrustOptions
from smbquic.pki import init
from smbquic.transport import quic, tcp
from smbquic.transport.base import MessageTransport
from tests.fuzz.datagrams import DatagramPlayer
from tests.fuzz.findings import Findings
from tests.fuzz.place import KNOWN, LARGEST, FuzzPlace, Trespass
from tests.fuzz.player import PATIENCE, Misbehaviour, Player
from tests.fuzz.rows import Row
from tests.fuzz.servers import MANY
from tests.fuzz.source import Source, spoiled
from tests.interop.processes import PASSWORD, USER, ServerProcess, running_server
from tests.urls import share_url

KINDS = tuple((kind, when) for kind in ("tcp", "quic") for when in ("before", "after"))
DATAGRAMS = "live-datagrams"
NAMES = (*(f"live-{kind}-{when}" for kind, when in KINDS), DATAGRAMS)
GROWTH = 64
"""MiB by which the server may grow after its first quarter of the time."""
FILES = 64
"""Files that it may have open in the end, more than in the beginning."""
_LONGEST = 1024
_PROBE = 5.0
_RECENT = 64
_BAD_WORDS = ("Traceback", "failed unexpectedly", "the server failed", "never retrieved")
_CONFIG = f"""
[limits]
failed_logons = {MANY}
failed_logons_of_address = {MANY}
failed_logon_delay = 0.001
break_seconds = 1
durable_seconds = 1
unauthenticated_share = 1.0
"""


class _Scripts:
    """Scripts by chance: kept ones, put together anew and changed."""

    def __init__(self, chance: random.Random, kept: Sequence[bytes]) -> None:
        self._chance = chance
        self._kept = kept or [b""]

    def next(self) -> bytes:
        """Another one."""
        chance = self._chance
        if chance.random() < 0.2:
            return chance.randbytes(chance.randrange(_LONGEST))
        one, other = (chance.choice(self._kept) for _ in range(2))
        script = one[: chance.randrange(len(one) + 1)] + other[chance.randrange(len(other) + 1) :]
        if chance.random() < 0.5:
            script += chance.randbytes(chance.randrange(200))
        return spoiled(script, Source(chance.randbytes(64)))[:_LONGEST]


@dataclass
class Live:
    """One server, five players and somebody honest."""

    server: ServerProcess
    place: FuzzPlace
    findings: Findings
    until: float
    rows: dict[str, Row]
    recent: deque[tuple[str, bytes]] = field(default_factory=lambda: deque(maxlen=_RECENT))
    probes: int = 0
    slowest: float = 0.0
    _log_read: int = 0

    async def run(self, seed: int, kept: Sequence[bytes]) -> None:
        """Until the time is over, or the server is."""
        beginning = time.monotonic()
        files = self._files()
        async with asyncio.TaskGroup() as tasks:
            for name, row in self.rows.items():
                scripts = _Scripts(random.Random(f"{seed} {name}"), kept)
                if name == DATAGRAMS:
                    tasks.create_task(self._play_datagrams(row, scripts))
                else:
                    tasks.create_task(self._play(name, row, scripts))
            tasks.create_task(self._watch(beginning))
        await self._rest(files)
        for row in self.rows.values():
            row.seconds = time.monotonic() - beginning

    @property
    def _over(self) -> bool:
        return time.monotonic() >= self.until or not self._alive()

    def _alive(self) -> bool:
        try:
            text = Path(f"/proc/{self.server.pid}/status").read_text()
        except OSError:
            return False
        return "State:\tZ" not in text

    def _files(self) -> int:
        try:
            return sum(1 for _ in Path(f"/proc/{self.server.pid}/fd").iterdir())
        except OSError:
            return 0

    # --- playing ----------------------------------------------------------------------------

    async def _play(self, name: str, row: Row, scripts: _Scripts) -> None:
        kind, after = name.split("-")[1], name.endswith("after")
        password = PASSWORD if after else "wrong"
        initiator = partial(new_initiator, Credentials(USER, password), host="localhost")
        dial = self._dialer(kind)
        while not (row.executions and self._over):
            script = scripts.next()
            self.recent.append((name, script))
            try:
                transport = await dial()
                await Player(transport, Source(script), initiator, after=after).play()
                await transport.wait_closed()
            except (Misbehaviour, Trespass, TransportError) as error:
                self.findings.note(script, error)
            row.executions += 1

    def _dialer(self, kind: str) -> Callable[[], Awaitable[MessageTransport]]:
        port = self.server.ports[kind]
        if kind == "tcp":
            return partial(tcp.connect, "127.0.0.1", port, timeout=PATIENCE)
        trust = client_tls(TrustOptions(ca=self.server.pki.ca))
        return partial(quic.connect, "127.0.0.1", port, trust=trust, timeout=PATIENCE)

    async def _play_datagrams(self, row: Row, scripts: _Scripts) -> None:
        while not (row.executions and self._over):
            script = scripts.next()
            self.recent.append((DATAGRAMS, script))
            await DatagramPlayer(self.server.ports["quic"], Source(script)).play()
            row.executions += 1

    # --- watching ---------------------------------------------------------------------------

    async def _watch(self, beginning: float) -> None:
        """Somebody honest comes by again and again; and everything is looked at from outside."""
        warm = beginning + (self.until - beginning) / 4
        while True:
            await self._probe("quic" if self.probes % 2 else "tcp")
            self._look()
            if time.monotonic() >= warm:
                for row in self.rows.values():
                    row.memory.sample(self.server.pid)
            self.place.fill()
            if self._over:
                break
            await asyncio.sleep(min(_PROBE, max(self.until - time.monotonic(), 0)))

    async def _probe(self, kind: str) -> None:
        url = share_url(kind, self.server.ports[kind], "steady", user=USER)
        started = time.monotonic()
        try:
            async with (
                asyncio.timeout(PATIENCE),
                smbquic.connect(url, password=PASSWORD, ca=self.server.pki.ca) as share,
            ):
                names = await share.listdir()
                content = await share.read_bytes("known")
        except (SmbError, TimeoutError) as error:
            self._note(f"an honest client is not served over {kind}", repr(error))
            return
        self.probes += 1
        self.slowest = max(self.slowest, time.monotonic() - started)
        if "known" not in names or content != KNOWN:
            self._note("an honest client finds something else", repr(names))

    def _look(self) -> None:
        if not self._alive():
            self._note("the server has ended", self.server.log.read_text()[-8000:])
        with self.server.log.open() as log:
            log.seek(self._log_read)
            new = log.read()
            self._log_read = log.tell()
        for word in _BAD_WORDS:
            if word in new:
                at = new.index(word)
                self._note(
                    f"in the log: {new[at:].splitlines()[0]}", new[max(at - 500, 0) : at + 4000]
                )
        try:
            self.place.check()
        except Trespass as error:
            self._note("outside of the share", str(error))

    def _note(self, what: str, text: str) -> None:
        """With the scripts of the last moments: one of them did it."""
        scripts = "\n".join(f"{name} {script.hex()}" for name, script in self.recent)
        self.findings.note_end(b"", what, f"{text}\n\nThe scripts before it:\n{scripts}")

    # --- the end ----------------------------------------------------------------------------

    async def _rest(self, files: int) -> None:
        """The clients have gone; nothing of them may be left."""
        end = time.monotonic() + PATIENCE
        while self._left(files) and time.monotonic() < end:  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.5)
        if left := self._left(files):
            self._note("the server keeps what its clients had", left)
        self._look()
        for row in self.rows.values():
            row.memory.sample(self.server.pid)
        growth = next(iter(self.rows.values())).memory.growth
        if growth > GROWTH:
            self._note("the memory of the server grows", f"by {growth} MiB")

    def _left(self, files: int) -> str:
        found = status.ask(status.folder() / f"{self.server.pid}.sock", "status")
        if found is None:
            return "unknown"
        if found["connections"] or found["sessions"]:
            return f"{found['connections']} connections, {found['sessions']}"
        more = self._files() - files
        return f"{more} files more than in the beginning" if more > FILES else ""


@contextlib.contextmanager
def _server(folder: Path, engine: str) -> Iterator[tuple[ServerProcess, FuzzPlace]]:
    steady = folder / "steady"
    steady.mkdir()
    (steady / "known").write_bytes(KNOWN)
    config = folder / "config.toml"
    config.write_text(_CONFIG)
    pki = init(folder / "pki")
    options = ("-c", str(config), "--share", f"steady={steady}:ro", "--pipes-over-quic")
    with running_server(folder, pki, *options, "--engine", engine) as server:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (LARGEST, LARGEST))
        yield server, FuzzPlace(folder)


async def fuzz(
    rows: dict[str, Row], seconds: float, seed: int, kept: Sequence[bytes], *, engine: str
) -> str:
    """Let players loose on a server for so long; what to say of the honest clients."""
    until = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="fuzz") as name:
        folder = Path(name)
        findings = Findings("live", folder / "findings")
        (folder / "server").mkdir()
        with _server(folder / "server", engine) as (server, place):
            live = Live(server, place, findings, until, rows)
            await live.run(seed, kept)
        for row in rows.values():
            row.findings = findings.all()
            break
    return f"{live.probes} visits of honest clients, the slowest took {live.slowest:.1f} s"
