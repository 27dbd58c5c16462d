"""Reads and writes that wait for a disk wait on a thread, and nobody else with them."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.overload.disk_monitor import (
    COUNTED_FLUSHES,
    DELAYED_FLUSH,
    QUICK_FLUSH,
    QUICK_FLUSHES,
    QUICK_ON_THREAD,
    SLOW_OPERATION,
    SLOW_PERIOD,
    SMALL_READ,
    SMALL_WRITE,
    VERY_LATE,
    DiskMonitor,
)
from smbquic.server.server import Server
from smbquic.storage.local.file import LocalFile
from smbquic.wire.file_id import FileId
from smbquic.wire.flush import FlushRequest
from smbquic.wire.read import ReadRequest
from smbquic.wire.write import WriteRequest
from tests.unit.clock import Clock
from tests.unit.server.smb_client import Client, Connect, ServerWith, Until, share_of


@pytest.fixture
def disk(clock: Clock) -> DiskMonitor:
    return DiskMonitor(clock)


def test_a_disk_is_quick_until_something_takes_long(disk: DiskMonitor) -> None:
    assert disk.run(lambda text: text * 2, "a") == "aa"
    assert not disk.is_slow


def test_a_disk_is_slow_for_a_while_after_an_operation_that_took_long(
    clock: Clock, disk: DiskMonitor
) -> None:
    disk.run(clock.advance, SLOW_OPERATION)
    assert not disk.is_slow
    disk.run(clock.advance, 2 * SLOW_OPERATION)
    assert disk.is_slow
    clock.advance(SLOW_PERIOD - SLOW_OPERATION)
    assert disk.is_slow
    clock.advance(2 * SLOW_OPERATION)
    assert not disk.is_slow


def test_what_takes_just_as_long_as_it_may() -> None:
    clock = Clock(0.0)  # where sums of times are exact
    disk = DiskMonitor(clock)

    def look() -> bool:
        clock.advance(SLOW_OPERATION)
        return disk.is_slow

    assert not disk.run(look)
    assert not disk.is_slow
    disk.run(clock.advance, 1.0)
    clock.now = 1.0 + SLOW_OPERATION + SLOW_PERIOD
    assert not disk.is_slow
    for _ in range(QUICK_FLUSHES):
        clock.now = 0.0
        disk.flush(lambda: clock.advance(QUICK_FLUSH))
    clock.now = 100.0
    assert not disk.flushes_quickly


def test_the_oldest_of_several_operations_counts(clock: Clock, disk: DiskMonitor) -> None:
    def look() -> bool:
        clock.advance(SLOW_OPERATION / 2)
        return disk.run(lambda: disk.is_slow)

    assert not disk.run(look)
    assert not disk.is_slow
    clock.advance(SLOW_PERIOD)

    def look_late() -> bool:
        clock.advance(2 * SLOW_OPERATION)
        return disk.run(lambda: disk.is_slow)

    assert disk.run(look_late)


def test_a_disk_that_counts_as_slow(clock: Clock) -> None:
    disk = DiskMonitor(clock, always_slow=True)
    for _ in range(QUICK_FLUSHES):
        disk.flush(lambda: None)
    assert disk.is_slow
    assert not disk.flushes_quickly


def test_what_fails_late_counts_as_well(clock: Clock, disk: DiskMonitor) -> None:
    def fail() -> None:
        clock.advance(1.0)
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011
        disk.run(fail)
    assert disk.is_slow


def test_a_disk_is_slow_while_an_operation_does_not_end(clock: Clock, disk: DiskMonitor) -> None:
    def look() -> bool:
        clock.advance(2 * SLOW_OPERATION)
        return disk.is_slow

    assert disk.run(look)


def test_flushes_are_quick_after_many_that_were(clock: Clock, disk: DiskMonitor) -> None:
    """One file that has nothing to be written says nothing about the disk."""
    for _ in range(QUICK_FLUSHES):
        assert not disk.flushes_quickly
        disk.flush(lambda: clock.advance(QUICK_FLUSH / 2))
    assert disk.flushes_quickly


def test_a_slower_flush_outweighs_some_that_were_quick(clock: Clock, disk: DiskMonitor) -> None:
    for _ in range(QUICK_FLUSHES):
        disk.flush(lambda: None)
    disk.flush(lambda: clock.advance(2 * QUICK_FLUSH))
    for _ in range(DELAYED_FLUSH):
        assert not disk.flushes_quickly
        disk.flush(lambda: None)
    assert disk.flushes_quickly


def test_a_disk_that_was_quick_for_long_may_be_slower_now_and_then(
    clock: Clock, disk: DiskMonitor
) -> None:
    for _ in range(2 * COUNTED_FLUSHES):
        disk.flush(lambda: None)
    for _ in range((COUNTED_FLUSHES - QUICK_FLUSHES) // DELAYED_FLUSH):
        disk.flush(lambda: clock.advance(2 * QUICK_FLUSH))
        assert disk.flushes_quickly
    disk.flush(lambda: clock.advance(2 * QUICK_FLUSH))
    assert not disk.flushes_quickly


def test_a_flush_that_took_really_long_outweighs_all(clock: Clock, disk: DiskMonitor) -> None:
    for _ in range(COUNTED_FLUSHES):
        disk.flush(lambda: None)
    disk.flush(lambda: clock.advance(VERY_LATE * QUICK_FLUSH * 1.01))
    for _ in range(QUICK_FLUSHES):
        assert not disk.flushes_quickly
        disk.flush(lambda: None)
    assert disk.flushes_quickly


def test_slower_flushes_are_not_counted_against_those_to_come(
    clock: Clock, disk: DiskMonitor
) -> None:
    for _ in range(3):
        disk.flush(lambda: clock.advance(2 * QUICK_FLUSH))
    for _ in range(QUICK_FLUSHES):
        assert not disk.flushes_quickly
        disk.flush(lambda: None)
    assert disk.flushes_quickly


def test_a_flush_on_a_thread_may_wait_for_the_event_loop(clock: Clock, disk: DiskMonitor) -> None:
    for _ in range(QUICK_FLUSHES):
        assert not disk.flushes_quickly
        disk.flush_on_thread(lambda: clock.advance(QUICK_ON_THREAD / 2))
    assert disk.flushes_quickly
    # Was it the disk? On the event loop nothing else takes time.
    disk.flush(lambda: clock.advance(QUICK_ON_THREAD / 2))
    assert not disk.flushes_quickly


def test_a_disk_that_flushes_slowly_is_left_to_threads(clock: Clock, disk: DiskMonitor) -> None:
    for _ in range(QUICK_FLUSHES - 1):
        disk.flush_on_thread(lambda: None)
    disk.flush_on_thread(lambda: clock.advance(2 * QUICK_ON_THREAD))
    assert not disk.flushes_quickly


def test_flushes_of_a_slow_disk_are_not_quick(clock: Clock, disk: DiskMonitor) -> None:
    for _ in range(QUICK_FLUSHES):
        disk.flush(lambda: None)
    disk.run(clock.advance, 2 * SLOW_OPERATION)
    assert not disk.flushes_quickly
    clock.advance(2 * SLOW_PERIOD)
    assert disk.flushes_quickly


def test_a_flush_that_fails_late_was_not_quick(clock: Clock, disk: DiskMonitor) -> None:
    def fail() -> None:
        clock.advance(2 * QUICK_FLUSH)
        raise OSError

    for _ in range(QUICK_FLUSHES):
        disk.flush(lambda: None)
    with pytest.raises(OSError):  # noqa: PT011
        disk.flush(fail)
    assert not disk.flushes_quickly


class Stalled:
    """A disk that answers once `goes_on` is set; `begun` tells that somebody waits for it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.lock = threading.Lock()
        self.begun = threading.Event()
        self.waiting = 0
        self.goes_on = threading.Event()

    def __call__(self, *arguments: Any) -> Any:
        with self.lock:
            self.waiting += 1
        self.begun.set()
        assert self.goes_on.wait(60)
        return self.function(*arguments)


