"""The content of one file: blocks, what changes them, and what becomes of failures."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from smbquic.client.cache import CacheLimits, LeaseCache
from smbquic.client.cache.blocks import BLOCK
from smbquic.client.leases import HANDLE, NOTHING, READ
from smbquic.client.share import Share
from smbquic.errors import DeniedError, ExistsError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import CreateDisposition
from smbquic.wire.header import Command
from tests.unit.client.cache.leasing import LeasingServer
from tests.unit.client.fakes import HELD, Answer, Received

FULL = (NtStatus.DISK_FULL, None)


@pytest.fixture
async def cache(share: Share, leasing: LeasingServer) -> AsyncIterator[LeaseCache]:
    leasing.files["a"] = bytearray(b"".join(bytes([n]) * BLOCK for n in range(1, 4)) + b"end")
    made = LeaseCache(share, CacheLimits(pause=0))
    yield made
    await made.aclose()


async def test_blocks_are_fetched_together(cache: LeaseCache, leasing: LeasingServer) -> None:
    file = await cache.open("a")
    assert await file.read(BLOCK - 1, 2) == b"\1\2"
    assert await file.read(0, 4 * BLOCK) == leasing.files["a"]
    assert await file.read(3 * BLOCK, 100) == b"end"
    assert await file.read(3 * BLOCK + 3, 100) == b""
    lengths = [(body.offset, body.length) for body in leasing.fake.bodies(Command.READ)]
    assert lengths == [(0, 2 * BLOCK), (2 * BLOCK, 2 * BLOCK)]
    await file.close()


async def test_readers_of_the_same_blocks_wait_for_one_read(
    cache: LeaseCache, leasing: LeasingServer
) -> None:
    file = await cache.open("a")
    one, two = await asyncio.gather(file.read(0, 9), file.read(5, 9))
    assert (one, two) == (b"\1" * 9, b"\1" * 9)
    assert leasing.count(Command.READ) == 1
    await file.close()


async def test_what_was_read_before_a_write_is_not_kept(
    cache: LeaseCache, leasing: LeasingServer
) -> None:
    """The READ is answered with what was there before the program has written."""
    leasing.grant = lambda wanted: wanted & (READ | HANDLE)
    file = await cache.open("a", "r+b")
    held: list[Received] = []
    read = leasing.fake.handlers[Command.READ]

    def hold(request: Received) -> Answer:
        held.append(request)
        return HELD

    leasing.fake.handlers[Command.READ] = hold
    reading = asyncio.create_task(file.read(0, 3))
    await leasing.fake.until(lambda: len(held) == 1)
    before = read(held[0])
    leasing.fake.handlers[Command.READ] = read
    await file.write(0, b"new")
    assert await file.read(0, 3) == b"new"
    leasing.fake.transport.reply(held[0], before)  # type: ignore[arg-type]
    assert await reading == b"\1\1\1"
    assert await file.read(0, 3) == b"new"
    await file.close()


async def test_a_write_that_fails_later_is_told_by_the_next_call(
    cache: LeaseCache, leasing: LeasingServer
) -> None:
    reader, file = await cache.open("a"), await cache.open("a", "r+b")
    leasing.fake.handlers[Command.WRITE] = lambda request: FULL
    for work in (file.drain, file.flush, lambda: file.write(0, b"x"), lambda: file.truncate(0)):
        await file.write(0, b"new")
        await file.content.drain()
        with pytest.raises(StatusError, match="DISK_FULL"):
            await work()
        await file.drain()  # once is enough
    assert await file.read(0, 3) == b"\1\1\1"
    await file.write(0, b"new")
    with pytest.raises(StatusError, match="DISK_FULL"):
        await file.close()
    assert await reader.read(0, 3) == b"\1\1\1"
    await reader.close()


@pytest.mark.parametrize(
    ("work", "sent"),
    [("drain", 0), ("flush", 1), ("close", 0), ("truncate", 0)],
)
async def test_what_waits_for_the_writes_that_are_under_way(
    work: str, sent: int, cache: LeaseCache, leasing: LeasingServer
) -> None:
    file = await cache.open("a", "r+b")
    held: list[Received] = []
    write = leasing.fake.handlers[Command.WRITE]

    def hold(request: Received) -> Answer:
        held.append(request)
        return HELD

    leasing.fake.handlers[Command.WRITE] = hold
    await file.write(0, b"new")
    waiting = asyncio.create_task(file.truncate(9) if work == "truncate" else getattr(file, work)())
    await leasing.fake.until(lambda: len(held) == 1)
    await cache.share.tree.connection.echo()
    early = waiting.done(), leasing.count(Command.FLUSH), leasing.count(Command.SET_INFO)
    leasing.fake.handlers[Command.WRITE] = write
    leasing.fake.transport.reply(held[0], write(held[0]))  # type: ignore[arg-type]
    await asyncio.wait_for(waiting, 60)
    assert early == (False, 0, 0)
    assert leasing.files["a"][:4] == b"new\1"
    assert leasing.count(Command.FLUSH) == sent
    assert len(leasing.files["a"]) == (9 if work == "truncate" else 3 * BLOCK + 3)
    if work != "close":
        await file.close()


async def test_a_write_that_fails_at_once_leaves_nothing_behind(
    cache: LeaseCache, leasing: LeasingServer
) -> None:
    leasing.grant = lambda wanted: wanted & (READ | HANDLE)
    file = await cache.open("a", "r+b")
    assert await file.read(0, 3) == b"\1\1\1"
    leasing.fake.handlers[Command.WRITE] = lambda request: FULL
    with pytest.raises(StatusError, match="DISK_FULL"):
        await file.write(0, b"new")
    assert await file.read(0, 3) == b"\1\1\1"
    await file.close()


async def test_a_gap_is_zeros(cache: LeaseCache, leasing: LeasingServer) -> None:
    file = await cache.open("a", "r+b")
    assert await file.read(3 * BLOCK, 9) == b"end"
    await file.write(3 * BLOCK + 5, b"x")
    assert await file.size() == 3 * BLOCK + 6
    assert await file.read(3 * BLOCK, 9) == b"end\0\0x"
    await file.truncate(2)
    await file.truncate(4)
    assert await file.read(0, 9) == b"\1\1\0\0"
    assert await file.write(0, b"") == 0
    await file.close()


async def test_who_may_only_write(cache: LeaseCache, leasing: LeasingServer) -> None:
    create = leasing.fake.handlers[Command.CREATE]

    def refuse(request: Received) -> Answer:
        if request.body.desired_access & AccessMask.FILE_READ_DATA:
            return NtStatus.ACCESS_DENIED, None
        return create(request)

    leasing.fake.handlers[Command.CREATE] = refuse
    with pytest.raises(DeniedError):
        await cache.open("a", "r+b")
    async with await cache.open("a", "ab") as file:
        await file.write(0, b"new")
    assert leasing.files["a"][:4] == b"new\1"


async def test_the_size_is_asked_for_once_more(
    cache: LeaseCache, leasing: LeasingServer, share: Share
) -> None:
    file = await cache.open("a")
    cache.invalidate("a")
    leasing.files["a"][:] = b"short"
    assert await file.size() == 5
    assert await file.read(0, 9) == b"short"
    assert await file.read(0, 9) == b"short"
    assert leasing.count(Command.READ) == 1
    leasing.break_lease("a", NOTHING)
    await share.tree.connection.echo()
    assert await file.read(0, 9) == b"short"
    assert leasing.count(Command.READ) == 2
    await file.close()


async def test_a_server_that_gives_less_than_there_is(
    cache: LeaseCache, leasing: LeasingServer
) -> None:
    """It says that the file has more, and then ends it: as another client may."""
    file = await cache.open("a")
    del leasing.files["a"][BLOCK + 7 :]
    assert await file.read(0, 4 * BLOCK) == leasing.files["a"]
    assert await file.read(2 * BLOCK, 9) == b""
    await file.close()


async def test_what_is_open_is_neither_made_nor_emptied_by_another_create(
    cache: LeaseCache, leasing: LeasingServer
) -> None:
    reader = await cache.open("a")
    with pytest.raises(ExistsError, match="a: "):
        await cache.open("a", "xb")
    assert leasing.count(Command.CREATE) == 1
    assert await reader.read(0, 3) == b"\1\1\1"
    writer = await cache.open("a", "wb")
    assert leasing.fake.bodies(Command.CREATE)[-1].create_disposition == CreateDisposition.FILE_OPEN
    assert leasing.files["a"] == b""
    assert await reader.read(0, 3) == b""
    assert await reader.size() == 0
    appender = await cache.open("a", "ab")
    assert leasing.count(Command.CREATE) == 2
    await appender.write(0, b"new")
    assert await reader.read(0, 9) == b"new"
    for file in (appender, writer, reader):
        await file.close()


async def test_a_lease_makes_the_size_known(cache: LeaseCache, leasing: LeasingServer) -> None:
    file = await cache.open("a", "r+b")
    assert await file.size() == 3 * BLOCK + 3
    await file.write(3 * BLOCK, b"longer")
    assert await file.size() == 3 * BLOCK + 6
    await file.write(0, b"x")
    assert await file.size() == 3 * BLOCK + 6
    await file.truncate(5)
    assert await file.size() == 5
    assert leasing.count(Command.QUERY_INFO) == 0
    leasing.break_lease("a", NOTHING)
    await leasing.fake.until(lambda: leasing.count(Command.OPLOCK_BREAK) == 1)
    for number in (1, 2):
        assert await file.size() == 5
        assert leasing.count(Command.QUERY_INFO) == number
    await file.close()


async def test_only_what_is_in_the_file_is_read_ahead(
    cache: LeaseCache, leasing: LeasingServer
) -> None:
    def reads() -> list[tuple[int, int]]:
        return [(body.offset, body.length) for body in leasing.fake.bodies(Command.READ)]

    file = await cache.open("a")
    for offset, size, expected in (
        (4 * BLOCK, 9 * BLOCK, []),
        (9 * BLOCK, BLOCK, []),
        (BLOCK + 1, BLOCK - 1, [(BLOCK, BLOCK)]),
        (BLOCK, BLOCK, [(BLOCK, BLOCK)]),
        (2 * BLOCK, 9 * BLOCK, [(BLOCK, BLOCK), (2 * BLOCK, 2 * BLOCK)]),
    ):
        file.content.read_ahead(offset, size)
        await cache.share.tree.connection.echo()
        assert reads() == expected
    assert await file.read(BLOCK, 3 * BLOCK) == leasing.files["a"][BLOCK:]
    assert len(reads()) == 2
    await file.close()


async def test_without_a_lease_nothing_is_read_ahead(
    cache: LeaseCache, leasing: LeasingServer
) -> None:
    leasing.grant = lambda wanted: NOTHING
    file = await cache.open("a")
    file.content.read_ahead(0, BLOCK)
    await cache.share.tree.connection.echo()
    assert leasing.count(Command.READ) == 0
    assert await file.read(0, 3) == b"\1\1\1"
    assert leasing.fake.bodies(Command.READ)[0].length == 3
    await file.close()


async def test_a_file_whose_lease_ends_is_closed_once_nobody_has_it_open(
    cache: LeaseCache, leasing: LeasingServer, share: Share
) -> None:
    file = await cache.open("a")
    assert file.content.keeps_name
    leasing.break_lease("a", READ)
    await leasing.fake.until(lambda: leasing.count(Command.OPLOCK_BREAK) == 1)
    assert (file.content.keeps_name, file.content.is_exact) == (False, True)
    assert leasing.count(Command.CLOSE) == 0
    await file.close()
    assert leasing.count(Command.CLOSE) == 1
    assert not file.content.is_open
    assert len(share.tree.channels.lease_breaks) == 0
