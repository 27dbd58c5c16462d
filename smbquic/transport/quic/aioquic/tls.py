"""TLS of aioquic, with certificates that are verified here, in both directions.

Private names of the library are used, as in `connection.py`.
"""

from collections.abc import Callable
from typing import ClassVar, NamedTuple, cast

from aioquic import tls
from aioquic._buffer import Buffer as QuicBuffer
from aioquic.quic.configuration import QuicConfiguration

from smbquic.errors import HandshakeError
from smbquic.transport.quic.engine import Verify
from smbquic.transport.quic.tickets import TicketIssuer
from smbquic.transport.quic.tls import malformed_certificate, wrong_key
from smbquic.transport.quic.tls_context import ContextPolicy


class ServerIdentity(NamedTuple):
    """A server's certificate and key, in a configuration, and what verifies clients for it.

    `tickets` is None if clients may not resume their sessions.
    """

    configuration: QuicConfiguration
    verify: Verify | None
    tickets: TicketIssuer | None


ChooseCertificate = Callable[[str], ServerIdentity | None]
"""Finds the certificate for the name that a client asks for, which may be empty."""


class AioquicAlert(tls.Alert):
    """The alert after our own verification has refused the peer's certificate."""

    def __init__(self, alert: int, message: str) -> None:
        super().__init__(message)
        self.description = tls.AlertDescription(alert)


class AioquicContext(ContextPolicy, tls.Context):
    """TLS of aioquic, in which the peer's certificate is verified by us.

    The library asks no client for a certificate unless a private flag is set, accepts a client
    without one all the same, and verifies none. `peer_chain` is the peer's certificates in DER,
    leaf first. `choose_certificate` finds a server's own by the name that is asked for.
    """

    alert = AioquicAlert
    library: ClassVar = tls
    peer_chain: tuple[bytes, ...]
    choose_certificate: ChooseCertificate | None

    @classmethod
    def adopt(
        cls,
        context: tls.Context,
        verify: Verify | None,
        *,
        is_client: bool,
        groups: tuple[tls.Group, ...],
        choose_certificate: ChooseCertificate | None = None,
        tickets: TicketIssuer | None = None,
        chain: tuple[bytes, ...] = (),
    ) -> None:
        """Change the class of a context that has not begun yet to this one.

        The library makes its contexts itself and lets nobody pass a class. `chain` is the peer's,
        if it shows none because the session is resumed.
        """
        context.__class__ = cls
        adopted = cast(AioquicContext, context)
        adopted.begin(verify, tickets)
        adopted.choose_certificate = choose_certificate
        adopted.peer_chain = chain
        adopted._supported_groups = list(groups)
        adopted._request_client_certificate = verify is not None and not is_client

    def _server_handle_hello(
        self, input_buf: QuicBuffer, initial_buf: QuicBuffer, handshake_buf: QuicBuffer
    ) -> None:
        # The library reads the message again: it hands out nothing of it before it has answered.
        start = input_buf.tell()
        hello = tls.pull_client_hello(input_buf)
        input_buf.seek(start)
        self.read_client_hello(hello)
        # The library takes the first share of a group that it supports, and does not report which.
        shares = (group for group, _ in hello.key_share or ())
        self.group = next((group for group in shares if group in self._supported_groups), None)
        if self.choose_certificate is not None:
            self._use(self.choose_certificate(self.client_hello_name))
        super()._server_handle_hello(input_buf, initial_buf, handshake_buf)

    def _server_handle_finished(self, input_buf: QuicBuffer, output_buf: QuicBuffer) -> None:
        super()._server_handle_finished(input_buf, output_buf)
        self.give_ticket(output_buf)

    def _client_handle_hello(self, input_buf: QuicBuffer, output_buf: QuicBuffer) -> None:
        start = input_buf.tell()
        hello = tls.pull_server_hello(input_buf)
        input_buf.seek(start)
        self.group = hello.key_share[0] if hello.key_share is not None else None
        super()._client_handle_hello(input_buf, output_buf)

    def _use(self, identity: ServerIdentity | None) -> None:
        if identity is None:
            self.refuse(
                HandshakeError(
                    f"there is no certificate for the name {self.client_hello_name!r}"
                    if self.client_hello_name
                    else "the client asks for no name, and there is no default certificate",
                    "unrecognized-name",
                )
            )
        self.certificate = identity.configuration.certificate
        self.certificate_chain = identity.configuration.certificate_chain
        self.certificate_private_key = identity.configuration.private_key
        self.verify = identity.verify
        self._request_client_certificate = identity.verify is not None
        self.use_tickets(identity.tickets)

    def _set_peer_certificate(self, certificate: tls.Certificate) -> None:
        self.peer_chain = tuple(der for der, _ in certificate.certificates)
        try:
            super()._set_peer_certificate(certificate)
        except Exception as error:
            # The parser has several kinds of errors, of which the library expects only one.
            self.refuse(malformed_certificate(error))

    def _server_handle_certificate(self, input_buf: QuicBuffer) -> None:
        super()._server_handle_certificate(input_buf)
        # The library accepts an empty list of certificates.
        if not self.peer_chain:
            self.refuse(HandshakeError("the client showed no certificate", "no-certificate"))

    def _server_handle_certificate_verify(self, input_buf: QuicBuffer) -> None:
        # The chain is verified only now: before, the client has not proved that it has the key.
        try:
            super()._server_handle_certificate_verify(input_buf)
        except tls.AlertDecryptError as error:
            self.refuse(wrong_key(error))
        self.verify_peer(self.peer_chain)

    def _client_handle_certificate_verify(self, input_buf: QuicBuffer) -> None:
        try:
            super()._client_handle_certificate_verify(input_buf)
        except tls.AlertDecryptError as error:
            self.refuse(wrong_key(error))
        self.verify_peer(self.peer_chain)
