import asyncio
import os
from contextlib import aclosing
from pathlib import Path

import pytest

from smbquic.client.streams import read_chunks, write_all

CONTENT = os.urandom(300_000)


async def collect(descriptor: int, size: int) -> list[bytes]:
    async with aclosing(read_chunks(descriptor, size)) as chunks:
        return [chunk async for chunk in chunks]


async def test_a_pipe_is_read_in_whole_chunks() -> None:
    reading, writing = os.pipe()
    task = asyncio.create_task(collect(reading, 100))
    for part in (b"a" * 30, b"b" * 100, b"c" * 40):
        await asyncio.sleep(0)
        os.write(writing, part)
    os.close(writing)
    chunks = await task
    os.close(reading)
    assert [len(chunk) for chunk in chunks] == [100, 70]
    assert b"".join(chunks) == b"a" * 30 + b"b" * 100 + b"c" * 40


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001])
async def test_a_file_is_read_to_its_end(tmp_path: Path, size: int) -> None:
    (tmp_path / "x").write_bytes(CONTENT[:size])
    with (tmp_path / "x").open("rb") as file:
        chunks = await collect(file.fileno(), 1000)
    assert b"".join(chunks) == CONTENT[:size]
    assert all(len(chunk) == 1000 for chunk in chunks[:-1])


async def test_what_cannot_be_waited_for_is_read() -> None:
    descriptor = os.open("/dev/null", os.O_RDONLY)
    assert await collect(descriptor, 10) == []
    os.close(descriptor)


async def test_a_fifo_is_waited_for_until_somebody_writes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    reading = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    task = asyncio.create_task(collect(reading, 100))
    await asyncio.sleep(0)
    assert not task.done()
    writing = os.open(tmp_path / "fifo", os.O_WRONLY)
    os.write(writing, b"abc")
    os.close(writing)
    assert await task == [b"abc"]
    os.close(reading)


async def test_who_is_cancelled_does_not_wait_for_a_writer() -> None:
    reading, writing = os.pipe()
    task = asyncio.create_task(collect(reading, 100))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    os.close(reading)
    os.close(writing)


async def test_a_full_pipe_is_waited_for() -> None:
    reading, writing = os.pipe()
    task = asyncio.create_task(write_all(writing, memoryview(CONTENT)))
    got = await collect_until(reading, len(CONTENT))
    await task
    os.close(reading)
    os.close(writing)
    assert got == CONTENT


async def collect_until(descriptor: int, size: int) -> bytes:
    got = b""
    async with aclosing(read_chunks(descriptor, 10_000)) as chunks:
        async for chunk in chunks:
            got += chunk
            if len(got) == size:
                break
    return got


async def test_a_file_is_written(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as file:
        await write_all(file.fileno(), CONTENT)
    assert (tmp_path / "x").read_bytes() == CONTENT


async def test_nobody_reads_any_more() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        await write_all(writing, b"x")
    os.close(writing)
