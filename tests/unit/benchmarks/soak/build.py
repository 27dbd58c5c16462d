"""Samples and results for the tests of the soak."""

from typing import Any

from benchmarks.soak.plan import SoakPlan
from benchmarks.soak.report import Report
from benchmarks.soak.results import MEBIBYTE, Results
from benchmarks.soak.samples import HELD, Sample

PLAN = SoakPlan(
    seconds=3600.0,
    rate=100.0,
    seed=1,
    interval=10.0,
    transports=("quic-qh3", "quic-aioquic", "tcp"),
)


def sample(seconds: float, **changes: Any) -> Sample:
    """Return one with 100 MiB, 20 descriptors and nothing held."""
    given: dict[str, Any] = {
        "rss": 100 * MEBIBYTE, "pss": 90 * MEBIBYTE, "descriptors": 20, "threads": 9,
        "held": dict.fromkeys(HELD, 0), "quic_connections": 2, "tcp_connections": 1,
        "lag_mean": 0.001, "lag_bound": 0.005, "server": 0.25, "clients": 0.5, "others": 0.1,
        "load": 1.5,
    }  # fmt: skip
    return Sample(seconds=seconds, **{**given, **changes})


def report(seconds: float = 0.01, operation: str = "read", count: int = 100) -> Report:
    """Return one of operations that all take the same time."""
    found = Report()
    for _ in range(count):
        found.took(operation, seconds)
    return found


def results(minutes: int = 60, *, growth: float = 0.0, slower: float = 1.0) -> Results:
    """Return those of a soak; `growth` in MiB per hour, the last quarter is slower by a factor."""
    found = Results(PLAN)
    found.add(sample(0.0), {})
    for minute in range(1, minutes + 1):
        size = int((100 + growth * minute / 60) * MEBIBYTE)
        time = 0.01 * (slower if minute > minutes * 3 / 4 else 1)
        figures = {"rate": 10.0, "failures": 0.0, "refused": 0.0, "p50": time, "p99": time}
        found.add(
            sample(
                60.0 * minute,
                rss=size,
                transports={name: {**figures, "longest": time} for name in PLAN.transports},
            ),
            {name: report(time) for name in PLAN.transports},
        )
    found.add(sample(60.0 * minutes + 5), {})
    found.loaded = 60.0 * minutes + 0.5
    found.given_back = dict.fromkeys(HELD, 1.5)
    found.left = dict.fromkeys(HELD, 0)
    found.descriptors_after = 20
    found.summarize()
    return found
