"""Loss recovery of aioquic, with our congestion controller and a count of what was lost."""

from collections.abc import Iterable
from typing import Any, cast

from aioquic.quic.congestion.base import QuicCongestionControlFactory, register_congestion_control
from aioquic.quic.packet_builder import QuicSentPacket
from aioquic.quic.recovery import QuicPacketRecovery

from smbquic.transport.quic.bbr import Bbr
from smbquic.transport.quic.pacing import Pacer

register_congestion_control("bbr", cast(QuicCongestionControlFactory, Bbr))


class LossRecovery(QuicPacketRecovery):
    """Loss recovery that sends only whole datagrams while others are in flight, and counts losses.

    The library fills the window to the last byte. With a peer that acknowledges every packet, each
    full datagram is then followed by a very short one, and costs nearly twice as much.
    """

    lost_packets = 0

    def _on_packets_lost(self, *, packets: Iterable[QuicSentPacket], **more: Any) -> None:
        lost = list(packets)
        # A probe of the path MTU is not in flight, and its loss is no loss of data.
        self.lost_packets += sum(packet.in_flight for packet in lost)
        super()._on_packets_lost(packets=lost, **more)

    @property
    def congestion_window(self) -> int:
        """Bytes that may be in flight: those that are, and whole datagrams."""
        window, in_flight = int(self._cc.congestion_window), int(self._cc.bytes_in_flight)
        # With nothing in flight a short datagram must not wait: no acknowledgement would come.
        if not 0 < in_flight < window:
            return window
        return window - (window - in_flight) % cast(Pacer, self._pacer).datagram_size
