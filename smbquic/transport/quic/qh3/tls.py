"""TLS of qh3, with certificates that are verified here, and its transport parameters.

Private names of the library are used, as in `connection.py`.
"""

import time
from typing import Any, ClassVar, cast

from qh3 import tls
from qh3._hazmat import Buffer as QuicBuffer
from qh3._hazmat import SelfSignedCertificateError
from qh3.quic.configuration import QuicConfiguration
from qh3.quic.packet import pull_quic_transport_parameters, push_quic_transport_parameters
from qh3.quic.tls_bridge import QuicTlsBridge, QuicTlsBridgeError

from smbquic.transport.addresses import is_ip_address
from smbquic.transport.quic.engine import CRYPTO_ERROR
from smbquic.transport.quic.tickets import TicketIssuer
from smbquic.transport.quic.tls import ALPN, malformed_certificate, wrong_key
from smbquic.transport.quic.tls_context import ContextPolicy, HandshakeSettings

_KNOWN_GROUPS = frozenset(
    {
        tls.Group.X25519ML768,
        tls.Group.X25519,
        tls.Group.SECP256R1,
        tls.Group.SECP384R1,
        tls.Group.SECP521R1,
    }
)


class Qh3Alert(tls.Alert):
    """The alert for a peer that was refused here, or by the library with less of a reason."""

    def __init__(self, alert: int, message: str) -> None:
        super().__init__(message)
        self.description = tls.AlertDescription(alert)


class Qh3Context(ContextPolicy, tls.Context):
    """TLS of qh3, in which a server's certificate is verified here."""

    alert = Qh3Alert
    library: ClassVar = tls
    _failed: bool
    _resumed_chain: tuple[bytes, ...]

    @classmethod
    def adopt(
        cls,
        context: tls.Context,
        settings: HandshakeSettings,
        tickets: TicketIssuer | None,
        chain: tuple[bytes, ...],
        groups: tuple[tls.Group, ...],
    ) -> None:
        """Change the class of a context that has not begun yet to this one.

        The library makes its contexts itself and lets nobody pass a class. `chain` is the peer's,
        if it shows none because the session is resumed. Without `groups` a client offers the
        library's own.
        """
        context.__class__ = cls
        adopted = cast(Qh3Context, context)
        adopted.begin(settings.verify, tickets)
        if groups:
            adopted._supported_groups = list(groups)
        adopted._resumed_chain = chain
        adopted._failed = False

    def handle_message(
        self, input_data: bytes, output_buf: dict[tls.Epoch, QuicBuffer], epoch: int = -1
    ) -> None:
        """Process a message of the peer, unless an alert has ended the handshake.

        The library would process what else has arrived, and complete a handshake with a peer whose
        certificate was refused.
        """
        if self._failed:
            return
        try:
            super().handle_message(input_data, output_buf, epoch)
        except tls.Alert:
            self._failed = True
            raise

    @property
    def peer_chain(self) -> tuple[bytes, ...]:
        """The peer's certificates in DER, leaf first."""
        if self.session_resumed:
            return self._resumed_chain
        leaf = self.peer_certificate
        chain = [leaf, *self.peer_certificate_chain] if leaf is not None else []
        return tuple(bytes(certificate.public_bytes()) for certificate in chain)

    def _client_send_hello(self, output_buf: QuicBuffer) -> None:
        name = self._server_name
        if name is not None and is_ip_address(name):
            # The name of a server is never an address ([RFC6066] 3).
            self._server_name = None
        if self.session_ticket is not None and not self._has_room:
            self._offer_ec_key_shares = False
        super()._client_send_hello(output_buf)
        self._server_name = name

    @property
    def _has_room(self) -> bool:
        """Whether a ClientHello has room for a ticket and the shares of all groups.

        The library has 2 KiB for that message, which the post-quantum share nearly fills.
        """
        return tls.Group.X25519ML768 not in self._supported_groups

    @property
    def resumable(self) -> bool:
        """Whether a client would send the server's chosen share beside a ticket, too."""
        return self._has_room or self.group in (tls.Group.X25519ML768, tls.Group.X25519)

    def _client_handle_hello(self, input_buf: QuicBuffer, output_buf: QuicBuffer) -> None:
        start = input_buf.tell()
        hello = tls.pull_server_hello(input_buf)
        input_buf.seek(start)
        self.group = hello.key_share[0] if hello.key_share is not None else None
        super()._client_handle_hello(input_buf, output_buf)

    def _server_handle_hello(self, input_buf: QuicBuffer, *buffers: QuicBuffer) -> None:
        start = input_buf.tell()
        hello = tls.pull_client_hello(input_buf)
        input_buf.seek(start)
        self.read_client_hello(hello)
        # A server refuses a client without a protocol in common ([RFC9001] 8.1).
        if ALPN not in (hello.alpn_protocols or ()):
            raise Qh3Alert(120, "No common ALPN protocols")
        # The library takes the first share of a group that it knows, even if it was not configured.
        shares = (group for group, _ in hello.key_share or ())
        self.group = next((group for group in shares if group in _KNOWN_GROUPS), None)
        if self.group not in self._supported_groups:
            raise Qh3Alert(40, "no common group to exchange keys in")
        super()._server_handle_hello(input_buf, *buffers)
        # The last buffer is that of 1-RTT packets.
        self.give_ticket(buffers[-1])

    def _process_certificate(self, certificate: tls.Certificate) -> None:
        if not certificate.certificates:
            raise Qh3Alert(50, "Certificate message is empty")
        try:
            super()._process_certificate(certificate)
        except Exception as error:
            self.refuse(malformed_certificate(error))

    def _client_handle_certificate_verify(self, input_buf: QuicBuffer) -> None:
        try:
            super()._client_handle_certificate_verify(input_buf)
        except tls.AlertBadCertificate as error:
            raise self._explained(error) from error
        except tls.AlertDecryptError as error:
            self.refuse(wrong_key(error))
        self.verify_peer(self.peer_chain)

    def _explained(self, error: tls.AlertBadCertificate) -> Qh3Alert:
        """Return an alert with the reason, as the library's is the same for most faults."""
        leaf = self.peer_certificate
        assert leaf is not None
        if leaf.not_valid_after < time.time():
            return Qh3Alert(45, f"the certificate has expired: {error}")
        if leaf.not_valid_before > time.time():
            return Qh3Alert(42, f"the certificate is not valid yet: {error}")
        if isinstance(error.__context__, SelfSignedCertificateError):
            return Qh3Alert(48, str(error))
        # If the chain is valid without a name, the name is what was wrong.
        try:
            tls.verify_certificate(
                leaf,
                self.peer_certificate_chain,
                self._cadata,
                self._cafile,
                self._capath,
                assert_server_name=False,
            )
        except tls.AlertBadCertificate:
            return Qh3Alert(42, str(error))
        return Qh3Alert(42, f"the name doesn't match: {error}")


