"""Where aioquic has to be other than it is: the parts of it that SMB cannot live with.

Private names of the library are used, and only in this folder; the
tests of them fail loudly where an update moves them.
"""

import logging
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn, cast

from aioquic import tls
from aioquic._buffer import Buffer as QuicBuffer
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.congestion.base import (
    QuicCongestionControl,
    QuicCongestionControlFactory,
    register_congestion_control,
)
from aioquic.quic.connection import QuicConnectionError, QuicReceiveContext
from aioquic.quic.events import ConnectionTerminated
from aioquic.quic.packet import QuicErrorCode, QuicProtocolVersion
from aioquic.quic.packet_builder import QuicPacketBuilder, QuicSentPacket
from aioquic.quic.recovery import QuicPacketPacer, QuicPacketRecovery, QuicPacketSpace
from aioquic.quic.stream import QuicStream, QuicStreamReceiver

from smbquic.errors import HandshakeError
from smbquic.transport.quic.aioquic.path_mtu import ProbingConnection
from smbquic.transport.quic.aioquic.reassembly import (
    MAX_CRYPTO_PENDING,
    MAX_CRYPTO_SEGMENTS,
    MAX_SEGMENTS,
    Receiver,
    TooManySegmentsError,
)
from smbquic.transport.quic.bbr import Bbr
from smbquic.transport.quic.engine import STATELESS_RESET, DatagramSizes, ResetToken, Verify
from smbquic.transport.quic.mtu import OnSettled
from smbquic.transport.quic.stateless_reset import is_reset
from smbquic.transport.quic.tickets import Resumption, TicketStore
from smbquic.transport.quic.tls import alert_of, reason_phrase, unreadable, without_key
from smbquic.wire.cursor import Buffer

BURST = 0.0005
"""Seconds of sending that may go out at once."""

logger = logging.getLogger(__name__)


register_congestion_control("bbr", cast(QuicCongestionControlFactory, Bbr))


@dataclass
class Configuration(QuicConfiguration):
    """The library's, and the groups that keys may be exchanged in."""

    groups: tuple[tls.Group, ...] = ()


class Shown(NamedTuple):
    """A server's certificate and key, in a configuration, and who judges clients for it.

    `tickets` are None where clients have to show a certificate, every time.
    """

    configuration: QuicConfiguration
    verify: Verify | None
    tickets: TicketStore | None


Pick = Callable[[str], Shown | None]
"""Finds the certificate for the name that a client asks for, which may be empty."""


class Refused(tls.Alert):
    """Our own check of the peer's certificate said no."""

    def __init__(self, alert: int, message: str) -> None:
        super().__init__(message)
        self.description = tls.AlertDescription(alert)


