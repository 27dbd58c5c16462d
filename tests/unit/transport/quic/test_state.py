"""The life of a QUIC connection."""

import pytest

from smbquic.errors import LocalProtocolError
from smbquic.transport.quic.state import (
    OVER,
    TRANSITIONS,
    QuicEvent,
    QuicState,
    next_state,
)


def test_every_state_is_described_and_can_be_reached() -> None:
    assert set(TRANSITIONS) == set(QuicState)
    reached = {QuicState.HANDSHAKE}
    before: set[QuicState] = set()
    while reached != before:
        before = set(reached)
        reached |= {after for state in before for after in TRANSITIONS[state].values()}

    assert reached == set(QuicState)


def test_every_event_happens_in_some_state() -> None:
    assert {event for row in TRANSITIONS.values() for event in row} == set(QuicEvent)


def test_no_connection_comes_back_from_its_end() -> None:
    order = list(QuicState)
    for state, row in TRANSITIONS.items():
        for after in row.values():
            assert order.index(after) > order.index(state)
    assert order[-2:] == list(OVER)


def test_a_handshake_is_completed_once() -> None:
    state = next_state(QuicState.HANDSHAKE, QuicEvent.HANDSHAKE_COMPLETED)
    assert state is QuicState.ESTABLISHED
    with pytest.raises(LocalProtocolError, match="HANDSHAKE_COMPLETED cannot happen to a QUIC"):
        next_state(state, QuicEvent.HANDSHAKE_COMPLETED)
