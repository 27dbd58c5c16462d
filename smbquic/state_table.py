"""State machines as tables: which state follows on which event.

A state machine is an enumeration of states, one of events, and a table `TRANSITIONS` that has a
row for each state. An event that the row of a state does not have cannot happen in this state.
"""

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

from smbquic.errors import LocalProtocolError

StateT = TypeVar("StateT", bound=Enum)
EventT = TypeVar("EventT", bound=Enum)


def next_state(
    transitions: Mapping[StateT, Mapping[EventT, StateT]], state: StateT, event: EventT
) -> StateT:
    """Return the state after `event`. Raises `LocalProtocolError` where it cannot happen."""
    try:
        return transitions[state][event]
    except KeyError as error:
        reason = f"{event} cannot happen in {state}"
        raise LocalProtocolError(reason) from error
