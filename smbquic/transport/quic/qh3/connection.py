"""qh3's connection, with one stream and a core that waits for the application.

Private names of the library are used, and only in this folder; the tests fail if an update of the
library moves them.
"""

from typing import Any, cast

from qh3 import tls
from qh3._hazmat import QuicConnectionCore
from qh3.quic.configuration import QuicConfiguration
from qh3.quic.connection import QuicConnection
from qh3.quic.tls_bridge import QuicTlsBridge

from smbquic.lazy_dataclass import dataclass
from smbquic.transport.quic.engine import Acceptance, DatagramSizes
from smbquic.transport.quic.packet import VERSION_1
from smbquic.transport.quic.qh3.announcements import Announcements
from smbquic.transport.quic.qh3.core import MeteredCore
from smbquic.transport.quic.qh3.tls import Qh3Context, Qh3TlsBridge
from smbquic.transport.quic.tls_context import HandshakeSettings

_OWN_ADDRESS = ("192.0.2.2", 1)
"""Any address: the core compares it only."""
INITIAL_RTT = 0.1
"""Seconds; the first packet is sent again after three times as long. [RFC9002] 6.2.2 recommends
333 ms."""
MAX_ACK_DELAY = 0.025
ACK_DELAY_EXPONENT = 3
"""Both are the defaults of [RFC9000] 18.2, in seconds and as a power of two of microseconds."""
CONNECTION_IDS = 8
"""The active_connection_id_limit of either end ([RFC9000] 18.2)."""


@dataclass
class Qh3Configuration(QuicConfiguration):
    """The library's configuration, and the groups that keys may be exchanged in; none for all."""

    groups: tuple[tls.Group, ...] = ()


class Qh3Connection(QuicConnection):
    """A connection with one stream, whose core keeps what the application has no room for.

    `unread_limit` is what the core may deliver ahead of the application, in bytes. With
    `has_random_ids` the connection IDs that the core makes up may be announced to the peer.
    """

    def __init__(
        self,
        configuration: Qh3Configuration,
        sizes: DatagramSizes,
        settings: HandshakeSettings,
        acceptance: Acceptance | None,
        unread_limit: int,
    ) -> None:
        resumption = settings.resumption
        super().__init__(
            configuration=configuration,
            original_destination_connection_id=acceptance.original_id if acceptance else None,
            retry_source_connection_id=acceptance.retry_id if acceptance else None,
            session_ticket_handler=self._keep_ticket if resumption is not None else None,
        )
        self._settings = settings
        # A ticket is good for one handshake ([RFC8446] C.4).
        self._offered = resumption.take() if resumption is not None else None
        if self._offered is not None:
            self._configuration.session_ticket = self._offered.session
        self.has_random_ids = acceptance is None or acceptance.connection_ids.format.is_random
        if acceptance is not None:
            self.host_cid = acceptance.connection_ids.new()
        self._reset_token = acceptance.reset_token if acceptance else None
        self._unread_limit = unread_limit
        self._sizes = sizes

    def _create_core(self, remote_addr: Any, initial_dcid: bytes, now: float) -> None:
        configuration = self._configuration
        core = QuicConnectionCore(
            is_client=self._is_client,
            version=self._version or 0,
            local_addr=_OWN_ADDRESS,
            remote_addr=remote_addr,
            source_cid=self.host_cid,
            destination_cid=initial_dcid,
            # A server's Retry has validated the address before ([RFC9000] 8.1.2).
            peer_address_validated=self._is_client or self._retry_source_connection_id is not None,
            active_connection_id_limit=CONNECTION_IDS,
            max_datagram_size=configuration.max_datagram_size,
            # A client's core probes for larger datagrams than those it begins with.
            probe_datagram_size=self._sizes.start < self._sizes.most,
            idle_timeout=configuration.idle_timeout,
            ack_delay_exponent=ACK_DELAY_EXPONENT,
            max_datagram_frame_size=None,
            peer_max_datagram_frame_size=None,
            connection_receive_window=configuration.max_data,
            # The limits for sending are in the peer's transport parameters, which come later.
            connection_send_limit=0,
            stream_receive_window=configuration.max_stream_data,
            stream_send_limit_bidi_local=0,
            stream_send_limit_bidi_remote=0,
            stream_send_limit_uni=0,
            max_stream_reassembly=configuration.max_stream_data,
            # The client opens the one stream of SMB.
            local_max_streams_bidi=0 if self._is_client else 1,
            local_max_streams_uni=0,
            peer_max_streams_bidi=0,
            peer_max_streams_uni=0,
            initial_rtt=INITIAL_RTT,
            max_ack_delay=MAX_ACK_DELAY,
            initial_time=now,
        )
        # The library takes anything for its core that has the core's methods.
        metered: Any = MeteredCore(core, self._unread_limit)
        self._core = metered
        # As the library's own method does for a new core.
        self._applied_transport_parameters = None
        self._pre_handshake_state_replayed = False

    def _create_tls(self, remote_source_cid: bytes | None) -> QuicTlsBridge:
        bridge = Qh3TlsBridge(
            self._configuration,
            self._sizes.most,
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
        Qh3Context.adopt(
            bridge.tls,
            self._settings,
            # Sessions are not carried from one version to another ([RFC9369] 5).
            self._settings.tickets if self._version == VERSION_1 else None,
            self._offered.chain if self._offered is not None else (),
            cast(Qh3Configuration, self._configuration).groups,
        )
        self._tls = bridge
        return bridge

    def announcements(self) -> Announcements:
        """Return what takes announcements of connection IDs out of the core's packets."""
        metered: Any = self._core
        tls_bridge: Any = self._tls
        return Announcements(metered.send_key, len(tls_bridge.remote_initial_source_connection_id))

    def _keep_ticket(self, session: tls.SessionTicket) -> None:
        resumption = self._settings.resumption
        if resumption is None or self._version != VERSION_1:
            return
        context = cast(Qh3Context, cast(Qh3TlsBridge, self._tls).tls)
        # Without the key share that the server takes, the next handshake would fail.
        if context.resumable:
            resumption.keep(session, context.peer_chain)

    def shrink(self, size: int) -> None:
        """Send datagrams of at most `size` bytes from now on, and never larger ones again.

        The core takes a size only with the peer's transport parameters, so all are given again.
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
            # Parameters that a peer leaves out have the defaults of [RFC9000] 18.2.
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
