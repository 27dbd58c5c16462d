"""The parts of interrupted transfers: which are kept, and how much of them."""

import asyncio
import os
import random
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.client import file as file_module
from smbquic.client import resume, transfer
from smbquic.client.resume import ProcessLock, ResumablePart, resume_at, sample_places
from smbquic.client.share import Share
from smbquic.errors import DeniedError, SourceChangedError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.options.transfer import TransferOptions
from smbquic.storage.partial import is_unfinished
from smbquic.wire.create import CreateOptions
from smbquic.wire.create_context import find
from smbquic.wire.create_contexts import CREATE_APP_INSTANCE_ID, AppInstanceId
from smbquic.wire.fscc.file_information import FileInformationClass
from smbquic.wire.header import Command
from smbquic.wire.read import ReadResponse
from smbquic.wire.write import WriteResponse
from tests.unit.client.fakes import Answer, FakeServer, Received, opened
from tests.unit.client.transferring import CONTENT, deletions, renames, serve_content, sets


def reader(data: bytes) -> Callable[[int, int], Coroutine[Any, Any, bytes]]:
    async def read(offset: int, count: int) -> bytes:
        return data[offset : offset + count]

    return read


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume, "MARGIN", 100)
    monkeypatch.setattr(resume, "SAMPLE", 4)


async def test_what_lies_a_window_before_the_end_is_kept() -> None:
    source = os.urandom(1000)
    assert await resume_at(700, 1000, reader(source[:700]), reader(source)) == 600
    assert await resume_at(0, 1000, reader(b""), reader(source)) == 0
    assert await resume_at(100, 1000, reader(source[:100]), reader(source)) == 0
    assert await resume_at(2000, 1000, reader(source * 2), reader(source)) == 900


async def test_what_differs_is_not_kept(caplog: pytest.LogCaptureFixture) -> None:
    source = os.urandom(1000)
    part = bytes(600) + source[600:800]
    assert await resume_at(800, 1000, reader(part), reader(source)) == 0
    assert "starting again" in caplog.text


async def test_holes_that_a_failed_machine_leaves_are_found() -> None:
    """The end is compared more densely: what was not written back is mostly there."""
    chance = random.Random(1)
    source = chance.randbytes(20_000)
    for _ in range(20):
        start = chance.randrange(15_000, 19_000)
        part = source[:start] + bytes(20_000 - start)
        assert await resume_at(20_000, 20_000, reader(part), reader(source)) == 0


@given(st.integers(0, 1 << 40))
def test_places(size: int) -> None:
    places = sample_places(size)
    assert places == sorted(set(places))
    assert all(0 <= place < size for place in places)
    assert len(places) <= resume.SAMPLES + 1
    if size:
        assert places[0] == 0
        assert places[-1] + resume.SAMPLE >= size


SOURCE = ("x", 1000, 7)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_part_stays_when_its_transfer_is_interrupted(tmp_path: Path) -> None:
    part = ResumablePart(tmp_path / "x", SOURCE, fsync=False)
    part.write_at(0, b"abcdef")
    part.abandon(asyncio.CancelledError())
    part.abandon(asyncio.CancelledError())
    [name] = names(tmp_path)
    assert is_unfinished(name)
    again = ResumablePart(tmp_path / "x", SOURCE, fsync=False)
    assert (again.size, again.read_at(2, 2)) == (6, b"cd")
    again.truncate(3)
    again.commit(7_000)
    assert names(tmp_path) == ["x"]
    assert (tmp_path / "x").read_bytes() == b"abc"


def test_a_part_of_a_source_that_changed_goes(tmp_path: Path) -> None:
    part = ResumablePart(tmp_path / "x", SOURCE, fsync=False)
    part.write_at(0, b"abcdef")
    part.abandon(SourceChangedError("it changed"))
    assert names(tmp_path) == []


