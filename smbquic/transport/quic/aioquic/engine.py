"""The adapter of aioquic, which is written in Python and can do everything that is asked for."""

import logging
from dataclasses import replace
from itertools import groupby
from math import inf
from operator import itemgetter
from typing import Any, cast

from aioquic import tls
from aioquic.quic import events
from aioquic.quic.connection import QuicConnectionState
from aioquic.quic.packet import (
    QuicErrorCode,
    QuicFrameType,
)

from smbquic.transport.quic.aioquic.connection import AioquicConfiguration, AioquicConnection
from smbquic.transport.quic.aioquic.reassembly import (
    MAX_SEGMENTS,
    MAX_UNAUTHENTICATED_SEGMENTS,
)
from smbquic.transport.quic.aioquic.send_buffer import SendBuffer
from smbquic.transport.quic.aioquic.status import STREAM, AioquicStatus
from smbquic.transport.quic.aioquic.tls import AioquicContext, ChooseCertificate
from smbquic.transport.quic.bbr import Bbr
from smbquic.transport.quic.engine import (
    INTERNAL_ERROR,
    UNAUTHENTICATED_WINDOW,
    Acceptance,
    CloseReason,
    ConnectionIds,
    DatagramSizes,
    Security,
)
from smbquic.transport.quic.options import group_name
from smbquic.transport.quic.tls_context import HandshakeSettings
from smbquic.transport.quic.udp import Batch, Path
from smbquic.wire.cursor import Buffer

KEY_LIFETIME = 1 << 22
"""Packets that are sent with one key: half of what AES-GCM allows ([RFC9001] 6.6)."""

logger = logging.getLogger(__name__)


