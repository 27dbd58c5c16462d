import os
from pathlib import Path

import pytest

from smbquic.client import file as file_module
from smbquic.client import transfer
from smbquic.client.local import Source
from smbquic.client.share import Share
from smbquic.client.sparse import Range, chunks, local_ranges, make_sparse, remote_ranges
from smbquic.errors import DeniedError
from smbquic.ntstatus import NtStatus
from smbquic.options.transfer import TransferOptions
from smbquic.wire.create import CreateDisposition
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.file_information import (
    BasicInformation,
    EndOfFileInformation,
    FileInformationClass,
)
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.fscc.fsctl_payloads import FileRange, encode_ranges
from smbquic.wire.header import Command
from smbquic.wire.ioctl import IoctlResponse
from tests.unit.client.fakes import Answer, FakeServer, Received, opened
from tests.unit.client.transferring import CONTENT, names, serve_content, sets


def test_chunks() -> None:
    assert list(chunks([(0, 5), (8, 9)], 2)) == [(0, 2), (2, 2), (4, 1), (8, 1)]
    assert list(chunks([(3, 3)], 2)) == []


def test_holes_of_a_local_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with path.open("wb") as file:
        file.truncate(8 << 20)
        file.seek(4 << 20)
        file.write(b"data")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        found = local_ranges(descriptor, 8 << 20)
        # Where the disk has no holes, all of it is data.
        assert any(start <= 4 << 20 < (4 << 20) + 4 <= end for start, end in found)
        assert found == sorted(found)
        assert local_ranges(descriptor, 0) == []
    finally:
        os.close(descriptor)


def test_a_system_that_does_not_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: int) -> int:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "lseek", refuse)
    assert local_ranges(0, 7) == [(0, 7)]


def serve_ranges(server: FakeServer, ranges: list[Range], at_once: int) -> None:
    def ioctl(request: Received) -> Answer:
        asked = FileRange.decode(request.body.input)
        left = [each for each in ranges if each[1] > asked.file_offset]
        output = encode_ranges(FileRange(start, end - start) for start, end in left[:at_once])
        status = NtStatus.BUFFER_OVERFLOW if len(left) > at_once else NtStatus.SUCCESS
        return status, IoctlResponse(request.body.ctl_code, request.body.file_id, output=output)

    server.handlers[Command.IOCTL] = ioctl


@pytest.mark.parametrize("at_once", [1, 2, 9])
async def test_holes_of_a_remote_file(share: Share, server: FakeServer, at_once: int) -> None:
    ranges = [(0, 10), (20, 30), (50, 120)]
    serve_ranges(server, ranges, at_once)
    async with share.open("x") as file:
        assert await remote_ranges(file, 100) == [(0, 10), (20, 30), (50, 100)]
        assert await remote_ranges(file, 0) == []


async def test_a_server_that_does_not_say(share: Share, server: FakeServer) -> None:
    server.handlers[Command.IOCTL] = lambda request: (NtStatus.INVALID_DEVICE_REQUEST, None)
    async with share.open("x") as file:
        assert await remote_ranges(file, 100) == [(0, 100)]
        await make_sparse(file, 7)
    assert server.bodies(Command.IOCTL)[-1].ctl_code == Fsctl.SET_SPARSE
    assert len(server.bodies(Command.SET_INFO)) == 1


async def test_what_a_server_does_not_say_is_data(share: Share, server: FakeServer) -> None:
    def ioctl(request: Received) -> Answer:
        body = IoctlResponse(request.body.ctl_code, request.body.file_id, output=b"")
        return NtStatus.BUFFER_OVERFLOW, body

    server.handlers[Command.IOCTL] = ioctl
    async with share.open("x") as file:
        assert await remote_ranges(file, 100) == [(0, 100)]


# --- transfers ------------------------------------------------------------------------------------

SIZE = len(CONTENT)
RANGES = [(1024, 3072), (9000, SIZE)]
DATA = sum(end - start for start, end in RANGES)
HOLEY = b"".join([bytes(1024), CONTENT[1024:3072], bytes(9000 - 3072), CONTENT[9000:]])


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_module, "CHUNK", 1024)


@pytest.fixture
def holey(monkeypatch: pytest.MonkeyPatch, source: Path) -> Path:
    """A local file that has only these ranges, whatever the disk makes of it."""

    def load(path: Path, limit: int) -> Source:
        loaded = Source(path)
        loaded.has_holes = True
        return loaded

    monkeypatch.setattr(Source, "load", load)
    monkeypatch.setattr(transfer, "local_ranges", lambda descriptor, size: RANGES)
    return source


def serve_holey(server: FakeServer, size: int = SIZE) -> None:
    """Let the server have a file with these ranges, which takes no more of its disk."""
    serve_content(server, CONTENT[:size])

    def create(request: Received) -> Answer:
        answer = opened(size)
        answer.allocation_size = size - 1
        return answer

    server.handlers[Command.CREATE] = create
    serve_ranges(server, RANGES, 9)


