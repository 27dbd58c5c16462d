"""Memory of large messages is used again, once nobody reads it, and freed when it is not needed."""

import asyncio
from collections.abc import Callable

import pytest

from smbquic.transport import framing
from smbquic.transport.framing import prefix
from smbquic.transport.receive_buffers import ReceiveBuffers
from smbquic.transport.tcp import TcpTransport
from tests.unit.transport.test_tcp import Wire

# The numbers themselves, so that a change of one of them is noticed.
UNUSED = 5.0
LARGEST_RATIO = 4

LARGE = 100_000


class Timers:
    """The timers that were started, and not cancelled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waiting: list[tuple[float, Callable[[], object]]] = []
        monkeypatch.setattr(asyncio.get_running_loop(), "call_later", self.call_later)

    def call_later(self, delay: float, function: Callable[[], object]) -> "Timers":
        self.waiting.append((delay, function))
        return self

    def cancel(self) -> None:
        self.waiting.clear()

    def run(self) -> None:
        waiting, self.waiting = self.waiting, []
        for delay, function in waiting:
            assert delay == UNUSED
            function()


@pytest.fixture
async def timers(monkeypatch: pytest.MonkeyPatch) -> Timers:
    return Timers(monkeypatch)


async def test_a_buffer_is_used_again_when_nobody_reads_it(timers: Timers) -> None:
    buffers, buffer = ReceiveBuffers(), bytearray(LARGE)
    message = memoryview(buffer)
    data = message[80:90]
    buffers.keep(message)
    del message

    assert buffers.take(LARGE) is None
    del data
    assert buffers.take(LARGE) is buffer
    assert len(buffer) == LARGE
    assert buffers.take(LARGE) is None
    assert buffers.size == 0


async def test_the_oldest_that_fits_is_taken(timers: Timers) -> None:
    buffers = ReceiveBuffers()
    sizes = [LARGE - 1, LARGE * LARGEST_RATIO + 1, LARGE * LARGEST_RATIO, LARGE]
    kept = [bytearray(size) for size in sizes]
    for buffer in kept:
        buffers.keep(memoryview(buffer))

    assert buffers.take(LARGE) is kept[2]
    assert buffers.take(LARGE) is kept[3]
    assert buffers.take(LARGE) is None
    assert buffers.size == sizes[0] + sizes[1]


async def test_no_more_than_the_limit_is_kept(timers: Timers) -> None:
    buffers = ReceiveBuffers(limit=3 * LARGE)
    kept = [bytearray(LARGE) for _ in range(4)]
    for buffer in kept:
        buffers.keep(memoryview(buffer))

    assert buffers.size == 3 * LARGE
    assert buffers.take(LARGE) is kept[1]


async def test_what_is_not_used_is_freed(timers: Timers) -> None:
    buffers = ReceiveBuffers()
    buffers.keep(memoryview(bytearray(LARGE)))
    buffers.keep(memoryview(bytearray(LARGE)))
    assert len(timers.waiting) == 1
    timers.run()
    assert buffers.size == 2 * LARGE  # one came since the timer was started
    timers.run()
    assert buffers.size == 0
    assert timers.waiting == []

    buffers.keep(memoryview(bytearray(LARGE)))
    timers.run()
    assert buffers.size == 0


async def test_the_end_of_the_last_connection_frees_all_and_stops_the_timer(
    timers: Timers,
) -> None:
    buffers, buffer = ReceiveBuffers(), bytearray(LARGE)
    buffers.add_user()
    buffers.add_user()
    buffers.keep(memoryview(buffer))
    buffers.remove_user()
    assert buffers.take(LARGE) is buffer
    buffers.keep(memoryview(buffer))
    buffers.remove_user()

    assert buffers.size == 0
    assert timers.waiting == []
    assert buffers.take(LARGE) is None
    buffers.add_user()
    buffers.remove_user()


async def test_messages_of_a_client_take_turns_in_the_same_memory() -> None:
    buffers = ReceiveBuffers()
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE, buffers=buffers))
    memory = set()
    for size in (LARGE, LARGE - 7, LARGE - 20_000):
        content = bytes([size % 251]) * size
        wire.feed_all(prefix(size) + content)
        message = await wire.protocol.receive()
        memory.add(id(message.obj))
        assert message == content
        del message
    assert len(memory) == 1
    assert buffers.size == LARGE

    wire.lose()
    assert buffers.size == 0


async def test_connections_take_turns_in_the_same_memory() -> None:
    buffers = ReceiveBuffers()
    wires = [Wire(TcpTransport(framing.MAX_MESSAGE_SIZE, buffers=buffers)) for _ in range(2)]
    memory = set()
    for wire, byte in zip(wires, (b"a", b"b"), strict=True):
        wire.feed_all(prefix(LARGE) + byte * LARGE)
        message = await wire.protocol.receive()
        memory.add(id(message.obj))
        assert message == byte * LARGE
        del message
    assert len(memory) == 1
    wires[0].lose()
    assert buffers.size == LARGE
    wires[1].lose()
    assert buffers.size == 0


async def test_messages_that_are_still_read_stay_as_they_are() -> None:
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE, buffers=ReceiveBuffers()))
    contents = [bytes([number]) * LARGE for number in range(4)]
    for content in contents:
        wire.feed_all(prefix(LARGE) + content)
    assert [await wire.protocol.receive() for _ in contents] == contents
    wire.lose()
