"""Tickets, by which TLS sessions are resumed without a certificate ([RFC8446] 2.2).

A ticket is not good for early data: SMB requests must not be replayed. A server accepts those of
its present certificate only, and none of clients that have to show theirs.
docs/decisions/0017-resumption-and-resets.md
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import field
from struct import Struct
from typing import Any

from smbquic.crypto.aes import SecretBox
from smbquic.lazy_dataclass import dataclass
from smbquic.options.client import Tickets
from smbquic.options.quic import TicketPolicy

LONGEST = 7 * 86400.0
"""Seconds that a client may keep a ticket, even if its server allows more ([RFC8446] 4.6.1)."""
CLIENT_TICKETS = 64
SERVER_LIFETIME = 86400
"""Seconds for which a server accepts a ticket."""

_SESSION = Struct(">QH")
"""When a ticket was issued, in seconds as of `time.time()`, and the cipher suite."""
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

    `key` makes their key, and may read files for it. `accepts` verifies the certificates of a
    session as if they were shown again.
    """

    cache: Tickets
    key: Callable[[], Key]
    accepts: Callable[[tuple[bytes, ...]], bool]

    def take(self) -> Ticket | None:
        """Return a ticket to begin with, unless its certificates are not accepted any more."""
        if isinstance(self.cache, TicketCache) and not self.cache:
            # Nothing has been sent yet: no file is read for a ticket that is not there.
            return None
        key = self._key_of_files()
        ticket = self.cache.take(key) if key is not None else None
        return ticket if ticket is not None and self.accepts(ticket.chain) else None

    def keep(self, session: Any, chain: tuple[bytes, ...]) -> None:
        """Keep a ticket of the server for the next time, but not for early data."""
        key = self._key_of_files()
        if key is None:
            return
        session.max_early_data_size = None
        lifetime = (session.not_valid_after - session.not_valid_before).total_seconds()
        self.cache.put(key, Ticket(session, chain, time.time() + min(lifetime, LONGEST)))

    def _key_of_files(self) -> Key | None:
        try:
            return self.key()
        except OSError:
            # What else reads the file says that it is gone.
            return None


@dataclass(frozen=True, slots=True)
class ResumableSession:
    """A session that a client may resume, with the attributes that aioquic and qh3 read."""

    cipher_suite: int
    resumption_secret: bytes = field(repr=False)
    is_valid: bool = True


class TicketIssuer:
    """The tickets of a server for one certificate.

    A ticket is the session itself, encrypted ([RFC8446] 4.6.1): the server keeps nothing, and any
    process with the same `key` of 32 bytes accepts it, for `SERVER_LIFETIME`. A client may use it
    more than once. `policy` says which clients get a ticket; if none do, there is no issuer.
    """

    def __init__(
        self,
        key: bytes,
        clock: Callable[[], float] = time.time,
        policy: TicketPolicy = "auto",
    ) -> None:
        self._box = SecretBox(key)
        self._clock = clock
        self._policy = policy

    def offers(self, modes: Sequence[int] | None) -> bool:
        """Return whether a client that offers these `psk_key_exchange_modes` gets a ticket.

        It needs psk_dhe_ke, as the engines resume in no other mode. With `auto`, a client gets none
        if it offers psk_ke, too ([RFC8446] 4.2.9): a TLS library does so by itself, in programs
        that may not expect a ticket. Samba's client frees its session once it is connected, and
        crashes on a ticket. QUIC libraries, which resume, offer psk_dhe_ke alone.
        """
        if modes is None or _PSK_DHE_KE not in modes:
            return False
        return self._policy == "always" or _PSK_KE not in modes

    def issue(self, cipher_suite: int, resumption_secret: bytes) -> bytes:
        """Return a ticket for a session."""
        return self._box.encrypt(
            _SESSION.pack(int(self._clock()), cipher_suite) + resumption_secret
        )

    def accept(self, ticket: bytes) -> ResumableSession | None:
        """Return the session of a ticket; None if it is unknown or has expired."""
        content = self._box.decrypt(ticket)
        if content is None:
            return None
        issued, cipher_suite = _SESSION.unpack_from(content)
        # Another machine's clock may be ahead, but not for as long as a ticket is good.
        if abs(self._clock() - issued) >= SERVER_LIFETIME:
            return None
        return ResumableSession(cipher_suite, content[_SESSION.size :])
