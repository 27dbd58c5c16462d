from typing import Any

import pytest

from benchmarks.link.counters import CLASSES, Count, Statistics

FATES = ("offered", "delivered", "mtu", "queue", "blackout", "loss", "write")


def document(**changes: Any) -> dict[str, Any]:
    """The emulator's JSON, of a link on which nothing happened."""
    direction: dict[str, Any] = {
        "ring_drops": 0,
        "queue_bytes": 0,
        "queue_peak_bytes": 0,
        "late": 0,
        "latest_ns": 0,
        "icmp_sent": 0,
        **{name: {fate: [0, 0] for fate in FATES} for name in CLASSES},
    }
    return {
        "elapsed_ns": 10**9,
        "cpu_ns": 10**8,
        "cpu_share_peak": 0.2,
        "scheduling": "fifo",
        "up": direction,
        "down": direction,
        **changes,
    }


def with_up(**changes: Any) -> Statistics:
    return Statistics.of(document(up={**document()["up"], **changes}))


def test_counts_add_up() -> None:
    counters = with_up(
        tcp={fate: [10, 1000] if fate == "offered" else [1, 100] for fate in FATES},
        quic={**document()["up"]["quic"], "offered": [2, 84]},
    )
    assert counters.up.tcp.in_flight == Count(4, 400)
    assert counters.up.total.offered == Count(12, 1084)
    assert counters.up.total.queue == Count(1, 100)
    assert counters.in_flight == Count(6, 484)
    assert counters.down.total.offered == Count()
    assert (counters.up.tcp - counters.up.quic).offered == Count(8, 916)


def test_shares_of_a_core() -> None:
    counters = Statistics.of(document())
    assert counters.cpu_share == pytest.approx(0.1)
    assert counters.problems == []
    brief = Statistics.of(document(elapsed_ns=10**8))
    assert brief.cpu_share == pytest.approx(1)
    assert brief.problems == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"cpu_share_peak": 0.81}, "the emulator used 81% of a core"),
        ({"cpu_ns": 9 * 10**8}, "the emulator used 90% of a core"),
        (
            {"down": {**document()["down"], "ring_drops": 3}},
            "down: 3 packets dropped by the TUN ring",
        ),
        (
            {"down": {**document()["down"], "ring_drops": -1}},
            "down: it is not known what the TUN ring dropped",
        ),
        (
            {"up": {**document()["up"], "vpn": {**document()["up"]["vpn"], "write": [2, 9]}}},
            "up: 2 packets not taken by the TUN device",
        ),
    ],
)
def test_what_makes_a_run_invalid(changes: dict[str, Any], problem: str) -> None:
    assert Statistics.of(document(**changes)).problems == [problem]
