import asyncio
import gc
import io
import os
from collections.abc import Awaitable, Callable

import pytest

from smbquic.client import file as module
from smbquic.client.share import Share
from smbquic.errors import DeniedError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.credits import CREDIT_SIZE
from smbquic.wire.fscc.file_information import (
    EndOfFileInformation,
    FileInformationClass,
    StandardInformation,
)
from smbquic.wire.header import Command
from smbquic.wire.query_info import QueryInfoResponse
from smbquic.wire.read import ReadResponse
from tests.unit.client.fakes import Answer, FakeServer, Received, opened

LINES = [b"%06d\n" % number for number in range(100_000)]
CONTENT = b"".join(LINES)
STEP = 1 << 17


class StoredFile:
    """A file on the fake server."""

    def __init__(self, server: FakeServer, content: bytes = CONTENT) -> None:
        self.server = server
        self.content = bytearray(content)
        server.handlers[Command.CREATE] = lambda request: opened(len(self.content))
        server.handlers[Command.READ] = self._read
        server.handlers[Command.WRITE] = self._write
        server.handlers[Command.QUERY_INFO] = self._query
        server.handlers[Command.SET_INFO] = self._truncate

    def _read(self, request: Received) -> Answer:
        body = request.body
        data = bytes(self.content[body.offset : body.offset + body.length])
        return ReadResponse(data) if data else (NtStatus.END_OF_FILE, None)

    def _write(self, request: Received) -> Answer:
        body = request.body
        self.content.extend(bytes(max(body.offset - len(self.content), 0)))
        self.content[body.offset : body.offset + len(body.data)] = body.data
        return None

    def _query(self, request: Received) -> Answer:
        return QueryInfoResponse(
            StandardInformation(
                allocation_size=0,
                end_of_file=len(self.content),
                number_of_links=1,
                delete_pending=False,
                directory=False,
            ).encode()
        )

    def _truncate(self, request: Received) -> Answer:
        assert request.body.file_info_class == FileInformationClass.FileEndOfFileInformation
        size = EndOfFileInformation.decode(memoryview(request.body.buffer)).end_of_file
        del self.content[size:]
        self.content.extend(bytes(size - len(self.content)))
        return None

    def reads(self) -> list[tuple[int, int]]:
        """Offset and length of each READ."""
        return [(body.offset, body.length) for body in self.server.bodies(Command.READ)]

    def writes(self) -> list[tuple[int, int]]:
        """Offset and length of each WRITE."""
        return [(body.offset, len(body.data)) for body in self.server.bodies(Command.WRITE)]


