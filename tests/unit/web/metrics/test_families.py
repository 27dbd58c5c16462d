from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client.metrics_core import Metric

from smbquic.observe.histogram import Histogram
from smbquic.web.metrics import families


def samples(metric: Metric) -> list[tuple[str, dict[str, str], float]]:
    return [(each.name, dict(each.labels), each.value) for each in metric.samples]


def test_a_counter_ends_in_total() -> None:
    made = families.counter("seen", "How many.", 3)
    assert (made.name, made.type, made.documentation) == ("smbquic_seen", "counter", "How many.")
    assert samples(made) == [("smbquic_seen_total", {}, 3)]


def test_a_gauge() -> None:
    made = families.gauge("now", "How many now.", True)
    assert (made.type, samples(made)) == ("gauge", [("smbquic_now", {}, 1)])


@pytest.mark.parametrize(
    ("make", "name"),
    [(families.counters, "smbquic_x_total"), (families.gauges, "smbquic_x")],
)
def test_one_for_each_value_of_a_label(make: Callable[..., Metric], name: str) -> None:
    made = make("x", "Text.", "why", {"a": 1, "b": 2.5})
    assert samples(made) == [(name, {"why": "a"}, 1), (name, {"why": "b"}, 2.5)]


@pytest.mark.parametrize(
    ("make", "name"),
    [(families.counters_of, "smbquic_x_total"), (families.gauges_of, "smbquic_x")],
)
def test_one_for_each_combination_of_labels(make: Callable[..., Metric], name: str) -> None:
    made = make("x", "Text.", ("a", "b"), [(("1", "2"), 3)])
    assert samples(made) == [(name, {"a": "1", "b": "2"}, 3)]


def filled() -> Histogram:
    made = Histogram((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 9.0):
        made.add(seconds)
    return made


EXPECTED: list[tuple[str, dict[str, str], Any]] = [
    ("smbquic_t_bucket", {"le": "0.1"}, 2),
    ("smbquic_t_bucket", {"le": "1.0"}, 3),
    ("smbquic_t_bucket", {"le": "+Inf"}, 4),
    ("smbquic_t_count", {}, 4),
    ("smbquic_t_sum", {}, pytest.approx(9.65)),
]


def test_the_buckets_of_a_histogram_add_up() -> None:
    assert samples(families.histogram("t", "Text.", filled())) == EXPECTED


def test_one_histogram_for_each_value_of_a_label() -> None:
    made = families.histograms("t", "Text.", "command", {"READ": filled()})
    assert samples(made) == [
        (name, {"command": "READ", **labels}, value) for name, labels, value in EXPECTED
    ]
