"""Tickets, by which TLS sessions are resumed without a certificate ([RFC8446] 2.2).

A ticket is good for one handshake, and not for early data: SMB requests must not be replayed. A
server drops its sessions with its certificate, and keeps none of clients that have to show
theirs. docs/decisions/0017-resumption-and-resets.md
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from smbquic.options.client import Tickets
from smbquic.options.quic import TicketPolicy

LONGEST = 7 * 86400.0
"""Seconds that a client may keep a ticket, even if its server allows more ([RFC8446] 4.6.1)."""
CLIENT_TICKETS = 64
SERVER_TICKETS = 4096
SERVER_LIFETIME = 86400.0
"""Seconds for which a server keeps a session: the lifetime of the tickets that the engines send."""

_PSK_KE, _PSK_DHE_KE = 0, 1

Key = tuple[object, ...]
"""The key of a client's ticket: the server's name, its port, and all else that must be equal."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A session of a client, to be resumed.

    `session` is the engine's own, `chain` the server's (DER, leaf first), and `expires` a time as
    of `time.time()`.
    """

    session: Any
    chain: tuple[bytes, ...]
    expires: float


class TicketCache:
    """The tickets of a client, each of which is used once; there are `limit` at most."""

    def __init__(self, limit: int = CLIENT_TICKETS, clock: Callable[[], float] = time.time) -> None:
        self._limit = limit
        self._clock = clock
        self._tickets: list[tuple[Key, Ticket]] = []

    def __len__(self) -> int:
        return len(self._tickets)

    def put(self, key: Key, ticket: Ticket) -> None:
        """Keep a ticket."""
        self._tickets.append((key, ticket))
        del self._tickets[: -self._limit]

    def take(self, key: Key) -> Ticket | None:
        """Remove and return the newest ticket for `key` that has not expired."""
        now = self._clock()
        self._tickets = [each for each in self._tickets if now < each[1].expires]
        for index in reversed(range(len(self._tickets))):
            if self._tickets[index][0] == key:
                return self._tickets.pop(index)[1]
        return None


@dataclass(frozen=True, slots=True)
class Resumption:
    """A client's access to its tickets for one server.

    `accepts` verifies the certificates of a session as if they were shown again.
    """

    cache: Tickets
    key: Key
    accepts: Callable[[tuple[bytes, ...]], bool]

    def take(self) -> Ticket | None:
        """Return a ticket to begin with, unless its certificates are not accepted any more."""
        ticket = self.cache.take(self.key)
        return ticket if ticket is not None and self.accepts(ticket.chain) else None

    def keep(self, session: Any, chain: tuple[bytes, ...]) -> None:
        """Keep a ticket of the server for the next time, but not for early data."""
        session.max_early_data_size = None
        lifetime = (session.not_valid_after - session.not_valid_before).total_seconds()
        self.cache.put(self.key, Ticket(session, chain, time.time() + min(lifetime, LONGEST)))


class SessionTicket(Protocol):
    """A ticket as both engines have it."""

    ticket: bytes


class TicketStore:
    """The sessions that a server keeps for one certificate, each of which is resumed once.

    The oldest are dropped beyond `limit`, and after `SERVER_LIFETIME`. `policy` says which clients
    get a ticket; if none do, there is no store.
    """

    def __init__(
        self,
        limit: int = SERVER_TICKETS,
        clock: Callable[[], float] = time.monotonic,
        policy: TicketPolicy = "auto",
    ) -> None:
        self._policy = policy
        self._limit = limit
        self._clock = clock
        self._sessions: OrderedDict[bytes, tuple[float, Any]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sessions)

    def offers(self, modes: Sequence[int] | None) -> bool:
        """Return whether a client that offers these `psk_key_exchange_modes` gets a ticket.

        With `auto`, a client gets none if it offers no modes, or psk_ke ([RFC8446] 4.2.9): a TLS
        library does so by itself, in programs that may not expect a ticket. Samba's client frees
        its session once it is connected, and crashes on a ticket. QUIC libraries, which resume,
        offer psk_dhe_ke alone.
        """
        if self._policy == "auto":
            return modes is not None and _PSK_DHE_KE in modes and _PSK_KE not in modes
        return True

    def keep(self, session: SessionTicket) -> None:
        """Keep a session for which a client was given a ticket."""
        now = self._clock()
        self._sessions[session.ticket] = now + SERVER_LIFETIME, session
        while len(self._sessions) > self._limit or next(iter(self._sessions.values()))[0] <= now:
            self._sessions.popitem(last=False)

    def take(self, identity: bytes) -> Any:
        """Remove and return the session of a ticket; None if it is unknown or has expired."""
        expires, session = self._sessions.pop(identity, (0.0, None))
        return session if self._clock() < expires else None
