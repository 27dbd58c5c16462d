"""The server is killed while clients write; whatever was acknowledged has to be on the disk.

    python -m tests.integration.killing --kills 100

Prints what was written and what was found, as JSON. Clients write whole files under a passing
name, and records into one long file, flushing both; each notes what was acknowledged, and nothing
else counts. The next server, on the same folder, has to remove what was not whole yet.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import logging
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import smbquic
from smbquic.errors import ConnectionClosed, SmbError
from smbquic.pki import PkiDirectory, init
from smbquic.storage.partial import is_temporary_name
from smbquic.transport.base import MessageTransport
from smbquic.transport.quic.transport import QuicTransport
from tests.interop.processes import PASSWORD, USER, ServerProcess, running_server

WRITERS = 4
"""Clients of each kind and transport."""
RECORD = 20_000
MOST = 400_000
"""Bytes of a whole file, at most: some fit into one message, some do not."""
PATIENCE = 60.0
"""Seconds that clients may take to have enough acknowledged, and a server to clear up."""


@dataclass
class Tally:
    """The sums of all rounds."""

    kills: int = 0
    files: int = 0
    records: int = 0
    parts: int = 0
    """Files that were not whole yet, which the next server removed."""
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)


@dataclass
class Round:
    """The writes that the server acknowledged until it was killed."""

    files: dict[str, bytes] = field(default_factory=dict)
    """Digests by name."""
    records: dict[str, int] = field(default_factory=dict)
    """How many records of a long file are flushed, by name."""
    shares: list[smbquic.Share] = field(default_factory=list)
    over: bool = False
    heard: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def count(self) -> int:
        """Acknowledgements so far."""
        return len(self.files) + sum(self.records.values())

    async def note(self) -> None:
        """Tell who waits that another one came."""
        async with self.heard:
            self.heard.notify_all()


def content(name: str, number: int, size: int) -> bytes:
    """Return content that belongs to one place only."""
    return random.Random(f"{name} {number}").randbytes(size)


async def write_files(share: smbquic.Share, name: str, life: Round) -> None:
    """One file after the other."""
    for number in range(sys.maxsize):
        path = f"{name}-{number}"
        data = content(name, number, random.Random(path).randrange(1, MOST))
        await share.write_bytes(path, data)
        life.files[path] = hashlib.sha256(data).digest()
        await life.note()


async def write_records(share: smbquic.Share, name: str, life: Round) -> None:
    """One record behind the other."""
    async with share.open(name, "wb") as file:
        for number in range(sys.maxsize):
            await file.write_at(number * RECORD, content(name, number, RECORD))
            await file.flush()
            life.records[name] = number + 1
            await life.note()


@contextlib.asynccontextmanager
async def connected(server: ServerProcess, kind: str) -> AsyncIterator[smbquic.Share]:
    """The share over `tcp` or `quic`."""
    scheme = "smb" if kind == "tcp" else "smb+quic"
    url = f"{scheme}://{USER}@localhost:{server.ports[kind]}/data"
    ca = server.pki.ca if kind == "quic" else None
    async with smbquic.connect(url, password=PASSWORD, ca=ca, reconnect_timeout=0) as share:
        yield share


async def work(server: ServerProcess, kind: str, name: str, life: Round) -> None:
    """Write until the server is gone."""
    writing = write_files if name.startswith("file") else write_records
    try:
        async with connected(server, kind) as share:
            life.shares.append(share)
            await writing(share, name, life)
    except (SmbError, OSError):
        if not life.over:
            raise


def drop(transport: MessageTransport) -> None:
    """End a connection whose server is gone: QUIC clients would notice only after a while."""
    if isinstance(transport, QuicTransport):
        transport.connection.abort(ConnectionClosed("the server was killed"))
    else:
        transport.close()


async def live_and_die(server: ServerProcess, acknowledgements: int, seed: str) -> Round:
    """Have clients write, and kill the server when so much has been acknowledged."""
    life = Round()
    names = [
        (kind, f"{what}-{kind}-{seed}-{number}")
        for what in ("file", "long")
        for kind in ("quic", "tcp")
        for number in range(WRITERS)
    ]
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        for kind, name in names:
            tasks.create_task(work(server, kind, name, life))
        async with life.heard:
            await life.heard.wait_for(lambda: life.count >= acknowledgements)
        life.over = True
        os.kill(server.pid, signal.SIGKILL)
        for share in life.shares:
            drop(share.session.connection.transport)
    return life


def check(share: Path, life: Round, tally: Tally) -> None:
    """Look at the disk, which no server touches now."""
    tally.files += len(life.files)
    tally.records += sum(life.records.values())
    for path, digest in life.files.items():
        found = share / path
        if not found.exists() or hashlib.sha256(found.read_bytes()).digest() != digest:
            tally.wrong.append(path)
    for path, count in life.records.items():
        data = (share / path).read_bytes() if (share / path).exists() else b""
        for number in range(count):
            record = data[number * RECORD : (number + 1) * RECORD]
            if record != content(path, number, RECORD):
                tally.wrong.append(f"{path}, record {number}")
    for entry in share.iterdir():
        if is_temporary_name(entry.name):
            continue
        if entry.name.startswith("file") and entry.name not in life.files:
            # It got its name, and nobody lived to say so: then it is whole as well.
            name, _, which = entry.name.rpartition("-")
            data = content(name, int(which), entry.stat().st_size)
            if entry.read_bytes() != data or not data:
                tally.wrong.append(f"{entry.name}, not acknowledged")
        elif not entry.name.startswith(("file", "long")):
            tally.wrong.append(f"{entry.name}, of the server")
        entry.unlink()


def check_cleared(share: Path, tally: Tally, left: set[Path]) -> None:
    """See to it that the server which is up by now removes what the one before has left."""
    deadline = time.monotonic() + PATIENCE
    while (there := left.intersection(share.iterdir())) and time.monotonic() < deadline:
        time.sleep(0.01)
    tally.parts += len(left)
    tally.wrong += [f"{path.name}, still there after the next start" for path in there]


def kill_many(folder: Path, pki: PkiDirectory, kills: int, seed: int) -> Tally:
    """So many lives of a server, and the beginning of one more."""
    tally, chance = Tally(), random.Random(seed)
    started = time.monotonic()
    left: set[Path] = set()
    for number in range(kills):
        with running_server(folder, pki) as server:
            check_cleared(server.share, tally, left)
            life = asyncio.run(
                live_and_die(server, chance.randrange(1, 150), seed=f"{seed}.{number}")
            )
        check(server.share, life, tally)
        left = set(server.share.iterdir())
        tally.kills += 1
    with running_server(folder, pki) as server:
        check_cleared(server.share, tally, left)
    tally.seconds = round(time.monotonic() - started, 1)
    return tally


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.integration.killing")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    # What clients warn of, that they could not clear up, is what is looked for here.
    logging.getLogger("smbquic").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        pki = init(Path(folder) / "pki", names=["fs.example"])
        tally = kill_many(Path(folder), pki, arguments.kills, arguments.seed)
    print(json.dumps(asdict(tally)))
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
