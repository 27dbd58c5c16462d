"""Datagrams spread over time."""

import pytest

from smbquic.transport.quic.bbr import Bbr
from smbquic.transport.quic.pacing import Pacer

# The numbers themselves, so that a change of one of them is noticed.
BURST = 0.0005


def sent_at_once(pacer: Pacer) -> int:
    """Return how many datagrams may be sent before one has to wait."""
    for sent in range(10_000):
        if pacer.next_send_time(now=1.0) is not None:
            return sent
        pacer.update_after_send(now=1.0)
    raise AssertionError("no datagram ever has to wait")


def test_the_pacer_allows_bursts_that_suit_a_timer() -> None:
    pacer = Pacer(None, datagram_size=1200)
    pacer.update_rate(congestion_window=12_000_000, smoothed_rtt=0.01)
    sent = sent_at_once(pacer)

    # 1.2 GB/s, of which half a millisecond may go at once.
    assert abs(sent - BURST * 1.2e9 / 1200) <= 1


def test_the_pacer_does_not_shorten_the_bursts_of_a_slow_path() -> None:
    pacer = Pacer(None, datagram_size=1200)
    pacer.update_rate(congestion_window=120_000, smoothed_rtt=0.1)
    sent = sent_at_once(pacer)

    assert abs(sent - 16) <= 1


def test_bbr_has_a_rate_of_its_own() -> None:
    control = Bbr(max_datagram_size=1200)
    control.pacing_rate = 1.2e6
    pacer = Pacer(control, datagram_size=1200)
    pacer.update_rate(congestion_window=12_000_000, smoothed_rtt=0.01)
    assert sent_at_once(pacer) > 0
    due = pacer.next_send_time(now=1.0)
    assert due is not None
    assert abs(due - 1.001) < 1e-9


def test_nothing_is_paced_before_a_rate_is_known() -> None:
    pacer = Pacer(None, datagram_size=1200)
    pacer.update_after_send(now=1.0)

    assert pacer.next_send_time(now=1.0) is None


@pytest.mark.parametrize(
    ("window", "datagrams"), [(1200, 2), (4800, 2), (24_000, 5), (76_800, 16), (240_000, 16)]
)
def test_a_quarter_of_the_window_may_go_at_once(window: int, datagrams: int) -> None:
    pacer = Pacer(None, datagram_size=1200)
    pacer.update_rate(congestion_window=window, smoothed_rtt=0.1)
    sent = sent_at_once(pacer)

    # One more where a rounding error is left.
    assert datagrams <= sent <= datagrams + 1


@pytest.mark.parametrize(
    ("window", "round_trip", "interval"),
    [(120_000, 0.1, 0.001), (1200, 100.0, 1.0), (12_000, 0.0, 0.000001)],
)
def test_how_long_the_next_datagram_waits(window: int, round_trip: float, interval: float) -> None:
    pacer = Pacer(None, datagram_size=1200)
    pacer.update_rate(congestion_window=window, smoothed_rtt=round_trip)

    # Nothing has been saved up at the very beginning.
    assert pacer.next_send_time(now=0.0) == pytest.approx(interval)
