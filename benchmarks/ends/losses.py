"""How many packets a QUIC connection took for lost, and so sent the contents of again.

No engine tells: this looks into both, as only a benchmark may. aioquic counts a probe's
retransmission among them, qh3 does not.
"""

from collections.abc import Iterable
from typing import Any

from aioquic.quic.recovery import QuicPacketRecovery

_on_packets_lost: Any = QuicPacketRecovery._on_packets_lost


def _counting(self: Any, *, packets: Iterable[Any], **rest: Any) -> None:
    lost = list(packets)
    self.benchmark_lost = getattr(self, "benchmark_lost", 0) + len(lost)
    _on_packets_lost(self, packets=lost, **rest)


def count() -> None:
    """Have aioquic count from now on; qh3 does so anyway."""
    QuicPacketRecovery._on_packets_lost = _counting  # type: ignore[method-assign]


def lost_packets(transport: Any) -> int:
    """Of this connection so far; 0 for one over TCP, whose kernel knows."""
    engine = getattr(transport, "_engine", None)
    if engine is None:
        return 0
    core = getattr(engine._quic, "_core", None)
    if core is not None:
        return int(core.loss_total)
    return int(getattr(engine._quic._loss, "benchmark_lost", 0))