class Context(tls.Context):
    """TLS that tells the name a client asked for, and lets us judge the peer's certificate.

    The library asks no client for a certificate unless a private flag is set, lets a client
    without one in all the same, and verifies none.
    """

    verify: Verify | None
    pick: Pick | None
    peer_chain: tuple[bytes, ...]
    asked_name: str
    group: int | None
    verdict: HandshakeError | None
    _wants_early_data: bool
    _tickets: TicketStore | None

    @classmethod
    def adopt(
        cls,
        context: tls.Context,
        verify: Verify | None,
        *,
        is_client: bool,
        groups: tuple[tls.Group, ...],
        pick: Pick | None = None,
        tickets: TicketStore | None = None,
        chain: tuple[bytes, ...] = (),
    ) -> None:
        """Turn a context that has not begun yet into one of this class.

        `chain` is the peer's, if it shows none because it remembers us.
        """
        context.__class__ = cls
        adopted = cast(Context, context)
        adopted.verify = verify
        adopted.pick = pick
        adopted.peer_chain = chain
        adopted.asked_name = ""
        adopted.group = None
        adopted._supported_groups = list(groups)
        adopted.verdict = None
        adopted._request_client_certificate = verify is not None and not is_client
        # Data ahead of the handshake can be replayed: it is neither offered nor taken.
        adopted._max_early_data = None
        adopted._wants_early_data = False
        adopted._tickets = None
        if tickets is not None:
            adopted._remember_in(tickets)

    def _remember_in(self, tickets: TicketStore | None) -> None:
        """Where a server's sessions are kept, if they are."""
        self._tickets = tickets
        self.get_session_ticket_cb = self._recall if tickets is not None else None
        self.new_session_ticket_cb = tickets.keep if tickets is not None else None

    def _recall(self, identity: bytes) -> tls.SessionTicket | None:
        if self._tickets is None or self._wants_early_data:
            return None
        session: tls.SessionTicket | None = self._tickets.take(identity)
        return session

    def _server_handle_hello(
        self, input_buf: QuicBuffer, initial_buf: QuicBuffer, handshake_buf: QuicBuffer
    ) -> None:
        start = input_buf.tell()
        hello = tls.pull_client_hello(input_buf)
        self.asked_name = hello.server_name or ""
        self._wants_early_data = hello.early_data
        modes = hello.psk_key_exchange_modes
        input_buf.seek(start)
        shares = (group for group, _ in hello.key_share or ())
        self.group = next((group for group in shares if group in self._supported_groups), None)
        if self.pick is not None:
            self._show(self.pick(self.asked_name))
        if self._tickets is not None and not self._tickets.offers(modes):
            self.new_session_ticket_cb = None
        super()._server_handle_hello(input_buf, initial_buf, handshake_buf)

    def _client_handle_hello(self, input_buf: QuicBuffer, output_buf: QuicBuffer) -> None:
        start = input_buf.tell()
        hello = tls.pull_server_hello(input_buf)
        input_buf.seek(start)
        self.group = hello.key_share[0] if hello.key_share is not None else None
        super()._client_handle_hello(input_buf, output_buf)

    def _show(self, shown: Shown | None) -> None:
        if shown is None:
            self._refuse(
                HandshakeError(
                    f"there is no certificate for the name {self.asked_name!r}"
                    if self.asked_name
                    else "the client asks for no name, and there is no default certificate",
                    "unrecognized-name",
                )
            )
        self.certificate = shown.configuration.certificate
        self.certificate_chain = shown.configuration.certificate_chain
        self.certificate_private_key = shown.configuration.private_key
        self.verify = shown.verify
        self._request_client_certificate = shown.verify is not None
        self._remember_in(shown.tickets)

    def _set_peer_certificate(self, certificate: tls.Certificate) -> None:
        self.peer_chain = tuple(der for der, _ in certificate.certificates)
        try:
            super()._set_peer_certificate(certificate)
        except Exception as error:
            # The parser has its own errors for some bytes, and the library knows only one of them.
            self._refuse(unreadable(error))

    def _server_handle_certificate(self, input_buf: QuicBuffer) -> None:
        super()._server_handle_certificate(input_buf)
        if not self.peer_chain:
            self._refuse(HandshakeError("the client showed no certificate", "no-certificate"))

    def _server_handle_certificate_verify(self, input_buf: QuicBuffer) -> None:
        try:
            super()._server_handle_certificate_verify(input_buf)
        except tls.AlertDecryptError as error:
            self._refuse(without_key(error))
        self._judge()

    def _client_handle_certificate_verify(self, input_buf: QuicBuffer) -> None:
        try:
            super()._client_handle_certificate_verify(input_buf)
        except tls.AlertDecryptError as error:
            self._refuse(without_key(error))
        self._judge()

    def _judge(self) -> None:
        if self.verify is None:
            return
        try:
            self.verify(list(self.peer_chain))
        except HandshakeError as error:
            self._refuse(error)

    def _refuse(self, error: HandshakeError) -> NoReturn:
        self.verdict = error
        raise Refused(alert_of(error), reason_phrase(error)) from error