def stall(monkeypatch: pytest.MonkeyPatch, name: str) -> Stalled:
    stalled = Stalled(getattr(LocalFile, name))
    monkeypatch.setattr(LocalFile, name, lambda *arguments: stalled(*arguments))
    return stalled


async def opened(client: Client, name: str, content: bytes) -> FileId:
    file_id: FileId = await client.open(name)
    assert (await client.call(WriteRequest(0, file_id, content))).status == NtStatus.SUCCESS
    return file_id


async def test_others_are_served_while_a_write_waits_for_the_disk(
    connect: Connect,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    writer, other = await connect(), await connect()
    small = await opened(other, "small", b"abc")
    large = await writer.open("large")
    stalled = stall(monkeypatch, "write")
    waiting = writer.send(WriteRequest(0, large, bytes(SMALL_WRITE + 1)))
    await until(stalled.begun.is_set)
    response = await other.call(ReadRequest(3, 0, small))
    assert bytes(response.body.data) == b"abc"
    stalled.goes_on.set()
    response = await writer.answer(waiting)
    assert response.status == NtStatus.SUCCESS
    assert response.body.count == SMALL_WRITE + 1


async def test_while_the_disk_is_slow_small_writes_wait_on_threads(
    connect: Connect,
    server: Server,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    writer, other = await connect(), await connect()
    small = await opened(other, "small", b"abc")
    file_id = await writer.open("file")
    share_of(server).disk._slow_until = float("inf")
    stalled = stall(monkeypatch, "write")
    waiting = writer.send(WriteRequest(0, file_id, b"x"))
    await until(stalled.begun.is_set)
    assert (await other.call(ReadRequest(3, 0, small))).status == NtStatus.SUCCESS
    stalled.goes_on.set()
    assert (await writer.answer(waiting)).status == NtStatus.SUCCESS


async def test_others_are_served_while_a_read_waits_for_the_disk(
    connect: Connect,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader, other = await connect(), await connect()
    file_id = await opened(reader, "file", b"content")

    def not_cached(*_: object) -> None:
        raise BlockingIOError

    monkeypatch.setattr(LocalFile, "read_cached", not_cached)
    stalled = stall(monkeypatch, "read")
    waiting = reader.send(ReadRequest(7, 0, file_id))
    await until(stalled.begun.is_set)
    assert (await other.create("another")).status == NtStatus.SUCCESS
    stalled.goes_on.set()
    assert bytes((await reader.answer(waiting)).body.data) == b"content"


@pytest.mark.parametrize("size", [1, SMALL_READ + 1])
async def test_reads_where_nobody_knows_what_is_cached(
    client: Client, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    file_id = await opened(client, "file", b"x" * size)
    monkeypatch.setattr(LocalFile, "read_cached", lambda *_: None)
    response = await client.call(ReadRequest(size, 0, file_id))
    assert bytes(response.body.data) == b"x" * size
    response = await client.call(ReadRequest(size, size, file_id))
    assert response.status == NtStatus.END_OF_FILE


async def test_a_client_is_read_no_further_while_much_of_it_waits_for_the_disk(
    connect: Connect,
    server_with: ServerWith,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # One user may have a quarter of it, answers to come included.
    client = await connect(to=server_with(Limits(buffers=8 * SMALL_READ, interim_delay=30.0)))
    file_id = await opened(client, "file", b"content")
    monkeypatch.setattr(LocalFile, "read_cached", lambda *_: None)
    stalled = stall(monkeypatch, "read")
    waiting = [client.send(ReadRequest(SMALL_READ + 1, 0, file_id)) for _ in range(4)]
    await until(stalled.begun.is_set)
    [connection] = client.server.connections
    await until(lambda: len(connection.pending.tasks) == 2)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(connection.pending.tasks) == 2
    assert connection.pending_bytes > 2 * SMALL_READ
    stalled.goes_on.set()
    for message_id in waiting:
        assert (await client.answer(message_id)).status == NtStatus.SUCCESS
    await until(lambda: connection.pending_bytes == 0)


async def test_users_of_a_disk_that_stalls_leave_threads_to_others(
    connect: Connect,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    users = [await connect(token=f"user{number}:secret") for number in range(10)]
    other = await connect()
    file_id = await other.open("other")
    stalled = stall(monkeypatch, "write")
    waiting = []
    for user in users:
        large = await user.open("large")
        data = bytes(SMALL_WRITE + 1)
        waiting += [(user, user.send(WriteRequest(0, large, data))) for _ in range(4)]
    await until(lambda: stalled.waiting == len(waiting))
    assert (await other.call(FlushRequest(file_id))).status == NtStatus.SUCCESS
    stalled.goes_on.set()
    for user, message_id in waiting:
        assert (await user.answer(message_id)).status == NtStatus.SUCCESS
