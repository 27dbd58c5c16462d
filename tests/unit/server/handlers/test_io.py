"""READ, WRITE, FLUSH, LOCK and CLOSE on open files."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.server import dispatch
from smbquic.server.overload.batches import BATCH
from smbquic.server.overload.disk_monitor import SMALL_WRITE
from smbquic.server.server import Server
from smbquic.storage.local.file import LocalFile
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.close import CloseFlags, CloseRequest
from smbquic.wire.create import CreateOptions
from smbquic.wire.file_id import FileId
from smbquic.wire.flush import FlushRequest
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.file_information import FileInformationClass, PositionInformation
from smbquic.wire.lock import LockElement, LockFlags, LockRequest
from smbquic.wire.query_info import InfoType, QueryInfoRequest
from smbquic.wire.read import ReadRequest
from smbquic.wire.write import WriteFlags, WriteRequest
from tests.unit.server.conftest import Client, Connect, Turns

TOP = (1 << 63) - 1
SHARED, EXCLUSIVE = LockFlags.SHARED_LOCK, LockFlags.EXCLUSIVE_LOCK
UNLOCK, NOW = LockFlags.UNLOCK, LockFlags.FAIL_IMMEDIATELY


def lock(file_id: FileId, *elements: tuple[int, int, int]) -> LockRequest:
    return LockRequest(0, file_id, [LockElement(*element) for element in elements])


async def test_what_was_written_is_read(client: Client, root: Path) -> None:
    file_id = await client.open("x")
    payload = bytes(range(256)) * 1000
    response = await client.call(WriteRequest(10, file_id, payload))
    assert response.body.count == len(payload)
    response = await client.call(ReadRequest(len(payload) + 100, 0, file_id))
    assert response.body.data == bytes(10) + payload
    assert (root / "x").read_bytes() == bytes(10) + payload


@pytest.mark.parametrize("size", [1, SMALL_WRITE + 1])
async def test_reads_and_writes_move_the_position(client: Any, size: int) -> None:
    file_id = await client.open("x")

    async def position() -> int:
        information_class = FileInformationClass.FilePositionInformation
        response = await client.call(QueryInfoRequest(InfoType.FILE, information_class, 8, file_id))
        return PositionInformation.decode(response.body.buffer).current_byte_offset

    await client.call(WriteRequest(10, file_id, bytes(size)))
    assert await position() == 10 + size
    await client.call(ReadRequest(4, 5, file_id))
    assert await position() == 9


@pytest.mark.parametrize(
    ("length", "offset", "minimum", "expected"),
    [
        (10, 0, 1, 10),
        (10, 100, 0, NtStatus.END_OF_FILE),
        (0, 100, 0, 0),
        (0, 100, 1, NtStatus.END_OF_FILE),
        (2, 99, 0, 1),
        (1, 99, 2, NtStatus.END_OF_FILE),
        (5, 0, 10, NtStatus.END_OF_FILE),
        (1, TOP - 1, 0, NtStatus.END_OF_FILE),
        (0, TOP, 0, 0),
        (1, TOP, 0, NtStatus.INVALID_PARAMETER),
        (0, TOP + 1, 0, NtStatus.INVALID_PARAMETER),
    ],
)
async def test_reads_at_the_edges(
    client: Client, root: Path, length: int, offset: int, minimum: int, expected: int
) -> None:
    (root / "x").write_bytes(bytes(100))
    file_id = await client.open("x")
    response = await client.call(ReadRequest(length, offset, file_id, minimum_count=minimum))
    if isinstance(expected, NtStatus):
        assert response.status == expected
    else:
        assert response.status == NtStatus.SUCCESS
        assert len(response.body.data) == expected


@pytest.mark.parametrize(
    ("offset", "size", "status"),
    [
        (TOP, 0, NtStatus.SUCCESS),
        (TOP, 1, NtStatus.INVALID_PARAMETER),
        (TOP + 1, 0, NtStatus.INVALID_PARAMETER),
        ((1 << 64) - 1, 1, NtStatus.INVALID_PARAMETER),
    ],
)
async def test_writes_at_the_edges(
    client: Client, offset: int, size: int, status: NtStatus
) -> None:
    file_id = await client.open("x")
    assert (await client.call(WriteRequest(offset, file_id, bytes(size)))).status == status


async def test_no_more_than_negotiated(
    connect: Connect, server_with: Callable[..., Server]
) -> None:
    client = await connect(to=server_with(max_size=65536))
    file_id = await client.open("x")
    large = 65537
    for body in (ReadRequest(large, 0, file_id), WriteRequest(0, file_id, bytes(large))):
        assert (await client.call(body)).status == NtStatus.INVALID_PARAMETER


async def test_rdma_is_not_spoken(client: Client) -> None:
    file_id = await client.open("x")
    for body in (
        ReadRequest(1, 0, file_id, channel=1),
        WriteRequest(0, file_id, b"x", channel=1),
    ):
        assert (await client.call(body)).status == NtStatus.INVALID_PARAMETER


async def test_folders_have_no_content(client: Client) -> None:
    file_id = await client.open("a", create_options=CreateOptions.FILE_DIRECTORY_FILE)
    for body in (ReadRequest(1, 0, file_id), WriteRequest(0, file_id, b"x")):
        assert (await client.call(body)).status == NtStatus.INVALID_DEVICE_REQUEST
    response = await client.call(lock(file_id, (0, 1, SHARED)))
    assert response.status == NtStatus.INVALID_PARAMETER


@pytest.mark.parametrize(
    ("access", "read", "write"),
    [
        (AccessMask.FILE_READ_DATA, True, False),
        (AccessMask.FILE_EXECUTE, True, False),
        (AccessMask.FILE_WRITE_DATA, False, True),
        (AccessMask.FILE_APPEND_DATA, False, True),
        (AccessMask.FILE_READ_ATTRIBUTES, False, False),
    ],
)
async def test_access_decides(client: Client, access: int, read: bool, write: bool) -> None:
    await client.call(WriteRequest(0, await client.open("x"), b"x"))
    file_id = await client.open("x", desired_access=access)
    expected = {True: NtStatus.SUCCESS, False: NtStatus.ACCESS_DENIED}
    assert (await client.call(ReadRequest(1, 0, file_id))).status == expected[read]
    for body in (WriteRequest(0, file_id, b"x"), FlushRequest(file_id)):
        assert (await client.call(body)).status == expected[write]
    response = await client.call(lock(file_id, (0, 1, SHARED)))
    assert response.status == expected[read or write]


async def test_an_unknown_file_is_closed(client: Client) -> None:
    file_id = await client.open("x")
    wrong = FileId(file_id.persistent + 1, file_id.volatile)
    for body in (ReadRequest(1, 0, wrong), CloseRequest(wrong), FlushRequest(FileId(7, 7))):
        assert (await client.call(body)).status == NtStatus.FILE_CLOSED
    await client.connect()
    assert (await client.call(CloseRequest(file_id))).status == NtStatus.FILE_CLOSED


async def test_close_tells_what_became_of_the_file(client: Client) -> None:
    response = await client.create("x")
    file_id = response.body.file_id
    await client.call(WriteRequest(0, file_id, b"content"))
    told = await client.call(CloseRequest(file_id, flags=CloseFlags.POSTQUERY_ATTRIB))
    assert told.body.flags == CloseFlags.POSTQUERY_ATTRIB
    assert told.body.end_of_file == 7
    assert told.body.file_attributes == FileAttributes.ARCHIVE
    assert told.body.creation_time == response.body.creation_time
    silent = await client.call(CloseRequest(await client.open("x")))
    assert silent.body.end_of_file == silent.body.creation_time == 0


class Gate:
    """Holds up `LocalFile.flush` until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open = threading.Event()
        self.flushed = 0
        real = LocalFile.flush

        def flush(file: LocalFile) -> None:
            assert self.open.wait(60)
            real(file)
            self.flushed += 1

        monkeypatch.setattr(LocalFile, "flush", flush)


