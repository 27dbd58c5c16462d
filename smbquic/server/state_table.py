"""State machines as tables: which state follows on which event."""

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