class Qh3TlsBridge(QuicTlsBridge):
    """The link between qh3's connection and its TLS, with transport parameters for one stream.

    `largest_datagram` is what the peer may send, in bytes.
    """

    def __init__(
        self, configuration: QuicConfiguration, largest_datagram: int, **more: Any
    ) -> None:
        # First, as the library's constructor calls `serialize_transport_parameters`.
        self._largest_datagram = largest_datagram
        super().__init__(configuration, **more)

    def serialize_transport_parameters(self) -> bytes:
        """Return the transport parameters of this end ([RFC9000] 18.2)."""
        # The client opens the one stream of SMB.
        data = super().serialize_transport_parameters()
        parameters = pull_quic_transport_parameters(QuicBuffer(data=data))
        parameters.initial_max_streams_bidi = 0 if self.configuration.is_client else 1
        parameters.initial_max_streams_uni = 0
        parameters.max_datagram_frame_size = None
        parameters.max_udp_payload_size = self._largest_datagram
        # Nobody has asked for the other extensions of the library.
        parameters.google_connection_options = None
        buffer = QuicBuffer(capacity=len(data) + 64)
        push_quic_transport_parameters(buffer, parameters)
        return bytes(buffer.data)

    def _on_alpn(self, alpn_protocol: str | None) -> None:
        if alpn_protocol != ALPN:
            raise QuicTlsBridgeError(CRYPTO_ERROR + 120, "the peer agreed to no ALPN protocol")
        super()._on_alpn(alpn_protocol)
