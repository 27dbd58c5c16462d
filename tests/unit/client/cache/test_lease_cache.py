"""The cache against servers that break leases when it hurts, or lie about them."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import cast
from unittest.mock import AsyncMock

import pytest

from smbquic.client.cache import CacheLimits, LeaseCache
from smbquic.client.cache.cached_file import CachedFile
from smbquic.client.cache.content import CachedContent
from smbquic.client.leases import HANDLE, NOTHING, READ
from smbquic.client.opening import FileMode
from smbquic.client.share import Share
from smbquic.errors import ConnectionClosed, NotFoundError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.wire.create import CreateResponse
from smbquic.wire.file_id import FileId
from smbquic.wire.header import Command
from smbquic.wire.negotiate import GlobalCapabilities
from smbquic.wire.oplock_break import LeaseBreakNotification, OplockBreakNotification
from tests.unit.client.cache.leasing import LeasingServer
from tests.unit.client.fakes import HELD, Answer, Received

AT_ONCE = CacheLimits(pause=0)


@pytest.fixture
async def cache(share: Share, leasing: LeasingServer) -> AsyncIterator[LeaseCache]:
    made = LeaseCache(share, AT_ONCE)
    yield made
    await made.aclose()


async def settled(share: Share) -> None:
    """Wait until what was sent before has arrived."""
    await share.tree.connection.echo()


async def names(cache: LeaseCache, path: str) -> list[str]:
    return [entry.name async for entry in cache.scandir(path)]


# --- metadata -----------------------------------------------------------------------------------


async def test_what_is_known_is_not_asked_again(cache: LeaseCache, leasing: LeasingServer) -> None:
    assert (await cache.stat("d/a")).size == 7
    assert (await cache.stat("/d//a")).size == 7
    assert leasing.count(Command.CREATE) == 2
    assert await cache.exists("d/a")
    assert not await cache.exists("d/b")
    with pytest.raises(NotFoundError, match="d/b"):
        await cache.stat("d/b")
    assert leasing.count(Command.CREATE) == 3


async def test_a_broken_folder_is_asked_anew(
    cache: LeaseCache, leasing: LeasingServer, share: Share
) -> None:
    assert await names(cache, "d") == ["a"]
    leasing.files["d\\b"] = bytearray()
    leasing.break_lease("d", NOTHING)
    await settled(share)
    assert await names(cache, "d") == ["a", "b"]
    assert leasing.count(Command.OPLOCK_BREAK) == 0  # to close the folder is enough
    leasing.break_lease("d", NOTHING, acknowledge=False)
    await settled(share)
    assert await names(cache, "d") == ["a", "b"]


async def test_a_folder_that_others_change_all_the_time_is_left_alone(
    leasing: LeasingServer, share: Share
) -> None:
    now = 1.0
    cache = LeaseCache(share, CacheLimits(pause=1.0), clock=lambda: now)
    for _ in range(10):
        await cache.stat("d/a")
        if "d" in leasing.leases:
            leasing.break_lease("d", NOTHING)
            del leasing.leases["d"]
        await settled(share)
    assert leasing.count(Command.CREATE) == 11
    now = 2.0
    await cache.stat("d/a")
    assert "d" in leasing.leases
    await cache.aclose()


@pytest.mark.parametrize("granted", [NOTHING, READ, HANDLE])
async def test_without_the_whole_lease_nothing_is_kept(
    cache: LeaseCache, leasing: LeasingServer, granted: int
) -> None:
    leasing.grant = lambda wanted: wanted & granted
    for _ in range(2):
        assert (await cache.stat("d/a")).size == 7
        leasing.files["d\\a"] += b"!"
        assert (await cache.stat("d/a")).size == 8
        del leasing.files["d\\a"][7:]
        assert await names(cache, "d") == ["a"]
    opened, closed = leasing.count(Command.CREATE), leasing.count(Command.CLOSE)
    assert opened == closed


async def test_a_server_without_leases_is_not_asked_for_them(
    leasing: LeasingServer, share: Share
) -> None:
    assert share.tree.connection.protocol.server is not None
    share.tree.connection.protocol.server.capabilities = GlobalCapabilities.LARGE_MTU
    cache = LeaseCache(share)
    for _ in range(2):
        assert (await cache.stat("d/a")).size == 7
    async with await cache.open("d/a", "r+b") as file:
        await file.write(0, b"C")
        assert leasing.files["d\\a"] == b"Content"
        assert await file.read(0, 9) == b"Content"
        leasing.files["d\\a"][:] = b"other"
        assert await file.read(0, 9) == b"other"
        assert await file.size() == 5
    assert leasing.leases == {}
    await cache.aclose()


async def test_for_a_time_without_leases_if_somebody_wants_that(
    leasing: LeasingServer, share: Share
) -> None:
    now = 1.0
    leasing.grant = lambda wanted: NOTHING
    cache = LeaseCache(share, CacheLimits(ttl=1.0), clock=lambda: now)
    assert await names(cache, "d") == ["a"]
    asked = leasing.count(Command.CREATE)
    assert (await cache.stat("d/a")).size == 7
    assert await names(cache, "d") == ["a"]
    assert leasing.count(Command.CREATE) == asked
    now = 2.0
    leasing.files["d\\a"] += b"!"
    assert not await cache.exists("d/b")
    assert (await cache.stat("d/a")).size == 8
    await cache.aclose()


async def test_a_break_that_overtakes_the_lease_of_a_folder(
    leasing: LeasingServer, share: Share
) -> None:
    """The server has leases, so nothing is known without one, however long that may be wanted."""
    create = leasing.fake.handlers[Command.CREATE]

    def overtake(request: Received) -> Answer:
        answer = create(request)
        if request.body.name == "d":
            leasing.break_lease("d", NOTHING)
        return answer

    leasing.fake.handlers[Command.CREATE] = overtake
    async with LeaseCache(share, CacheLimits(ttl=60.0)) as cache:
        for size in (7, 8):
            assert (await cache.stat("d/a")).size == size
            assert cache.known_stat("d/a") is None
            leasing.files["d\\a"] += b"!"


async def test_a_folder_that_cannot_be_opened(cache: LeaseCache, leasing: LeasingServer) -> None:
    leasing.refused["d"] = NtStatus.ACCESS_DENIED
    assert (await cache.stat("d/a")).size == 7
    with pytest.raises(NotFoundError):
        await cache.stat("missing/a")


async def test_names_are_forgotten_when_somebody_says_so(
    cache: LeaseCache, leasing: LeasingServer
) -> None:
    assert (await cache.stat("d/a")).size == 7
    assert await names(cache, "d") == ["a"]
    leasing.files["d\\a"] += b"!"
    leasing.files["d\\b"] = bytearray()
    cache.invalidate("d/a")
    assert (await cache.stat("d/a")).size == 8
    cache.invalidate("d")
    assert await names(cache, "d") == ["a", "b"]


async def test_a_listing_of_a_hostile_length_is_not_kept(
    leasing: LeasingServer, share: Share
) -> None:
    leasing.files |= {f"d\\n{number}": bytearray() for number in range(50)}
    cache = LeaseCache(share, CacheLimits(entries=20))
    assert len(await names(cache, "d")) == 51
    listed = leasing.count(Command.QUERY_DIRECTORY)
    assert len(await names(cache, "d")) == 51
    assert leasing.count(Command.QUERY_DIRECTORY) > listed
    await cache.aclose()


# --- contents -----------------------------------------------------------------------------------


async def test_what_was_written_is_sent_before_a_break_is_acknowledged(
    cache: LeaseCache, leasing: LeasingServer, share: Share
) -> None:
    file = await cache.open("d/a", "r+b")
    await file.write(0, b"CON")
    assert leasing.files["d\\a"] == b"content"
    leasing.break_lease("d\\a", READ | HANDLE)
    await leasing.fake.until(lambda: leasing.count(Command.OPLOCK_BREAK) == 1)
    assert leasing.fake.commands()[-2:] == ["WRITE", "OPLOCK_BREAK"]
    assert leasing.files["d\\a"] == b"CONtent"
    await file.write(3, b"T")
    assert leasing.files["d\\a"] == b"CONTent"  # not delayed any more
    assert await file.read(0, 9) == b"CONTent"
    assert leasing.count(Command.READ) == 1
    leasing.break_lease("d\\a", NOTHING)
    await settled(share)
    leasing.files["d\\a"][:] = b"by others"
    assert await file.read(0, 9) == b"by others"
    await file.close()


async def test_a_break_while_a_request_for_the_same_file_is_under_way(
    cache: LeaseCache, leasing: LeasingServer
) -> None:
    """The server answers our own CREATE only after we have written back for it."""
    file = await cache.open("d/a", "r+b")
    await file.write(0, b"CON")
    create, waiting = leasing.fake.handlers[Command.CREATE], []

    def hold(request: Received) -> Answer:
        waiting.append(request)
        return HELD

    leasing.fake.handlers[Command.CREATE] = hold

    async def read() -> bytes:
        async with cache.share.open("d/a", "rb", buffering=0) as other:
            return await other.read()

    reading = asyncio.create_task(read())
    again = asyncio.create_task(cache.open("d/a", "rb"))  # the same lease: nothing is asked
    await leasing.fake.until(lambda: len(waiting) == 1)
    leasing.break_lease("d\\a", READ | HANDLE)
    await leasing.fake.until(lambda: leasing.count(Command.OPLOCK_BREAK) == 1)
    assert leasing.files["d\\a"] == b"CONtent"
    leasing.fake.handlers[Command.CREATE] = create
    answer = create(waiting[0])
    assert isinstance(answer, CreateResponse)
    leasing.fake.transport.reply(waiting[0], answer)
    assert await reading == b"CONtent"
    await (await again).close()
    await file.close()


async def test_what_is_only_kept_open_is_closed(
    cache: LeaseCache, leasing: LeasingServer, share: Share
) -> None:
    await (await cache.open("d/a")).close()
    assert leasing.count(Command.CLOSE) == 0
    leasing.break_lease("d\\a", READ)
    await settled(share)
    assert leasing.count(Command.CLOSE) == 1
    assert leasing.count(Command.OPLOCK_BREAK) == 0
    await (await cache.open("d/a")).close()
    assert leasing.count(Command.CREATE) == 2


async def test_a_file_that_is_in_use_is_not_closed(
    cache: LeaseCache, leasing: LeasingServer, share: Share
) -> None:
    file = await cache.open("d/a")
    assert await file.read(0, 3) == b"con"
    leasing.break_lease("d\\a", READ)
    await settled(share)
    assert leasing.count(Command.OPLOCK_BREAK) == 1
    assert await file.read(0, 3) == b"con"
    assert leasing.count(Command.READ) == 1
    # Another file may have the name now.
    other = await cache.open("d/a")
    assert leasing.count(Command.CREATE) == 2
    await file.close()
    await other.close()
    assert leasing.count(Command.CLOSE) == 1


@pytest.mark.parametrize("name", ["a", "b"])
async def test_the_size_of_a_file_in_use_that_others_write(
    cache: LeaseCache, leasing: LeasingServer, share: Share, name: str
) -> None:
    """A folder's lease tells nothing of it before the others close it."""
    file = await cache.open("d/a", "r+b")
    leasing.break_lease("d\\a", NOTHING)
    await settled(share)
    if name == "b":
        leasing.files["d\\b"] = leasing.files["d\\a"]
        await cache.share.rename("d/a", "d/b")
        file.content.renamed("d/b")
    place = f"d/{name}"
    for size in (7, 8, 9):
        assert (await cache.stat(place)).size == size
        assert cache.known_stat(place) is None
        leasing.files[f"d\\{name}"] += b"!"
    await file.close()
    assert (await cache.stat(place)).size == 10
    assert cache.known_stat(place) is not None


