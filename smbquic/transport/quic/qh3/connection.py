"""Where qh3 has to be other than it is: the parts of it that SMB cannot live with.

Private names of the library are used, and only in this folder; the tests of both fail
loudly where an update moves them.
"""

import time
from dataclasses import dataclass
from typing import Any, NoReturn, cast

from qh3 import tls
from qh3._hazmat import Buffer as QuicBuffer
from qh3._hazmat import QuicConnectionCore, SelfSignedCertificateError
from qh3.quic.configuration import QuicConfiguration
from qh3.quic.connection import QuicConnection
from qh3.quic.packet import (
    QuicProtocolVersion,
    pull_quic_transport_parameters,
    push_quic_transport_parameters,
)
from qh3.quic.tls_bridge import QuicTlsBridge, QuicTlsBridgeError

from smbquic.errors import HandshakeError
from smbquic.transport.addresses import is_ip_address
from smbquic.transport.quic.engine import CRYPTO_ERROR, Ending, ResetToken, Verify
from smbquic.transport.quic.tickets import Resumption, TicketStore
from smbquic.transport.quic.tls import ALPN, alert_of, reason_phrase, unreadable, without_key

_OWN_ADDRESS = ("192.0.2.2", 1)
"""Any will do: the core compares it only."""
INITIAL_RTT = 0.1
"""Seconds; three times as much is the wait for an answer to the first packet."""
MAX_ACK_DELAY = 0.025
ACK_DELAY_EXPONENT = 3
CONNECTION_IDS = 8

_OVER = ("closing", "draining", "terminated")


_KNOWN_GROUPS = frozenset(
    {
        tls.Group.X25519ML768,
        tls.Group.X25519,
        tls.Group.SECP256R1,
        tls.Group.SECP384R1,
        tls.Group.SECP521R1,
    }
)


@dataclass
class Configuration(QuicConfiguration):
    """The library's, and the groups that keys may be exchanged in; none stands for all."""

    groups: tuple[tls.Group, ...] = ()


class MeteredCore:
    """The Rust core, which keeps its data to itself while the application has enough.

    The core moves its windows as its data is taken, so that what is left in it holds the peer
    back. Events come in order: whatever is behind the data waits with it, but not the end of the
    connection. That is taken out of the events, because the library logs it as a warning. What
    came on the one stream is taken out too, into `pieces`, because it is nearly all there is.
    `core` itself is for those who are in a hurry.
    """

    def __init__(self, core: Any, limit: int) -> None:
        self.core = core
        self._limit = limit
        self._event: Any = None
        self.unread = 0
        self.authenticated = 0
        self.pieces: list[bytes] = []
        self.finished = False
        self.ending: Ending | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.core, name)

    @property
    def full(self) -> bool:
        """Whether data stays in the core for now."""
        return self.unread >= self._limit

    def next_event(self) -> Any:
        """The core's next event, unless it would be too much."""
        if self._event is not None:
            event, self._event = self._event, None
            return event
        while not self.full or self.core.state in _OVER:
            event = self.core.next_event()
            if event is None:
                return None
            match event:
                case ("stream_data", 0, data, finished):
                    self.unread += len(data)
                    self.pieces.append(data)
                    self.finished = self.finished or finished
                case ("peer_closed", application, code, _, reason):
                    self._end(Ending(code, reason.decode(errors="replace"), application))
                case ("protocol_error", code, _, reason):
                    self._end(Ending(code, reason, ours=True))
                case _:
                    return event
        return None

    def take_data(self) -> bool:
        """Take what arrived on the stream; whether that is all there is to tell."""
        self._event = self.next_event()
        return self._event is None and self.ending is None and not self.finished

    def take(self) -> list[bytes]:
        """What arrived on the stream since the last call, in order."""
        pieces, self.pieces = self.pieces, []
        return pieces

    def _end(self, ending: Ending) -> None:
        self.ending = self.ending or ending

    # What was received counts where it was genuine and new: the third number of a report.

    def receive_datagram(self, *arguments: Any) -> Any:
        """One packet of a datagram."""
        report = self.core.receive_datagram(*arguments)
        self.authenticated += report[2]
        return report

    def receive_many_datagrams(self, *arguments: Any) -> Any:
        """A list of datagrams."""
        report = self.core.receive_many_datagrams(*arguments)
        self.authenticated += report[2]
        return report

    def receive_gro_buffer(self, *arguments: Any) -> Any:
        """A run of datagrams."""
        report = self.core.receive_gro_buffer(*arguments)
        self.authenticated += report[2]
        return report