class AioquicEngine(AioquicStatus):
    """An `Engine` on aioquic's `QuicConnection`.

    `choose_certificate` finds a server's certificate by the name that a client asks for. The peer
    of a restricted engine may send little ahead until it is `authenticated`.
    """

    def __init__(
        self,
        configuration: AioquicConfiguration,
        settings: HandshakeSettings,
        choose_certificate: ChooseCertificate | None,
        sizes: DatagramSizes,
        ids: ConnectionIds,
        acceptance: Acceptance | None = None,
    ) -> None:
        self.security: Security | None = None
        self.close_reason: CloseReason | None = None
        self.finished = False
        self.resized: tuple[int, int] | None = None
        self.capacity = configuration.max_data
        self._ids = ids
        self._pieces: list[bytes] = []
        self._handshake: events.HandshakeCompleted | None = None
        self._next_key_update = KEY_LIFETIME
        restricted = acceptance is not None and acceptance.restricted
        window = min(configuration.max_data, UNAUTHENTICATED_WINDOW if restricted else inf)
        # Bytes by which the windows are to move, and how many of them are announced at once.
        self._granted = 0
        self._grant_at = int(window) // 8
        self._ungranted = configuration.max_data - int(window)
        quic = AioquicConnection(
            replace(
                configuration,
                connection_id_length=(
                    acceptance.connection_ids.size
                    if acceptance is not None
                    else configuration.connection_id_length
                ),
                max_datagram_size=sizes.start,
                max_data=int(window),
                max_stream_data=int(window),
            ),
            sizes,
            self._size_changed,
            settings,
            choose_certificate,
            acceptance,
        )
        super().__init__(quic)
        if restricted:
            quic.max_segments = MAX_UNAUTHENTICATED_SEGMENTS
        control = quic._loss._cc
        self._control = control if isinstance(control, Bbr) else None

    def _size_changed(self, before: int, now: int) -> None:
        self.resized = (before, now)

    def connect(self, path: Path, now: float) -> None:
        """See `Engine`."""
        self._quic.connect(path, now)

    def receive(self, datagram: bytes, path: Path, now: float, ecn: int = 0) -> None:
        """See `Engine`."""
        try:
            self._quic.receive_datagram(datagram, path, now)
        except Exception:
            # Whatever a peer sends must not take the endpoint down with it.
            logger.exception("the QUIC engine failed on a datagram of %d bytes", len(datagram))
            self.close(INTERNAL_ERROR, "", application=False)
        self._take_events()

    def receive_segments(
        self, segments: bytes, size: int, path: Path, now: float, ecn: int = 0
    ) -> None:
        """See `Engine`."""
        # The library takes one datagram at a time.
        for start in range(0, len(segments), size):
            self.receive(segments[start : start + size], path, now)

    def receive_unmatched(self, datagram: bytes, path: Path, now: float) -> None:
        """See `Engine`."""
        self._quic.receive_unmatched(datagram, now)
        self._take_events()

    def read(self) -> list[bytes]:
        """See `Engine`."""
        pieces, self._pieces = self._pieces, []
        return pieces

    def release(self, count: int) -> bool:
        """See `Engine`."""
        self._granted += count
        # An eighth of the window at once: a frame for each message would cost more than it gains
        # ([RFC9000] 4.2).
        if self._granted < self._grant_at:
            return False
        self._quic._local_max_data.value += self._granted
        # Before the client has opened the stream there is none.
        stream = self._quic._streams.get(STREAM)
        if stream is not None:
            stream.max_stream_data_local += self._granted
        self._granted = 0
        return True

    def authenticated(self) -> None:
        """See `Engine`."""
        # For a stream that the client opens later, and for one that is open.
        self._quic.max_segments = MAX_SEGMENTS
        self._quic.raise_windows(self._ungranted)
        self._ungranted = 0
        self._grant_at = self.capacity // 8

    def write(self, *buffers: Buffer) -> None:
        """See `Engine`."""
        if not self._quic._is_client and STREAM not in self._quic._streams:
            # The client opens the stream ([RFC9000] 2.1), so a server that sends first has to wait.
            self._early.extend(buffers)
            return
        # The library's sender works with anything that has the operations of SendBuffer.
        sender: Any = self._quic._get_or_create_stream_for_send(STREAM).sender
        if not isinstance(sender._buffer, SendBuffer):
            sender._buffer = SendBuffer()
        for buffer in buffers:
            sender.write(buffer)

    def ping(self) -> None:
        """See `Engine`."""
        self._quic.send_ping(0)
        # A full congestion window must not hold it back: it is to find out whether the peer is
        # still there. Probe packets are exempt ([RFC9002] 7.5).
        self._quic._send_probe()

    def close(self, code: int, reason: str, *, application: bool = True) -> None:
        """See `Engine`."""
        # With a frame type the library sends a CONNECTION_CLOSE of QUIC, and without one that of
        # the application ([RFC9000] 19.19).
        self._quic.close(
            error_code=code,
            frame_type=None if application else QuicFrameType.PADDING,
            reason_phrase=reason,
        )
        self._check_closed()

    def datagrams(self, now: float) -> list[Batch]:
        """See `Engine`."""
        if not self._quic._network_paths:
            return []
        datagrams: list[tuple[bytes, Path]] = self._quic.datagrams_to_send(now)
        # They may be for several paths, as during path validation ([RFC9000] 8.2).
        batches: list[Batch] = [
            ([datagram for datagram, _ in each], path)
            for path, each in groupby(datagrams, key=itemgetter(1))
        ]
        if self._control is not None and self.unsent == 0:
            # The library does not report this to its congestion controllers. BBR must not take a
            # rate that the application limits for that of the path.
            self._control.on_nothing_to_send()
        # The packet number counts what was sent with all keys so far.
        if self._quic._packet_number >= self._next_key_update:
            self._next_key_update = self._quic._packet_number + KEY_LIFETIME
            self._quic.request_key_update()
        self._take_events()
        return batches

    def timer(self) -> float | None:
        """See `Engine`."""
        at: float | None = self._quic.get_timer()
        return at

    def tick(self, now: float) -> None:
        """See `Engine`."""
        self._quic.handle_timer(now)
        self._take_events()

    def abandon(self) -> None:
        """See `Engine`."""
        # Without packet number spaces nothing was received or sent, and there is nothing to end.
        if not self.terminated and self._quic._spaces:
            self.close(INTERNAL_ERROR, "", application=False)
            self._quic._close_end()

    def free(self) -> None:
        """See `Engine`."""
        self._pieces.clear()
        self._early.clear()
        # The parts of the library refer to each other, and to this object.
        vars(self._quic).clear()

    def _take_events(self) -> None:
        # Each call that may change the library's state is followed by this one.
        while (event := self._quic.next_event()) is not None:
            match event:
                case events.StreamDataReceived(stream_id=0):
                    self._pieces.append(event.data)
                    self.finished = self.finished or event.end_stream
                case events.HandshakeCompleted():
                    self._handshake = event
                case events.ConnectionIdIssued():
                    self._ids.issued(event.connection_id)
                case events.ConnectionIdRetired():
                    self._ids.retired(event.connection_id)
                # SMB has one stream for everything: without either direction nothing can go on.
                case events.StreamReset() | events.StopSendingReceived():
                    self.close(0, "the stream was reset")
                case events.StreamDataReceived():
                    self.close(QuicErrorCode.STREAM_LIMIT_ERROR, "SMB has one stream")
                case _:
                    pass
        if self.close_reason is None:
            self._check_handshake()
            self._check_closed()

    def _check_handshake(self) -> None:
        if self._early and STREAM in self._quic._streams:
            # The client has opened the stream meanwhile.
            early, self._early = self._early, []
            self.write(*early)
        if self.security is None and self._handshake is not None and self._is_confirmed():
            context = cast(AioquicContext, self._quic.tls)
            cipher = cast(tls.KeySchedule, context.key_schedule).cipher_suite
            self.security = Security(
                alpn=self._handshake.alpn_protocol or "",
                cipher=cipher.name,
                server_name=context.client_hello_name or self._quic.configuration.server_name or "",
                certificates=context.peer_chain,
                resumed=context.session_resumed,
                group=group_name(context.group),
            )

    def _is_confirmed(self) -> bool:
        """Return whether the handshake is complete at both ends.

        A client's is before the server has verified its certificate. If the server has asked for
        one, HANDSHAKE_DONE says that it was accepted ([RFC9001] 4.1.2).
        """
        asked = self._quic.tls._certificate_request is not None
        return not asked or bool(self._quic._handshake_confirmed)

    def _check_closed(self) -> None:
        event = self._quic._close_event
        if event is None or self.close_reason is not None:
            return
        # An end that was sent CONNECTION_CLOSE, or a stateless reset, is in the draining state
        # ([RFC9000] 10.2.2).
        ours = self._quic._state is not QuicConnectionState.DRAINING
        context = self._context
        self.close_reason = CloseReason(
            code=int(event.error_code),
            phrase=event.reason_phrase,
            application=event.frame_type is None,
            ours=ours,
            idle=ours and event.reason_phrase == "Idle timeout",
            cause=context.refusal if context is not None else None,
        )