async def test_breaks_in_a_storm(cache: LeaseCache, leasing: LeasingServer, share: Share) -> None:
    """However many come, for whatever: memory, tasks and requests stay few."""
    file = await cache.open("d/a", "r+b")
    await file.write(0, b"C")
    await cache.stat("d/a")
    before = len(asyncio.all_tasks())
    for _ in range(500):
        for state in (READ | HANDLE, READ, NOTHING, 0xFFFFFFFF):
            leasing.break_lease("d\\a", state)
            leasing.break_lease("d\\a", state, key=bytes(16))
        leasing.send(OplockBreakNotification(0, FileId(1, 1)))
    await settled(share)
    assert len(asyncio.all_tasks()) <= before + 2
    assert leasing.count(Command.OPLOCK_BREAK) <= 2
    leasing.files["d\\a"][:] = b"other"
    assert await file.read(0, 9) == b"other"
    await file.close()


async def test_a_lease_of_nobody(cache: LeaseCache, leasing: LeasingServer, share: Share) -> None:
    await cache.stat("d/a")
    leasing.send(LeaseBreakNotification(1, 1, b"?" * 16, 7, 0))
    await settled(share)
    assert leasing.count(Command.OPLOCK_BREAK) == 0
    asked = leasing.count(Command.CREATE)
    await cache.stat("d/a")
    assert leasing.count(Command.CREATE) == asked


