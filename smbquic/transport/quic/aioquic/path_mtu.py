"""aioquic with path MTU discovery, which the library does not have.

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
"""Probe timeouts in a row after which the path may carry less than it did ([RFC8899] 4.3)."""
MIN_WINDOW = 2
"""Datagrams that may always be under way ([RFC9002] 7.2)."""


class ProbingConnection(QuicConnection):
    """A connection whose datagrams are as large as the path carries.

    After an outage the search begins anew, too: the former size is used again as soon as one probe
    of it has arrived.
    """

    mtu: PathMtuSearch
    _largest: int
    _certain: bool
    _searched: Any

    def search_path(self, sizes: DatagramSizes, on_size_changed: OnSizeChanged) -> None:
        """Begin the search, before anything is sent."""
        self.mtu = PathMtuSearch(sizes, on_size_changed)
        self._largest = sizes.most
        self._certain = sizes.certain
        self._searched = None
        # The first datagrams are padded to the full size ([RFC9000] 14.1), and nothing is known of
        # the path yet. Only jumbo frames are worth the risk of losing the first flight.
        jumbo = self._is_client and sizes.jumbo
        self._max_datagram_size = sizes.most if jumbo else INTERNET_DATAGRAM

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, Any]]:
        """See the library."""
        self._check_path()
        if any(path.remote_challenges for path in self._network_paths):
            # The answer is padded to the full size ([RFC9000] 8.2.2). It has to find out whether
            # the path carries anything, and not how much.
            self._max_datagram_size = INTERNET_DATAGRAM
        datagrams: list[tuple[bytes, Any]] = super().datagrams_to_send(now)
        # Before, the peer's max_udp_payload_size is not known ([RFC9000] 18.2).
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
        # enough to try a small one. Otherwise a single timeout may be due to congestion.
        allowed = 1 if self._state is QuicConnectionState.FIRSTFLIGHT else TIMEOUTS
        is_large = self._max_datagram_size > INTERNET_DATAGRAM
        # Another path may carry less ([RFC9000] 9.4 has congestion control begin anew, too), and
        # that would show only when large datagrams are lost.
        suspect = moved or (is_large and self._loss._pto_count >= allowed)
        if suspect and not self._certain:
            self.mtu.restart()
            self._use_found_size()

    def _may_probe(self) -> bool:
        """Return whether the path is up: probes that are lost while it is not prove nothing."""
        return bool(
            self._handshake_confirmed
            and self._close_event is None
            and not self._loss._pto_count
            and self._network_paths[0].is_validated
        )

    def _send_probe_of_path(self, probe: Probe) -> list[tuple[bytes, Any]]:
        """Send a PING with nothing but padding, so that no data is lost with it.

        [RFC9000] 14.4 proposes these frames.
        """
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
        # Its loss is no sign of congestion ([RFC9000] 14.4). The library knows no such packets, so
        # it is taken out of what is in flight.
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
        # Whatever counts in datagrams needs their size: the pacer for its intervals, and congestion
        # control for its smallest window and its growth in a round trip ([RFC9002] 7.2, 7.3.3).
        cast(Pacer, self._loss._pacer).datagram_size = size
        control: Any = self._loss._cc
        control._max_datagram_size = size
        if hasattr(control, "additive_increase_factor"):
            control.additive_increase_factor = size
        control.congestion_window = max(control.congestion_window, MIN_WINDOW * size)

    def _serialize_transport_parameters(self) -> bytes:
        # The library announces no limit, and a peer may send probes of any size then. This end's
        # interface carries no more than this ([RFC9000] 18.2).
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
