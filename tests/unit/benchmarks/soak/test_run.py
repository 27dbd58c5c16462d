"""Whether a server has given back what clients held is waited for, and said."""

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.soak import run
from benchmarks.soak.plan import SoakPlan
from benchmarks.soak.results import Results
from benchmarks.soak.run import _given_back, _requests
from benchmarks.soak.samples import HELD, Memory, Metrics
from tests.unit.benchmarks.soak.build import PLAN

SERVED: Any = SimpleNamespace(web="http://none", pid=1)


def metrics(**held: int) -> Metrics:
    return {f"smbquic_{kind}": {(): float(count)} for kind, count in held.items()}


class NeverSettles(SoakPlan):
    """Waits for nothing."""

    @property
    def settling(self) -> float:
        return -1.0


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Metrics]:
    """What the server answers, one after the other."""
    given: list[Metrics] = []
    left: Iterator[Metrics] = iter(given)
    monkeypatch.setattr(run, "read_metrics", lambda _: next(left))
    monkeypatch.setattr(run, "process_memory", lambda _: Memory(4096, 2048, 21, 9))
    monkeypatch.setattr(run, "POLL", 0.0)
    return given


def test_all_is_given_back_at_some_time(answers: list[Metrics]) -> None:
    answers += [metrics(opens=2, locks=1), metrics(opens=1), metrics(opens=0)]
    results = Results(PLAN)
    found = asyncio.run(_given_back(SERVED, PLAN, results))
    assert set(found) == set(HELD)
    assert all(seconds is not None and seconds >= 0 for seconds in found.values())
    assert not any(results.left.values())
    assert (results.descriptors_after, results.threads_after, results.rss_after) == (21, 9, 4096)


def test_what_comes_back_was_not_given_back(answers: list[Metrics]) -> None:
    plan = NeverSettles(seconds=1.0, rate=1.0, seed=1, interval=1.0)
    answers += [metrics(opens=0, leases=5)]
    results = Results(plan)
    found = asyncio.run(_given_back(SERVED, plan, results))
    assert found["leases"] is None
    assert found["opens"] is not None
    assert results.left["leases"] == 5


def test_requests_by_command_and_status() -> None:
    labels = (("command", "READ"), ("status", "STATUS_SUCCESS"))
    never = (("command", "ECHO"), ("status", "STATUS_SUCCESS"))
    found = _requests({"smbquic_requests_total": {never: 0.0, labels: 7.0}})
    assert found == {"READ STATUS_SUCCESS": 7}
