from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.comparison.report import html, markdown
from benchmarks.comparison.report.checks import expectation, expectations, noise_check
from benchmarks.comparison.report.summary import summarize
from benchmarks.comparison.results import Cell, cells

MakeResult = Callable[[], dict[str, Any]]
RATE = 100_000_000
# raw-tcp: 1448 of 1500 bytes, so 96.533 Mbit/s of 100.
ALLOWED = 96_533_333.3


def cell(seconds: float, *, steady: float | None = None, **more: Any) -> Cell:
    """Ten megabytes in this time, over TCP without SMB."""
    size = 10_000_000
    wire = {"delivered_bytes": round(size * 1500 / 1448), "queue_drops": more.pop("drops", 0)}
    figures = {
        "bytes": size,
        "seconds": seconds,
        "goodput": size * 8 / seconds,
        "wire": {"down": wire},
        "cpu": {"server": 0.1},
        **({} if steady is None else {"steady_wire": steady}),
        **more,
    }
    return Cell("20ms-100mbit", "bulk-read", "raw-tcp", {1: figures}, [])


def test_a_goodput_within_the_tolerance_needs_no_word() -> None:
    found = expectation(cell(0.85), RATE)
    assert found.allowed == pytest.approx(ALLOWED)
    # 94.118 Mbit/s of 96.533.
    assert found.difference == pytest.approx(-0.02502, abs=1e-4)
    assert found.explanation == ""
    assert found.steady_difference is None


def test_a_start_up_is_told_from_a_slow_arm() -> None:
    found = expectation(cell(1.0, steady=RATE), RATE)
    assert found.difference == pytest.approx(-0.1713, abs=1e-3)
    assert found.steady_difference == pytest.approx(0, abs=1e-6)
    # The bytes take 0.829 s at 100 Mbit/s.
    assert "idle for 171 of 1000 ms (8.6 round trips)" in found.explanation
    assert "at the start-up" in found.explanation


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"cpu": {"client": 0.95}}, "CPU-bound: a part of it used 95% of a core"),
        ({"drops": 12}, "after the queue dropped 12 packets"),
        ({}, "not explained; its busiest part used 10% of a core"),
    ],
)
def test_what_else_it_may_be(more: dict[str, Any], words: str) -> None:
    assert words in expectation(cell(1.0, steady=RATE * 0.8, **more), RATE).explanation


def test_other_programs_are_told_of() -> None:
    assert "other programs" not in expectation(cell(1.0), RATE, 0.04).explanation
    found = expectation(cell(1.0), RATE, 0.67).explanation
    assert found.endswith("other programs took 67% of the machine")


def test_bytes_that_arrived_twice_are_told() -> None:
    slow = cell(1.0)
    slow.samples[1]["wire"]["down"]["delivered_bytes"] = 11_000_000
    # 10 MB of 11 are 90.9 %, of which headers explain 96.5 %.
    assert "5.8% of what arrived was neither" in expectation(slow, RATE).explanation


def test_the_measured_rate_counts_and_lossy_links_do_not(make_result: MakeResult) -> None:
    result = make_result()
    found = expectations(cells(result), result["calibration"])
    assert {one.link for one in found} == {"20ms-100mbit"}
    # In the order of the arms, whichever came first.
    assert [one.arm for one in found][::2] == [
        "tcp-encrypted",
        "tcp-encrypted-again",
        "quic-qh3",
        "wireguard",
    ]
    assert [one.work for one in found][:2] == ["bulk-read", "bulk-write"]
    [wireguard] = [one for one in found if (one.arm, one.work) == ("wireguard", "bulk-read")]
    # iperf3 saw 99.9 Mbit/s.
    assert wireguard.allowed == pytest.approx(99_900_000 * 0.924250, rel=1e-5)


def test_the_noise_floor_has_a_limit_where_the_link_sets_the_pace() -> None:
    assert "4.0%, below the limit of 5%" in noise_check("20ms-100mbit", "bulk-read", 0.04)
    assert "6.0%, NOT below the limit" in noise_check("20ms-100mbit", "bulk-write", 0.06)
    for link, work in (("20ms-100mbit-1%", "bulk-read"), ("20ms-100mbit", "connect")):
        assert "limit" not in noise_check(link, work, 0.06)
    assert noise_check("20ms-100mbit", "bulk-read", None) == ""


@pytest.mark.parametrize("page", [html.page, markdown.page])
def test_the_pages_have_it(page: Callable[..., str], make_result: MakeResult) -> None:
    text = page(summarize(make_result()))
    assert "What headers allow" in text
    assert "1480 - VPN 60 - IP 20 - TCP 32" in text
    assert "limit of 5%" in text
    assert "client 0, server 3" in text
