"""The states of an oplock or lease, as a table of states and events.

[MS-SMB2] 3.3.1.10, Open.OplockState; 3.3.1.12, Lease.Breaking

- in `HELD` the client may cache what it was granted, which may be nothing in the case of a lease;
- in `BREAKING` the client was notified of a break and has not acknowledged it yet. Requests that
  need that wait; a break that becomes necessary meanwhile begins when this one has ended;
- `NONE` is the end: no open has the oplock or lease any more, or nothing is left of the oplock.
"""

from collections.abc import Mapping
from enum import Enum, auto


class GrantState(Enum):
    """States of an oplock or lease."""

    HELD = auto()
    BREAKING = auto()
    NONE = auto()


class GrantEvent(Enum):
    """Events that change the state of an oplock or lease."""

    BREAK = "the client is notified of a break that it has to acknowledge"
    ACKNOWLEDGED = "the client acknowledges the break"
    TIMED_OUT = "the client has not acknowledged the break in time, and loses everything"
    RELEASED = "its last open is closed, or nothing is left of an oplock"


TRANSITIONS: Mapping[GrantState, Mapping[GrantEvent, GrantState]] = {
    GrantState.HELD: {
        GrantEvent.BREAK: GrantState.BREAKING,
        GrantEvent.RELEASED: GrantState.NONE,
    },
    GrantState.BREAKING: {
        GrantEvent.ACKNOWLEDGED: GrantState.HELD,
        GrantEvent.TIMED_OUT: GrantState.HELD,
        GrantEvent.RELEASED: GrantState.NONE,
    },
    GrantState.NONE: {},
}
