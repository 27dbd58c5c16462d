import os
from pathlib import Path

import pytest

from smbquic.client.share import Share
from smbquic.client.sparse import Range, chunks, local_ranges, make_sparse, remote_ranges
from smbquic.ntstatus import NtStatus
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.fscc.fsctl_payloads import FileRange, encode_ranges
from smbquic.wire.header import Command
from smbquic.wire.ioctl import IoctlResponse
from tests.unit.client.fakes import Answer, FakeServer, Received


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
