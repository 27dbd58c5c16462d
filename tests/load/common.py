"""Work of all clients in one folder, where nobody knows what the others do: invariants hold.

A counter is only changed by who has it locked, or open alone: no increment is lost or done twice. A
record is written at once, a page replaced at once: whoever reads one gets all of it. Whatever is
seen carries its checksum.
"""

import random
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import smbquic
from smbquic.client import requests
from smbquic.client.file import File
from smbquic.client.names import to_wire
from smbquic.errors import NotFoundError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.wire.lock import LockFlags
from tests.load.actor import Difference, lock

FOLDER = "common"
LOCKED = [f"{FOLDER}/counter{number}" for number in range(3)]
ALONE = f"{FOLDER}/alone"
RECORDS = f"{FOLDER}/records"
PAGES = f"{FOLDER}/pages"
SLOTS = 32
SLOT = 4096
SIZE = 8
_EXCLUSIVE = LockFlags.EXCLUSIVE_LOCK
_BUSY = (NtStatus.SHARING_VIOLATION, NtStatus.ACCESS_DENIED, NtStatus.DELETE_PENDING)


def prepare(root: Path) -> None:
    """Make everything in an empty share."""
    (root / PAGES).mkdir(parents=True)
    for counter in (*LOCKED, ALONE):
        (root / counter).write_bytes(bytes(SIZE))
    (root / RECORDS).write_bytes(bytes(SLOT * SLOTS))


def sealed(generator: random.Random) -> bytes:
    """A record: random bytes, and their checksum."""
    body = generator.randbytes(64) * ((SLOT - 4) // 64)
    body = body.ljust(SLOT - 4, b"\xff")
    return body + zlib.crc32(body).to_bytes(4, "little")


def is_whole(record: bytes) -> bool:
    """Whether a record is what somebody wrote, or was never written."""
    if len(record) != SLOT:
        return False
    if not any(record):
        return True
    return zlib.crc32(record[:-4]).to_bytes(4, "little") == record[-4:]


@dataclass
class Common:
    """One client's part in it. `seen` are the values that it found in counters and counted up."""

    share: smbquic.Share
    name: str
    generator: random.Random
    seen: dict[str, list[int]] = field(default_factory=dict)
    busy: Counter[str] = field(default_factory=Counter)

    async def _count(self, file: File, counter: str) -> None:
        value = int.from_bytes(await file.read_at(0, SIZE), "little")
        await file.write_at(0, (value + 1).to_bytes(SIZE, "little"))
        self.seen.setdefault(counter, []).append(value)

    async def count_locked(self) -> None:
        """Lock a counter, whoever has to be waited for, and count it up."""
        counter = self.generator.choice(LOCKED)
        async with self.share.open(counter, "r+b") as file:
            await lock(self.share, file, 0, SIZE, _EXCLUSIVE)
            await self._count(file, counter)
            if self.generator.random() < 0.5:
                await lock(self.share, file, 0, SIZE, LockFlags.UNLOCK)

    async def count_alone(self) -> None:
        """Open a counter so that nobody else can, and count it up; unless somebody else has it."""
        both = requests.READ | requests.WRITE
        opening = requests.create(to_wire(ALONE), both, sharing=0)
        try:
            response = await self.share.tree.request(opening, ALONE)
        except StatusError as error:
            if error.status != NtStatus.SHARING_VIOLATION:
                raise
            self.busy["alone"] += 1
            return
        async with File(self.share.tree, ALONE, response.body) as file:
            await self._count(file, ALONE)

    async def put_record(self) -> None:
        """Write one record."""
        slot = self.generator.randrange(SLOTS)
        async with self.share.open(RECORDS, "r+b") as file:
            await file.write_at(slot * SLOT, sealed(self.generator))

    async def get_records(self) -> None:
        """Read some records."""
        async with self.share.open(RECORDS) as file:
            for slot in self.generator.sample(range(SLOTS), 4):
                record = bytes(await file.read_at(slot * SLOT, SLOT))
                if not is_whole(record):
                    raise Difference(f"{self.name}: record {slot} is half of one")

    def _page(self) -> str:
        return f"{PAGES}/page{self.generator.randrange(8)}"

    async def publish(self) -> None:
        """Put a page in the place of another."""
        passing, page = f"{PAGES}/new-{self.name}", self._page()
        async with self.share.open(passing, "xb") as file:
            await file.write(sealed(self.generator))
        try:
            await self.share.rename(passing, page, replace=True)
        except StatusError as error:
            if error.status not in _BUSY:
                raise
            self.busy["publish"] += 1
            await self.share.remove(passing)

    async def fetch(self) -> None:
        """Read a page, if it is there."""
        page = self._page()
        try:
            content = await self.share.read_bytes(page)
        except StatusError as error:
            self._gone(error)
        else:
            if not is_whole(content):
                raise Difference(f"{self.name}: {page} is half of one")

    async def unpublish(self) -> None:
        """Delete a page, if it is there."""
        try:
            await self.share.remove(self._page())
        except StatusError as error:
            self._gone(error)

    def _gone(self, error: StatusError) -> None:
        if not isinstance(error, NotFoundError) and error.status not in _BUSY:
            raise error
        self.busy["gone"] += 1

    async def list(self) -> None:
        """List the pages: each name once, and only such as there can be."""
        names = await self.share.listdir(PAGES)
        if len(set(names)) != len(names):
            raise Difference(f"{self.name}: a name is listed twice: {sorted(names)}")
        if not all(name.startswith(("page", "new-")) for name in names):
            raise Difference(f"{self.name}: who made these: {sorted(names)}?")


def check(root: Path, seen: dict[str, list[int]]) -> list[str]:
    """Return the faults on the disk in the end; `seen` are the values that all clients found."""
    faults = []
    for counter in (*LOCKED, ALONE):
        value = int.from_bytes((root / counter).read_bytes(), "little")
        found = sorted(seen.get(counter, []))
        if found != list(range(value)):
            faults.append(f"{counter} is {value}, and was counted up {len(found)} times")
    content = (root / RECORDS).read_bytes()
    whole = [is_whole(content[slot * SLOT : (slot + 1) * SLOT]) for slot in range(SLOTS)]
    if len(content) != SLOT * SLOTS or not all(whole):
        faults.append(f"{whole.count(False)} records are half of one")
    faults += [
        f"{page.name} is left over, or half of one"
        for page in (root / PAGES).iterdir()
        if not page.name.startswith("page") or not is_whole(page.read_bytes())
    ]
    return faults
