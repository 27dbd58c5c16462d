"""A stream is put together from segments, whatever their order, and holds no gaps."""

import pytest
from aioquic.quic.packet import QuicStreamFrame
from aioquic.quic.stream import FinalSizeError
from hypothesis import given
from hypothesis import strategies as st

from smbquic.transport.quic.aioquic.reassembly import (
    Segments,
    StreamReceiver,
    TooManySegmentsError,
)

# The numbers themselves, so that a change of one of them is noticed.
SEGMENT_COST = 128

DATA = bytes(range(200))
PIECES = st.lists(st.tuples(st.integers(0, 199), st.integers(0, 60)), max_size=40)


def frame(start: int, stop: int, *, fin: bool = False) -> QuicStreamFrame:
    return QuicStreamFrame(offset=start, data=DATA[start:stop], fin=fin)


@given(PIECES)
def test_whatever_comes_in_whatever_order(pieces: list[tuple[int, int]]) -> None:
    receiver = StreamReceiver(0, 1000)
    known, got = set(), b""
    for start, size in pieces:
        event = receiver.handle_frame(frame(start, start + size))
        known |= set(range(start, min(start + size, len(DATA))))
        got += event.data if event is not None else b""
        in_order = next(at for at in range(len(DATA) + 1) if at not in known)
        assert got == DATA[:in_order]
        waiting = sum(at > in_order for at in known)
        assert receiver._segments.size == waiting
        assert receiver.starting_offset() == in_order


def test_a_handshake_may_not_be_far_ahead_of_what_came_in_order() -> None:
    receiver = StreamReceiver(None, 1000, 10)
    receiver.handle_frame(frame(0, 8))
    receiver.handle_frame(frame(17, 18))
    assert receiver.held == 1 + SEGMENT_COST
    with pytest.raises(TooManySegmentsError, match="too much of the handshake"):
        receiver.handle_frame(frame(18, 19))


@given(PIECES)
def test_segments_do_not_overlap(pieces: list[tuple[int, int]]) -> None:
    segments = Segments()
    for start, size in pieces:
        segments.add(start, DATA[start : start + size])
    ends = [s + len(d) for s, d in zip(segments._starts, segments._data, strict=True)]
    assert segments._starts == sorted(segments._starts)
    assert all(a <= b for a, b in zip(ends, segments._starts[1:], strict=False))
    assert segments.size == sum(map(len, segments._data))


def test_what_follows_is_joined_and_costs_nothing_more() -> None:
    receiver = StreamReceiver(0, 1)
    for start in range(10, 200, 10):
        assert receiver.handle_frame(frame(start, start + 10)) is None
    assert receiver.held == 190 + SEGMENT_COST
    event = receiver.handle_frame(frame(0, 10, fin=False))
    assert event is not None
    assert event.data == DATA
    assert receiver.held == 0


def test_there_are_only_so_many_segments() -> None:
    receiver = StreamReceiver(0, 3)
    for start in (10, 20, 30):
        receiver.handle_frame(frame(start, start + 1))
    with pytest.raises(TooManySegmentsError):
        receiver.handle_frame(frame(40, 41))


def test_a_handshake_may_not_run_ahead() -> None:
    receiver = StreamReceiver(None, 64, 50)
    assert receiver.handle_frame(frame(40, 50)) is None
    with pytest.raises(TooManySegmentsError):
        receiver.handle_frame(frame(50, 51))


def test_the_end_comes_once_all_is_there() -> None:
    receiver = StreamReceiver(0, 3)
    assert receiver.handle_frame(frame(5, 9, fin=True)) is None
    assert not receiver.is_finished
    event = receiver.handle_frame(frame(0, 5))
    assert event is not None
    assert (event.data, event.end_stream) == (DATA[:9], True)
    assert receiver.is_finished
    assert receiver.handle_frame(frame(0, 9, fin=True)) is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (frame(0, 9, fin=True), frame(5, 10)),
        (frame(5, 9, fin=True), frame(5, 8, fin=True)),
        (frame(5, 9), frame(0, 8, fin=True)),
    ],
)
def test_the_end_stays_where_it_is(first: QuicStreamFrame, second: QuicStreamFrame) -> None:
    receiver = StreamReceiver(0, 3)
    receiver.handle_frame(first)
    with pytest.raises(FinalSizeError):
        receiver.handle_frame(second)


def test_what_waits_can_be_dropped() -> None:
    receiver = StreamReceiver(0, 3)
    receiver.handle_frame(frame(5, 9))
    receiver.clear()
    assert receiver.held == 0
    assert receiver.starting_offset() == 0