async def test_more_than_was_asked_for_is_not_used(
    cache: LeaseCache, leasing: LeasingServer
) -> None:
    leasing.grant = lambda wanted: 0xFFFFFFFF
    file = await cache.open("d/a")
    assert file.content.state == READ | HANDLE
    await file.close()


async def test_room_for_another_file(cache: LeaseCache, leasing: LeasingServer) -> None:
    """What is only kept open makes room when the server allows no more."""
    leasing.files["d\\b"] = bytearray(b"b")
    await (await cache.open("d/a")).close()
    await cache.stat("d/a")
    create, closes = leasing.fake.handlers[Command.CREATE], leasing.count(Command.CLOSE)

    def refuse(request: Received) -> Answer:
        if leasing.count(Command.CLOSE) == closes:
            return NtStatus.TOO_MANY_OPENED_FILES, None
        return create(request)

    leasing.fake.handlers[Command.CREATE] = refuse
    file = await cache.open("d/b")
    assert leasing.count(Command.CLOSE) == closes + 1
    assert await file.read(0, 1) == b"b"
    leasing.fake.handlers[Command.CREATE] = lambda request: (NtStatus.TOO_MANY_OPENED_FILES, None)
    with pytest.raises(StatusError, match="TOO_MANY_OPENED_FILES"):
        await cache.open("d/c")
    assert leasing.count(Command.CLOSE) == closes + 2
    await file.close()