def controls(server: FakeServer) -> list[int]:
    return [body.ctl_code for body in server.bodies(Command.IOCTL)]


def resized(server: FakeServer) -> list[int]:
    found = sets(server, FileInformationClass.FileEndOfFileInformation)
    return [EndOfFileInformation.decode(memoryview(body.buffer)).end_of_file for body in found]


async def test_holes_are_not_put(
    share: Share, server: FakeServer, holey: Path, small_chunks: None
) -> None:
    done: list[int] = []
    options = TransferOptions(resume=True)
    assert (
        await share.put(holey, "x", options=options, progress=lambda n, _: done.append(n)) == SIZE
    )
    assert controls(server) == [Fsctl.SET_SPARSE]
    assert resized(server) == [SIZE]
    assert server.written() == {
        1024: CONTENT[1024:2048],
        2048: CONTENT[2048:3072],
        9000: CONTENT[9000:],
    }
    assert (done[0], done[-1], len(done)) == (SIZE - DATA, SIZE, 4)
    [basic] = sets(server, FileInformationClass.FileBasicInformation)
    information = BasicInformation.decode(memoryview(basic.buffer))
    assert information.file_attributes == FileAttributes.ARCHIVE


async def test_holes_are_not_got(
    share: Share, server: FakeServer, tmp_path: Path, small_chunks: None
) -> None:
    serve_holey(server)
    done: list[int] = []
    assert await share.get("x", tmp_path / "y", progress=lambda n, _: done.append(n)) == SIZE
    assert (tmp_path / "y").read_bytes() == HOLEY
    reads = [(body.offset, body.length) for body in server.bodies(Command.READ)]
    assert reads == [(0, 1024), (1024, 1024), (2048, 1024), (9000, 1000)]
    assert (done[0], done[-1], len(done)) == (SIZE - DATA, SIZE, 4)
    assert controls(server) == [Fsctl.QUERY_ALLOCATED_RANGES]


async def test_what_one_read_has_is_not_asked_for_its_holes(
    share: Share, server: FakeServer, tmp_path: Path, small_chunks: None
) -> None:
    serve_holey(server, 1024)
    assert await share.get("x", tmp_path / "y") == 1024
    assert (tmp_path / "y").read_bytes() == CONTENT[:1024]
    server.handlers[Command.IOCTL] = lambda request: (NtStatus.NOT_SUPPORTED, None)
    assert await share.copy("x", "z") == 1024
    assert Fsctl.QUERY_ALLOCATED_RANGES not in controls(server)
    assert Fsctl.SET_SPARSE not in controls(server)


async def test_holes_are_not_copied(share: Share, server: FakeServer, small_chunks: None) -> None:
    serve_holey(server)
    ranges = server.handlers[Command.IOCTL]
    asked = Fsctl.QUERY_ALLOCATED_RANGES
    server.handlers[Command.IOCTL] = lambda request: (
        ranges(request) if request.body.ctl_code == asked else (NtStatus.NOT_SUPPORTED, None)
    )
    done: list[int] = []
    assert await share.copy("x", "y", progress=lambda n, _: done.append(n)) == SIZE
    assert sorted(server.written()) == [1024, 2048, 9000]
    assert resized(server) == [SIZE]
    assert controls(server) == [asked, Fsctl.SET_SPARSE, Fsctl.SRV_REQUEST_RESUME_KEY]
    assert (done[0], done[-1], len(done)) == (SIZE - DATA, SIZE, 4)


@pytest.mark.parametrize(
    ("margin", "holes", "resumable"),
    [(SIZE, False, False), (SIZE - 1, False, True), (SIZE - 1, True, False)],
)
async def test_which_transfers_can_be_resumed(
    share: Share,
    server: FakeServer,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    small_chunks: None,
    margin: int,
    holes: bool,
    resumable: bool,
) -> None:
    monkeypatch.setattr(transfer, "MARGIN", margin)
    options = TransferOptions(resume=True)
    await share.put(request.getfixturevalue("holey" if holes else "source"), "x", options=options)
    making = CreateDisposition.FILE_OPEN_IF if resumable else CreateDisposition.FILE_CREATE
    assert server.bodies(Command.CREATE)[0].create_disposition == making
    serve_content(server)
    if holes:
        serve_holey(server)
    read = server.handlers[Command.READ]
    server.handlers[Command.READ] = lambda request: (
        (NtStatus.ACCESS_DENIED, None) if request.body.offset == 2048 else read(request)
    )
    with pytest.raises(DeniedError):
        await share.get("x", tmp_path / "y", options=options)
    assert len(names(tmp_path)) == 1 + resumable  # beside the source
