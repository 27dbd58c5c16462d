from typing import Any

import pytest

from benchmarks.link import Delay, Link, LinkError, Loss, Ports
from benchmarks.link.link import UNBOUNDED, queue_bytes


def test_what_is_written_and_what_is_meant() -> None:
    settings = Link(
        rate="20mbit", delay=Delay("50ms", "1ms"), loss="1%", queue="0.5bdp", seed=7
    ).settings
    assert settings.rate == 20_000_000
    assert settings.delay == 50_000_000
    assert settings.round_trip == 100_000_000
    assert settings.jitter == 1_000_000
    assert settings.loss == Loss(good=0.01)
    assert settings.queue == 125_000
    assert settings.quic_ports == (443,)


def test_a_plain_link_is_a_wire() -> None:
    settings = Link().settings
    assert (settings.rate, settings.delay, settings.loss.mean) == (0, 0, 0)
    assert settings.queue == UNBOUNDED


@pytest.mark.parametrize(
    ("queue", "size"),
    [("1bdp", 250_000), ("bdp", 250_000), ("4 BDP", 1_000_000), ("64kib", 65536), (9000, 9000)],
)
def test_queues(queue: str | int, size: int) -> None:
    assert queue_bytes(queue, rate=20_000_000, round_trip=100_000_000, mtu=1500) == size


def test_a_queue_holds_a_packet() -> None:
    assert queue_bytes("1bdp", rate=1000, round_trip=1000, mtu=1500) == 1500


@pytest.mark.parametrize(
    "options",
    [
        {"rate": "fast"},
        {"delay": "1 week"},
        {"loss": "200%"},
        {"queue": "xbdp"},
        {"ports": Ports(quic=[443, 444], vpn=[444])},
    ],
    ids=str,
)
def test_nonsense_is_refused_before_anything_is_made(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Link(**options)


def test_a_link_that_was_not_entered_has_no_counters() -> None:
    with pytest.raises(LinkError, match="has not been entered"):
        Link().statistics()
