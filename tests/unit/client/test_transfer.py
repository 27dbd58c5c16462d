import asyncio
import os
from pathlib import Path
from stat import S_ISDIR

import pytest

from smbquic.client import transfer
from smbquic.client.remote_part import RemotePartialFile
from smbquic.client.share import Share
from smbquic.errors import (
    ConnectionClosed,
    DeniedError,
    NotFoundError,
    OpenLostError,
    PathError,
    SmbError,
    StatusError,
    UnflushedError,
)
from smbquic.ntstatus import NtStatus
from smbquic.options.transfer import TransferOptions
from smbquic.wire.create import CreateDisposition, CreateRequest
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.file_information import (
    BasicInformation,
    FileInformationClass,
)
from smbquic.wire.header import Command
from smbquic.wire.read import ReadResponse
from smbquic.wire.write import WriteResponse
from tests.unit.client.fakes import Answer, FakeServer, FakeTransport, Received
from tests.unit.client.transferring import (
    CONTENT,
    deletions,
    names,
    renames,
    serve_content,
    sets,
    small_chunks,  # noqa: F401  (a fixture)
)

# --- up -----------------------------------------------------------------------------------------


async def test_a_small_file_goes_up_in_two_messages(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    source = tmp_path / "x"
    source.write_bytes(b"hello")
    os.utime(source, ns=(0, 1_000_000_000_000_000_000))
    done: list[tuple[int, int]] = []
    assert await share.put(source, "a/b/x", progress=lambda *state: done.append(state)) == 5
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
    assert await share.put(source, "x", progress=lambda *state: done.append(state)) == len(CONTENT)
    written = server.written()
    assert sorted(written) == list(range(0, len(CONTENT), 1024))
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
    reads = [(body.offset, body.length) for body in server.bodies(Command.READ)]
    assert sorted(reads) == [*((offset, 1024) for offset in range(0, 9216, 1024)), (9216, 784)]
    assert done == [(min(1024 * count, 10_000), 10_000) for count in range(1, 11)]
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


@pytest.mark.parametrize("path", ["in/", "", "in\\"])
async def test_a_file_has_no_name_of_a_folder(
    share: Share, server: FakeServer, source: Path, path: str
) -> None:
    with pytest.raises(PathError, match="is a folder"):
        await share.put(source, path)
    assert server.seen == []


@pytest.mark.parametrize(("size", "together"), [(0, False), (1, True), (1024, True), (1025, False)])
async def test_a_file_of_a_known_size_comes_by_one_message_if_one_read_holds_it(
    share: Share, server: FakeServer, tmp_path: Path, size: int, together: bool
) -> None:
    serve_content(server, CONTENT[:size])
    done: list[tuple[int, int]] = []
    got = await transfer.get(
        share,
        "x",
        tmp_path / "y",
        progress=lambda *state: done.append(state),
        expected=size,
    )
    assert got == size
    assert (tmp_path / "y").read_bytes() == CONTENT[:size]
    assert (tmp_path / "y").stat().st_mtime_ns == 1000
    assert (server.bodies(Command.CLOSE)[0].file_id == FileId.RELATED) is together
    assert server.bodies(Command.READ)[0].length == (size if together else 1024)
    assert done[-1:] == ([(size, size)] if size else [])
    assert share.memory.free == 16 << 20


async def test_a_file_that_grew_since_it_was_listed_comes_whole(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    serve_content(server)
    assert await transfer.get(share, "x", tmp_path / "y", expected=100) == len(CONTENT)
    assert (tmp_path / "y").read_bytes() == CONTENT


@pytest.mark.parametrize("size", [5, 10_000])
@pytest.mark.parametrize(("expected", "folders"), [(False, 0), (True, 1)])
async def test_what_is_put_on_this_machines_disk(
    share: Share,
    server: FakeServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
    expected: bool,
    folders: int,
) -> None:
    serve_content(server, CONTENT[:size])
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda each: synced.append(S_ISDIR(os.fstat(each).st_mode)))
    known = None if expected else size
    await transfer.get(share, "x", tmp_path / "y", expected=known)
    assert synced == []
    options = TransferOptions(fsync=True)
    await transfer.get(share, "x", tmp_path / "y", expected=known, options=options)
    assert synced == [False, *[True] * folders]


async def test_a_small_file_that_is_written_in_its_place(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    serve_content(server, b"hello")
    target = tmp_path / "y"
    target.write_bytes(b"something longer")
    number = target.stat().st_ino
    options = TransferOptions(inplace=True)
    assert await transfer.get(share, "x", target, expected=5, options=options) == 5
    assert (target.read_bytes(), target.stat().st_ino) == (b"hello", number)


@pytest.mark.parametrize(("size", "writes"), [(0, 0), (1024, 1), (1025, 2)])
async def test_bytes_that_one_write_holds_are_one_message_with_the_open(
    share: Share, server: FakeServer, size: int, writes: int
) -> None:
    await share.write_bytes("x", CONTENT[:size])
    assert len(server.bodies(Command.WRITE)) == writes
    related = [body.file_id == FileId.RELATED for body in server.bodies(Command.WRITE)]
    assert all(related) is (size <= 1024)
    assert b"".join(data for _, data in sorted(server.written().items())) == CONTENT[:size]


async def test_an_empty_file_in_its_place(share: Share, server: FakeServer, tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    assert await share.put(tmp_path / "x", "y", options=TransferOptions(inplace=True)) == 0
    assert server.commands() == ["CREATE", "SET_INFO", "FLUSH", "CLOSE"]


@pytest.mark.parametrize("size", [5, 10_000])
@pytest.mark.parametrize("error", [OpenLostError("lost"), UnflushedError("lost")])
async def test_what_a_server_loses_is_put_three_times_at_most(
    share: Share,
    server: FakeServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    size: int,
    error: SmbError,
) -> None:
    (tmp_path / "x").write_bytes(CONTENT[:size])
    commit = RemotePartialFile.commit
    lost = [1, 1]

    async def losing(part: RemotePartialFile) -> None:
        if lost:
            lost.pop()
            raise error
        await commit(part)

    monkeypatch.setattr(RemotePartialFile, "commit", losing)
    caplog.set_level("INFO")
    assert await share.put(tmp_path / "x", "y") == size
    assert caplog.text.count("the file is put again: lost") == 2
    assert len(server.opened_names()) == 3
    assert [rename.file_name for rename in renames(server)] == ["y"]
    lost += [1, 1, 1]
    with pytest.raises(type(error)):
        await share.put(tmp_path / "x", "y")
    assert lost == []
    lost += [1, 1]
    await share.write_bytes("z", CONTENT[:size])
    assert renames(server)[-1].file_name == "z"


async def test_a_source_that_is_not_there(share: Share, server: FakeServer, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await share.put(tmp_path / "missing", "y")
    with pytest.raises(IsADirectoryError):
        await share.put(tmp_path, "y")
    assert server.seen == []
