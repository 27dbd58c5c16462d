"""State machines as tables: each table of the package, and how they are used."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

import pytest

from smbquic.errors import LocalProtocolError
from smbquic.protocol import session_state
from smbquic.protocol.session_state import SessionEvent, SessionState
from smbquic.server import async_request
from smbquic.server.opens import grant_state, open_state
from smbquic.server.opens.grant_state import GrantEvent, GrantState
from smbquic.server.opens.open_state import OpenEvent, OpenState
from smbquic.state_table import next_state
from smbquic.transport.quic import state as quic_state
from smbquic.transport.quic.state import QuicEvent, QuicState

Table = Mapping[Any, Mapping[Any, Enum]]
TABLES: list[tuple[Table, type[Enum], type[Enum]]] = [
    (quic_state.TRANSITIONS, QuicState, QuicEvent),
    (session_state.TRANSITIONS, SessionState, SessionEvent),
    (
        async_request.TRANSITIONS,
        async_request.AsyncRequestState,
        async_request.AsyncRequestEvent,
    ),
    (open_state.TRANSITIONS, OpenState, OpenEvent),
    (grant_state.TRANSITIONS, GrantState, GrantEvent),
]


@pytest.mark.parametrize(("table", "states", "events"), TABLES)
def test_every_state_can_be_reached_and_left_or_is_the_end(
    table: Table, states: type[Enum], events: type[Enum]
) -> None:
    assert set(table) == set(states)
    reached: set[Any] = {next(iter(states))}
    while reached != (more := reached | {end for each in reached for end in table[each].values()}):
        reached = more
    assert reached == set(states)
    assert {event for row in table.values() for event in row} == set(events)
    assert any(not row for row in table.values())


def test_a_state_follows_on_an_event() -> None:
    state = next_state(open_state.TRANSITIONS, OpenState.ATTACHED, OpenEvent.DISCONNECT)
    assert state is OpenState.DISCONNECTED
    state = next_state(open_state.TRANSITIONS, state, OpenEvent.RECONNECT)
    assert state is OpenState.ATTACHED


def test_the_life_of_a_session() -> None:
    state = SessionState.IN_PROGRESS
    states = []
    for event in (
        SessionEvent.LOGGED_ON,
        SessionEvent.EXPIRED,
        SessionEvent.LOGGED_ON,
        SessionEvent.LOGGED_ON,
        SessionEvent.ENDED,
    ):
        state = next_state(session_state.TRANSITIONS, state, event)
        states.append(state)
    assert states == [
        SessionState.VALID,
        SessionState.EXPIRED,
        SessionState.VALID,
        SessionState.VALID,
        SessionState.CLOSED,
    ]


@pytest.mark.parametrize(
    ("table", "state", "event"),
    [
        (quic_state.TRANSITIONS, QuicState.ESTABLISHED, QuicEvent.HANDSHAKE_COMPLETED),
        (session_state.TRANSITIONS, SessionState.IN_PROGRESS, SessionEvent.EXPIRED),
        *((session_state.TRANSITIONS, SessionState.CLOSED, event) for event in SessionEvent),
        (open_state.TRANSITIONS, OpenState.CLOSED, OpenEvent.CLOSE),
        (grant_state.TRANSITIONS, GrantState.HELD, GrantEvent.ACKNOWLEDGED),
    ],
)
def test_an_event_that_the_state_does_not_have_is_an_error(
    table: Table, state: Enum, event: Enum
) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        next_state(table, state, event)
    assert str(caught.value) == (
        f"{type(event).__name__}.{event.name} cannot happen in {type(state).__name__}.{state.name}"
    )
