"""aioquic with a search for the path MTU, of which it has none.

Private names of the library are used, as in `connection.py`.
"""

from typing import Any, cast

from aioquic import tls
from aioquic._buffer import Buffer as QuicBuffer
from aioquic.quic.connection import QuicConnection, QuicConnectionState
from aioquic.quic.packet import (
    QuicFrameType,
    QuicPacketType,
    pull_quic_transport_parameters,
    push_quic_transport_parameters,
)
from aioquic.quic.packet_builder import QuicDeliveryState, QuicPacketBuilder

from smbquic.transport.quic.engine import DatagramSizes
from smbquic.transport.quic.mtu import OnSizeChanged, PathMtuSearch, Probe
from smbquic.transport.quic.options import INTERNET_DATAGRAM
from smbquic.transport.quic.pacing import Pacer

TIMEOUTS = 2
"""After so many time-outs in a row the size of the datagrams is under suspicion."""
MIN_WINDOW = 2
"""Datagrams that may always be under way ([RFC9002] 7.2)."""


class ProbingConnection(QuicConnection):
    """A connection whose datagrams grow and shrink with what the path is found to carry.

    A size that is suspected in vain, because the network was away, is back as soon as one probe
    of it arrives.
    """

    mtu: PathMtuSearch
    _largest: int
    _certain: bool
    _searched: Any

    def search_path(self, sizes: DatagramSizes, on_size_changed: OnSizeChanged) -> None:
        """Begin, before anything is sent."""
        self.mtu = PathMtuSearch(sizes, on_size_changed)
        self._largest = sizes.most
        self._certain = sizes.certain
        self._searched = None
        # The first datagrams are padded to the full size, and nothing is known of the peer yet.
        jumbo = self._is_client and sizes.jumbo
        self._max_datagram_size = sizes.most if jumbo else INTERNET_DATAGRAM

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, Any]]:
        """See the library."""
        self._check_path()
        if any(path.remote_challenges for path in self._network_paths):
            # The answer is padded to the full size, and tells whether the path carries anything.
            self._max_datagram_size = INTERNET_DATAGRAM
        datagrams: list[tuple[bytes, Any]] = super().datagrams_to_send(now)
        if self._handshake_complete:
            self._use_found_size()
        if self._may_probe() and (probe := self.mtu.probe(now)) is not None:
            datagrams += self._send_probe_of_path(probe)
        return datagrams

    def _check_path(self) -> None:
        path = self._network_paths[0]
        moved = path is not self._searched and self._searched is not None
        self._searched = path
        # A client's first datagram has nothing before it that could have arrived: one timeout is
        # enough to try a small one.
        allowed = 1 if self._state is QuicConnectionState.FIRSTFLIGHT else TIMEOUTS
        is_large = self._max_datagram_size > INTERNET_DATAGRAM
        # Another path may carry less, and that shows only when a large datagram is lost.
        suspect = moved or (is_large and self._loss._pto_count >= allowed)
        if suspect and not self._certain:
            self.mtu.restart()
            self._use_found_size()

    def _may_probe(self) -> bool:
        """Whether the path is up; probes that are lost while it is not would tell nothing."""
        return bool(
            self._handshake_confirmed
            and self._close_event is None
            and not self._loss._pto_count
            and self._network_paths[0].is_validated
        )

    def _send_probe_of_path(self, probe: Probe) -> list[tuple[bytes, Any]]:
        """A PING and nothing but padding, so that nothing is lost with it."""
        logger = self._quic_logger
        builder = QuicPacketBuilder(
            host_cid=self.host_cid,
            is_client=self._is_client,
            max_datagram_size=probe.size,
            packet_number=self._packet_number,
            peer_cid=self._peer_cid.cid,
            quic_logger=logger,
            spin_bit=self._spin_bit,
            version=self._version or 0,
        )
        builder.start_packet(QuicPacketType.ONE_RTT, self._cryptos[tls.Epoch.ONE_RTT])
        buffer = builder.start_frame(
            QuicFrameType.PING, handler=self._on_probe_delivery, handler_args=(probe,)
        )
        buffer.push_bytes(bytes(builder.remaining_buffer_space))
        if logger is not None and builder.quic_logger_frames is not None:
            builder.quic_logger_frames += [
                logger.encode_ping_frame(),
                logger.encode_padding_frame(),
            ]
        datagrams: list[tuple[bytes, Any]] = self._flush_builder(
            builder=builder,
            network_path=self._network_paths[0],
            peer_cid=self._peer_cid.cid,
            now=probe.sent,
        )
        # Its loss says nothing about congestion ([RFC9000] 14.4), so it does not count as under
        # way at all.
        packet = self._spaces[tls.Epoch.ONE_RTT].sent_packets[builder.packet_number - 1]
        self._loss._cc.on_packets_expired(packets=[packet])
        packet.in_flight = False
        return datagrams

    def _on_probe_delivery(self, delivery: QuicDeliveryState, probe: Probe) -> None:
        if delivery is QuicDeliveryState.ACKED:
            self.mtu.acknowledged(probe)
        else:
            self.mtu.lost(probe)
        self._use_found_size()

    def _use_found_size(self) -> None:
        size = self.mtu.size
        if size == self._max_datagram_size:
            return
        self._max_datagram_size = size
        # Whatever counts in datagrams has to know how large they are now: the pacer its intervals,
        # congestion control its smallest window and its growth for each round trip.
        cast(Pacer, self._loss._pacer).datagram_size = size
        control: Any = self._loss._cc
        control._max_datagram_size = size
        if hasattr(control, "additive_increase_factor"):
            control.additive_increase_factor = size
        control.congestion_window = max(control.congestion_window, MIN_WINDOW * size)

    def _serialize_transport_parameters(self) -> bytes:
        data: bytes = super()._serialize_transport_parameters()
        parameters = pull_quic_transport_parameters(QuicBuffer(data=data))
        parameters.max_udp_payload_size = self._largest
        buffer = QuicBuffer(capacity=len(data) + 16)
        push_quic_transport_parameters(buffer, parameters)
        return bytes(buffer.data)

    def _parse_transport_parameters(self, data: bytes, from_session_ticket: bool = False) -> None:
        super()._parse_transport_parameters(data, from_session_ticket)
        most = pull_quic_transport_parameters(QuicBuffer(data=data)).max_udp_payload_size
        if most is not None:
            self.mtu.cap(most)
        self._use_found_size()
