"""Bytes, losses and flow control, as every engine handles them, in all pairings."""

import random
from dataclasses import replace

import pytest

from smbquic.transport.quic.engine import (
    CloseReason,
)
from smbquic.transport.quic.options import QuicOptions
from tests.unit.transport.quic.harness import PATH
from tests.unit.transport.quic.pairings import ENGINES, LIBRARY_IN_PYTHON
from tests.unit.transport.quic.simulation import Simulate, library


@pytest.mark.parametrize(("loss", "jitter"), [(0, 0), (0, 0.02), (0.1, 0), (0.1, 0.02)])
def test_what_is_written_arrives(
    simulate: Simulate, engines: str, loss: float, jitter: float
) -> None:
    simulation = simulate(engines=engines)
    simulation.loss, simulation.jitter = loss, jitter
    simulation.establish()
    rng = random.Random(5)
    up = [rng.randbytes(rng.choice([1, 100, 9000, 60_000])) for _ in range(12)]
    down = [rng.randbytes(rng.choice([1, 100, 9000, 60_000])) for _ in range(12)]
    for one, other in zip(up, down, strict=True):
        simulation.client.write(one)
        simulation.server.write(b"", other[:1], memoryview(other)[1:])
    simulation.run(
        lambda: (
            len(simulation.received["server"]) >= sum(map(len, up))
            and len(simulation.received["client"]) >= sum(map(len, down))
        )
    )

    assert simulation.received["server"] == b"".join(up)
    assert simulation.received["client"] == b"".join(down)
    simulation.run(lambda: not simulation.client.unacknowledged)
    assert simulation.client.unsent == 0


def test_a_part_of_a_buffer_arrives_as_that_part(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines)
    simulation.establish()
    data = bytes(range(256))
    parts: list[bytes | bytearray | memoryview] = [
        memoryview(data)[10:200],
        memoryview(data)[7:7],
        memoryview(data)[:3],
        memoryview(data),
        memoryview(bytearray(data))[250:],
        bytearray(data),
    ]
    simulation.client.write(*parts)
    expected = b"".join(parts)
    simulation.run(lambda: len(simulation.received["server"]) >= len(expected))

    assert simulation.received["server"] == expected


def test_a_segment_batch_is_as_good_as_its_datagrams(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines)
    simulation.establish()
    simulation.advance(1)
    simulation.client.write(b"begin")
    simulation.advance(1)
    simulation.client.write(bytes(range(256)) * 40)
    datagrams = [each for each, _ in simulation.outgoing("client")]
    size = max(map(len, datagrams))
    segments = [datagram for datagram in datagrams if len(datagram) == size]
    assert len(segments) > 2
    # What precedes them may have been lost.
    first = datagrams[: datagrams.index(segments[0])]
    for datagram in first:
        simulation.server.receive(datagram, PATH, simulation.now)
    simulation.server.receive_segments(b"".join(segments), size, PATH, simulation.now)
    received = b"".join(simulation.server.read())

    assert len(received) > 2 * 1100
    assert received == (bytes(range(256)) * 40)[: len(received)]


@pytest.mark.engine("qh3")
@pytest.mark.parametrize("batch", [False, True])
def test_what_qh3_has_received_counts_as_held_without_the_headers_of_each_datagram(
    simulate: Simulate, batch: bool
) -> None:
    simulation = simulate(engines="qh3")
    simulation.establish()
    # So that the offsets in all of the next datagrams have the same length.
    simulation.client.write(bytes(100))
    simulation.advance(1)
    simulation.client.write(bytes(3000))
    datagrams = [datagram for datagram, _ in simulation.outgoing("client")]
    size = len(datagrams[0])
    assert [len(each) for each in datagrams[:-1]] == [size, size]
    before = simulation.server.held
    if batch:
        simulation.server.receive_segments(b"".join(datagrams), size, PATH, simulation.now)
    else:
        for datagram in datagrams:
            simulation.server.receive(datagram, PATH, simulation.now)

    assert simulation.server.held == before + sum(map(len, datagrams)) - 3 * 64
    assert b"".join(simulation.server.read()) == bytes(3000)


def test_nothing_counts_as_acknowledged_that_was_lost(simulate: Simulate, engines: str) -> None:
    """An orderly close waits for it, so it may not be too small."""
    simulation = simulate(engines=engines)
    simulation.loss = 0.3
    simulation.establish()
    simulation.client.write(bytes(200_000))
    while len(simulation.received["server"]) < 200_000:
        assert simulation.client.unacknowledged > 0
        simulation.step()
    simulation.loss = 0
    simulation.run(lambda: simulation.client.unacknowledged == 0)


def test_packets_that_were_lost_are_counted(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines)
    simulation.establish()
    simulation.client.write(bytes(100_000))
    simulation.run(lambda: len(simulation.received["server"]) == 100_000)
    assert simulation.lost_packets("client") == 0
    simulation.loss = 0.2
    simulation.client.write(bytes(200_000))
    simulation.run(lambda: len(simulation.received["server"]) == 300_000)
    # About a fifth of some 170, and of those that were sent again.
    assert 10 < simulation.lost_packets("client") < 100


