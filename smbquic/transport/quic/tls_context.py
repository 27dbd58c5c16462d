"""The parts of a TLS handshake that aioquic and qh3 share: verification and session tickets.

The `tls.Context` of qh3 is derived from that of aioquic, so this applies to both.
"""

import os
from collections.abc import Sequence
from typing import Any, ClassVar, NoReturn

from smbquic.errors import HandshakeError
from smbquic.lazy_dataclass import dataclass
from smbquic.transport.quic.engine import Verify
from smbquic.transport.quic.tickets import (
    SERVER_LIFETIME,
    ResumableSession,
    Resumption,
    TicketIssuer,
)
from smbquic.transport.quic.tls import alert_of, reason_phrase


@dataclass(frozen=True, slots=True)
class HandshakeSettings:
    """One end's verification of its peers, and resumption of its sessions.

    `verify` verifies the peer's certificate; a server with it asks its clients for theirs.
    `tickets` are a server's, `resumption` is a client's access to its own.
    """

    verify: Verify | None = None
    tickets: TicketIssuer | None = None
    resumption: Resumption | None = None


class ContextPolicy:
    """A mixin that adds our verification and tickets to a library's `tls.Context`.

    `client_hello_name` is the server name that a client has asked for, and `group` that of the key
    exchange. `refusal` is why the peer's certificate was refused. `alert` is the library's
    exception that ends a handshake, made of the number of a TLS alert and a reason, and `library`
    its module.
    """

    alert: ClassVar[Any]
    library: ClassVar[Any]
    verify: Verify | None
    client_hello_name: str
    group: int | None
    refusal: HandshakeError | None
    get_session_ticket_cb: Any
    _build_session_ticket: Any
    _max_early_data: Any
    _wants_early_data: bool
    _tickets: TicketIssuer | None
    _modes: Sequence[int] | None

    def begin(self, verify: Verify | None, tickets: TicketIssuer | None) -> None:
        """Initialize what the library's constructor does not know of."""
        self.verify = verify
        self.client_hello_name = ""
        self.group = None
        self.refusal = None
        # Early data can be replayed ([RFC8446] 8), so it is neither offered nor accepted.
        self._max_early_data = None
        self._wants_early_data = False
        self._modes = None
        self.use_tickets(tickets)

    def use_tickets(self, tickets: TicketIssuer | None) -> None:
        """Let a server's clients resume their sessions; not if there are no `tickets`."""
        self._tickets = tickets
        self.get_session_ticket_cb = self._resume if tickets is not None else None

    def _resume(self, ticket: bytes) -> ResumableSession | None:
        # A client that sends early data gets a full handshake, which refuses the data.
        if self._tickets is None or self._wants_early_data:
            return None
        return self._tickets.accept(ticket)

    def read_client_hello(self, hello: Any) -> None:
        """Record what a ClientHello says of its client."""
        self.client_hello_name = hello.server_name or ""
        self._wants_early_data = hello.early_data

        self._modes = hello.psk_key_exchange_modes

    def give_ticket(self, output: Any) -> None:
        """Send a client a ticket if it may have one, after the server's part of the handshake.

        The library's own would be random bytes, which only this process could recognize.
        """
        if self._tickets is None or not self._tickets.offers(self._modes):
            return
        message = self.library.NewSessionTicket(
            ticket_lifetime=SERVER_LIFETIME,
            ticket_age_add=int.from_bytes(os.urandom(4), "big"),
        )
        session = self._build_session_ticket(message, [])
        message.ticket = self._tickets.issue(session.cipher_suite, session.resumption_secret)
        self.library.push_new_session_ticket(output, message)

    def verify_peer(self, chain: tuple[bytes, ...]) -> None:
        """Verify the peer's certificates (DER, leaf first), unless the library does."""
        if self.verify is None:
            return
        try:
            self.verify(list(chain))
        except HandshakeError as error:
            self.refuse(error)

    def refuse(self, error: HandshakeError) -> NoReturn:
        """End the handshake with an alert that says why."""
        self.refusal = error
        raise self.alert(alert_of(error), reason_phrase(error)) from error
