"""How much one client may hold, and how many may come."""

from dataclasses import dataclass
from math import inf

from smbquic.transport.serving import MAX_CONNECTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what one connection costs the server, and on their number.

    `connections` counts those of one listener; whoever comes then is turned away.
    `watches` counts the opens of folders that are told of changes, `pipes` the open pipes of one
    session.
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
    """

    connections: int = MAX_CONNECTIONS
    sessions: int = 64
    trees: int = 256
    opens: int = 16_384
    locks: int = 4_096
    watches: int = 1_024
    pipes: int = 4_096
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


DEFAULT_LIMITS = Limits()