class Refused(tls.Alert):
    """Our own check of the peer, or the engine's in better words, said no."""

    def __init__(self, alert: int, message: str) -> None:
        super().__init__(message)
        self.description = tls.AlertDescription(alert)


class Context(tls.Context):
    """TLS that tells the name a client asked for, and lets us judge the server's certificate."""

    verify: Verify | None
    asked_name: str
    group: int | None
    verdict: HandshakeError | None
    _failed: bool
    _resumed_chain: tuple[bytes, ...]
    _wants_early_data: bool
    _tickets: TicketStore | None

    @classmethod
    def adopt(
        cls,
        context: tls.Context,
        verify: Verify | None,
        chain: tuple[bytes, ...] = (),
        groups: tuple[tls.Group, ...] = (),
    ) -> None:
        """Turn a context that has not begun yet into one of this class.

        `chain` is the peer's, if it shows none because it remembers us. Without `groups` a client
        offers the library's own.
        """
        context.__class__ = cls
        adopted = cast(Context, context)
        adopted.verify = verify
        adopted.asked_name = ""
        adopted.group = None
        if groups:
            adopted._supported_groups = list(groups)
        adopted.verdict = None
        adopted._resumed_chain = chain
        adopted._failed = False
        # Data ahead of the handshake can be replayed: it is neither offered nor taken.
        adopted._max_early_data = None
        adopted._wants_early_data = False
        adopted._tickets = None

    def handle_message(
        self, input_data: bytes, output_buf: dict[tls.Epoch, QuicBuffer], epoch: int = -1
    ) -> None:
        """Take what the peer says; after an alert, nothing more.

        The library goes on with whatever else has arrived, and would complete a handshake with
        somebody whose certificate was refused.
        """
        if self._failed:
            return
        try:
            super().handle_message(input_data, output_buf, epoch)
        except tls.Alert:
            self._failed = True
            raise

    def remember_in(self, tickets: TicketStore) -> None:
        """Where a server's sessions are kept."""
        self._tickets = tickets
        self.get_session_ticket_cb = self._recall
        self.new_session_ticket_cb = tickets.keep

    def _recall(self, identity: bytes) -> tls.SessionTicket | None:
        if self._tickets is None or self._wants_early_data:
            return None
        session: tls.SessionTicket | None = self._tickets.take(identity)
        return session

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
        """Whether a client may send shares of all groups with a ticket.

        The library has 2 KiB for that message, which the post-quantum share nearly fills.
        """
        return tls.Group.X25519ML768 not in self._supported_groups

    @property
    def resumable(self) -> bool:
        """Whether a client would send the share that the server has taken with a ticket, too."""
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
        self.asked_name = hello.server_name or ""
        self._wants_early_data = hello.early_data
        modes = hello.psk_key_exchange_modes
        if ALPN not in (hello.alpn_protocols or ()):
            raise Refused(120, "No common ALPN protocols")
        # The library takes the first share that it knows, whatever it is to support.
        shares = (group for group, _ in hello.key_share or ())
        self.group = next((group for group in shares if group in _KNOWN_GROUPS), None)
        if self.group not in self._supported_groups:
            raise Refused(40, "no common group to exchange keys in")
        if self._tickets is not None and not self._tickets.offers(modes):
            self.new_session_ticket_cb = None
        super()._server_handle_hello(input_buf, *buffers)

    def _process_certificate(self, certificate: tls.Certificate) -> None:
        if not certificate.certificates:
            raise Refused(50, "Certificate message is empty")
        try:
            super()._process_certificate(certificate)
        except Exception as error:
            self._refuse(unreadable(error))

    def _client_handle_certificate_verify(self, input_buf: QuicBuffer) -> None:
        try:
            super()._client_handle_certificate_verify(input_buf)
        except tls.AlertBadCertificate as error:
            raise self._explained(error) from error
        except tls.AlertDecryptError as error:
            self._refuse(without_key(error))
        if self.verify is None:
            return
        try:
            self.verify(list(self.peer_chain))
        except HandshakeError as error:
            self._refuse(error)

    def _refuse(self, error: HandshakeError) -> NoReturn:
        self.verdict = error
        raise Refused(alert_of(error), reason_phrase(error)) from error

    def _explained(self, error: tls.AlertBadCertificate) -> Refused:
        """The library's verdict on a certificate, which is the same for most faults."""
        leaf = self.peer_certificate
        assert leaf is not None
        if leaf.not_valid_after < time.time():
            return Refused(45, f"the certificate has expired: {error}")
        if leaf.not_valid_before > time.time():
            return Refused(42, f"the certificate is not valid yet: {error}")
        if isinstance(error.__context__, SelfSignedCertificateError):
            return Refused(48, str(error))
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
            return Refused(42, str(error))
        return Refused(42, f"the name doesn't match: {error}")


