"""The parts of aioquic that are other than they were."""

import random
from collections.abc import Callable
from typing import Any

from aioquic.quic.congestion.cubic import CubicCongestionControl
from hypothesis import given
from hypothesis import strategies as st

from smbquic.transport.quic.aioquic.connection import BURST, Pacer, SendBuffer


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=20), st.randoms())
def test_a_send_buffer_does_what_a_bytearray_does(chunks: list[bytes], rng: random.Random) -> None:
    plain, buffer = bytearray(), SendBuffer()
    for chunk in chunks:
        plain += chunk
        buffer += chunk
        start = rng.randint(0, len(plain))
        stop = rng.randint(start, len(plain))
        if start < stop:
            assert bytes(buffer[start:stop]) == plain[start:stop]
        count = rng.randint(0, len(plain))
        if rng.random() < 0.5 and count:
            del plain[:count]
            del buffer[:count]
        assert len(buffer) == len(plain)
    if plain:
        assert bytes(buffer[0 : len(plain)]) == plain
        del buffer[: len(plain)]

    assert len(buffer) == 0
    assert buffer._chunks == []
    assert buffer._starts == []


def test_a_send_buffer_copies_nothing_that_lies_in_one_piece() -> None:
    payload = bytearray(b"x" * 100)
    buffer = SendBuffer()
    buffer += memoryview(payload)
    piece = buffer[10:20]
    payload[10:20] = b"y" * 10

    assert isinstance(piece, memoryview)
    assert bytes(piece) == b"y" * 10


def test_a_send_buffer_lets_go_of_what_is_acknowledged() -> None:
    buffer = SendBuffer()
    for _ in range(10):
        buffer += bytes(100)
    del buffer[:550]

    assert len(buffer._chunks) == 5
    assert len(buffer) == 450


def test_the_pacer_allows_bursts_that_suit_a_timer() -> None:
    pacer = Pacer(CubicCongestionControl(1200), max_datagram_size=1200)
    pacer.update_rate(congestion_window=12_000_000, smoothed_rtt=0.01)
    sent = 0
    pacer.update_bucket(now=1.0)
    while pacer.next_send_time(now=1.0) is None:
        pacer.update_after_send(now=1.0)
        sent += 1

    # 1.2 GB/s, of which half a millisecond may go at once.
    assert abs(sent - BURST * 1.2e9 / 1200) <= 1


def test_the_pacer_does_not_shorten_the_bursts_of_a_slow_path() -> None:
    pacer = Pacer(CubicCongestionControl(1200), max_datagram_size=1200)
    pacer.update_rate(congestion_window=120_000, smoothed_rtt=0.1)
    sent = 0
    pacer.update_bucket(now=1.0)
    while pacer.next_send_time(now=1.0) is None:
        pacer.update_after_send(now=1.0)
        sent += 1

    assert abs(sent - 16) <= 1


def test_what_the_handshake_was_written_to_is_let_go_of(simulate: Callable[..., Any]) -> None:
    simulation = simulate()
    simulation.establish()
    simulation.advance(1)

    for engine in (simulation.client, simulation.server):
        buffers = engine._quic._crypto_buffers
        assert len(buffers) == 3
        assert {buffer.capacity for buffer in buffers.values()} == {0}
