"""The states of an open, as a table of states and events. [MS-SMB2] 3.3.1.10

- in `ATTACHED` it belongs to a session, whose client uses it by its FileId;
- in `DISCONNECTED` it is durable, and waits for its owner: Open.Connection and Open.Session are
  NULL. It still counts for share modes and holds its oplock or lease, and its locks;
- `CLOSED` is the end: it is in no table any more. A request that waited may still refer to it.
"""

from collections.abc import Mapping
from enum import Enum, auto


class OpenState(Enum):
    """States of an open."""

    ATTACHED = auto()
    DISCONNECTED = auto()
    CLOSED = auto()


class OpenEvent(Enum):
    """Events that change the state of an open."""

    DISCONNECT = "its session ends without a logoff, and it is durable"
    RECONNECT = "its owner comes back with a CREATE"
    CLOSE = "CLOSE, the end of its session or tree, or its owner does not reconnect in time"


TRANSITIONS: Mapping[OpenState, Mapping[OpenEvent, OpenState]] = {
    OpenState.ATTACHED: {
        OpenEvent.DISCONNECT: OpenState.DISCONNECTED,
        OpenEvent.CLOSE: OpenState.CLOSED,
    },
    OpenState.DISCONNECTED: {
        OpenEvent.RECONNECT: OpenState.ATTACHED,
        OpenEvent.CLOSE: OpenState.CLOSED,
    },
    OpenState.CLOSED: {},
}