def test_parts_of_other_states_are_not_found_and_go_with_the_next(tmp_path: Path) -> None:
    for state in (("x", 1000, 6), ("y", 1000, 7)):
        old = ResumablePart(tmp_path / "x", state, fsync=False)
        old.write_at(0, b"old")
        old.abandon(asyncio.CancelledError())
    other = ResumablePart(tmp_path / "other", SOURCE, fsync=False)
    part = ResumablePart(tmp_path / "x", SOURCE, fsync=False)
    assert part.size == 0
    part.commit(0)
    part.remove_others()
    assert len(names(tmp_path)) == 2
    other.discard()


def test_two_transfers_do_not_write_one_part(tmp_path: Path) -> None:
    first = ResumablePart(tmp_path / "x", SOURCE, fsync=False)
    with pytest.raises(OSError, match="another transfer is writing this file"):
        ResumablePart(tmp_path / "x", SOURCE, fsync=False)
    first.discard()


def test_nobody_elses_file_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ResumablePart(tmp_path / "x", SOURCE, fsync=False).abandon(asyncio.CancelledError())
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(OSError, match="not a file of yours"):
        ResumablePart(tmp_path / "x", SOURCE, fsync=False)
    monkeypatch.undo()
    [name] = names(tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        ResumablePart(tmp_path / "x", SOURCE, fsync=False)
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    with pytest.raises(OSError, match="not a file of yours"):
        ResumablePart(tmp_path / "x", SOURCE, fsync=False)


# --- whole transfers --------------------------------------------------------------------------


class ResumedFile:
    """A file on a server that keeps what is written into it."""

    def __init__(self, server: FakeServer) -> None:
        self.data = bytearray()
        self.name = ""
        self.fail_at: int | None = None
        server.handlers[Command.CREATE] = self.create
        server.handlers[Command.WRITE] = self.write
        server.handlers[Command.READ] = self.read
        server.handlers[Command.QUERY_DIRECTORY] = lambda _: (NtStatus.NO_SUCH_FILE, None)

    def create(self, request: Received) -> Answer:
        if request.body.create_options & CreateOptions.FILE_DIRECTORY_FILE:
            return opened()
        self.name = request.body.name
        return opened(len(self.data))

    def write(self, request: Received) -> Answer:
        offset, data = request.body.offset, bytes(request.body.data)
        if self.fail_at is not None and offset >= self.fail_at:
            return NtStatus.DISK_FULL, None
        self.data.extend(bytes(max(offset + len(data) - len(self.data), 0)))
        self.data[offset : offset + len(data)] = data
        return WriteResponse(len(data))

    def read(self, request: Received) -> Answer:
        offset = request.body.offset
        return ReadResponse(bytes(self.data[offset : offset + request.body.length]))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A local file of ten chunks."""
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def small_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_module, "CHUNK", 1024)
    monkeypatch.setattr(resume, "MARGIN", 2048)
    monkeypatch.setattr(transfer, "MARGIN", 2048)


async def test_a_put_goes_on_where_it_was_interrupted(
    share: Share, server: FakeServer, source: Path, small_margin: None
) -> None:
    part = ResumedFile(server)
    part.fail_at = 7168
    with pytest.raises(StatusError):
        await share.put(source, "y", options=TransferOptions(resume=True))
    name = part.name
    assert is_unfinished(name)
    assert deletions(server) == 0
    part.fail_at = None
    server.seen.clear()
    done: list[int] = []
    await share.put(
        source,
        "y",
        options=TransferOptions(resume=True),
        progress=lambda count, _: done.append(count),
    )
    assert part.name == name
    assert bytes(part.data) == CONTENT
    assert min(server.written()) == done[0] == 7168 - 2048
    assert [rename.file_name for rename in renames(server)] == ["y"]


async def test_a_put_whose_part_differs_starts_again(
    share: Share, server: FakeServer, source: Path, small_margin: None
) -> None:
    part = ResumedFile(server)
    part.data = bytearray(8192)
    await share.put(source, "y", options=TransferOptions(resume=True))
    assert min(server.written()) == 0
    assert len(sets(server, FileInformationClass.FileEndOfFileInformation)) == 1


async def test_a_put_whose_source_changes_leaves_no_part(
    share: Share, server: FakeServer, source: Path, small_margin: None
) -> None:
    ResumedFile(server)

    def change(done: int, total: int) -> None:
        os.utime(source)

    with pytest.raises(SourceChangedError):
        await share.put(source, "y", options=TransferOptions(resume=True), progress=change)
    assert deletions(server) == 1


async def test_a_put_waits_for_the_client_of_the_last_attempt(
    share: Share,
    server: FakeServer,
    source: Path,
    small_margin: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    part, refusals = ResumedFile(server), [1, 1]

    def create(request: Received) -> Answer:
        if refusals:
            refusals.pop()
            return NtStatus.SHARING_VIOLATION, None
        return part.create(request)

    server.handlers[Command.CREATE] = create
    sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda seconds: sleep(0))
    await share.put(source, "y", options=TransferOptions(resume=True))
    assert bytes(part.data) == CONTENT
    refusals.append(1)
    monkeypatch.setattr(resume, "IN_USE", -1.0)
    with pytest.raises(DeniedError):
        await share.put(source, "y", options=TransferOptions(resume=True))


def applications(server: FakeServer) -> list[bytes | None]:
    """Return the application that each CREATE of a part names."""
    creates = [body for body in server.bodies(Command.CREATE) if is_unfinished(body.name)]
    return [find(body.contexts, CREATE_APP_INSTANCE_ID) for body in creates]


async def test_a_put_has_the_server_close_the_part_for_a_client_that_was_killed(
    share: Share, server: FakeServer, source: Path, small_margin: None
) -> None:
    part = ResumedFile(server)
    part.fail_at = 7168
    for _ in range(2):
        with pytest.raises(StatusError):
            await share.put(source, "y", options=TransferOptions(resume=True))
    first, second = applications(server)
    assert first == second
    assert (first is not None) is (sys.platform == "linux")
    part.fail_at = None
    await share.put(source, "z", options=TransferOptions(resume=True))
    if first is not None:
        assert applications(server)[-1] not in (None, first)


@pytest.mark.skipif(sys.platform != "linux", reason="needs sockets without files")
async def test_a_put_closes_nothing_for_a_process_that_is_alive(
    share: Share, server: FakeServer, source: Path, small_margin: None
) -> None:
    part = ResumedFile(server)

    def create(request: Received) -> Answer:
        # Another process begins the same transfer at any time while this one goes on.
        data = find(request.body.contexts, CREATE_APP_INSTANCE_ID)
        if data is not None:
            other = ProcessLock(AppInstanceId.decode(data).app_instance_id)
            assert not other.held
        return part.create(request)

    server.handlers[Command.CREATE] = create
    await share.put(source, "y", options=TransferOptions(resume=True))
    data = applications(server)[0]
    assert data is not None
    held = ProcessLock(AppInstanceId.decode(data).app_instance_id)
    assert held.held
    await share.put(source, "y", options=TransferOptions(resume=True))
    assert applications(server)[-1] is None
    held.release()
    held.release()
    assert not held.held
    await share.put(source, "y", options=TransferOptions(resume=True))
    assert applications(server)[-1] == data


async def test_a_get_goes_on_where_it_was_interrupted(
    share: Share, server: FakeServer, tmp_path: Path, small_margin: None
) -> None:
    def broken(request: Received) -> Answer:
        offset, length = request.body.offset, request.body.length
        if offset >= 7168:
            return NtStatus.FILE_CLOSED, None
        return ReadResponse(CONTENT[offset : offset + length])

    serve_content(server)
    server.handlers[Command.READ] = broken
    with pytest.raises(StatusError):
        await share.get("x", tmp_path / "y", options=TransferOptions(resume=True))
    [left] = names(tmp_path)
    assert is_unfinished(left)
    serve_content(server)
    server.seen.clear()
    await share.get("x", tmp_path / "y", options=TransferOptions(resume=True))
    assert (tmp_path / "y").read_bytes() == CONTENT
    assert names(tmp_path) == ["y"]
    chunks = [body.offset for body in server.bodies(Command.READ) if body.length == 1024]
    assert min(offset for offset in chunks if offset) >= 7168 - 2048 - 1024