class Bridge(QuicTlsBridge):
    """The TLS half of a connection with one stream."""

    def __init__(self, configuration: Configuration, verify: Verify | None, **more: Any) -> None:
        self._largest = more.pop("largest_datagram")
        chain = more.pop("resumed_chain")
        tickets: TicketStore | None = more.pop("tickets")
        super().__init__(configuration, **more)
        Context.adopt(self.tls, verify, chain, configuration.groups)
        if tickets is not None:
            cast(Context, self.tls).remember_in(tickets)

    def serialize_transport_parameters(self) -> bytes:
        """What we ask of the peer."""
        data = super().serialize_transport_parameters()
        parameters = pull_quic_transport_parameters(QuicBuffer(data=data))
        parameters.initial_max_streams_bidi = 0 if self.configuration.is_client else 1
        parameters.initial_max_streams_uni = 0
        parameters.max_datagram_frame_size = None
        parameters.max_udp_payload_size = self._largest
        parameters.google_connection_options = None
        buffer = QuicBuffer(capacity=len(data) + 64)
        push_quic_transport_parameters(buffer, parameters)
        return bytes(buffer.data)

    def _on_alpn(self, alpn_protocol: str | None) -> None:
        if alpn_protocol != ALPN:
            raise QuicTlsBridgeError(CRYPTO_ERROR + 120, "the peer agreed to no ALPN protocol")
        super()._on_alpn(alpn_protocol)