@pytest.fixture
def stored(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> StoredFile:
    monkeypatch.setattr(module, "CHUNK", STEP)
    return StoredFile(server)


async def test_lines_cost_a_read_for_each_buffer(share: Share, stored: StoredFile) -> None:
    async with share.open("x") as file:
        assert [line async for line in file] == LINES
    # The first is small, and the last is shorter than what was asked for: that is the end.
    starts = [0, *range(CREDIT_SIZE, len(CONTENT), STEP)]
    assert stored.reads() == [(start, STEP if start else CREDIT_SIZE) for start in starts]


async def test_the_next_buffer_is_asked_for_ahead(share: Share, stored: StoredFile) -> None:
    async with share.open("x") as file:
        await file.read(CREDIT_SIZE)
        assert len(stored.reads()) == 1
        await file.read(1)
        await file.read_at(0, 1)  # an answer later, the READ ahead is on its way
        assert (CREDIT_SIZE + STEP, STEP) in stored.reads()


async def test_small_reads_here_and_there_fetch_no_more_than_they_need(
    share: Share, stored: StoredFile
) -> None:
    async with share.open("x") as file:
        for offset in (500_000, 300_000, 100_000):
            await file.seek(offset)
            assert await file.read(4) == CONTENT[offset : offset + 4]
    assert stored.reads() == [
        (500_000, CREDIT_SIZE),
        (300_000, CREDIT_SIZE),
        (100_000, CREDIT_SIZE),
    ]


async def test_a_small_file_is_read_by_one_read(share: Share, stored: StoredFile) -> None:
    stored.content[:] = b"a\nbc"
    async with share.open("x") as file:
        assert await file.readline() == b"a\n"
        assert await file.read(100) == b"bc"
    async with share.open("x") as file:
        assert await file.read() == b"a\nbc"
    assert len(stored.reads()) == 2
    assert stored.server.commands() == ["CREATE", "READ", "CLOSE"] * 2


async def test_a_file_that_grows_is_read_on(share: Share, stored: StoredFile) -> None:
    stored.content[:] = b"one"
    async with share.open("x") as file:
        assert await file.readline() == b"one"
        assert await file.readline() == b""
        stored.content += b"two"
        assert await file.readline() == b"two"
        assert await file.read() == b""
        stored.content += b"three"
        assert await file.read() == b"three"


async def test_nothing_is_read_where_nothing_is_asked_for_or_left(
    share: Share, stored: StoredFile
) -> None:
    stored.content[:] = b"abc"
    async with share.open("x") as file:
        assert await file.read(0) == b""
        assert stored.reads() == []
        assert await file.read(1) == b"a"
        assert await file.read(0) == b""
        assert await file.read(2) == b"bc"
        for size in (1, 1 << 20, 1):
            assert await file.read(size) == b""


async def test_the_whole_is_read_once(share: Share, stored: StoredFile) -> None:
    async with share.open("x") as file:
        assert await file.read() == CONTENT
    starts = sorted(start for start, _ in stored.reads() if start < len(CONTENT))
    assert starts == list(range(0, len(CONTENT), STEP))


async def test_what_came_since_it_was_opened_is_read_too(share: Share, stored: StoredFile) -> None:
    for grown in (STEP - 1, STEP, STEP + 1, 3 * STEP):
        stored.content[:] = b"small"
        async with share.open("x") as file:
            stored.content[:] = CONTENT[:grown]
            assert await file.read() == CONTENT[:grown]


async def test_what_stands_right_before_the_buffer_is_no_part_of_it(
    share: Share, stored: StoredFile
) -> None:
    async with share.open("x") as file:
        await file.seek(100)
        assert await file.read(3) == CONTENT[100:103]
        for position in (99, 98):
            await file.seek(position)
            assert await file.read(2) == CONTENT[position : position + 2]


async def test_what_comes_after_the_end_was_met_is_read(share: Share, stored: StoredFile) -> None:
    stored.content[:] = b"abc"
    async with share.open("x") as file:
        assert [await file.read(10) for _ in range(4)] == [b"abc", b"", b"", b""]
        stored.content += b"def"
        assert await file.read() == b"def"


async def test_the_rest_after_some_lines(share: Share, stored: StoredFile) -> None:
    async with share.open("x") as file:
        for line in LINES[:20_000]:
            assert await file.readline() == line
        assert await file.read() == b"".join(LINES[20_000:])
        # Nothing is read twice.
        ends = 0
        for start, length in sorted(stored.reads()):
            assert start >= min(ends, len(CONTENT))
            ends = start + length
        assert await file.read() == b""
        assert file.tell() == len(CONTENT)


async def test_a_large_read_needs_no_buffer(share: Share, stored: StoredFile) -> None:
    async with share.open("x") as file:
        assert await file.read(5) == CONTENT[:5]
        await file.seek(0)
        assert await file.read(3 * STEP) == CONTENT[: 3 * STEP]
        assert await file.read(1 << 40) == CONTENT[3 * STEP :]


async def test_parts_of_lines(share: Share, stored: StoredFile) -> None:
    stored.content[:] = b"abc\nd"
    async with share.open("x", buffering=2) as file:
        assert await file.readline(0) == b""
        assert await file.readline(3) == b"abc"
        assert await file.readline(3) == b"\n"
        assert await file.readline() == b"d"


async def test_reading_into_a_buffer(share: Share, stored: StoredFile) -> None:
    target = bytearray(10)
    async with share.open("x") as file:
        assert await file.readinto(target) == 10
        assert target == CONTENT[:10]
        await file.seek(-3, os.SEEK_END)
        assert await file.readinto(memoryview(target)) == 3
        assert target == CONTENT[-3:] + CONTENT[3:10]


async def test_small_writes_are_sent_together(share: Share, stored: StoredFile) -> None:
    stored.content.clear()
    async with share.open("x", "wb") as file:
        for line in LINES:
            assert await file.write(line) == len(line)
        assert file.tell() == len(CONTENT)
    assert stored.content == CONTENT
    starts = range(0, len(CONTENT), STEP)
    assert stored.writes() == [(start, min(STEP, len(CONTENT) - start)) for start in starts]


async def test_what_is_written_is_read(share: Share, stored: StoredFile) -> None:
    stored.content[:] = b"abcdefgh"
    async with share.open("x", "r+b") as file:
        assert await file.read(2) == b"ab"
        await file.write(b"CD")
        assert await file.read(2) == b"ef"
        await file.seek(3)
        assert await file.read(2) == b"De"
        await file.write(b"F")
        assert bytes(await file.read_at(0, 100)) == b"abCDeFgh"
        await file.write_at(0, b"AB")
        await file.write(b"GHI")
        assert await file.size() == 9
        await file.seek(-1, os.SEEK_END)
        await file.write(b"J")
        assert await file.truncate(3) == 3
        assert await file.seek(0) == 0
        assert await file.read() == b"ABC"
        await file.seek(1)
        assert await file.truncate() == 1
    assert stored.content == b"A"


async def test_flush_sends_and_drain_sends(share: Share, stored: StoredFile) -> None:
    stored.content.clear()
    async with share.open("x", "wb") as file:
        await file.write(b"a")
        await file.drain()
        assert stored.content == b"a"
        await file.write(b"b")
        await file.flush()
        assert stored.content == b"ab"
    assert stored.server.commands() == ["CREATE", "WRITE", "WRITE", "FLUSH", "CLOSE"]


@pytest.mark.parametrize("call", ["drain", "flush", "close", "seek", "size", "large"])
async def test_an_error_of_writing_behind_is_raised_later(
    share: Share, stored: StoredFile, call: str
) -> None:
    stored.server.handlers[Command.WRITE] = lambda request: (NtStatus.DISK_FULL, None)
    file = await share.open("x", "wb")
    await file.write(b"a")
    work: dict[str, Callable[[], Awaitable[object]]] = {
        "drain": file.drain,
        "flush": file.flush,
        "close": file.close,
        "seek": lambda: file.seek(0),
        "size": file.size,
        "large": lambda: file.write(bytes(2 * STEP)),
    }
    with pytest.raises(StatusError, match="x: "):
        await work[call]()
    await file.close()
    assert stored.server.commands()[-1] == "CLOSE"


async def test_the_own_error_of_a_program_is_the_one_that_is_told(
    share: Share, stored: StoredFile
) -> None:
    stored.server.handlers[Command.WRITE] = lambda request: (NtStatus.DISK_FULL, None)
    file = await share.open("x", "wb")
    await file.write(b"a")
    with pytest.raises(RuntimeError, match="mine"):
        async with file:
            raise RuntimeError("mine")
    assert file.closed


async def test_an_error_of_reading_ahead_is_that_of_the_call_that_needs_it(
    share: Share, stored: StoredFile
) -> None:
    async with share.open("x") as file:
        await file.read(CREDIT_SIZE)
        await file.read(1)
        stored.server.handlers[Command.READ] = lambda request: (NtStatus.ACCESS_DENIED, None)
        await file.read(STEP - 1)
        with pytest.raises(DeniedError):
            await file.read(STEP + 1)


async def test_an_error_of_reading_ahead_that_nobody_needs_is_nobodys(
    share: Share, stored: StoredFile, caplog: pytest.LogCaptureFixture
) -> None:
    async with share.open("x") as file:
        await file.read(CREDIT_SIZE)
        stored.server.handlers[Command.READ] = lambda request: (
            (NtStatus.ACCESS_DENIED, None)
            if request.body.offset > CREDIT_SIZE
            else stored._read(request)
        )
        await file.read(1)
        async with share.open("another"):
            pass  # an answer later, the READ ahead has failed
    del file
    gc.collect()
    assert not caplog.records


async def test_nothing_is_asked_for_ahead_after_the_end(share: Share, stored: StoredFile) -> None:
    async with share.open("x") as file:
        await file.seek(len(CONTENT) - CREDIT_SIZE - 10)
        await file.read(CREDIT_SIZE)
        assert await file.read(1) == CONTENT[-10:-9]
        async with share.open("another"):
            pass
        assert max(start for start, _ in stored.reads()) < len(CONTENT)


async def test_a_full_buffer_is_sent_at_once(share: Share, stored: StoredFile) -> None:
    async with share.open("x", "wb") as file:
        for _ in range(2):
            assert stored.writes() == []
            await file.write(bytes(STEP // 2))
        async with share.open("another"):
            pass
        assert stored.writes() == [(0, STEP)]


async def test_what_is_written_at_a_place_comes_after_what_was_written_before(
    share: Share, stored: StoredFile
) -> None:
    stored.content[:] = b"0123456789"
    async with share.open("x", "r+b") as file:
        assert await file.read(2) == b"01"
        await file.write(b"aaaa")
        await file.write_at(3, b"XY")
        assert await file.read(2) == b"67"
        await file.write_at(8, b"Z")
        assert await file.read(2) == b"Z9"
    assert stored.content == b"01aXYa67Z9"


async def test_a_cancelled_write_loses_nothing(share: Share, stored: StoredFile) -> None:
    stored.content.clear()
    gate = asyncio.Event()
    async with share.open("x", "wb") as file:
        stored.server.transport.gate = gate  # the server is not reached for now
        await file.write(bytes(STEP))
        waiting = asyncio.create_task(file.write(b"a" * STEP))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        gate.set()
    assert stored.content == bytes(STEP) + b"a" * STEP


async def test_calls_of_several_tasks_come_one_after_the_other(
    share: Share, stored: StoredFile
) -> None:
    async with share.open("x") as file:
        lines = await asyncio.gather(*(file.readline() for _ in range(50)))
    assert lines == LINES[:50]


async def test_what_the_mode_does_not_allow(share: Share, stored: StoredFile) -> None:
    async with share.open("x") as file:
        assert (file.readable(), file.writable()) == (True, False)
        with pytest.raises(io.UnsupportedOperation, match="writable"):
            await file.write(b"a")
    with pytest.raises(ValueError, match="closed"):
        await file.read()
    async with share.open("x", "wb") as file:
        assert (file.readable(), file.writable()) == (False, True)
        with pytest.raises(io.UnsupportedOperation, match="readable"):
            await file.readline()
    await file.close()
