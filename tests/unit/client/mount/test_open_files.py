import asyncio
import errno
import os
from typing import Any, cast

import pytest

from smbquic.client.file import File
from smbquic.client.mount import open_files
from smbquic.client.mount.open_files import OpenFile, OpenFiles
from smbquic.client.share import Share
from smbquic.client.stat import Stat
from smbquic.ntstatus import NtStatus
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.file_information import NetworkOpenInformation, StandardInformation
from smbquic.wire.header import Command
from smbquic.wire.query_info import QueryInfoResponse
from smbquic.wire.read import ReadResponse
from tests.unit.client.fakes import Answer, FakeServer, Received, opened

STAT = Stat("file", 0, 0, FileAttributes.ARCHIVE, 0, 0, 0, 0, file_id=9)
MIB = 1 << 20


def serve_content(server: FakeServer, content: bytes) -> None:
    def read(request: Received) -> Answer:
        start = request.body.offset
        data = content[start : start + request.body.length]
        return ReadResponse(data) if data else (NtStatus.END_OF_FILE, None)

    server.handlers[Command.READ] = read


def open_file(share: Share, flags: int = os.O_RDWR) -> OpenFile:
    return OpenFile(File(share.tree, "folder/file", opened()), STAT, flags, asyncio.Lock())


async def test_reads_of_any_size(share: Share, server: FakeServer) -> None:
    content = os.urandom(5 * MIB // 2)
    serve_content(server, content)
    file = open_file(share)
    assert await file.read(10, 100) == content[10:110]
    assert len(server.seen) == 1
    assert await file.read(5, 2 * MIB) == content[5 : 2 * MIB + 5]
    assert await file.read(MIB, 4 * MIB) == content[MIB:]
    assert await file.read(3 * MIB, MIB) == b""


async def test_writes_of_any_size(share: Share, server: FakeServer) -> None:
    file, data = open_file(share), os.urandom(5 * MIB // 2)
    await file.write(7, data)
    assert b"".join(part for _, part in sorted(server.written().items())) == data
    assert sorted(server.written()) == [7, MIB + 7, 2 * MIB + 7]


async def test_appends_follow_each_other(share: Share, server: FakeServer) -> None:
    size = 100

    def standard(request: Received) -> Answer:
        return QueryInfoResponse(StandardInformation(size, size, 1, False, False).encode())

    def write(request: Received) -> Answer:
        nonlocal size
        assert request.body.offset == size
        size += len(request.body.data)
        return None

    server.handlers |= {Command.QUERY_INFO: standard, Command.WRITE: write}
    file = open_file(share, os.O_WRONLY | os.O_APPEND)
    await asyncio.gather(*(file.write(0, bytes(number)) for number in range(1, 6)))
    assert size == 115


async def test_attributes_and_times(share: Share, server: FakeServer) -> None:
    information = NetworkOpenInformation(0, 0, 0, 0, 4096, 123, FileAttributes.ARCHIVE)
    server.handlers[Command.QUERY_INFO] = lambda request: QueryInfoResponse(information.encode())
    file = open_file(share)
    stat = await file.attributes()
    assert (stat.name, stat.size, stat.file_id) == ("file", 123, 9)
    await file.set_times(None, 10**9)
    [change] = server.bodies(Command.SET_INFO)
    assert bytes(change.buffer[8:16]) == bytes(8)
    assert bytes(change.buffer[16:24]) == (116444736000000000 + 10**7).to_bytes(8, "little")


class FakeFile:
    def __init__(self, path: str) -> None:
        self.path = path

    def renamed(self, path: str) -> None:
        self.path = path


def added(files: OpenFiles, path: str, flags: int = os.O_RDONLY) -> int:
    return files.add(cast(Any, FakeFile(path)), STAT, flags)


async def test_numbers_of_open_files() -> None:
    files = OpenFiles()
    one, other = added(files, "a"), added(files, "a", os.O_RDWR)
    assert 0 < one < other
    assert [each.writable for each in files.at("a")] == [False, True]
    assert list(files.at("b")) == []
    assert files.remove(one).path == "a"
    assert len(files) == 1
    for use in (files.__getitem__, files.remove):
        with pytest.raises(OSError, match="Bad file") as caught:
            use(one)
        assert caught.value.errno == errno.EBADF


async def test_open_files_follow_what_is_renamed() -> None:
    files = OpenFiles()
    numbers = [added(files, path) for path in ("a", "a/b", "ab", "c/a")]
    files.renamed("a", "x/y")
    assert [files[number].path for number in numbers] == ["x/y", "x/y/b", "ab", "c/a"]


async def test_programs_cannot_open_any_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_files, "MOST", 2)
    files = OpenFiles()
    for _ in range(2):
        files.check_room()
        added(files, "a")
    with pytest.raises(OSError, match="Too many open files in system"):
        files.check_room()
