import asyncio
import gc
import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from smbquic.client import file as file_module
from smbquic.client import transfer
from smbquic.client.share import Share
from smbquic.errors import (
    ConnectionClosed,
    DeniedError,
    NotFoundError,
    PathError,
    SourceChangedError,
    StatusError,
)
from smbquic.ntstatus import NtStatus
from smbquic.wire.close import CloseFlags, CloseResponse
from smbquic.wire.create import CreateDisposition, CreateRequest
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.file_information import (
    BasicInformation,
    FileInformationClass,
    RenameInformation,
)
from smbquic.wire.header import Command
from smbquic.wire.read import ReadResponse
from smbquic.wire.write import WriteResponse
from tests.unit.client.fakes import Answer, FakeServer, FakeTransport, Received, opened

CONTENT = os.urandom(10_000)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_module, "CHUNK", 1024)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A local file of ten chunks."""
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    os.utime(path, ns=(0, 1_000_000_000_000_000_000))
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def sets(server: FakeServer, information_class: FileInformationClass) -> list[Any]:
    return [
        body
        for body in server.bodies(Command.SET_INFO)
        if body.file_info_class == information_class
    ]


def renames(server: FakeServer) -> list[RenameInformation]:
    return [
        RenameInformation.decode(memoryview(body.buffer))
        for body in sets(server, FileInformationClass.FileRenameInformation)
    ]


def deletions(server: FakeServer) -> int:
    return len(sets(server, FileInformationClass.FileDispositionInformation))


def serve_content(server: FakeServer, content: bytes = CONTENT, claimed: int | None = None) -> None:
    """Let the server have a file, which it claims to be of another size."""

    def read(request: Received) -> Answer:
        body = request.body
        data = content[body.offset : body.offset + body.length]
        return ReadResponse(data) if data else (NtStatus.END_OF_FILE, None)

    size = len(content) if claimed is None else claimed
    server.handlers[Command.READ] = read
    server.handlers[Command.CREATE] = lambda request: opened(size)


# --- up -----------------------------------------------------------------------------------------


async def test_a_small_file_goes_up_in_two_messages(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    source = tmp_path / "x"
    source.write_bytes(b"hello")
    os.utime(source, ns=(0, 1_000_000_000_000_000_000))
    done: list[tuple[int, int]] = []
    await share.put(source, "a/b/x", progress=lambda *state: done.append(state))
    assert server.commands() == ["CREATE", "WRITE", "SET_INFO", "FLUSH", "SET_INFO", "CLOSE"]
    create: CreateRequest = server.bodies(Command.CREATE)[0]
    folder, _, part = create.name.rpartition("\\")
    assert folder == r"a\b"
    assert part.startswith(".smbquic-")
    assert create.create_disposition == CreateDisposition.FILE_CREATE
    assert server.written() == {0: b"hello"}
    [basic] = sets(server, FileInformationClass.FileBasicInformation)
    times = BasicInformation.decode(memoryview(basic.buffer))
    assert times.last_write_time == 116444736000000000 + 10_000_000_000_000_000
    [rename] = renames(server)
    assert rename.file_name == r"a\b\x"
    assert rename.replace_if_exists
    assert done == [(5, 5)]


async def test_an_empty_file_needs_no_write(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    (tmp_path / "x").touch()
    await share.put(tmp_path / "x", "x")
    assert server.commands() == ["CREATE", "SET_INFO", "FLUSH", "SET_INFO", "CLOSE"]


async def test_a_large_file_goes_up_in_chunks_and_gets_its_name_last(
    share: Share, server: FakeServer, source: Path
) -> None:
    done: list[tuple[int, int]] = []
    await share.put(source, "x", progress=lambda *state: done.append(state))
    written = server.written()
    assert b"".join(written[offset] for offset in sorted(written)) == CONTENT
    commands = server.commands()
    assert commands[0] == "CREATE"
    assert commands[1:11] == ["WRITE"] * 10
    assert commands[11:] == ["SET_INFO", "FLUSH", "SET_INFO", "CLOSE"]
    assert [rename.file_name for rename in renames(server)] == ["x"]
    assert done[-1] == (len(CONTENT), len(CONTENT))
    assert len(done) == 10


@pytest.mark.parametrize("size", [100, 10_000])
@pytest.mark.parametrize("command", [Command.WRITE, Command.FLUSH])
async def test_what_fails_never_gets_its_name_and_is_removed(
    share: Share, server: FakeServer, tmp_path: Path, size: int, command: Command
) -> None:
    source = tmp_path / "x"
    source.write_bytes(bytes(size))
    server.handlers[command] = lambda request: (NtStatus.DISK_FULL, None)
    with pytest.raises(StatusError, match=f"{command.name}: a/x: .*DISK_FULL"):
        await share.put(source, "a/x")
    assert renames(server) == []
    assert deletions(server) == 1
    [name] = server.opened_names()
    assert name != r"a\x"
    assert server.commands()[-2:] == ["SET_INFO", "CLOSE"]


async def test_a_name_that_cannot_be_had(share: Share, server: FakeServer, source: Path) -> None:
    def set_info(request: Received) -> Answer:
        if request.body.file_info_class == FileInformationClass.FileRenameInformation:
            return NtStatus.ACCESS_DENIED, None
        return None

    server.handlers[Command.SET_INFO] = set_info
    with pytest.raises(DeniedError, match="SET_INFO: x"):
        await share.put(source, "x")
    assert deletions(server) == 1


async def test_a_folder_that_is_not_there_leaves_nothing_to_clean_up(
    share: Share, server: FakeServer, source: Path
) -> None:
    server.handlers[Command.CREATE] = lambda request: (NtStatus.OBJECT_PATH_NOT_FOUND, None)
    with pytest.raises(NotFoundError, match="CREATE: a/x"):
        await share.put(source, "a/x")
    assert server.commands() == ["CREATE"]


async def test_a_part_that_cannot_be_removed_is_told_of(
    share: Share, server: FakeServer, source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.handlers[Command.WRITE] = lambda request: (NtStatus.DISK_FULL, None)
    server.handlers[Command.SET_INFO] = lambda request: (NtStatus.CANNOT_DELETE, None)
    with pytest.raises(StatusError, match="DISK_FULL"):
        await share.put(source, "x")
    assert ".part is left behind on the share" in caplog.text


async def test_a_part_that_is_gone_already_is_fine(
    share: Share, server: FakeServer, source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.handlers[Command.WRITE] = lambda request: (NtStatus.DISK_FULL, None)
    server.handlers[Command.SET_INFO] = lambda request: (NtStatus.OBJECT_NAME_NOT_FOUND, None)
    server.handlers[Command.CLOSE] = lambda request: (NtStatus.FILE_CLOSED, None)
    with pytest.raises(StatusError, match="DISK_FULL"):
        await share.put(source, "x")
    assert "left behind" not in caplog.text


async def test_when_the_connection_is_lost_nobody_waits(
    share: Share, server: FakeServer, transport: FakeTransport, source: Path
) -> None:
    def write(request: Received) -> Answer:
        transport.fail(ConnectionClosed("the cable is cut"))
        return None

    server.handlers[Command.WRITE] = write
    with pytest.raises(ConnectionClosed, match="the cable is cut"):
        await share.put(source, "x")


async def test_a_cancelled_transfer_cleans_up(
    share: Share, server: FakeServer, source: Path
) -> None:
    task = asyncio.create_task(share.put(source, "x"))

    def write(request: Received) -> Answer:
        task.cancel()
        return None

    server.handlers[Command.WRITE] = write
    with pytest.raises(asyncio.CancelledError):
        await task
    assert renames(server) == []
    assert deletions(server) == 1


async def test_writing_bytes(share: Share, server: FakeServer) -> None:
    await share.write_bytes("x", b"abc")
    assert server.commands() == ["CREATE", "WRITE", "FLUSH", "SET_INFO", "CLOSE"]
    server.seen.clear()
    await share.write_bytes("x", CONTENT)
    written = server.written()
    assert b"".join(written[offset] for offset in sorted(written)) == CONTENT
    assert server.commands()[-3:] == ["FLUSH", "SET_INFO", "CLOSE"]
    server.seen.clear()
    server.handlers[Command.WRITE] = lambda request: (NtStatus.DISK_FULL, None)
    with pytest.raises(StatusError, match="DISK_FULL"):
        await share.write_bytes("x", CONTENT)
    assert deletions(server) == 1


async def test_a_small_write_that_comes_short_is_gone_on_with(
    share: Share, server: FakeServer
) -> None:
    server.handlers[Command.WRITE] = lambda request: WriteResponse(min(2, len(request.body.data)))
    await share.write_bytes("x", b"abcde")
    assert server.written() == {0: b"abcde", 2: b"cde", 4: b"e"}
    assert server.commands()[-3:] == ["FLUSH", "SET_INFO", "CLOSE"]


# --- down ---------------------------------------------------------------------------------------


async def test_a_file_comes_down_whole(share: Share, server: FakeServer, tmp_path: Path) -> None:
    serve_content(server)
    done: list[tuple[int, int]] = []
    await share.get("a/x", tmp_path / "y", progress=lambda *state: done.append(state))
    assert (tmp_path / "y").read_bytes() == CONTENT
    assert (tmp_path / "y").stat().st_mtime_ns == 1000
    assert len(server.bodies(Command.READ)) == 10
    assert done[-1] == (len(CONTENT), len(CONTENT))
    assert server.commands()[-1] == "CLOSE"


async def test_an_empty_file_comes_down(share: Share, server: FakeServer, tmp_path: Path) -> None:
    serve_content(server, b"")
    await share.get("x", tmp_path / "y")
    assert (tmp_path / "y").read_bytes() == b""
    assert server.commands() == ["CREATE", "READ", "CLOSE"]


async def test_a_small_file_comes_down_with_the_answer_to_opening_it(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    serve_content(server, b"hello")
    done: list[tuple[int, int]] = []
    await share.get("x", tmp_path / "y", progress=lambda *state: done.append(state))
    assert (tmp_path / "y").read_bytes() == b"hello"
    assert server.commands() == ["CREATE", "READ", "CLOSE"]
    assert server.bodies(Command.READ)[0].file_id == FileId.RELATED
    assert done == [(5, 5)]


async def test_a_file_whose_first_bytes_cannot_be_read_is_closed(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    serve_content(server)
    server.handlers[Command.READ] = lambda request: (NtStatus.FILE_LOCK_CONFLICT, None)
    with pytest.raises(StatusError, match=r"READ: x: .*FILE_LOCK_CONFLICT"):
        await share.get("x", tmp_path / "y")
    assert names(tmp_path) == []
    assert server.commands() == ["CREATE", "READ", "CLOSE"]


async def test_reads_that_come_short_are_gone_on_with(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    serve_content(server)

    def read(request: Received) -> Answer:
        body = request.body
        return ReadResponse(CONTENT[body.offset : body.offset + min(body.length, 300)])

    server.handlers[Command.READ] = read
    await share.get("x", tmp_path / "y")
    assert (tmp_path / "y").read_bytes() == CONTENT


@pytest.mark.parametrize("answer", [NtStatus.ACCESS_DENIED, NtStatus.END_OF_FILE])
async def test_what_fails_leaves_the_target_as_it_was(
    share: Share, server: FakeServer, tmp_path: Path, answer: NtStatus
) -> None:
    serve_content(server)
    read = server.handlers[Command.READ]
    server.handlers[Command.READ] = lambda request: (
        (answer, None) if request.body.offset == 4096 else read(request)
    )
    target = tmp_path / "y"
    target.write_bytes(b"old")
    with pytest.raises(StatusError, match=f"READ: x: .*{answer.name}"):
        await share.get("x", target)
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["y"]
    assert server.commands()[-1] == "CLOSE"


async def test_a_missing_file_makes_nothing(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    for command in (Command.CREATE, Command.READ):
        server.handlers[command] = lambda request: (NtStatus.OBJECT_NAME_NOT_FOUND, None)
    with pytest.raises(NotFoundError):
        await share.get("x", tmp_path / "y")
    assert names(tmp_path) == []


async def test_a_cancelled_get_cleans_up(share: Share, server: FakeServer, tmp_path: Path) -> None:
    serve_content(server)
    task = asyncio.create_task(share.get("x", tmp_path / "y"))
    read = server.handlers[Command.READ]

    def cancel(request: Received) -> Answer:
        task.cancel()
        return read(request)

    server.handlers[Command.READ] = cancel
    with pytest.raises(asyncio.CancelledError):
        await task
    assert names(tmp_path) == []


# --- across -------------------------------------------------------------------------------------


async def test_copying_within_the_share(share: Share, server: FakeServer) -> None:
    serve_content(server)
    await share.copy("a/x", "b/y")
    written = server.written()
    assert b"".join(written[offset] for offset in sorted(written)) == CONTENT
    assert [rename.file_name for rename in renames(server)] == [r"b\y"]
    [basic] = sets(server, FileInformationClass.FileBasicInformation)
    assert BasicInformation.decode(memoryview(basic.buffer)).last_write_time == (116444736000000010)


async def test_a_failed_copy_cleans_up(share: Share, server: FakeServer) -> None:
    serve_content(server)
    server.handlers[Command.READ] = lambda request: (NtStatus.ACCESS_DENIED, None)
    with pytest.raises(DeniedError):
        await share.copy("a/x", "b/y")
    assert renames(server) == []
    assert deletions(server) == 1


# --- sources that change ------------------------------------------------------------------------


def changed(**fields: int) -> CloseResponse:
    """Return what CLOSE says of a file that is not as `opened` has it."""
    return CloseResponse(
        flags=CloseFlags.POSTQUERY_ATTRIB,
        **{
            "end_of_file": len(CONTENT),
            "last_write_time": 116444736000000010,
            "change_time": 116444736000000000,
            **fields,
        },
    )


CHANGES = [{"end_of_file": 1}, {"last_write_time": 1}, {"change_time": 1}]


@pytest.mark.parametrize("expected", [None, 200])
@pytest.mark.parametrize("change", CHANGES)
async def test_what_changes_on_the_server_does_not_replace_the_target(
    share: Share, server: FakeServer, tmp_path: Path, change: dict[str, int], expected: int | None
) -> None:
    content = CONTENT[:expected]
    serve_content(server, content)
    server.handlers[Command.CLOSE] = lambda request: changed(
        **{"end_of_file": len(content), **change}
    )
    (tmp_path / "y").write_bytes(b"before")
    with pytest.raises(SourceChangedError, match="a/x: the file was changed on the server"):
        await transfer.get(share, "a/x", tmp_path / "y", expected=expected)
    assert (tmp_path / "y").read_bytes() == b"before"
    assert names(tmp_path) == ["y"]


async def test_what_stays_as_it_was_is_taken(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    serve_content(server)
    server.handlers[Command.CLOSE] = lambda request: changed()
    assert await share.get("a/x", tmp_path / "y") == len(CONTENT)
    [close] = server.bodies(Command.CLOSE)
    assert close.flags & CloseFlags.POSTQUERY_ATTRIB


@pytest.mark.parametrize("change", CHANGES)
async def test_what_changes_is_not_copied(
    share: Share, server: FakeServer, change: dict[str, int]
) -> None:
    serve_content(server)
    server.handlers[Command.CLOSE] = lambda request: changed(**change)
    with pytest.raises(SourceChangedError):
        await share.copy("x", "y")
    assert renames(server) == []
    assert deletions(server) == 1


async def test_a_local_file_that_changes_is_not_put(
    share: Share, server: FakeServer, source: Path
) -> None:
    def write(request: Received) -> Answer:
        os.utime(source, ns=(0, 0))
        return None

    server.handlers[Command.WRITE] = write
    with pytest.raises(SourceChangedError, match="source: the file was changed"):
        await share.put(source, "x")
    assert renames(server) == []
    assert deletions(server) == 1


# --- interruptions ------------------------------------------------------------------------------


async def test_a_put_that_is_cancelled_before_the_file_is_made_deletes_it(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    (tmp_path / "x").write_bytes(b"small")
    task = asyncio.create_task(share.put(tmp_path / "x", "x"))

    def create(request: Received) -> Answer:
        task.cancel()
        return None

    server.handlers[Command.CREATE] = create
    with pytest.raises(asyncio.CancelledError):
        await task
    await share.session.connection.abandoned_opens.wait_closed()
    assert renames(server) == []
    assert deletions(server) == 1


async def test_a_file_that_gets_its_name_is_not_deleted(
    share: Share, server: FakeServer, source: Path
) -> None:
    task = asyncio.create_task(share.put(source, "x"))

    def set_info(request: Received) -> Answer:
        if request.body.file_info_class == FileInformationClass.FileRenameInformation:
            task.cancel()
        return None

    server.handlers[Command.SET_INFO] = set_info
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(renames(server)) == 1
    assert deletions(server) == 0


async def test_where_it_is_not_known_whether_a_file_got_its_name_nothing_is_deleted(
    share: Share, server: FakeServer, transport: FakeTransport, source: Path
) -> None:
    def set_info(request: Received) -> Answer:
        if request.body.file_info_class == FileInformationClass.FileRenameInformation:
            transport.fail(ConnectionClosed("the cable is cut"))
        return None

    server.handlers[Command.SET_INFO] = set_info
    with pytest.raises(ConnectionClosed):
        await share.put(source, "x")
    assert deletions(server) == 0


async def test_a_part_that_was_closed_without_its_name_is_removed_by_its_own(
    share: Share, server: FakeServer, source: Path
) -> None:
    def set_info(request: Received) -> Answer:
        if request.body.file_info_class == FileInformationClass.FileRenameInformation:
            return NtStatus.ACCESS_DENIED, None
        if deletions(server) == 1:
            return NtStatus.FILE_CLOSED, None
        return None

    server.handlers[Command.SET_INFO] = set_info
    with pytest.raises(DeniedError):
        await share.put(source, "x")
    first, last = server.opened_names()
    assert first == last
    assert deletions(server) == 2


# --- streams ------------------------------------------------------------------------------------


async def chunks(*sizes: int) -> AsyncIterator[bytes]:
    offset = 0
    for size in sizes:
        yield CONTENT[offset : offset + size]
        offset += size


@pytest.mark.parametrize("sizes", [(), (0,), (5,), (0, 5, 0, 3000, 1), (10_000,)])
async def test_a_stream_goes_up(share: Share, server: FakeServer, sizes: tuple[int, ...]) -> None:
    done: list[int] = []
    size = await share.put_stream(chunks(*sizes), "x", progress=lambda now, _: done.append(now))
    written = server.written()
    assert b"".join(written[offset] for offset in sorted(written)) == CONTENT[: sum(sizes)]
    assert all(len(data) <= 1024 for data in written.values())
    assert size == sum(sizes) == (done or [0])[-1]
    assert [rename.file_name for rename in renames(server)] == ["x"]


async def test_a_stream_that_breaks_leaves_nothing(share: Share, server: FakeServer) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"abc"
        raise OSError("the pipe is broken")

    with pytest.raises(OSError, match="the pipe is broken"):
        await share.put_stream(broken(), "x")
    assert renames(server) == []
    assert deletions(server) == 1


async def test_a_fifo_goes_up(share: Share, server: FakeServer, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    task = asyncio.create_task(share.put(tmp_path / "fifo", "x"))
    descriptor = await asyncio.to_thread(os.open, tmp_path / "fifo", os.O_WRONLY)
    os.write(descriptor, CONTENT)
    os.close(descriptor)
    assert await task == len(CONTENT)
    written = server.written()
    assert b"".join(written[offset] for offset in sorted(written)) == CONTENT


async def test_a_stream_comes_down_in_order(share: Share, server: FakeServer) -> None:
    serve_content(server)
    done: list[tuple[int, int]] = []
    got = [bytes(data) async for data in share.stream("x", progress=lambda *now: done.append(now))]
    assert b"".join(got) == CONTENT
    assert len(got) == len(done) == 10
    assert done[-1] == (len(CONTENT), len(CONTENT))


async def test_a_stream_that_nobody_reads_to_its_end_is_closed(
    share: Share, server: FakeServer
) -> None:
    serve_content(server)
    async with aclosing(share.stream("x")) as stream:
        assert await anext(stream) == CONTENT[:1024]
    assert server.commands()[-1] == "CLOSE"


async def test_the_reads_of_a_stream_end_before_its_file_is_closed(
    share: Share, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_content(server)
    reading: list[bool] = []
    leave = file_module.File.__aexit__

    async def close(file: file_module.File, *error: Any) -> None:
        reading.append(any("fetch" in repr(each) for each in asyncio.all_tasks()))
        await leave(file, *error)

    monkeypatch.setattr(file_module.File, "__aexit__", close)
    async with aclosing(share.stream("x")) as stream:
        assert await anext(stream) == CONTENT[:1024]
        assert any("fetch" in repr(each) for each in asyncio.all_tasks())

    assert reading == [False]


async def test_reads_of_a_stream_that_fail_together_fail_once(
    share: Share, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    serve_content(server)
    read = server.handlers[Command.READ]
    server.handlers[Command.READ] = lambda request: (
        (NtStatus.ACCESS_DENIED, None) if request.body.offset else read(request)
    )
    async with aclosing(share.stream("x")) as stream:
        assert await anext(stream) == CONTENT[:1024]
        fetches = [each for each in asyncio.all_tasks() if "fetch" in repr(each)]
        await asyncio.wait(fetches)
        del fetches
        with pytest.raises(DeniedError):
            await anext(stream)
    gc.collect()
    assert "never retrieved" not in caplog.text


async def test_a_stream_of_a_file_that_changes_says_so_at_its_end(
    share: Share, server: FakeServer
) -> None:
    serve_content(server)
    server.handlers[Command.CLOSE] = lambda request: changed(end_of_file=1)
    got: list[memoryview] = []

    async def collect() -> None:
        async for data in share.stream("x"):
            got.append(data)

    with pytest.raises(SourceChangedError):
        await collect()
    assert b"".join(got) == CONTENT


@pytest.mark.parametrize("path", ["in/", "", "in\\"])
async def test_a_file_has_no_name_of_a_folder(
    share: Share, server: FakeServer, source: Path, path: str
) -> None:
    with pytest.raises(PathError, match="is a folder"):
        await share.put(source, path)
    assert server.seen == []


async def test_a_copy_has_the_attributes_and_times_of_its_source(
    share: Share, server: FakeServer
) -> None:
    attributes = FileAttributes.HIDDEN | FileAttributes.READONLY | FileAttributes.COMPRESSED
    server.handlers[Command.CREATE] = lambda request: opened(0, attributes)
    await share.copy("a", "b")
    [body] = sets(server, FileInformationClass.FileBasicInformation)
    basic = BasicInformation.decode(memoryview(body.buffer))
    assert basic.file_attributes == FileAttributes.HIDDEN | FileAttributes.READONLY
    assert basic.creation_time == opened().creation_time
    assert basic.last_write_time == opened().last_write_time