async def test_a_lost_connection_ends_all_leases(
    cache: LeaseCache, leasing: LeasingServer, share: Share
) -> None:
    await cache.stat("d/a")
    file = await cache.open("d/a")
    await file.read(0, 9)
    await share.tree.connection.close()
    for work in (cache.stat("d/a"), file.read(0, 9), cache.open("d/a")):
        with pytest.raises(ConnectionClosed):
            await work


# --- files that are read on, and files that are kept open ----------------------------------------

KIB = 1 << 10


class AheadOf:
    """The content of a file, of which only what is read ahead matters."""

    def __init__(self) -> None:
        self.users: dict[object, object] = {}
        self.ahead: list[tuple[int, int]] = []

    async def read(self, offset: int, size: int) -> bytes:
        return b""

    def read_ahead(self, offset: int, size: int) -> None:
        self.ahead.append((offset // KIB, size // KIB))


async def test_the_longer_a_program_reads_on_the_more_is_read_ahead() -> None:
    content = AheadOf()
    file = CachedFile("a", FileMode.parse("rb"), cast(CachedContent, content), AsyncMock())
    for number in range(12):
        await file.read(number * 64 * KIB, 64 * KIB)
    steps = [(128, 256), (384, 320), (704, 576), (1280, 1088), (2368, 2112)]
    assert content.ahead == steps
    # Half of what is read ahead at most is left of it when more is asked for.
    await file.read(768 * KIB, (4480 - 768 - 2048) * KIB)
    assert content.ahead == steps
    await file.read((4480 - 2048) * KIB, KIB)
    assert content.ahead[5:] == [(4480, 2433 + 4096 - 4480)]
    content.ahead.clear()
    for offset in (0, 100 * KIB, 300 * KIB):  # here and there
        await file.read(offset, KIB)
    assert content.ahead == []
    await file.read(301 * KIB, KIB)
    assert content.ahead == [(302, 256)]
    assert len(content.users) == 1


async def closed(leasing: LeasingServer, count: int) -> None:
    await leasing.fake.until(lambda: leasing.count(Command.CLOSE) == count)


async def test_no_more_files_than_the_limit_are_kept_open(
    leasing: LeasingServer, share: Share
) -> None:
    leasing.files |= {name: bytearray(b"x") for name in ("a", "b", "c")}
    cache = LeaseCache(share, CacheLimits(files=2))
    for name in ("a", "b"):
        await (await cache.open(name)).close()
    assert leasing.count(Command.CLOSE) == 0
    await (await cache.open("a")).close()  # the one that was used last
    await (await cache.open("c")).close()
    await closed(leasing, 1)
    assert leasing.fake.opened_names() == ["a", "b", "c"]
    await (await cache.open("a")).close()
    await (await cache.open("c")).close()
    assert leasing.fake.opened_names() == ["a", "b", "c"]
    await (await cache.open("b")).close()
    assert leasing.fake.opened_names() == ["a", "b", "c", "b"]
    await cache.aclose()
    assert leasing.count(Command.CLOSE) == 4


async def test_a_file_is_not_kept_open_for_ever(leasing: LeasingServer, share: Share) -> None:
    cache = LeaseCache(share, CacheLimits(idle_seconds=0))
    file = await cache.open("d/a")
    await asyncio.sleep(0)
    assert leasing.count(Command.CLOSE) == 0  # a program has it open
    await file.close()
    await closed(leasing, 1)
    await cache.aclose()
    assert leasing.count(Command.CLOSE) == 1


async def test_a_file_that_is_opened_again_is_kept_anew(
    leasing: LeasingServer, share: Share
) -> None:
    cache = LeaseCache(share, CacheLimits(idle_seconds=0))
    await (await cache.open("d/a")).close()
    file = await cache.open("d/a")
    for _ in range(5):
        await asyncio.sleep(0)
    assert await file.read(0, 3) == b"con"
    assert (leasing.count(Command.CREATE), leasing.count(Command.CLOSE)) == (1, 0)
    await file.close()
    await cache.aclose()


async def test_a_file_that_was_written_to_is_closed_at_once(
    cache: LeaseCache, leasing: LeasingServer
) -> None:
    async with await cache.open("d/a", "r+b") as file:
        await file.write(0, b"CON")
    assert leasing.count(Command.CLOSE) == 1
    assert leasing.files["d\\a"] == b"CONtent"


async def test_of_two_programs_the_last_closes_it(
    cache: LeaseCache, leasing: LeasingServer
) -> None:
    first, second = await cache.open("d/a", "r+b"), await cache.open("d/a")
    await first.write(0, b"CON")
    await first.close()
    assert leasing.count(Command.CLOSE) == 0
    await second.close()
    assert leasing.count(Command.CLOSE) == 1
    await second.close()
    assert second.closed
    assert leasing.count(Command.CLOSE) == 1


async def test_half_of_what_is_kept_open_makes_room(leasing: LeasingServer, share: Share) -> None:
    leasing.files |= {name: bytearray(b"x") for name in ("1", "2", "3", "4")}
    cache = LeaseCache(share, AT_ONCE)
    for name in ("1", "2", "3"):
        await (await cache.open(name)).close()
    create = leasing.fake.handlers[Command.CREATE]
    refusals = [1]

    def refuse(request: Received) -> Answer:
        if refusals:
            refusals.pop()
            return NtStatus.TOO_MANY_OPENED_FILES, None
        return create(request)

    leasing.fake.handlers[Command.CREATE] = refuse
    await (await cache.open("4")).close()
    assert leasing.count(Command.CLOSE) == 2
    await (await cache.open("3")).close()
    assert leasing.fake.opened_names() == ["1", "2", "3", "4", "4"]
    await cache.aclose()


async def test_what_is_kept_open_in_a_folder_is_closed_before_that_is_renamed(
    leasing: LeasingServer, share: Share
) -> None:
    leasing.files |= {"da\\b": bytearray(b"x"), "da/": bytearray()}
    cache = LeaseCache(share, AT_ONCE)
    for name in ("d/a", "da/b"):
        await (await cache.open(name)).close()
    await cache.share.rename("d", "e")
    commands = leasing.fake.commands()
    assert commands == ["CREATE", "CREATE", "CLOSE", "CREATE", "SET_INFO", "CLOSE"]
    await (await cache.open("da/b")).close()
    assert leasing.count(Command.CREATE) == 3
    await cache.aclose()


async def test_what_the_mode_of_a_cached_file_does_not_allow(
    cache: LeaseCache, leasing: LeasingServer
) -> None:
    file = await cache.open("d/a")
    with pytest.raises(io.UnsupportedOperation, match="d/a: the file is not writable in its mode"):
        await file.write(0, b"x")
    with pytest.raises(io.UnsupportedOperation, match="not writable"):
        await file.truncate(0)
    await file.close()
    with pytest.raises(ValueError, match="d/a: the file is closed"):
        await file.read(0, 1)
    writer = await cache.open("d/b", "wb")
    with pytest.raises(io.UnsupportedOperation, match="not readable"):
        await writer.read(0, 1)
    await writer.close()
    with pytest.raises(ValueError, match="a cached file has bytes, add b"):
        await cache.open("d/a", "r")


async def test_the_folders_that_were_not_used_for_longest_are_closed(
    leasing: LeasingServer, share: Share
) -> None:
    leasing.files |= {f"{name}/": bytearray() for name in ("e", "f")}
    leasing.files |= {f"{name}\\a": bytearray() for name in ("e", "f")}
    cache = LeaseCache(share, CacheLimits(folders=2, pause=0))
    for name in ("d", "e", "d", "f"):
        assert await names(cache, name) == ["a"]
    await closed(leasing, 4)  # each listing closes what it has opened, and one folder is closed
    asked = leasing.count(Command.CREATE)
    for name in ("d", "f"):
        assert await names(cache, name) == ["a"]
    assert leasing.count(Command.CREATE) == asked
    assert await names(cache, "e") == ["a"]
    assert leasing.count(Command.CREATE) == asked + 2
    await cache.aclose()


async def test_folders_of_too_many_entries_are_closed(leasing: LeasingServer, share: Share) -> None:
    leasing.files |= {"e/": bytearray(), "e\\a": bytearray(), "d\\b": bytearray()}
    for entries, kept in ((3, True), (2, False)):
        cache = LeaseCache(share, CacheLimits(entries=entries, pause=0))
        assert await names(cache, "d") == ["a", "b"]
        assert await names(cache, "e") == ["a"]
        asked = leasing.count(Command.CREATE)
        await names(cache, "d")
        assert (leasing.count(Command.CREATE) == asked) is kept
        await cache.aclose()


async def test_after_a_few_misses_a_folder_is_listed(
    cache: LeaseCache, leasing: LeasingServer
) -> None:
    leasing.files |= {f"d\\{number}": bytearray() for number in range(9)}
    for number in range(2):
        await cache.stat(f"d/{number}")
    assert leasing.count(Command.QUERY_DIRECTORY) == 0
    asked = leasing.count(Command.CREATE)
    await cache.stat("d/2")
    assert leasing.count(Command.QUERY_DIRECTORY) > 0
    for number in range(3, 9):
        await cache.stat(f"d/{number}")
    assert leasing.count(Command.CREATE) == asked + 1  # that of the listing


async def test_what_is_known_without_asking(cache: LeaseCache, leasing: LeasingServer) -> None:
    assert cache.known_stat("d/a") is None
    found = await cache.stat("d/a")
    assert cache.known_stat("d/a") == found
    assert cache.known_stat("d/b") is None
    asked = len(leasing.fake.seen)
    async with await cache.open("d/a"):
        assert cache.known_stat("d/a") is None
    assert len(leasing.fake.seen) == asked + 1
    assert not await cache.exists("d/b")
    assert cache.known_stat("d/b") is None


async def test_a_folder_that_is_being_opened_is_given_up_at_the_end(
    leasing: LeasingServer, share: Share
) -> None:
    leasing.fake.handlers[Command.CREATE] = lambda request: HELD
    cache = LeaseCache(share, AT_ONCE)
    asking = asyncio.create_task(cache.stat("d/a"))
    await leasing.fake.until(lambda: leasing.count(Command.CREATE) == 1)
    await cache.aclose()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await leasing.fake.until(lambda: bool(leasing.fake.cancelled))
    assert leasing.fake.cancelled == [leasing.fake.seen[0].id]
