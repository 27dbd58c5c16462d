import asyncio
import os
from array import array
from functools import partial

import pytest

from smbquic.client import file as module
from smbquic.client.share import Share
from smbquic.errors import DeniedError, FileExpectedError, RemoteProtocolError
from smbquic.ntstatus import NtStatus
from smbquic.wire.create import CreateDisposition, CreateOptions, CreateRequest
from smbquic.wire.fscc.file_information import (
    EndOfFileInformation,
    FileInformationClass,
    StandardInformation,
)
from smbquic.wire.header import Command
from smbquic.wire.query_info import QueryInfoResponse
from smbquic.wire.read import ReadResponse
from smbquic.wire.write import WriteResponse
from tests.unit.client.fakes import HELD, Answer, FakeServer, FakeTransport, Received, opened

CONTENT = bytes(range(256)) * 1024


def serve_content(server: FakeServer, content: bytes = CONTENT) -> None:
    """Let the server have a file."""

    def read(request: Received) -> Answer:
        body = request.body
        data = content[body.offset : body.offset + body.length]
        return ReadResponse(data) if data else (NtStatus.END_OF_FILE, None)

    def query(request: Received) -> Answer:
        information = StandardInformation(
            allocation_size=0,
            end_of_file=len(content),
            number_of_links=1,
            delete_pending=False,
            directory=False,
        )
        return QueryInfoResponse(information.encode())

    server.handlers[Command.READ] = read
    server.handlers[Command.QUERY_INFO] = query
    server.handlers[Command.CREATE] = lambda request: opened(len(content))


async def test_opening(share: Share, server: FakeServer, transport: FakeTransport) -> None:
    async with share.open("a/b.txt", "xb", buffering=0) as file:
        assert transport.keep_alive
        assert not file.closed
    assert file.closed
    assert not transport.keep_alive
    create: CreateRequest = server.bodies(Command.CREATE)[0]
    assert create.name == r"a\b.txt"
    assert create.create_disposition == CreateDisposition.FILE_CREATE
    assert create.create_options == CreateOptions.FILE_NON_DIRECTORY_FILE
    assert server.bodies(Command.CLOSE)[0].file_id == file.file_id
    await file.close()
    assert server.commands() == ["CREATE", "CLOSE"]


async def test_awaiting_an_open(share: Share) -> None:
    file = await share.open("x", buffering=0)
    assert file.path == "x"
    await file.close()


async def test_what_cannot_be_opened(share: Share, server: FakeServer) -> None:
    server.handlers[Command.CREATE] = lambda request: (NtStatus.FILE_IS_A_DIRECTORY, None)
    with pytest.raises(FileExpectedError, match="folder"):
        async with share.open("folder", buffering=0):
            pytest.fail("it was opened")


async def test_reading_moves_the_position(share: Share, server: FakeServer) -> None:
    serve_content(server)
    async with share.open("x", buffering=0) as file:
        assert await file.read(10) == CONTENT[:10]
        assert file.tell() == 10
        assert await file.read(0) == b""
        assert await file.read() == CONTENT[10:]
        assert await file.read(5) == b""
        assert await file.read() == b""
        assert await file.seek(-6, os.SEEK_END) == len(CONTENT) - 6
        assert await file.read(100) == CONTENT[-6:]
        assert await file.seek(3) == 3
        assert await file.seek(2, os.SEEK_CUR) == 5
        assert await file.read(1) == CONTENT[5:6]


async def test_seeking_where_nothing_is(share: Share) -> None:
    async with share.open("x", buffering=0) as file:
        with pytest.raises(ValueError, match="before the start"):
            await file.seek(-1)
        with pytest.raises(ValueError, match="whence"):
            await file.seek(0, 3)


async def test_a_large_read_has_many_requests_under_way(
    share: Share, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 4096)
    serve_content(server)
    async with share.open("x", buffering=0) as file:
        assert await file.read() == CONTENT
        assert await file.seek(100) == 100
        assert await file.read(1 << 40) == CONTENT[100:]
    reads = server.bodies(Command.READ)
    assert {body.length for body in reads} <= {4096, 3996}
    assert len(reads) == 2 * len(CONTENT) // 4096


async def test_a_file_that_shrinks_while_it_is_read(
    share: Share, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 4096)
    serve_content(server)
    query = server.handlers[Command.QUERY_INFO]
    serve_content(server, CONTENT[:5000])
    server.handlers[Command.QUERY_INFO] = query
    async with share.open("x", buffering=0) as file:
        assert await file.read() == CONTENT[:5000]


async def test_a_server_that_claims_more_than_there_is(share: Share, server: FakeServer) -> None:
    serve_content(server)
    claim = StandardInformation(
        allocation_size=0,
        end_of_file=1 << 62,
        number_of_links=1,
        delete_pending=False,
        directory=False,
    )
    server.handlers[Command.QUERY_INFO] = lambda request: QueryInfoResponse(claim.encode())
    async with share.open("x", buffering=0) as file:
        assert await file.read() == CONTENT


async def test_writing(share: Share, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 4096)
    async with share.open("x", "wb", buffering=0) as file:
        assert await file.write(b"abc") == 3
        assert await file.write(bytearray(10000)) == 10000
        assert file.tell() == 10003
        await file.flush()
    written = server.written()
    assert {offset: len(data) for offset, data in written.items()} == {
        0: 3,
        3: 4096,
        4099: 4096,
        8195: 1808,
    }
    assert server.commands()[-2:] == ["FLUSH", "CLOSE"]


