"""Distributions of times: quantiles that are nearly exact, sums, documents."""

import json

import pytest

from benchmarks.soak.latencies import Latencies


def latencies(*seconds: float) -> Latencies:
    found = Latencies()
    for each in seconds:
        found.add(each)
    return found


def test_quantiles_are_within_a_bin() -> None:
    found = latencies(*(n / 1000 for n in range(1, 1001)))
    assert found.count == 1000
    assert found.quantile(0.5) == pytest.approx(0.5, rel=0.03)
    assert found.quantile(0.99) == pytest.approx(0.99, rel=0.03)
    assert found.quantile(1) == found.longest == 1.0


def test_no_quantile_is_longer_than_the_longest() -> None:
    assert latencies(0.1).quantile(0.5) <= 0.1


def test_nothing_was_measured() -> None:
    assert (Latencies().count, Latencies().quantile(0.99)) == (0, 0.0)


def test_no_time_at_all() -> None:
    assert latencies(0.0, 0.0).quantile(0.5) == 0.0


def test_two_are_added() -> None:
    both = latencies(0.001, 0.002)
    both.update(latencies(4.0))
    assert (both.count, both.longest) == (3, 4.0)
    assert both.quantile(0.5) == pytest.approx(0.002, rel=0.03)


def test_a_document_of_it() -> None:
    before = latencies(0.001, 0.001, 3.0)
    after = Latencies.of(json.loads(json.dumps(before.document())))
    assert after.document() == before.document()
    assert (after.count, after.longest) == (3, 3.0)
