"""The states of a QUIC connection, as a table of states and events.

- In `FLUSHING` nothing more is received, and what was sent waits to be acknowledged, for a while.
- In `CLOSING` one end has sent CONNECTION_CLOSE, and sends it again if the other one goes on
  sending: the closing and the draining period of [RFC9000] 10.2.
- In `TERMINATED` nothing is sent any more, and the engine is freed.
"""

from collections.abc import Mapping
from enum import Enum, auto


class QuicState(Enum):
    """The states of a connection, in their order."""

    HANDSHAKE = auto()
    ESTABLISHED = auto()
    FLUSHING = auto()
    CLOSING = auto()
    TERMINATED = auto()


class QuicEvent(Enum):
    """Events that change the state of a connection."""

    HANDSHAKE_COMPLETED = "the handshake is complete at both ends"
    ENDED = "either end closes it, or it fails"
    CLOSE_SENT = "CONNECTION_CLOSE was sent or received, or the idle timeout is over"
    NO_PACKET = "the first datagram of a client holds no packet"
    PERIOD_OVER = "the closing or draining period is over"


TRANSITIONS: Mapping[QuicState, Mapping[QuicEvent, QuicState]] = {
    QuicState.HANDSHAKE: {
        QuicEvent.HANDSHAKE_COMPLETED: QuicState.ESTABLISHED,
        QuicEvent.ENDED: QuicState.FLUSHING,
        QuicEvent.NO_PACKET: QuicState.CLOSING,
    },
    QuicState.ESTABLISHED: {QuicEvent.ENDED: QuicState.FLUSHING},
    QuicState.FLUSHING: {
        QuicEvent.CLOSE_SENT: QuicState.CLOSING,
        QuicEvent.NO_PACKET: QuicState.CLOSING,
    },
    QuicState.CLOSING: {QuicEvent.PERIOD_OVER: QuicState.TERMINATED},
    QuicState.TERMINATED: {},
}


OVER = (QuicState.CLOSING, QuicState.TERMINATED)
"""The states in which both ends know that the connection is over."""