async def test_a_server_that_writes_less_is_given_the_rest(
    share: Share, server: FakeServer
) -> None:
    server.handlers[Command.WRITE] = lambda request: WriteResponse(min(len(request.body.data), 4))
    async with share.open("x", "wb", buffering=0) as file:
        await file.write(b"0123456789")
    assert server.written() == {0: b"0123456789", 4: b"456789", 8: b"89"}


@pytest.mark.parametrize("count", [0, 11])
async def test_a_server_that_cannot_count(share: Share, server: FakeServer, count: int) -> None:
    server.handlers[Command.WRITE] = lambda request: WriteResponse(count)
    async with share.open("x", "wb", buffering=0) as file:
        with pytest.raises(RemoteProtocolError, match=f"wrote {count} of 10 bytes"):
            await file.write(b"0123456789")


async def test_a_server_that_sends_more_than_was_asked_for(
    share: Share, server: FakeServer
) -> None:
    server.handlers[Command.READ] = lambda request: ReadResponse(b"abcdef")
    async with share.open("x", buffering=0) as file:
        with pytest.raises(RemoteProtocolError, match="6 bytes, 5 were"):
            await file.read(5)


async def test_appending_starts_at_the_end(share: Share, server: FakeServer) -> None:
    serve_content(server)
    async with share.open("x", "ab", buffering=0) as file:
        assert file.tell() == len(CONTENT)
        await file.write(b"more")
    assert server.written() == {len(CONTENT): b"more"}


async def test_truncating(share: Share, server: FakeServer) -> None:
    async with share.open("x", "r+b", buffering=0) as file:
        assert await file.truncate(5) == 5
        await file.seek(9)
        assert await file.truncate() == 9
    bodies = server.bodies(Command.SET_INFO)
    assert [body.file_info_class for body in bodies] == [
        FileInformationClass.FileEndOfFileInformation
    ] * 2
    sizes = [EndOfFileInformation.decode(memoryview(body.buffer)).end_of_file for body in bodies]
    assert sizes == [5, 9]


async def test_an_error_names_the_file(share: Share, server: FakeServer) -> None:
    server.handlers[Command.READ] = lambda request: (NtStatus.ACCESS_DENIED, None)
    async with share.open("a/b", buffering=0) as file:
        with pytest.raises(DeniedError, match="READ: a/b: access is denied"):
            await file.read(5)


async def test_the_first_error_is_the_one_that_is_told(share: Share, server: FakeServer) -> None:
    server.handlers[Command.CLOSE] = lambda request: (NtStatus.ACCESS_DENIED, None)
    with pytest.raises(RuntimeError, match="mine"):
        async with share.open("x", buffering=0):
            raise RuntimeError("mine")
    with pytest.raises(DeniedError):
        async with share.open("x", buffering=0):
            await asyncio.sleep(0)


async def test_a_read_asks_for_the_size_only_where_it_may_be_large(
    share: Share, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 4096)
    serve_content(server)
    async with share.open("x", buffering=0) as file:
        assert await file.read(4096) == CONTENT[:4096]
        assert await file.read(0) == b""
        assert server.commands() == ["CREATE", "READ"]
        assert await file.read(4097) == CONTENT[4096:8193]
        assert server.commands()[2:] == ["QUERY_INFO", "READ", "READ"]


async def test_reading_into_a_buffer(share: Share, server: FakeServer) -> None:
    serve_content(server)
    target = bytearray(b"x" * 20)
    async with share.open("x", buffering=0) as file:
        assert await file.readinto(memoryview(target)[:10]) == 10
        assert target == CONTENT[:10] + b"x" * 10
        assert await file.readinto(memoryview(array("I", [0, 0]))) == 8
        await file.seek(-3, os.SEEK_END)
        assert await file.readinto(target) == 3
        assert target[:4] == CONTENT[-3:] + CONTENT[3:4]


async def test_numbers_are_written_as_their_bytes(share: Share, server: FakeServer) -> None:
    async with share.open("x", "wb", buffering=0) as file:
        assert await file.write(memoryview(array("I", [1, 2]))) == 8
        assert file.tell() == 8
    assert server.written() == {0: array("I", [1, 2]).tobytes()}


@pytest.mark.parametrize(("size", "expected"), [(2 * 4096 + 1, 3), (len(CONTENT), 16)])
async def test_how_many_requests_are_under_way(
    share: Share,
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
    expected: int,
) -> None:
    monkeypatch.setattr(module, "CHUNK", 4096)
    for command in (Command.READ, Command.WRITE):
        server.handlers[command] = lambda request: HELD
    async with share.open("x", "r+b", buffering=0) as file:
        for command, work in (
            (Command.READ, partial(module.read_range, file, 0, size)),
            (Command.WRITE, partial(module.write_range, file, 0, memoryview(bytes(size)))),
        ):
            task = asyncio.create_task(work())
            await server.until(lambda command=command: len(server.bodies(command)) == expected)  # type: ignore[misc]
            await file.flush()  # what comes at once has come by then
            assert len(server.bodies(command)) == expected
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


async def test_a_file_that_failed_is_not_opened_again(share: Share) -> None:
    with pytest.raises(RuntimeError, match="mine"):
        async with share.open("x", buffering=0) as file:
            raise RuntimeError("mine")
    assert file.closed
