"""How much one client may hold, and how many may come."""

from dataclasses import dataclass
from math import inf

from smbquic.storage.local.case_index import CAPACITY as NAMES
from smbquic.transport.quic.qh3.send_queue import SHARED as ENGINES
from smbquic.transport.serving import MAX_CONNECTIONS

PROGRAM = 128 << 20
"""Bytes of the program itself, its libraries and its tables."""
CONNECTION = 80 << 10
"""Bytes of a connection that waits for nothing."""
ENGINE = 320 << 10
"""Bytes that a QUIC engine keeps besides, once it has sent much: qh3 gives no buffer back."""
DESCRIPTORS = 32 << 20
"""Bytes of the security descriptors of folders that are remembered for a share."""
OPEN = 5 << 10
"""Bytes of an open file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what one connection costs the server, and on their number.

    `connections` counts those of one listener; whoever comes then is turned away.
    `connections_of_address` counts those of one address on all listeners, where an IPv6 network of
    64 bits is one, and `connections_of_user` those on which one user has logged on, beyond which
    the next is hung up on. `strangers` are connections that have not logged on yet,
    `strangers_of_address` those of one address; for another one, the oldest makes room. While users
    have work, strangers get `strangers_share` of the processor's time. `half_open` QUIC handshakes
    of one listener may be under way, `half_open_of_address` of one proven address.
    `watches` counts the opens of folders that are told of changes, `pipes` the open pipes of one
    session; where more than `pipe_bytes` wait to be read of one of them, it takes no more. A folder
    is listed by an open, so that `opens` bounds the listings too.
    `pending` counts the requests of one connection that may wait for good (for a lock, for a
    change in a folder), and again those that merely take their time (an fsync, a slow logon):
    beyond it, the former are refused, and for the latter the connection is read no further. Who
    has not logged on after `logon_seconds` is hung up on; a failed logon is answered after
    `failed_logon_delay` seconds, and what takes longer than `interim_delay` seconds is announced
    to the client. After `failed_logons` of a user or `failed_logons_of_address` within
    `lockout_seconds`, no more are looked at for as long; see `auth/guard.py` for whom that spares.
    A session has to log on again after `session_seconds`; nothing in NTLM ends by itself.
    Whoever is asked to give up what it caches has `break_seconds` for that.
    A durable open waits for `durable_seconds`, unless its client says for how long; of all clients
    together, `disconnected` opens may wait.
    A server that is asked to stop gives clients `drain_seconds` to finish what they are at.
    Who has answers to take, or a message to finish, and gets on with it by less than `slow_rate`
    bytes a second within `slow_seconds`, is hung up on. `buffers` bounds the bytes that wait in
    memory for clients or for their turn: answers to all may take half of it, those to one user a
    quarter; who holds the most is hung up on when it comes to more. `threads` is how many pieces
    of work on files one user may have done beside all others'.
    `user_memory` bounds the bytes that one user may have the server keep for locks, for changes in
    folders and answers in pipes that nobody has asked for yet, for pipes, trees and sessions
    themselves; all users together have four times as much. See `budget.py` for what each counts.
    """

    connections: int = MAX_CONNECTIONS
    connections_of_address: int = 1_024
    connections_of_user: int = 2_048
    strangers: int = 1_024
    strangers_of_address: int = 128
    strangers_share: float = 0.1
    half_open: int = 256
    half_open_of_address: int = 64
    sessions: int = 64
    trees: int = 256
    opens: int = 16_384
    locks: int = 4_096
    watches: int = 1_024
    pipes: int = 4_096
    pipe_bytes: int = 64 << 10
    pending: int = 511
    logon_seconds: float = 45.0
    failed_logon_delay: float = 2.0
    failed_logons: int = 10
    failed_logons_of_address: int = 50
    lockout_seconds: float = 600.0
    interim_delay: float = 0.005
    session_seconds: float = inf
    break_seconds: float = 35.0
    durable_seconds: float = 120.0
    disconnected: int = 16_384
    slow_seconds: float = 30.0
    slow_rate: int = 2_048
    drain_seconds: float = 30.0
    buffers: int = 256 << 20
    threads: int = 4
    user_memory: int = 16 << 20

    @property
    def all_user_memory(self) -> int:
        """What `user_memory` is for one user, in bytes, for all of them together."""
        return 4 * self.user_memory

    def memory(self, *, quic: int, tcp: int, shares: int, opens: int) -> int:
        """Bytes that a server needs at most.

        `quic` and `tcp` count its listeners, and `opens` is how many files may be open.
        """
        connections = CONNECTION * (quic + tcp) + ENGINE * quic
        return (
            PROGRAM
            + self.connections * connections
            + (ENGINES if quic else 0)
            + self.buffers
            + self.all_user_memory
            + shares * (NAMES + DESCRIPTORS)
            + opens * OPEN
        )


DEFAULT_LIMITS = Limits()