def test_unsent_and_unacknowledged_bytes_are_counted(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines)
    simulation.establish()
    simulation.advance(1)
    assert simulation.client.unsent == simulation.client.unacknowledged == 0
    assert simulation.server.unsent == simulation.server.unacknowledged == 0
    simulation.server.write(b"waits for the stream")
    assert simulation.server.unsent == simulation.server.unacknowledged == 20
    simulation.client.write(bytes(1_000_000))
    assert simulation.client.unsent == simulation.client.unacknowledged == 1_000_000
    simulation.client.datagrams(simulation.now)

    assert 0 < simulation.client.unsent < 1_000_000
    assert simulation.client.unacknowledged >= 1_000_000


def test_the_window_moves_only_when_it_is_moved(simulate: Simulate, engines: str) -> None:
    window = 1 << 18
    simulation = simulate(engines=engines, options=QuicOptions(window=window))
    simulation.establish()
    simulation.client.write(bytes(5 * window))
    simulation.advance(2)
    taken = len(simulation.received["server"])
    assert simulation.server.capacity <= taken <= window
    simulation.advance(2)
    assert len(simulation.received["server"]) == taken
    assert not simulation.server.release(window // 16) or not engines.endswith("aioquic")
    simulation.server.release(window // 16)
    simulation.run(lambda: len(simulation.received["server"]) > taken)
    simulation.advance(2)
    assert len(simulation.received["server"]) <= taken + window // 4
    released = window // 8
    while len(simulation.received["server"]) < 5 * window:
        fresh = len(simulation.received["server"]) - released
        released += fresh
        simulation.server.release(fresh)
        simulation.step()

    assert simulation.received["server"] == bytes(5 * window)


def test_lost_window_updates_are_repeated(simulate: Simulate, engines: str) -> None:
    window = 1 << 18
    simulation = simulate(engines=engines, options=QuicOptions(window=window))
    simulation.loss = 0.2
    simulation.establish()
    simulation.client.write(bytes(4 * window))
    released = 0
    while len(simulation.received["server"]) < 4 * window:
        fresh = len(simulation.received["server"]) - released
        released += fresh
        simulation.server.release(fresh)
        simulation.step()

    assert simulation.received["server"] == bytes(4 * window)


@pytest.mark.parametrize("engines", LIBRARY_IN_PYTHON)
def test_the_peers_end_of_the_stream_is_noticed(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines)
    simulation.establish()
    library(simulation.client).send_stream_data(0, b"that is all", end_stream=True)
    simulation.run(lambda: simulation.server.finished)

    assert simulation.received["server"] == b"that is all"
    assert simulation.server.close_reason is None


@pytest.mark.parametrize("engines", LIBRARY_IN_PYTHON)
@pytest.mark.parametrize("end", ["reset_stream", "stop_stream"])
def test_without_either_direction_of_the_stream_nothing_goes_on(
    simulate: Simulate, engines: str, end: str
) -> None:
    simulation = simulate(engines=engines)
    simulation.establish()
    simulation.client.write(b"open")
    simulation.run(lambda: simulation.received["server"])
    simulation.server.write(b"answer")
    simulation.run(lambda: simulation.received["client"])
    getattr(library(simulation.client), end)(0, 5)
    simulation.run(lambda: simulation.server.close_reason and simulation.client.close_reason)

    expected = CloseReason(0, "the stream was reset", application=True, ours=True)
    assert simulation.close_reason("server") == expected
    assert simulation.close_reason("client") == replace(expected, ours=False)


@pytest.mark.parametrize("name", ENGINES)
def test_how_much_may_wait_for_the_application(simulate: Simulate, name: str) -> None:
    simulation = simulate(engines=name, options=QuicOptions(window=1 << 18))

    # All of a message has to be in the core of qh3 before any of it is fetched. The native engine
    # has as much again in its library.
    assert simulation.client.capacity == {"aioquic": 1 << 18}.get(name, 3 << 16)


@pytest.mark.engine("aioquic")
def test_aioquic_announces_an_eighth_of_the_window_at_once(simulate: Simulate) -> None:
    simulation = simulate(engines="aioquic", options=QuicOptions(window=1 << 18))
    simulation.establish()

    assert not simulation.server.release((1 << 15) - 1)
    assert simulation.server.release(1)
    assert not simulation.server.release(1)


@pytest.mark.engine("native")
def test_the_native_engine_gives_large_messages_as_a_whole(simulate: Simulate) -> None:
    simulation = simulate(engines="native")
    simulation.establish()
    message = (100_000).to_bytes(4, "big") + random.Random(5).randbytes(100_000)
    pieces: list[bytes | bytearray] = []
    engine = simulation.server
    read = engine.read

    def keep() -> list[bytes | bytearray]:
        pieces.extend(read())
        return []

    vars(engine)["read"] = keep
    simulation.client.write(message, (5).to_bytes(4, "big"), b"small", message[:50_000])
    simulation.run(lambda: engine.partial == 50_000)

    assert pieces == [message, b"\0\0\0\5small"]
    assert [type(piece) for piece in pieces] == [bytearray, bytes]
