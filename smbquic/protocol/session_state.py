"""The states of an SMB session, as a table of states and events, the same at both ends.

[MS-SMB2] 3.3.1.8, Session.State:

- `IN_PROGRESS` is the first logon: the keys are not there yet, so nothing is signed or encrypted
  with them, and a server answers nothing but SESSION_SETUP;
- in `VALID` a server answers everything that the user may do;
- in `EXPIRED` it lets the client close and unlock files, log off, and log on again, and refuses
  the rest. Only servers count the time: a client gets an error status, and logs on again in a
  session that is VALID for it;
- `CLOSED` is a session that no table has any more. A server's connections may still refer to it,
  when another connection has ended it: requests for it are answered as for no session.

A repeated logon changes neither the keys nor, while it is under way, the state: whoever is logged
on stays so until the new logon succeeds, or fails and ends the session.
"""

from collections.abc import Mapping
from enum import Enum, auto


class SessionState(Enum):
    """States of a session, from the first logon to its end."""

    IN_PROGRESS = auto()
    VALID = auto()
    EXPIRED = auto()
    CLOSED = auto()


class SessionEvent(Enum):
    """Events that change the state of a session."""

    LOGGED_ON = "a logon succeeds"
    EXPIRED = "the time that a logon is good for is over"
    ENDED = "it is logged off or replaced, a logon fails, or its last connection ends"


TRANSITIONS: Mapping[SessionState, Mapping[SessionEvent, SessionState]] = {
    SessionState.IN_PROGRESS: {
        SessionEvent.LOGGED_ON: SessionState.VALID,
        SessionEvent.ENDED: SessionState.CLOSED,
    },
    SessionState.VALID: {
        SessionEvent.LOGGED_ON: SessionState.VALID,
        SessionEvent.EXPIRED: SessionState.EXPIRED,
        SessionEvent.ENDED: SessionState.CLOSED,
    },
    SessionState.EXPIRED: {
        SessionEvent.LOGGED_ON: SessionState.VALID,
        SessionEvent.ENDED: SessionState.CLOSED,
    },
    SessionState.CLOSED: {},
}
