"""LOCK of open files."""

import asyncio

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.server import dispatch
from smbquic.server.batches import BATCH
from smbquic.server.server import Server
from smbquic.wire.close import CloseRequest
from smbquic.wire.file_id import FileId
from smbquic.wire.lock import LockElement, LockFlags, LockRequest
from smbquic.wire.read import ReadRequest
from smbquic.wire.write import WriteRequest
from tests.unit.server.smb_client import Client, Connect, ServerWith, Turns

SHARED, EXCLUSIVE = LockFlags.SHARED_LOCK, LockFlags.EXCLUSIVE_LOCK
UNLOCK, NOW = LockFlags.UNLOCK, LockFlags.FAIL_IMMEDIATELY
MANY = 4096


def lock(file_id: FileId, *elements: tuple[int, int, int]) -> LockRequest:
    return LockRequest(0, file_id, [LockElement(*element) for element in elements])


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


async def test_locks_of_an_open_are_counted(connect: Connect, server_with: ServerWith) -> None:
    client = await connect(to=server_with(Limits(locks=2)))
    file_id, other = await client.open("x"), await client.open("x")
    for offset in (0, 1):
        await client.call(lock(file_id, (offset, 1, EXCLUSIVE)))
    response = await client.call(lock(file_id, (2, 1, EXCLUSIVE)))
    assert response.status == NtStatus.INSUFFICIENT_RESOURCES
    assert (await client.call(lock(other, (2, 1, EXCLUSIVE)))).status == NtStatus.SUCCESS


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


async def test_of_thousands_of_ranges_none_stays_locked_if_that_is_cancelled(
    connect: Connect,
) -> None:
    client, other = await connect(), await connect()
    mine, theirs = await client.open("x"), await other.open("x")
    elements = [(offset * 10, 5, EXCLUSIVE | NOW) for offset in range(MANY)]
    locking = client.send(lock(mine, *elements))
    client.deliver(client.protocol.cancel(locking))
    assert (await client.answer(locking)).status == NtStatus.CANCELLED
    assert (await other.call(lock(theirs, *elements))).status == NtStatus.SUCCESS


async def test_no_lock_goes_beyond_the_last_byte(client: Client) -> None:
    file_id = await client.open("x")
    end = (1 << 64) - 1
    for offset, length, status in (
        (end, 0, NtStatus.SUCCESS),
        (1, end, NtStatus.SUCCESS),
        (2, end, NtStatus.INVALID_LOCK_RANGE),
        (end, end, NtStatus.INVALID_LOCK_RANGE),
    ):
        response = await client.call(lock(file_id, (offset, length, SHARED | NOW)))
        assert response.status == status


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
    assert not connection.pending.by_message_id


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