class Connection(ProbingConnection):
    """A connection with one stream, and windows that move only when they are moved.

    Of what comes out of order it keeps at most `max_segments` pieces.
    """

    max_segments = MAX_SEGMENTS

    def __init__(
        self,
        *,
        configuration: Configuration,
        original_destination_connection_id: bytes | None,
        retry_source_connection_id: bytes | None,
        sizes: DatagramSizes,
        on_resize: OnSettled,
        verify: Verify | None,
        pick: Pick | None = None,
        tickets: TicketStore | None = None,
        resumption: Resumption | None = None,
        reset_token: ResetToken | None = None,
    ) -> None:
        super().__init__(
            configuration=configuration,
            original_destination_connection_id=original_destination_connection_id,
            retry_source_connection_id=retry_source_connection_id,
            session_ticket_handler=self._keep_ticket if resumption is not None else None,
        )
        self.search_path(sizes, on_resize)
        self._groups = configuration.groups
        self._verify = verify
        self._pick = pick
        self._tickets = tickets
        self._resumption = resumption
        self._offered = resumption.take() if resumption is not None else None
        if self._offered is not None:
            configuration.session_ticket = self._offered.session
        self._reset_token = reset_token
        if reset_token is not None:
            self._host_cids[0].stateless_reset_token = reset_token(self.host_cid)
        self._loss.__class__ = Recovery
        self._loss._pacer = Pacer(self._loss._cc, max_datagram_size=configuration.max_datagram_size)
        for limit, streams in (
            (self._local_max_streams_bidi, 0 if configuration.is_client else 1),
            (self._local_max_streams_uni, 0),
        ):
            limit.value = limit.sent = streams

    def _initialize(self, peer_cid: bytes) -> None:
        super()._initialize(peer_cid)
        Context.adopt(
            self.tls,
            self._verify,
            is_client=self._is_client,
            groups=self._groups,
            pick=self._pick,
            # Sessions are not carried from one version to another ([RFC9369] 4.1).
            tickets=self._tickets if self._version == QuicProtocolVersion.VERSION_1 else None,
            chain=self._offered.chain if self._offered is not None else (),
        )

        for stream in self._crypto_streams.values():
            stream.receiver = _crypto_receiver()

    def _get_or_create_stream(self, frame_type: int, stream_id: int) -> QuicStream:
        stream = super()._get_or_create_stream(frame_type, stream_id)
        former = stream.receiver
        if former.__class__ is QuicStreamReceiver:
            stream.receiver = Receiver(stream_id, self.max_segments)
            stream.receiver.is_finished = former.is_finished
        return stream

    def _handle_crypto_frame(
        self, context: QuicReceiveContext, frame_type: int, buf: QuicBuffer
    ) -> None:
        try:
            super()._handle_crypto_frame(context, frame_type, buf)
        except TooManySegmentsError as error:
            raise QuicConnectionError(
                error_code=QuicErrorCode.CRYPTO_BUFFER_EXCEEDED,
                frame_type=frame_type,
                reason_phrase="too much of the handshake is out of order",
            ) from error

    def _handle_stream_frame(
        self, context: QuicReceiveContext, frame_type: int, buf: QuicBuffer
    ) -> None:
        try:
            super()._handle_stream_frame(context, frame_type, buf)
        except TooManySegmentsError as error:
            raise QuicConnectionError(
                error_code=QuicErrorCode.INTERNAL_ERROR,
                frame_type=frame_type,
                reason_phrase="too much of the stream is out of order",
            ) from error

    @property
    def held(self) -> int:
        """Bytes of memory for what came out of order."""
        streams = (*self._streams.values(), *self._crypto_streams.values())
        receivers = (stream.receiver for stream in streams)
        return sum(each.held for each in receivers if isinstance(each, Receiver))

    def raise_windows(self, count: int) -> None:
        """Let the peer send `count` bytes more ahead of the application than so far."""
        self._local_max_data.value += count
        self._local_max_stream_data_bidi_remote += count
        for stream in self._streams.values():
            stream.max_stream_data_local += count
            if isinstance(stream.receiver, Receiver):
                stream.receiver.max_segments = self.max_segments

    def _keep_ticket(self, session: tls.SessionTicket) -> None:
        if self._resumption is not None and self._version == QuicProtocolVersion.VERSION_1:
            session.max_early_data_size = None
            self._resumption.keep(session, cast(Context, self.tls).peer_chain)

    def _replenish_connection_ids(self) -> None:
        super()._replenish_connection_ids()
        if self._reset_token is not None:
            for each in self._host_cids:
                each.stateless_reset_token = self._reset_token(each.cid)

    def _discard_epoch(self, epoch: tls.Epoch) -> None:
        """Let go of what the handshake was written to: 48 KiB, half of an idle connection."""
        super()._discard_epoch(epoch)
        done = [epoch]
        if epoch is tls.Epoch.HANDSHAKE:
            # What came last, a ticket, is on its way; TLS never speaks again.
            done.append(tls.Epoch.ONE_RTT)
        for each in done:
            self._crypto_buffers[each] = QuicBuffer(capacity=0)
        cast(Receiver, self._crypto_streams[epoch].receiver).clear()

    def receive_stray(self, datagram: bytes, now: float) -> None:
        """Fall silent if a datagram for an unknown connection id says that the peer is no more."""
        if self._close_event is None and is_reset(datagram, self._peer_cid.stateless_reset_token):
            self._close_event = ConnectionTerminated(
                error_code=QuicErrorCode.NO_ERROR, frame_type=None, reason_phrase=STATELESS_RESET
            )
            self._close_begin(is_initiator=False, now=now)

    # The library doubles a limit as soon as half of it is used. With nothing used in its eyes it
    # does not, and still announces what we changed. It comes by for every packet, hence the test.

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


