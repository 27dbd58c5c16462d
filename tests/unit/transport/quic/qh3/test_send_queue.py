"""The core of qh3 gets what it can send soon, and a server's cores share the memory for it."""

import gc
import random

import pytest

from smbquic.transport.quic.qh3.send_queue import SendMemory, SendQueue
from tests.unit.transport.quic.simulation import Simulate, library

# The numbers themselves, so that a change of one of them is noticed.
AHEAD = 128 << 10
SMALLEST = 256 << 10


def test_bytes_come_out_in_order_and_in_pieces() -> None:
    outgoing = SendQueue(None)
    outgoing.add((b"abc", b"", bytearray(b"defg")))
    outgoing.add((memoryview(b"hi"),))
    assert outgoing.size == 9
    assert [bytes(piece) for piece in outgoing.take(5)] == [b"abc", b"de"]
    assert outgoing.size == 4
    assert outgoing.take(0) == []
    assert [bytes(piece) for piece in outgoing.take(9)] == [b"fg", b"hi"]
    assert outgoing.size == 0


@pytest.mark.parametrize(
    ("unsent", "room"), [(0, AHEAD), (AHEAD // 2, AHEAD // 2), (AHEAD // 2 + 1, 0), (2 * AHEAD, 0)]
)
def test_the_core_gets_a_little_more_than_it_has_sent(unsent: int, room: int) -> None:
    assert SendQueue(None).room(unsent, 64 * SMALLEST) == room


def test_the_cores_of_a_server_grow_as_long_as_there_is_memory() -> None:
    memory = SendMemory(3 * SMALLEST)
    fast, other = SendQueue(memory), SendQueue(memory)
    assert fast.room(0, SMALLEST) == AHEAD
    assert fast.room(0, 2 * SMALLEST) == AHEAD
    assert fast.room(0, 4 * SMALLEST) == 0
    assert other.room(0, AHEAD) == AHEAD
    assert other.room(0, SMALLEST) == 0
    fast.free()
    assert other.room(0, SMALLEST) == AHEAD
    other.free()
    assert memory.acquire(3 * SMALLEST)


@pytest.mark.parametrize("loss", [0, 0.05])
def test_messages_of_all_sizes_arrive_in_order(simulate: Simulate, loss: float) -> None:
    simulation = simulate(engines="qh3")
    simulation.establish()
    simulation.loss = loss
    generator = random.Random(5)
    sent = bytearray()
    for _ in range(40):
        message = generator.randbytes(generator.choice((10, 1000, AHEAD - 10, 3 * AHEAD)))
        half = len(message) // 2
        simulation.client.write(message[:half], memoryview(message)[half:])
        sent += message
        simulation.advance(0.001)
    simulation.run(lambda: len(simulation.received["server"]) == len(sent))

    assert simulation.received["server"] == sent


def test_a_core_never_has_whole_messages(simulate: Simulate) -> None:
    simulation = simulate(engines="qh3")
    simulation.establish()
    simulation.client.write(b"open")
    simulation.advance(1)
    core = library(simulation.server)._core.core
    simulation.server.write(bytes(8 << 20))
    waiting = []
    while len(simulation.received["client"]) < 8 << 20:
        waiting.append(core.get_send_buffer_size(0))
        simulation.step()

    assert max(waiting) <= AHEAD
    assert simulation.server.unsent == 0


@pytest.mark.parametrize("engine", ["qh3", "aioquic"])
def test_an_engine_that_is_freed_needs_no_garbage_collector(
    simulate: Simulate, engine: str
) -> None:
    simulation = simulate(engines=engine)
    simulation.establish()
    simulation.client.write(bytes(100_000))
    simulation.advance(1)
    gc.collect()
    gc.disable()
    try:
        attributes = vars(library(simulation.server))
        assert attributes
        simulation.server.abandon()
        assert simulation.server.terminated
        simulation.server.free()
        assert not attributes
    finally:
        gc.enable()