async def test_others_go_on_while_a_file_is_flushed(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    file_id = await client.open("x")
    flush = client.send(FlushRequest(file_id))
    assert (await client.call(ReadRequest(1, 0, file_id))).status == NtStatus.END_OF_FILE
    gate.open.set()
    assert (await client.answer(flush)).status == NtStatus.SUCCESS
    assert client.pending == {}
    assert gate.flushed == 1


async def test_a_slow_flush_is_announced(
    connect: Connect, server_with: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    client = await connect(to=server_with(Limits(interim_delay=0.0)))
    flush = client.send(FlushRequest(await client.open("x")))
    (interim,) = await client.fetch()
    assert interim.pending
    gate.open.set()
    assert (await client.answer(flush)).status == NtStatus.SUCCESS


async def test_a_flush_that_fails_says_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def flush(file: LocalFile) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(LocalFile, "flush", flush)
    response = await client.call(FlushRequest(await client.open("x")))
    assert response.status == NtStatus.DISK_FULL


@pytest.mark.parametrize("by_open", [False, True])
async def test_write_through_is_flushed(
    client: Client, monkeypatch: pytest.MonkeyPatch, by_open: bool
) -> None:
    gate = Gate(monkeypatch)
    gate.open.set()
    options = CreateOptions.FILE_WRITE_THROUGH if by_open else CreateOptions(0)
    file_id = await client.open("x", create_options=options)
    flags = 0 if by_open else WriteFlags.WRITE_THROUGH
    response = await client.call(WriteRequest(0, file_id, b"x", flags=flags))
    assert response.body.count == 1
    assert gate.flushed == 1


async def test_locks_hold_others_off(client: Client) -> None:
    mine, other = await client.open("x"), await client.open("x")
    await client.call(WriteRequest(0, mine, bytes(100)))
    assert (await client.call(lock(mine, (0, 10, EXCLUSIVE)))).status == NtStatus.SUCCESS
    for body in (ReadRequest(1, 9, other), WriteRequest(9, other, b"x")):
        assert (await client.call(body)).status == NtStatus.FILE_LOCK_CONFLICT
    assert (await client.call(ReadRequest(1, 10, other))).status == NtStatus.SUCCESS
    response = await client.call(lock(other, (9, 1, EXCLUSIVE | NOW)))
    assert response.status == NtStatus.LOCK_NOT_GRANTED
    assert (await client.call(lock(mine, (0, 10, UNLOCK)))).status == NtStatus.SUCCESS
    assert (await client.call(ReadRequest(1, 9, other))).status == NtStatus.SUCCESS


@pytest.mark.parametrize(
    ("elements", "status"),
    [
        ([], NtStatus.INVALID_PARAMETER),
        ([(0, 1, 0)], NtStatus.INVALID_PARAMETER),
        ([(0, 1, SHARED | EXCLUSIVE)], NtStatus.INVALID_PARAMETER),
        ([(0, 1, 0x20)], NtStatus.INVALID_PARAMETER),
        ([(0, 1, UNLOCK | NOW)], NtStatus.INVALID_PARAMETER),
        ([(0, 1, SHARED | NOW), (1, 1, SHARED)], NtStatus.INVALID_PARAMETER),
        ([(0, 1, SHARED | NOW), (1, 1, UNLOCK)], NtStatus.INVALID_PARAMETER),
        ([(0, 1, UNLOCK)], NtStatus.RANGE_NOT_LOCKED),
        ([((1 << 64) - 1, 2, SHARED | NOW)], NtStatus.INVALID_LOCK_RANGE),
        ([((1 << 64) - 1, 1, SHARED | NOW)], NtStatus.SUCCESS),
        ([(0, 1, SHARED | NOW), (0, 1, SHARED | NOW)], NtStatus.SUCCESS),
    ],
)
async def test_lock_requests(
    client: Client, elements: list[tuple[int, int, int]], status: NtStatus
) -> None:
    assert (await client.call(lock(await client.open("x"), *elements))).status == status


async def test_of_several_locks_all_are_taken_or_none(client: Client) -> None:
    mine, other = await client.open("x"), await client.open("x")
    await client.call(lock(other, (10, 1, EXCLUSIVE)))
    both = [(0, 1, EXCLUSIVE | NOW), (10, 1, EXCLUSIVE | NOW)]
    assert (await client.call(lock(mine, *both))).status == NtStatus.LOCK_NOT_GRANTED
    assert (await client.call(lock(other, (0, 1, EXCLUSIVE)))).status == NtStatus.SUCCESS


async def test_unlocking_stops_at_what_is_none(client: Client) -> None:
    file_id = await client.open("x")
    for offset in (0, 1):
        await client.call(lock(file_id, (offset, 1, EXCLUSIVE)))
    response = await client.call(lock(file_id, (0, 1, UNLOCK), (1, 1, SHARED)))
    assert response.status == NtStatus.INVALID_PARAMETER
    assert (await client.call(lock(file_id, (0, 1, UNLOCK)))).status == NtStatus.RANGE_NOT_LOCKED
    assert (await client.call(lock(file_id, (1, 1, UNLOCK)))).status == NtStatus.SUCCESS


async def test_locks_of_an_open_are_counted(
    connect: Connect, server_with: Callable[..., Server]
) -> None:
    client = await connect(to=server_with(Limits(locks=2)))
    file_id, other = await client.open("x"), await client.open("x")
    for offset in (0, 1):
        await client.call(lock(file_id, (offset, 1, EXCLUSIVE)))
    response = await client.call(lock(file_id, (2, 1, EXCLUSIVE)))
    assert response.status == NtStatus.INSUFFICIENT_RESOURCES
    assert (await client.call(lock(other, (2, 1, EXCLUSIVE)))).status == NtStatus.SUCCESS


MANY = 4096


async def test_others_have_turns_while_thousands_of_ranges_are_locked(
    connect: Connect, turns: type[Turns]
) -> None:
    client, other = await connect(), await connect()
    mine, theirs = await client.open("x"), await other.open("x")
    elements = [(offset * 10, 5, EXCLUSIVE | NOW) for offset in range(MANY)]
    requests = [
        lock(mine, *elements),
        lock(mine, *((offset, length, UNLOCK) for offset, length, _ in elements)),
        lock(mine, *elements),
        CloseRequest(mine),
    ]
    for request in requests:
        counted = turns()
        assert (await client.call(request)).status == NtStatus.SUCCESS
        # At most so many elements in each.
        assert await counted.end() >= MANY // BATCH
    assert (await other.call(lock(theirs, *elements))).status == NtStatus.SUCCESS


async def test_of_thousands_of_ranges_none_stays_locked_if_the_last_is_not_to_be_had(
    connect: Connect, turns: type[Turns]
) -> None:
    client, other = await connect(), await connect()
    mine, theirs = await client.open("x"), await other.open("x")
    last = (MANY * 10, 5, EXCLUSIVE | NOW)
    assert (await other.call(lock(theirs, last))).status == NtStatus.SUCCESS
    elements = [(offset * 10, 5, EXCLUSIVE | NOW) for offset in range(MANY - 1)]
    counted = turns()
    assert (await client.call(lock(mine, *elements, last))).status == NtStatus.LOCK_NOT_GRANTED
    # They are given back in slices, too.
    assert await counted.end() >= 2 * MANY // BATCH - 2
    assert (await other.call(lock(theirs, *elements))).status == NtStatus.SUCCESS


async def test_a_file_may_be_closed_while_thousands_of_its_ranges_are_locked(
    connect: Connect,
) -> None:
    client, other = await connect(), await connect()
    mine, theirs = await client.open("x"), await other.open("x")
    elements = [(offset * 10, 5, EXCLUSIVE | NOW) for offset in range(MANY)]
    locking = client.send(lock(mine, *elements))
    closing = client.send(CloseRequest(mine))
    assert (await client.answer(locking)).status == NtStatus.RANGE_NOT_LOCKED
    assert (await client.answer(closing)).status == NtStatus.SUCCESS
    assert (await other.call(lock(theirs, *elements))).status == NtStatus.SUCCESS


async def test_a_lock_waits_for_another_to_go(connect: Connect) -> None:
    first, second = await connect(), await connect()
    mine, other = await first.open("x"), await second.open("x")
    for offset in (0, 1):
        await first.call(lock(mine, (offset, 1, EXCLUSIVE)))
    waiting = second.send(lock(other, (0, 1, EXCLUSIVE)))
    (interim,) = await second.fetch()
    assert interim.pending
    assert interim.header.is_async
    await first.call(lock(mine, (1, 1, UNLOCK)))
    assert (await second.call(ReadRequest(1, 5, other))).status == NtStatus.END_OF_FILE
    assert waiting not in second.responses
    await first.call(lock(mine, (0, 1, UNLOCK)))
    response = await second.answer(waiting)
    assert response.status == NtStatus.SUCCESS
    assert response.header.async_id == interim.header.async_id


async def test_a_waiting_lock_is_cancelled(client: Client, server: Server) -> None:
    mine, other = await client.open("x"), await client.open("x")
    await client.call(lock(mine, (0, 1, EXCLUSIVE)))
    waiting = client.send(lock(other, (0, 1, EXCLUSIVE)))
    await client.fetch()
    client.deliver(client.protocol.cancel(waiting))
    assert (await client.answer(waiting)).status == NtStatus.CANCELLED
    (connection,) = server.connections
    assert not connection.pending


async def test_closing_a_file_ends_the_wait_for_its_lock(client: Client) -> None:
    mine, other = await client.open("x"), await client.open("x")
    await client.call(lock(mine, (0, 1, EXCLUSIVE)))
    waiting = client.send(lock(other, (0, 1, EXCLUSIVE)))
    await client.call(CloseRequest(other))
    assert (await client.answer(waiting)).status == NtStatus.RANGE_NOT_LOCKED


async def test_closing_both_files_at_once_leaves_no_lock(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Otherwise the lock might be had between the two, on a slow machine.
    monkeypatch.setattr(dispatch, "TIME_SLICE", 3600.0)
    mine, other = await client.open("x"), await client.open("x")
    await client.call(lock(mine, (0, 1, EXCLUSIVE)))
    waiting = client.send(lock(other, (0, 1, EXCLUSIVE)))
    await client.fetch()
    await client.compound(CloseRequest(mine), CloseRequest(other), related=False)
    assert (await client.answer(waiting)).status == NtStatus.RANGE_NOT_LOCKED
    file_id = await client.open("x")
    response = await client.call(lock(file_id, (0, 1, EXCLUSIVE | NOW)))
    assert response.status == NtStatus.SUCCESS


async def test_a_hangup_gives_locks_up(connect: Connect) -> None:
    first, second = await connect(), await connect()
    mine, other = await first.open("x"), await second.open("x")
    await first.call(lock(mine, (0, 1, EXCLUSIVE)))
    waiting = second.send(lock(other, (0, 1, EXCLUSIVE)))
    await second.fetch()
    await first.close()
    assert (await second.answer(waiting)).status == NtStatus.SUCCESS


async def test_a_hangup_ends_what_waits(connect: Connect, server: Server) -> None:
    client = await connect()
    mine, other = await client.open("x"), await client.open("x")
    await client.call(lock(mine, (0, 1, EXCLUSIVE)))
    client.send(lock(other, (0, 1, EXCLUSIVE)))
    await client.fetch()
    await client.close()
    assert server.files.get(("x",)) is None
    assert server.sessions == {}
    assert len(asyncio.all_tasks()) == 1
