"""WRITEs that are sent later: collected, in order where that matters, and bounded."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from smbquic.client.cache.write_behind import MOST_UNSENT, WriteBehind
from smbquic.errors import ConnectionClosed


class Server:
    """Answers WRITEs when it is told to."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, bytes]] = []
        self.content = bytearray(100)
        self.answers = asyncio.Event()
        self.failure: Exception | None = None
        self.failures: list[Exception] = []

    async def send(self, offset: int, data: bytes) -> None:
        self.seen.append((offset, data))
        await self.answers.wait()
        if self.failure is not None:
            raise self.failure
        self.content[offset : offset + len(data)] = data


def behind(server: Server, size: int = 10) -> WriteBehind:
    return WriteBehind(server.send, size, server.failures.append)


async def test_small_writes_become_one() -> None:
    server = Server()
    server.answers.set()
    writes = behind(server)
    assert writes.is_empty
    for number in range(4):
        await writes.write(3 * number, memoryview(b"abc"))
    assert not writes.is_empty
    await writes.drain()
    assert writes.is_empty
    assert server.seen == [(0, b"abcabcabca"), (10, b"bc")]
    await writes.drain()
    assert len(server.seen) == 2


async def test_writes_of_other_places_are_sent_at_once() -> None:
    server = Server()
    writes = behind(server)
    for offset in (0, 20, 40):
        await writes.write(offset, memoryview(b"x"))
    drained = asyncio.create_task(writes.drain())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(server.seen) == 3
    server.answers.set()
    await drained


async def test_writes_of_one_place_follow_on_each_other() -> None:
    server = Server()
    writes = behind(server)
    await writes.write(0, memoryview(b"111"))
    await writes.write(1, memoryview(b"2"))
    drained = asyncio.create_task(writes.drain())
    for _ in range(3):
        await asyncio.sleep(0)
    assert server.seen == [(0, b"111")]
    server.answers.set()
    await drained
    assert server.seen == [(0, b"111"), (1, b"2")]


async def test_what_waits_is_bounded() -> None:
    server = Server()
    writes = behind(server, MOST_UNSENT // 2)
    data = memoryview(bytes(MOST_UNSENT // 2))
    for number in range(2):
        await writes.write(number * len(data), data)
    third = asyncio.create_task(writes.write(2 * len(data), data))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not third.done()
    server.content = bytearray(MOST_UNSENT * 2)
    server.answers.set()
    await third
    await writes.drain()


async def test_each_failure_is_told() -> None:
    server = Server()
    server.failure = ConnectionClosed("lost")
    server.answers.set()
    writes = behind(server)
    await writes.write(0, memoryview(b"x"))
    await writes.write(50, memoryview(b"x"))
    await writes.drain()
    assert server.failures == [server.failure] * 2
    assert writes.is_empty


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 30), st.booleans()), max_size=12))
async def test_the_server_has_in_the_end_what_was_written(
    changes: list[tuple[int, int, bool]],
) -> None:
    server, expected = Server(), bytearray(100)
    server.answers.set()
    writes = behind(server)
    for number, (offset, size, drains) in enumerate(changes):
        data = bytes([number + 1]) * size
        await writes.write(offset, memoryview(data))
        expected[offset : offset + size] = data
        if drains:
            await writes.drain()
    await writes.drain()
    assert server.content == expected


async def test_a_full_write_does_not_wait_to_be_drained() -> None:
    server = Server()
    server.answers.set()
    writes = behind(server)
    await writes.write(0, memoryview(b"123456789"))
    await asyncio.sleep(0)
    assert server.seen == []
    await writes.write(9, memoryview(b"0"))
    await asyncio.sleep(0)
    assert server.seen == [(0, b"1234567890")]
    await writes.drain()


async def test_writes_that_only_touch_are_sent_at_once() -> None:
    server = Server()
    writes = behind(server)
    for offset in (10, 5, 15):
        await writes.write(offset, memoryview(b"x" * 5))
    drained = asyncio.create_task(writes.drain())
    for _ in range(3):
        await asyncio.sleep(0)
    assert [offset for offset, _ in server.seen] == [10, 5, 15]
    server.answers.set()
    await drained


async def test_as_much_as_allowed_waits_for_nothing() -> None:
    server = Server()
    writes = behind(server, MOST_UNSENT // 2)
    data = memoryview(bytes(MOST_UNSENT // 2))
    for number in range(2):
        await asyncio.wait_for(writes.write(number * len(data), data), 10)
    await asyncio.sleep(0)
    assert len(server.seen) == 2
    third = asyncio.create_task(writes.write(2 * len(data), memoryview(b"x")))
    await asyncio.wait_for(third, 10)  # it is collected
    server.content = bytearray(MOST_UNSENT * 2)
    server.answers.set()
    await writes.drain()
