"""State machines as tables: those of the server, and how they are used."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

import pytest

from smbquic.errors import LocalProtocolError
from smbquic.server import async_request
from smbquic.server.opens import grant_state, open_state
from smbquic.server.opens.grant_state import GrantEvent, GrantState
from smbquic.server.opens.open_state import OpenEvent, OpenState
from smbquic.server.state_table import next_state

Table = Mapping[Any, Mapping[Any, Enum]]
TABLES: list[tuple[Table, type[Enum], type[Enum]]] = [
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


def test_what_cannot_happen_is_an_error() -> None:
    with pytest.raises(LocalProtocolError, match=r"OpenEvent\.CLOSE cannot happen in OpenState"):
        next_state(open_state.TRANSITIONS, OpenState.CLOSED, OpenEvent.CLOSE)
    with pytest.raises(LocalProtocolError, match=r"GrantEvent\.ACKNOWLEDGED"):
        next_state(grant_state.TRANSITIONS, GrantState.HELD, GrantEvent.ACKNOWLEDGED)
