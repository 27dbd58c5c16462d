"""Blocks on their way: in as few READs as possible, and for all who want them."""

import asyncio

import pytest

from smbquic.client.cache.blocks import BLOCK, BlockCache
from smbquic.client.cache.fetching import BlockFetcher
from smbquic.errors import ConnectionClosed

SIZE = 10 * BLOCK + 3


class Server:
    """Has blocks of their numbers, and answers when it is told to."""

    def __init__(self) -> None:
        self.blocks = BlockCache(100 * BLOCK)
        self.seen: list[tuple[int, int]] = []
        self.answers = asyncio.Event()
        self.failure: Exception | None = None
        self.fetcher = BlockFetcher("file", self.blocks, self.read)

    async def read(self, first: int, count: int) -> dict[int, bytes]:
        self.seen.append((first, count))
        await self.answers.wait()
        if self.failure is not None:
            raise self.failure
        return {index: b"%d" % index for index in range(first, first + count)}


async def test_only_what_is_missing() -> None:
    server = Server()
    server.answers.set()
    server.blocks.put("file", 2, b"x" * BLOCK)
    server.blocks.put("file", 3, b"short")
    server.blocks.put("file", 10, b"end")
    got = await server.fetcher.get(range(11), SIZE, 4)
    assert got[2] == b"x" * BLOCK
    assert got[3] == b"3"
    assert got[10] == b"end"
    assert server.seen == [(0, 2), (3, 4), (7, 3)]


async def test_others_wait_for_the_same_until_the_file_has_changed() -> None:
    server = Server()
    first = server.fetcher.start(range(2), SIZE, 4)
    again = server.fetcher.start(range(3), SIZE, 4)
    assert again[0] is first[0]
    server.fetcher.forget()
    changed = server.fetcher.start(range(1), SIZE, 4)
    assert changed[0] is not first[0]
    server.answers.set()
    await asyncio.gather(first[0], again[2], changed[0])
    assert server.seen == [(0, 2), (2, 1), (0, 1)]
    await asyncio.sleep(0)
    assert server.fetcher.start(range(1), SIZE, 4)[0] is not changed[0]
    server.fetcher.cancel()


async def test_a_reader_that_is_cancelled_takes_nothing_from_others() -> None:
    server = Server()
    one = asyncio.create_task(server.fetcher.get(range(1), SIZE, 4))
    two = asyncio.create_task(server.fetcher.get(range(1), SIZE, 4))
    await asyncio.sleep(0)
    one.cancel()
    await asyncio.sleep(0)
    server.answers.set()
    assert await two == [b"0"]
    assert one.cancelled()


async def test_who_reads_ahead_is_not_told_of_errors() -> None:
    server = Server()
    server.failure = ConnectionClosed("lost")
    server.answers.set()
    server.fetcher.start(range(1), SIZE, 4)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(ConnectionClosed):
        await server.fetcher.get(range(1), SIZE, 4)


async def test_a_block_that_is_dropped_meanwhile_is_read_by_itself() -> None:
    server = Server()
    server.blocks.put("file", 1, b"x" * BLOCK)
    task = asyncio.create_task(server.fetcher.get(range(3), SIZE, 4))
    await asyncio.sleep(0)
    server.blocks.drop("file")
    server.answers.set()
    assert await task == [b"0", b"1", b"2"]
    assert server.seen == [(0, 1), (2, 1), (1, 1)]


async def test_what_is_on_its_way_is_cancelled() -> None:
    server = Server()
    tasks = server.fetcher.start(range(3), SIZE, 2)
    server.fetcher.cancel()
    await asyncio.wait(set(tasks.values()))
    assert all(task.cancelled() for task in tasks.values())
    server.answers.set()
    assert await server.fetcher.get(range(1), SIZE, 4) == [b"0"]


async def test_a_block_is_whole_if_it_has_all_that_the_file_has_of_it() -> None:
    server = Server()
    server.blocks.put("file", 10, b"end")
    assert server.fetcher.start(range(10, 11), SIZE, 4) == {}
    assert list(server.fetcher.start(range(10, 11), SIZE + 1, 4)) == [10]
    server.fetcher.cancel()
