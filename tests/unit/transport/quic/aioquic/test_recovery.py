"""What may be in flight with aioquic, and which losses count."""

from types import SimpleNamespace
from typing import Any

import pytest
from aioquic.quic.recovery import QuicPacketRecovery

from smbquic.transport.quic.aioquic.recovery import LossRecovery

pytestmark = pytest.mark.engine("aioquic")


@pytest.mark.parametrize(
    ("window", "in_flight", "usable"),
    [
        # A datagram that is not full has to wait for room, unless nothing is in flight.
        (12_500, 100, 12_100),
        (12_500, 1, 12_001),
        (12_000, 10_800, 12_000),
        (12_000, 10_801, 10_801),
        (12_500, 0, 12_500),
        (12_500, 12_500, 12_500),
        (12_500, 13_000, 12_500),
    ],
)
def test_only_whole_datagrams_go_into_the_window(window: int, in_flight: int, usable: int) -> None:
    recovery: Any = object.__new__(LossRecovery)
    recovery._cc = SimpleNamespace(congestion_window=window, bytes_in_flight=in_flight)
    recovery._pacer = SimpleNamespace(datagram_size=1200)

    assert recovery.congestion_window == usable


def test_a_probe_of_the_path_is_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[list[object], dict[str, object]]] = []
    monkeypatch.setattr(
        QuicPacketRecovery,
        "_on_packets_lost",
        lambda recovery, *, packets, **more: told.append((list(packets), more)),
    )
    recovery: Any = object.__new__(LossRecovery)
    assert recovery.lost_packets == 0
    packets = [SimpleNamespace(in_flight=each) for each in (True, False, True)]
    recovery._on_packets_lost(packets=iter(packets), now=1.0, space="space")
    recovery._on_packets_lost(packets=packets[:1], now=2.0, space="space")

    assert recovery.lost_packets == 3
    assert told[0] == (packets, {"now": 1.0, "space": "space"})
