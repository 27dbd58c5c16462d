from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from benchmarks.comparison.report import claims
from benchmarks.comparison.report.claims import BETTER, SAME, WORSE, Evidence, Ratio
from benchmarks.statistics import Estimate

MakeResult = Callable[[], dict[str, Any]]
Change = Callable[[dict[str, Any]], None]


def changed(result: dict[str, Any], arm: str, work: str, key: str, factor: float) -> None:
    """Make a figure of an arm so many times what it was."""
    for visit in result["visits"]:
        if visit["arm"] == arm and work in visit["works"]:
            visit["works"][work]["figures"][key] *= factor


def add(result: dict[str, Any], arm: str, like: str) -> None:
    """An arm with the figures of another."""
    result["arms"].append(arm)
    result["visits"] += [
        {**deepcopy(visit), "arm": arm} for visit in result["visits"] if visit["arm"] == like
    ]


@pytest.mark.parametrize(
    ("low", "median", "high", "noise", "outcome"),
    [
        (1.1, 1.2, 1.3, 0.05, BETTER),
        (0.7, 0.8, 0.9, 0.05, WORSE),
        (0.9, 1.2, 1.3, 0.0, SAME),
        # Two runs of the same arm are as far apart.
        (1.1, 1.2, 1.3, 0.2, SAME),
        # Nobody would notice.
        (1.002, 1.004, 1.006, 0.0, SAME),
    ],
)
def test_a_difference_needs_an_interval_and_less_noise(
    low: float, median: float, high: float, noise: float, outcome: str
) -> None:
    estimate = Estimate(median, low, high, 10)
    assert Ratio(estimate, noise, more_is_better=True).outcome == outcome
    turned = {BETTER: WORSE, WORSE: BETTER, SAME: SAME}[outcome]
    assert Ratio(estimate, noise, more_is_better=False).outcome == turned


def test_the_answer_about_overhead_follows_the_figures(make_result: MakeResult) -> None:
    result = make_result()
    same = result["visits"][0]["works"]["bulk-read"]["figures"]["goodput"]
    for visit in result["visits"]:
        figures = visit["works"]["bulk-read"]["figures"]
        if visit["arm"] != "wireguard":
            figures["goodput"] = same
    evidence = Evidence([result])
    # wireguard is slower in the made-up result; bytes and processor time are the same.
    assert claims.overhead(evidence).outcome == "QUIC is ahead of wireguard in goodput."
    for visit in result["visits"]:
        if visit["arm"] == "wireguard":
            visit["works"]["bulk-read"]["figures"]["cpu"] = {"client": 0.05}
            visit["works"]["bulk-read"]["figures"]["wire"] = {"down": {"bytes": 4_000_000}}
    assert claims.overhead(evidence).outcome == (
        "Not so: QUIC is behind wireguard in processor time."
        " It is ahead of wireguard in bytes on the wire and goodput."
    )
    changed(result, "quic-qh3", "bulk-read", "goodput", 0.1)
    answer = claims.overhead(evidence)
    assert answer.outcome.startswith(
        "Not so: QUIC is behind wireguard in goodput and processor time."
    )
    assert [line[2] for line in answer.lines] == [BETTER, WORSE, WORSE]


def test_a_difference_within_that_of_the_pair_is_none(make_result: MakeResult) -> None:
    # The pair is a fifth apart in the made-up result.
    evidence = Evidence([make_result()])
    link = evidence.link("bulk-read", lossy=False)
    ratio = evidence.ratio(link, "bulk-read", "quic-qh3", "wireguard", "goodput")
    assert ratio.estimate is not None
    assert ratio.estimate.low > 1
    assert ratio.outcome == SAME


@pytest.mark.parametrize(
    ("trips", "words"),
    [
        (5, "5 and 5 until the share is usable. None are saved."),
        (4, "4 and 5 until the share is usable. QUIC saves round trips against TCP."),
        (6, "6 and 5 until the share is usable. None are saved; QUIC takes more than TCP."),
    ],
)
def test_round_trips_are_counted(trips: int, words: str, make_result: MakeResult) -> None:
    result = make_result()
    result["visits"] = [v for v in result["visits"] if v["arm"] != "wireguard"]
    for visit in result["visits"]:
        figures = visit["works"]["connect"]["figures"]
        figures["round_trips_after"] = {"transport": 1}
        figures["round_trips"] = trips if visit["arm"] == "quic-qh3" else 5
    assert claims.round_trips(Evidence([result])).outcome.endswith(words)


