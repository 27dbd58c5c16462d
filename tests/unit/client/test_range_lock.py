import asyncio

import pytest

from smbquic.client.buffered_file import BufferedFile
from smbquic.client.share import Share
from smbquic.errors import ConnectionClosed, DeniedError, LockedError
from smbquic.ntstatus import NtStatus
from smbquic.wire.header import Command
from smbquic.wire.lock import LockFlags, LockResponse
from tests.unit.client.fakes import HELD, Answer, FakeServer, FakeTransport, Received
from tests.unit.client.test_buffered_file import StoredFile

EXCLUSIVE, SHARED = LockFlags.EXCLUSIVE_LOCK, LockFlags.SHARED_LOCK
AT_ONCE, UNLOCK = LockFlags.FAIL_IMMEDIATELY, LockFlags.UNLOCK


@pytest.fixture(autouse=True)
def stored(server: FakeServer) -> StoredFile:
    server.handlers[Command.LOCK] = lambda request: LockResponse()
    return StoredFile(server, b"0123456789")


def locks(server: FakeServer) -> list[tuple[int, int, int]]:
    elements = [element for body in server.bodies(Command.LOCK) for element in body.locks]
    return [(one.offset, one.length, one.flags) for one in elements]


async def test_locks_are_released(share: Share, server: FakeServer) -> None:
    async with share.open("x", "r+b") as file:
        async with file.lock(1, 2) as lock:
            assert (lock.offset, lock.length) == (1, 2)
        assert locks(server) == [(1, 2, EXCLUSIVE), (1, 2, UNLOCK)]
        lock = await file.lock(3, 4, exclusive=False, blocking=False)
        await lock.release()
        await lock.release()
        assert locks(server)[2:] == [(3, 4, SHARED | AT_ONCE), (3, 4, UNLOCK)]
        assert file._handle.locks == 0
        await file.lock(5, 6)
        assert file._handle.locks == 1
        await file.unlock(5, 6)
        assert file._handle.locks == 0
        assert locks(server)[4:] == [(5, 6, EXCLUSIVE), (5, 6, UNLOCK)]
        assert not any(body.lock_sequence for body in server.bodies(Command.LOCK))


@pytest.mark.parametrize("status", [NtStatus.LOCK_NOT_GRANTED, NtStatus.FILE_LOCK_CONFLICT])
async def test_a_range_that_is_locked(share: Share, server: FakeServer, status: NtStatus) -> None:
    async with share.open("x", "r+b") as file:
        server.handlers[Command.LOCK] = lambda request: (status, None)
        with pytest.raises(BlockingIOError):
            await file.lock(0, 1, blocking=False)
        server.handlers[Command.READ] = lambda request: (status, None)
        with pytest.raises(LockedError, match="x: "):
            await file.read(1)


async def test_ranges_that_are_none(share: Share, server: FakeServer) -> None:
    async with share.open("x") as file:
        for offset, length in ((-1, 1), (1, -1)):
            with pytest.raises(ValueError, match="range"):
                await file.lock(offset, length)
    assert locks(server) == []


async def test_a_cancelled_lock_is_not_kept(share: Share, server: FakeServer) -> None:
    """The server may have granted it before the cancellation came."""

    def lock(request: Received) -> Answer:
        [element] = request.body.locks
        return LockResponse() if element.flags == UNLOCK else HELD

    server.handlers[Command.LOCK] = lock
    async with share.open("x", "r+b") as file:
        waiting = asyncio.ensure_future(file.lock(0, 1).__aenter__())
        await server.until(lambda: bool(locks(server)))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert locks(server) == [(0, 1, EXCLUSIVE), (0, 1, UNLOCK)]
    assert len(server.cancelled) == 1


async def test_what_others_wrote_is_read_under_a_lock(share: Share, stored: StoredFile) -> None:
    async with share.open("x", "r+b") as file:
        assert await file.read(2) == b"01"
        stored.content[:] = b"abcdefghij"
        async with file.lock(0, 10):
            assert await file.read(2) == b"cd"
            await file.write(b"EF")
        assert stored.content == b"abcdEFghij"
        assert stored.server.commands()[-2:] == ["WRITE", "LOCK"]


async def test_a_lock_is_released_although_writing_fails(share: Share, server: FakeServer) -> None:
    file: BufferedFile = await share.open("x", "r+b")
    server.handlers[Command.WRITE] = lambda request: (NtStatus.ACCESS_DENIED, None)
    lock = await file.lock(0, 1)
    await file.write(b"a")
    with pytest.raises(DeniedError):
        await lock.release()
    assert locks(server)[-1] == (0, 1, UNLOCK)
    await file.close()


async def test_the_own_error_of_a_program_is_told(share: Share, server: FakeServer) -> None:
    async with share.open("x", "r+b") as file:
        lock = await file.lock(0, 1)
        server.handlers[Command.LOCK] = lambda request: (NtStatus.RANGE_NOT_LOCKED, None)
        with pytest.raises(RuntimeError, match="mine"):
            async with lock:
                raise RuntimeError("mine")


async def test_a_file_with_a_lock_is_not_opened_again(
    share: Share, transport: FakeTransport
) -> None:
    file = await share.open("x", "r+b", buffering=0)
    await file.lock(0, 1)
    transport.close("gone")
    with pytest.raises(ConnectionClosed):
        await file.read(1)
    file.stay_lost()
    with pytest.raises(ConnectionClosed):
        await file.close()
