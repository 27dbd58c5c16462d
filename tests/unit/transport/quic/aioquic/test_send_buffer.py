"""The bytes that a stream has still to send."""

import random

from hypothesis import given
from hypothesis import strategies as st

from smbquic.transport.quic.aioquic.send_buffer import SendBuffer


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
