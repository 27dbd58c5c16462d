"""aioquic's connection, with one stream and windows that follow the application.

Private names of the library are used, and only in this folder; the tests fail if an update of the
library moves them.
"""

from typing import Any, cast

from aioquic import tls
from aioquic._buffer import Buffer as QuicBuffer
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnectionId
from aioquic.quic.events import ConnectionTerminated
from aioquic.quic.packet import QuicErrorCode
from aioquic.quic.packet_builder import QuicPacketBuilder
from aioquic.quic.recovery import QuicPacketSpace
from aioquic.quic.stream import QuicStream, QuicStreamReceiver

from smbquic.lazy_dataclass import dataclass
from smbquic.transport.quic.aioquic.path_mtu import ProbingConnection
from smbquic.transport.quic.aioquic.reassembly import (
    MAX_CRYPTO_PENDING,
    MAX_CRYPTO_SEGMENTS,
    MAX_SEGMENTS,
    StreamReceiver,
)
from smbquic.transport.quic.aioquic.recovery import LossRecovery
from smbquic.transport.quic.aioquic.tls import AioquicContext, ChooseCertificate
from smbquic.transport.quic.engine import STATELESS_RESET, Acceptance, DatagramSizes
from smbquic.transport.quic.mtu import OnSizeChanged
from smbquic.transport.quic.pacing import Pacer
from smbquic.transport.quic.packet import VERSION_1
from smbquic.transport.quic.stateless_reset import is_reset
from smbquic.transport.quic.tls_context import HandshakeSettings


@dataclass
class AioquicConfiguration(QuicConfiguration):
    """The library's configuration, and the groups that keys may be exchanged in."""

    groups: tuple[tls.Group, ...] = ()