def test_loss_is_compared_with_the_same_congestion_control(make_result: MakeResult) -> None:
    result = make_result()
    for visit in result["visits"]:
        visit["works"]["bulk-read"]["figures"]["goodput"] = 10e6
    add(result, "tcp-bbr", like="tcp-encrypted")
    add(result, "quic-bbr", like="tcp-encrypted")
    for visit in result["visits"]:
        figures = {**visit["works"]["bulk-read"]["figures"]}
        figures["goodput"] *= {"quic-qh3": 0.5, "quic-bbr": 3, "tcp-bbr": 3}.get(visit["arm"], 1)
        visit["works"] = {"bulk-read": {"figures": figures, "problems": []}}
    answer = claims.loss(Evidence([result]))
    assert answer.outcome == (
        "With the same congestion control QUIC's goodput is worse with both cubic and no different"
        " with both BBR."
    )
    assert [line[2] for line in answer.lines] == [WORSE, SAME, BETTER]
    assert all("1.0% loss" in line[3] for line in answer.lines)


def test_the_engine_native_is_shown_and_decides_nothing(make_result: MakeResult) -> None:
    result = make_result()
    before = [claim(Evidence([result])) for claim in (claims.overhead, claims.head_of_line)]
    add(result, "quic-native", like="quic-qh3")
    changed(result, "quic-native", "bulk-read", "goodput", 0.01)
    after = [claim(Evidence([result])) for claim in (claims.overhead, claims.head_of_line)]
    for one, other in zip(before, after, strict=True):
        assert one.outcome == other.outcome
        assert list(one.lines) == [line for line in other.lines if "quic-native" not in line[0]]
    assert [line[2] for line in after[0].lines if "goodput, quic-native" in line[0]] == [WORSE]


def test_losses_of_the_engine_native_are_compared_too(make_result: MakeResult) -> None:
    result = make_result()
    add(result, "tcp-bbr", like="tcp-encrypted")
    add(result, "quic-native-bbr", like="tcp-encrypted")
    changed(result, "quic-native-bbr", "bulk-read", "goodput", 0.01)
    assert claims.loss(Evidence([result])).outcome.endswith("worse with both BBR, engine native.")


def test_the_answer_names_the_arms_that_survive(make_result: MakeResult) -> None:
    result = make_result()
    for visit in result["visits"]:
        lives = visit["arm"] != "tcp-encrypted"
        figures = {"survived": int(lives), "cpu": {}, "wire": {}, **({"gap": 0.2} if lives else {})}
        visit["works"] = {"address-change": {"figures": figures, "problems": []}}
    answer = claims.roaming(Evidence([result]))
    assert answer.outcome == (
        "Every transfer went on over quic-qh3 and wireguard, not every one over tcp-encrypted."
    )
    assert ["tcp-encrypted", "0 of 3", "-"] in [list(line[:3]) for line in answer.lines]


def test_latency_beside_a_transfer(make_result: MakeResult) -> None:
    result = make_result()
    for visit in result["visits"]:
        slow = 2 if visit["arm"] == "quic-qh3" else 1
        figures = {"p50": 0.02 * slow, "p99": 0.1, "cpu": {}, "wire": {}}
        visit["works"] = {"loaded-latency": {"figures": figures, "problems": []}}
    answer = claims.head_of_line(Evidence([result]))
    assert answer.outcome.endswith(
        "worse at p50 without loss and p50 with loss;"
        " no different at p99 without loss and p99 with loss."
    )


def test_what_was_not_measured_is_said(make_result: MakeResult) -> None:
    result = make_result()
    result["visits"] = []
    page = claims.page([result], ["there"])
    assert page.count(claims.NOT_MEASURED) == len(claims.CLAIMS)
    with pytest.raises(ValueError, match="no result"):
        claims.page([], [])


def test_a_second_result_fills_the_gaps_of_the_first(make_result: MakeResult) -> None:
    first, second = make_result(), make_result()
    for visit in first["visits"]:
        del visit["works"]["connect"]
    for visit in second["visits"]:
        visit["works"]["connect"]["figures"]["round_trips_after"] = {"transport": 1}
    page = claims.page([first, second], ["one", "two"])
    assert "claims one two`" in page
    assert "until the share is usable" in page
    assert page.count("- `quick` of 2026-01-02") == 2
