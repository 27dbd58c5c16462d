"""The parts of a TLS handshake that both engines share: verification and session tickets.

The `tls.Context` of qh3 is derived from that of aioquic, so this applies to both.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

from smbquic.errors import HandshakeError
from smbquic.transport.quic.engine import Verify
from smbquic.transport.quic.tickets import Resumption, TicketStore
from smbquic.transport.quic.tls import alert_of, reason_phrase


@dataclass(frozen=True, slots=True)
class HandshakeSettings:
    """One end's verification of its peers, and resumption of its sessions.

    `verify` verifies the peer's certificate; a server with it asks its clients for theirs.
    `tickets` are a server's, `resumption` is a client's access to its own.
    """

    verify: Verify | None = None
    tickets: TicketStore | None = None
    resumption: Resumption | None = None


class ContextPolicy:
    """A mixin that adds our verification and tickets to a library's `tls.Context`.

    `client_hello_name` is the server name that a client has asked for, and `group` that of the key
    exchange. `refusal` is why the peer's certificate was refused. `alert` is the library's
    exception that ends a handshake, made of the number of a TLS alert and a reason.
    """

    alert: ClassVar[Any]
    verify: Verify | None
    client_hello_name: str
    group: int | None
    refusal: HandshakeError | None
    get_session_ticket_cb: Any
    new_session_ticket_cb: Any
    _max_early_data: Any
    _wants_early_data: bool
    _tickets: TicketStore | None

    def begin(self, verify: Verify | None, tickets: TicketStore | None) -> None:
        """Initialize what the library's constructor does not know of."""
        self.verify = verify
        self.client_hello_name = ""
        self.group = None
        self.refusal = None
        # Early data can be replayed ([RFC8446] 8), so it is neither offered nor accepted.
        self._max_early_data = None
        self._wants_early_data = False
        self._tickets = None
        if tickets is not None:
            # A client's callback, which keeps what it is given, stays.
            self.keep_sessions_in(tickets)

    def keep_sessions_in(self, tickets: TicketStore | None) -> None:
        """Keep a server's sessions in a store; none if that is None."""
        self._tickets = tickets
        self.get_session_ticket_cb = self._resume if tickets is not None else None
        self.new_session_ticket_cb = tickets.keep if tickets is not None else None

    def _resume(self, identity: bytes) -> Any:
        # A client that sends early data gets a full handshake, which refuses the data.
        if self._tickets is None or self._wants_early_data:
            return None
        return self._tickets.take(identity)

    def read_client_hello(self, hello: Any) -> None:
        """Record what a ClientHello says of its client."""
        self.client_hello_name = hello.server_name or ""
        self._wants_early_data = hello.early_data

    def offer_ticket(self, hello: Any) -> None:
        """Give a client no ticket if it may not be able to handle one."""
        if self._tickets is not None and not self._tickets.offers(hello.psk_key_exchange_modes):
            self.new_session_ticket_cb = None

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