def _crypto_receiver() -> Receiver:
    return Receiver(None, MAX_CRYPTO_SEGMENTS, MAX_CRYPTO_PENDING)


class Recovery(QuicPacketRecovery):
    """Keeps what is left of the congestion window for a whole datagram, and counts what is lost.

    The library fills the window to the last byte. With a peer that acknowledges every packet, each
    full datagram is then followed by a scrap, and costs nearly twice as much.
    """

    lost_packets = 0

    def _on_packets_lost(self, *, packets: Iterable[QuicSentPacket], **more: Any) -> None:
        lost = list(packets)
        # A search for the path MTU carries nothing that could be missed.
        self.lost_packets += sum(packet.in_flight for packet in lost)
        super()._on_packets_lost(packets=lost, **more)

    @property
    def congestion_window(self) -> int:
        """Bytes that may be under way."""
        window, flying = int(self._cc.congestion_window), int(self._cc.bytes_in_flight)
        if not 0 < flying < window:
            return window
        return window - (window - flying) % int(self._pacer._max_datagram_size)


class Pacer(QuicPacketPacer):
    """Spreads datagrams over time, in bursts that suit the timers of an event loop.

    The library lets 16 datagrams go at once. A timer that is due sooner than a millisecond comes
    after one, so that is all that would leave in a millisecond. And it paces by the window alone,
    where BBR has a rate of its own.
    """

    def __init__(self, control: QuicCongestionControl, *, max_datagram_size: int) -> None:
        super().__init__(max_datagram_size=max_datagram_size)
        self._bbr = control if isinstance(control, Bbr) else None

    def update_rate(self, congestion_window: int, smoothed_rtt: float) -> None:
        """Take note of a new window (bytes) and round trip (seconds)."""
        if self._bbr is not None:
            congestion_window, smoothed_rtt = int(self._bbr.pacing_rate), 1.0
        super().update_rate(congestion_window, smoothed_rtt)
        self.bucket_max = max(self.bucket_max, BURST)


class SendBuffer:
    """Bytes written and not acknowledged yet, in place of the `bytearray` in a stream's sender.

    Appending to a bytearray whose front was deleted moves all of it. Here what was written stays
    where it is, and only what a packet takes is copied.
    """

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._chunks: list[memoryview] = []
        self._start = 0
        self._stop = 0

    def __len__(self) -> int:
        return self._stop - self._start

    def __iadd__(self, data: Buffer) -> "SendBuffer":
        self._starts.append(self._stop)
        self._chunks.append(memoryview(data))
        self._stop += len(data)
        return self

    def __getitem__(self, part: slice) -> memoryview | bytes:
        start, stop = self._start + part.start, self._start + part.stop
        index = bisect_right(self._starts, start) - 1
        chunk, origin = self._chunks[index], self._starts[index]
        piece = chunk[start - origin : stop - origin]
        if len(piece) == stop - start:
            return piece
        pieces = [piece]
        missing = stop - start - len(piece)
        while missing:
            index += 1
            pieces.append(self._chunks[index][:missing])
            missing -= len(pieces[-1])
        return b"".join(pieces)

    def __delitem__(self, part: slice) -> None:
        self._start += part.stop
        done = bisect_right(self._starts, self._start) - 1
        if self._start == self._stop:
            done += 1
        if done > 0:
            del self._chunks[:done], self._starts[:done]
