"""Sessions of TLS that are taken up again, without a certificate shown ([RFC8446] 2.2).

A ticket is good for one handshake, and for no data ahead of it: SMB requests must not be replayed.
What a server remembers is forgotten with its certificate, and nothing is remembered of
clients that have to show one. docs/decisions/0017-resumption-and-resets.md
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from smbquic.options.client import Tickets
from smbquic.options.quic import TicketPolicy

LONGEST = 7 * 86400.0
"""Seconds that a client may keep a ticket, whatever its server says ([RFC8446] 4.6.1)."""
CLIENT_TICKETS = 64
SERVER_TICKETS = 4096
SERVER_LIFETIME = 86400.0
"""Seconds; what the engines tell the clients."""

_PSK_KE, _PSK_DHE_KE = 0, 1

Key = tuple[object, ...]
"""For what a client's ticket is good: the server's name, its port, and what else must agree."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a client needs to take a session up again.

    `session` is the engine's own, `chain` what the server had shown (DER, leaf first), `expires`
    in seconds as of `time.time()`.
    """

    session: Any
    chain: tuple[bytes, ...]
    expires: float


class TicketCache:
    """A client's tickets, each of which is used once; the oldest go where there are too many."""

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
        """The newest ticket that is still good for `key`, which is forgotten by that."""
        now = self._clock()
        self._tickets = [each for each in self._tickets if now < each[1].expires]
        for index in reversed(range(len(self._tickets))):
            if self._tickets[index][0] == key:
                return self._tickets.pop(index)[1]
        return None


@dataclass(frozen=True, slots=True)
class Resumption:
    """A client's way to its tickets for one server.

    `accepts` verifies the certificates of a session as if they were shown again.
    """

    cache: Tickets
    key: Key
    accepts: Callable[[tuple[bytes, ...]], bool]

    def take(self) -> Ticket | None:
        """A ticket to begin with, unless its certificates will not do any more."""
        ticket = self.cache.take(self.key)
        return ticket if ticket is not None and self.accepts(ticket.chain) else None

    def keep(self, session: Any, chain: tuple[bytes, ...]) -> None:
        """Keep what the server gave for next time, with no data ahead of the handshake."""
        session.max_early_data_size = None
        lifetime = (session.not_valid_after - session.not_valid_before).total_seconds()
        self.cache.put(self.key, Ticket(session, chain, time.time() + min(lifetime, LONGEST)))


class SessionTicket(Protocol):
    """A ticket as both engines have it."""

    ticket: bytes


class TicketStore:
    """The sessions that a server remembers for one certificate, each of which is used once.

    The oldest go where there are too many, and after `SERVER_LIFETIME`. `policy` says which clients
    get a ticket; where none do, there is no store.
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
        """Whether a client gets a ticket that offers these `psk_key_exchange_modes`.

        Not by `auto` where the client says nothing of them, or takes psk_ke, which nobody resumes
        with: that is what a TLS library offers by itself, in a program that may have thought of
        resumption as little. Samba's client frees its session once it is connected, and then
        crashes on the ticket. QUIC libraries, which mean to resume, offer psk_dhe_ke alone.
        """
        if self._policy == "auto":
            return modes is not None and _PSK_DHE_KE in modes and _PSK_KE not in modes
        return True

    def keep(self, session: SessionTicket) -> None:
        """Remember a session that a client was given a ticket for."""
        now = self._clock()
        self._sessions[session.ticket] = now + SERVER_LIFETIME, session
        while len(self._sessions) > self._limit or next(iter(self._sessions.values()))[0] <= now:
            self._sessions.popitem(last=False)

    def take(self, identity: bytes) -> Any:
        """The session of a ticket, which is forgotten by that; None for one that is unknown."""
        expires, session = self._sessions.pop(identity, (0.0, None))
        return session if self._clock() < expires else None
