import pytest

from smbquic.errors import LocalProtocolError
from smbquic.protocol.session_state import TRANSITIONS, SessionEvent, SessionState, next_state


def test_every_state_has_a_row() -> None:
    assert set(TRANSITIONS) == set(SessionState)


def test_a_life() -> None:
    state = SessionState.IN_PROGRESS
    states = []
    for event in (
        SessionEvent.LOGGED_ON,
        SessionEvent.EXPIRED,
        SessionEvent.LOGGED_ON,
        SessionEvent.LOGGED_ON,
        SessionEvent.ENDED,
    ):
        state = next_state(state, event)
        states.append(state)
    assert states == [
        SessionState.VALID,
        SessionState.EXPIRED,
        SessionState.VALID,
        SessionState.VALID,
        SessionState.CLOSED,
    ]


@pytest.mark.parametrize("event", SessionEvent)
def test_what_is_closed_stays_closed(event: SessionEvent) -> None:
    with pytest.raises(LocalProtocolError, match=f"{event.name} cannot happen .* in CLOSED"):
        next_state(SessionState.CLOSED, event)


def test_a_logon_under_way_cannot_expire() -> None:
    with pytest.raises(LocalProtocolError):
        next_state(SessionState.IN_PROGRESS, SessionEvent.EXPIRED)