class Connection(QuicConnection):
    """A connection with one stream on a metered core.

    `unread_limit` is in bytes; `largest_datagram` is what the peer may send, and `probing` lets
    a client's core look for datagrams that are larger than the ones it begins with.
    """

    def __init__(
        self,
        *,
        unread_limit: int,
        largest_datagram: int,
        probing: bool,
        verify: Verify | None,
        tickets: TicketStore | None = None,
        resumption: Resumption | None = None,
        reset_token: ResetToken | None = None,
        **more: Any,
    ) -> None:
        super().__init__(
            session_ticket_handler=self._keep_ticket if resumption is not None else None, **more
        )
        self._tickets = tickets
        self._resumption = resumption
        self._offered = resumption.take() if resumption is not None else None
        if self._offered is not None:
            self._configuration.session_ticket = self._offered.session
        self._reset_token = reset_token
        self._unread_limit = unread_limit
        self._largest_datagram = largest_datagram
        self._probing = probing
        self._verify = verify

    def _create_core(self, remote_addr: Any, initial_dcid: bytes, now: float) -> None:
        configuration = self._configuration
        core = QuicConnectionCore(
            is_client=self._is_client,
            version=self._version or 0,
            local_addr=_OWN_ADDRESS,
            remote_addr=remote_addr,
            source_cid=self.host_cid,
            destination_cid=initial_dcid,
            peer_address_validated=self._is_client or self._retry_source_connection_id is not None,
            active_connection_id_limit=CONNECTION_IDS,
            max_datagram_size=configuration.max_datagram_size,
            probe_datagram_size=self._probing,
            idle_timeout=configuration.idle_timeout,
            ack_delay_exponent=ACK_DELAY_EXPONENT,
            max_datagram_frame_size=None,
            peer_max_datagram_frame_size=None,
            connection_receive_window=configuration.max_data,
            connection_send_limit=0,
            stream_receive_window=configuration.max_stream_data,
            stream_send_limit_bidi_local=0,
            stream_send_limit_bidi_remote=0,
            stream_send_limit_uni=0,
            max_stream_reassembly=configuration.max_stream_data,
            local_max_streams_bidi=0 if self._is_client else 1,
            local_max_streams_uni=0,
            peer_max_streams_bidi=0,
            peer_max_streams_uni=0,
            initial_rtt=INITIAL_RTT,
            max_ack_delay=MAX_ACK_DELAY,
            initial_time=now,
        )
        metered: Any = MeteredCore(core, self._unread_limit)
        self._core = metered
        self._applied_transport_parameters = None
        self._pre_handshake_state_replayed = False

    def _create_tls(self, remote_source_cid: bytes | None) -> QuicTlsBridge:
        self._tls = Bridge(
            cast(Configuration, self._configuration),
            self._verify,
            largest_datagram=self._largest_datagram,
            resumed_chain=self._offered.chain if self._offered is not None else (),
            # Sessions are not carried from one version to another ([RFC9369] 4.1).
            tickets=self._tickets if self._version == QuicProtocolVersion.VERSION_1 else None,
            stateless_reset_token=(
                self._reset_token(self.host_cid) if self._reset_token is not None else None
            ),
            version=self._version,
            local_initial_source_connection_id=self.host_cid,
            remote_initial_source_connection_id=remote_source_cid,
            original_destination_connection_id=self._original_destination_connection_id,
            retry_source_connection_id=self._retry_source_connection_id,
            session_ticket_fetcher=self._session_ticket_fetcher,
            session_ticket_handler=self._session_ticket_handler,
            quic_logger=self._quic_logger,
            version_change_handler=self._set_version,
        )
        return self._tls

    def _keep_ticket(self, session: tls.SessionTicket) -> None:
        if self._resumption is None or self._version != QuicProtocolVersion.VERSION_1:
            return
        context = cast(Context, cast(Bridge, self._tls).tls)
        if context.resumable:
            session.max_early_data_size = None
            self._resumption.keep(session, context.peer_chain)

    def shrink(self, size: int) -> None:
        """Send datagrams of at most `size` bytes from now on; the core never grows again.

        Saying anew what the peer allows is the only way to tell the core.
        """
        parameters: Any = self._tls and self._tls.remote_transport_parameters
        core: Any = self._core
        core.apply_peer_transport_parameters(
            connection_send_limit=parameters.initial_max_data or 0,
            stream_send_limit_bidi_local=parameters.initial_max_stream_data_bidi_local or 0,
            stream_send_limit_bidi_remote=parameters.initial_max_stream_data_bidi_remote or 0,
            stream_send_limit_uni=parameters.initial_max_stream_data_uni or 0,
            peer_max_streams_bidi=parameters.initial_max_streams_bidi or 0,
            peer_max_streams_uni=parameters.initial_max_streams_uni or 0,
            ack_delay_exponent=(
                3 if parameters.ack_delay_exponent is None else parameters.ack_delay_exponent
            ),
            max_ack_delay=(
                0.025 if parameters.max_ack_delay is None else parameters.max_ack_delay / 1000
            ),
            peer_idle_timeout=(
                parameters.max_idle_timeout / 1000 if parameters.max_idle_timeout else None
            ),
            max_datagram_frame_size=parameters.max_datagram_frame_size,
            active_connection_id_limit=parameters.active_connection_id_limit or 2,
            disable_active_migration=bool(parameters.disable_active_migration),
            max_udp_payload_size=size,
        )
