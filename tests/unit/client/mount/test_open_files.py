import asyncio
import errno
import itertools
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import pytest

from smbquic.client.mount import open_files
from smbquic.client.mount.open_files import OpenFiles
from smbquic.wire.fscc.file_information import BasicInformation
from tests.threads import switching_often
from tests.unit.client.mount.operating import FakeContent


class FakeFile:
    """An open file of a size, which writes change."""

    def __init__(self, content: FakeContent | None = None) -> None:
        self.content: Any = FakeContent([]) if content is None else content
        self.end = 100
        self.written: list[tuple[int, int]] = []

    async def size(self) -> int:
        await asyncio.sleep(0)
        return self.end

    async def write(self, offset: int, data: bytes) -> int:
        self.written.append((offset, len(data)))
        await asyncio.sleep(0)
        self.end = max(self.end, offset + len(data))
        return len(data)


def added(
    files: OpenFiles, path: str, flags: int = os.O_RDONLY, file: FakeFile | None = None
) -> int:
    return files.add(cast(Any, file or FakeFile()), path, flags)


async def test_appends_follow_each_other() -> None:
    files, file = OpenFiles(), FakeFile()
    one = files[added(files, "a", os.O_WRONLY | os.O_APPEND, file)]
    other = files[added(files, "a", os.O_WRONLY | os.O_APPEND, file)]
    await asyncio.gather(*(each.write(0, bytes(3)) for each in (one, other, one)))
    assert file.written == [(100, 3), (103, 3), (106, 3)]
    plain = files[added(files, "a", os.O_WRONLY, file)]
    await plain.write(7, b"x")
    assert file.written[-1] == (7, 1)


async def test_times_are_those_after_what_was_written() -> None:
    done: list[tuple[Any, ...]] = []
    files, content = OpenFiles(), FakeContent(done)
    await files[added(files, "a", os.O_WRONLY, FakeFile(content))].set_times(None, 10**9)
    [(settled,), (name, build)] = done
    assert (settled, name) == ("settle", "request")
    information = BasicInformation.decode(memoryview(build(SimpleNamespace()).buffer))
    assert information.last_access_time == 0
    assert information.last_write_time == 116444736000000000 + 10**7


async def test_numbers_of_open_files() -> None:
    files = OpenFiles()
    one, other = added(files, "a"), added(files, "a", os.O_RDWR)
    assert 0 < one < other
    assert [each.writable for each in files.written("a")] == [True]
    assert files.written("b") == []
    assert files.remove(other).path == "a"
    assert files.written("a") == []
    assert len(files) == 1
    files.remove(one)
    for use in (files.__getitem__, files.remove):
        with pytest.raises(OSError, match="Bad file") as caught:
            use(one)
        assert caught.value.errno == errno.EBADF


async def test_who_has_the_same_file_open_shares_its_locks() -> None:
    files, content = OpenFiles(), FakeContent([])
    one, other = (files[added(files, "a", file=FakeFile(content))] for _ in range(2))
    assert one.locks is other.locks
    assert files[added(files, "a")].locks is not one.locks


async def test_open_files_follow_what_is_renamed() -> None:
    files = OpenFiles()
    numbers = [added(files, path, os.O_RDWR) for path in ("a", "a/b", "ab", "c/a", "a")]
    files.renamed("a", "x/y")
    assert [files[number].path for number in numbers] == ["x/y", "x/y/b", "ab", "c/a", "x/y"]
    contents = [cast(Any, files[number].file.content).path for number in numbers]
    assert contents == ["x/y", "x/y/b", "", "", "x/y"]
    assert len(files.written("x/y")) == 2
    # Another file may have taken the place of one that is still open.
    files.renamed("ab", "x/y")
    assert len(files.written("x/y")) == 3
    for number in numbers:
        files.remove(number)
    assert files.written("x/y") == []


async def test_several_threads_open_and_close_while_files_are_renamed() -> None:
    files, turns, threads = OpenFiles(), 3000, 4
    ended = threading.Event()

    def open_and_close(_: int) -> bool:
        right = True
        for turn in range(turns):
            file = FakeFile()
            handle = added(files, "ab"[turn % 2], os.O_RDWR, file)
            right &= cast(Any, files.remove(handle).file) is file
        return right

    def rename() -> int:
        names = itertools.cycle("abc")
        for old, new in itertools.pairwise(names):
            if ended.is_set():
                break
            files.renamed(old, new)
        return len(files)

    with switching_often(), ThreadPoolExecutor(threads + 1) as pool:
        renaming = pool.submit(rename)
        try:
            done = list(pool.map(open_and_close, range(threads)))
        finally:
            ended.set()
        assert (done, renaming.result()) == ([True] * threads, 0)
    assert [files.written(name) for name in "abc"] == [[], [], []]


async def test_programs_cannot_open_any_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_files, "MOST", 2)
    files = OpenFiles()
    for _ in range(2):
        files.check_room()
        added(files, "a")
    with pytest.raises(OSError, match="Too many open files in system"):
        files.check_room()