class AioquicConnection(ProbingConnection):
    """A connection with one stream, whose windows move only when `Engine.release` says so.

    Of what is received out of order it keeps at most `max_segments` segments.
    """

    max_segments = MAX_SEGMENTS

    def __init__(
        self,
        configuration: AioquicConfiguration,
        sizes: DatagramSizes,
        on_resize: OnSizeChanged,
        settings: HandshakeSettings,
        choose_certificate: ChooseCertificate | None,
        acceptance: Acceptance | None,
    ) -> None:
        resumption = settings.resumption
        super().__init__(
            configuration=configuration,
            original_destination_connection_id=acceptance.original_id if acceptance else None,
            retry_source_connection_id=acceptance.retry_id if acceptance else None,
            session_ticket_handler=self._keep_ticket if resumption is not None else None,
        )
        self.search_path(sizes, on_resize)
        self._groups = configuration.groups
        self._settings = settings
        self._choose_certificate = choose_certificate
        self._offered = resumption.take() if resumption is not None else None
        if self._offered is not None:
            configuration.session_ticket = self._offered.session
        self._acceptance = acceptance
        if acceptance is not None:
            self._name(self._host_cids[0], acceptance)
            self.host_cid = self._local_initial_source_connection_id = self._host_cids[0].cid

        # The library makes its own parts and lets nobody pass others: they are replaced before
        # anything is sent.
        self._loss.__class__ = LossRecovery
        cast(Any, self._loss)._pacer = Pacer(
            self._loss._cc, datagram_size=configuration.max_datagram_size
        )
        # The client opens the one stream; a peer that opens another one breaks the protocol
        # ([RFC9000] 4.6).
        for limit, streams in (
            (self._local_max_streams_bidi, 0 if configuration.is_client else 1),
            (self._local_max_streams_uni, 0),
        ):
            limit.value = limit.sent = streams

    def _initialize(self, peer_cid: bytes) -> None:
        super()._initialize(peer_cid)
        AioquicContext.adopt(
            self.tls,
            self._settings.verify,
            is_client=self._is_client,
            groups=self._groups,
            choose_certificate=self._choose_certificate,
            # Sessions are not carried from one version to another ([RFC9369] 5).
            tickets=self._settings.tickets if self._version == VERSION_1 else None,
            chain=self._offered.chain if self._offered is not None else (),
        )
        # The library would hold any number of fragments of a handshake, from anybody.
        for stream in self._crypto_streams.values():
            stream.receiver = _crypto_receiver()

    def _get_or_create_stream(self, frame_type: int, stream_id: int) -> QuicStream:
        # The library calls this for each frame: the receiver of a stream is replaced only once.
        stream = super()._get_or_create_stream(frame_type, stream_id)
        former = stream.receiver
        if former.__class__ is QuicStreamReceiver:
            stream.receiver = StreamReceiver(stream_id, self.max_segments)
            stream.receiver.is_finished = former.is_finished
        return stream

    @property
    def held(self) -> int:
        """Bytes of memory for what was received out of order."""
        streams = (*self._streams.values(), *self._crypto_streams.values())
        receivers = (stream.receiver for stream in streams)
        return sum(each.held for each in receivers if isinstance(each, StreamReceiver))

    def raise_windows(self, count: int) -> None:
        """Let the peer send `count` bytes more ahead of the application than so far."""
        # The windows of the connection, of a later stream, and of an open one ([RFC9000] 4.1).
        self._local_max_data.value += count
        self._local_max_stream_data_bidi_remote += count
        for stream in self._streams.values():
            stream.max_stream_data_local += count
            if isinstance(stream.receiver, StreamReceiver):
                stream.receiver.max_segments = self.max_segments

    def _keep_ticket(self, session: tls.SessionTicket) -> None:
        resumption = self._settings.resumption
        # A ticket is good for the version of QUIC that it was given in ([RFC9369] 5).
        if resumption is not None and self._version == VERSION_1:
            resumption.keep(session, cast(AioquicContext, self.tls).peer_chain)

    def _replenish_connection_ids(self) -> None:
        before = self._host_cid_seq
        super()._replenish_connection_ids()
        if self._acceptance is not None:
            for each in self._host_cids:
                if each.sequence_number >= before:
                    self._name(each, self._acceptance)

    @staticmethod
    def _name(added: QuicConnectionId, acceptance: Acceptance) -> None:
        """Replace a random connection ID and its random token, before the client is given them.

        The client's datagrams would not come to this worker, and a server could not give the token
        after a restart. Every ID has its own token ([RFC9000] 19.15).
        """
        added.cid = acceptance.connection_ids.new()
        if acceptance.reset_token is not None:
            added.stateless_reset_token = acceptance.reset_token(added.cid)

    def _discard_epoch(self, epoch: tls.Epoch) -> None:
        """Free the buffers of the handshake: 48 KiB, half of what an idle connection takes."""
        super()._discard_epoch(epoch)
        done = [epoch]
        if epoch is tls.Epoch.HANDSHAKE:
            # TLS has written its last message, a ticket.
            done.append(tls.Epoch.ONE_RTT)
        for each in done:
            self._crypto_buffers[each] = QuicBuffer(capacity=0)
        cast(StreamReceiver, self._crypto_streams[epoch].receiver).clear()

    def receive_unmatched(self, datagram: bytes, now: float) -> None:
        """Enter the draining period if a datagram is a stateless reset ([RFC9000] 10.3.1)."""
        if self._close_event is None and is_reset(datagram, self._peer_cid.stateless_reset_token):
            self._close_event = ConnectionTerminated(
                error_code=QuicErrorCode.NO_ERROR, frame_type=None, reason_phrase=STATELESS_RESET
            )
            self._close_begin(is_initiator=False, now=now)

    # The library doubles a limit once half of it is used, however little the application has
    # fetched. If nothing seems to be used, it does not, and still announces what was changed here.
    # Both methods are called for every packet, so they first test whether there is a change.

    def _write_connection_limits(self, builder: QuicPacketBuilder, space: QuicPacketSpace) -> None:
        limit = self._local_max_data
        if limit.value != limit.sent:
            used, limit.used = limit.used, 0
            try:
                super()._write_connection_limits(builder, space)
            finally:
                limit.used = used

    def _write_stream_limits(
        self, builder: QuicPacketBuilder, space: QuicPacketSpace, stream: QuicStream
    ) -> None:
        if stream.max_stream_data_local != stream.max_stream_data_local_sent:
            receiver = stream.receiver
            highest, receiver.highest_offset = receiver.highest_offset, 0
            try:
                super()._write_stream_limits(builder, space, stream)
            finally:
                receiver.highest_offset = highest


def _crypto_receiver() -> StreamReceiver:
    return StreamReceiver(None, MAX_CRYPTO_SEGMENTS, MAX_CRYPTO_PENDING)
