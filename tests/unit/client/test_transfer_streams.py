"""Files that come and go in chunks: streams, FIFOs."""

import asyncio
import gc
import os
from array import array
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from smbquic.client import file as file_module
from smbquic.client.share import Share
from smbquic.errors import (
    DeniedError,
    SourceChangedError,
)
from smbquic.ntstatus import NtStatus
from smbquic.wire.header import Command
from tests.unit.client.fakes import FakeServer
from tests.unit.client.transferring import (
    CONTENT,
    changed,
    deletions,
    renames,
    serve_content,
    small_chunks,  # noqa: F401  (a fixture)
)


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


async def test_chunks_are_counted_in_bytes(share: Share, server: FakeServer) -> None:
    async def numbers() -> AsyncIterator[memoryview]:
        yield memoryview(array("I", [1, 2, 3]))

    assert await share.put_stream(numbers(), "x") == 12
    assert server.written() == {0: array("I", [1, 2, 3]).tobytes()}


@pytest.mark.parametrize(("size", "chunks"), [(0, []), (1, [1]), (1024, [1024]), (1025, [1024, 1])])
async def test_a_stream_of_a_small_file(
    share: Share, server: FakeServer, size: int, chunks: list[int]
) -> None:
    serve_content(server, CONTENT[:size])
    got = [bytes(data) async for data in share.stream("x")]
    assert [len(data) for data in got] == chunks
    assert b"".join(got) == CONTENT[:size]


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
