"""The life of a QUIC connection, as a table of states and events.

`HANDSHAKE` and `ESTABLISHED` are before the end, the others after it:

- in `FLUSHING` nothing more is received, and what was sent waits to be acknowledged, for a while;
- in `CLOSING` one end has told the other that it is over, and tells it again if it has not noticed:
  the closing and the draining period of [RFC9000] 10.2;
- in `TERMINATED` nothing is sent any more and the engine is freed.
"""

from collections.abc import Mapping
from enum import Enum, auto

from smbquic.errors import LocalProtocolError


class State(Enum):
    """Where in its life a connection is."""

    HANDSHAKE = auto()
    ESTABLISHED = auto()
    FLUSHING = auto()
    CLOSING = auto()
    TERMINATED = auto()


class Event(Enum):
    """What changes the state of a connection."""

    HANDSHAKE_COMPLETED = "the handshake is complete at both ends"
    ENDED = "either end closes it, or it fails"
    CLOSE_SENT = "CONNECTION_CLOSE was sent or received, or the idle timeout is over"
    NO_PACKET = "the first datagram of a client holds no packet"
    PERIOD_OVER = "the closing or draining period is over"


TRANSITIONS: Mapping[State, Mapping[Event, State]] = {
    State.HANDSHAKE: {
        Event.HANDSHAKE_COMPLETED: State.ESTABLISHED,
        Event.ENDED: State.FLUSHING,
        Event.NO_PACKET: State.CLOSING,
    },
    State.ESTABLISHED: {Event.ENDED: State.FLUSHING},
    State.FLUSHING: {Event.CLOSE_SENT: State.CLOSING, Event.NO_PACKET: State.CLOSING},
    State.CLOSING: {Event.PERIOD_OVER: State.TERMINATED},
    State.TERMINATED: {},
}


OVER = (State.CLOSING, State.TERMINATED)
"""The states in which both ends know that the connection is over."""


def next_state(state: State, event: Event) -> State:
    """Return the state after `event`. Raises `LocalProtocolError` where it cannot happen."""
    try:
        return TRANSITIONS[state][event]
    except KeyError as error:
        reason = f"{event.name} cannot happen to a QUIC connection in {state.name}"
        raise LocalProtocolError(reason) from error
