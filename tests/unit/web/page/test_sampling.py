"""Rates and latencies of a server, second by second."""

import asyncio

import pytest

from smbquic.observe.request_counts import LATENCIES
from smbquic.observe.time_series import TimeSeries
from smbquic.overload.slow_peers import Moved
from smbquic.server.server import Server
from smbquic.web.page import sampling
from smbquic.web.page.sampling import SERIES, Sampler, quantile_ms
from smbquic.wire.header import Command
from tests.unit.clock import Clock
from tests.unit.server.smb_client import Until


def sample_of(series: TimeSeries) -> dict[str, float | None]:
    return dict(zip(SERIES, series.seconds.after(0)["values"][-1], strict=True))


async def test_a_sample_is_what_happened_since_the_last_one(
    server: Server, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "monotonic", clock)
    series = TimeSeries(SERIES)
    sampler = Sampler(server, series, list)
    server.slow_peers.moved = Moved(7.0, 2000, 4000)
    for _ in range(10):
        server.requests.add(Command.READ, 0, 0.00125)
    server.requests.add(Command.CHANGE_NOTIFY, 0, 20.0)
    clock.now += 2.0
    sampler.sample(0.0042)
    found = sample_of(series)
    assert (found["received"], found["sent"], found["requests"]) == (1000.0, 2000.0, 5.5)
    assert (found["loop_delay_ms"], found["connections"], found["opens"]) == (4.2, 0, 0)
    assert 1.0 < (found["latency_median_ms"] or 0) < (found["latency_high_ms"] or 0) < 2.5

    clock.now += 1.0
    sampler.sample(-0.001)
    found = sample_of(series)
    assert (found["received"], found["requests"], found["loop_delay_ms"]) == (0.0, 0.0, 0.0)
    assert found["latency_median_ms"] is None


async def test_bytes_are_counted_between_two_checks_of_the_connections(
    server: Server, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "monotonic", clock)
    series = TimeSeries(SERIES)
    sampler = Sampler(server, series, list)
    monkeypatch.setattr(server, "connections", ["one of many"])
    moved: list[tuple[float | None, float | None]] = []
    # A check every 1.25 seconds, and so none between two of the samples.
    first, second, third, fourth = (Moved(1.25 * n, 1250 * n, 25 * n) for n in range(1, 5))
    for server.slow_peers.moved in (first, second, third, third, fourth):
        clock.now += 1.0
        sampler.sample(0.0)
        newest = sample_of(series)
        moved.append((newest["received"], newest["sent"]))
    assert moved == [(1000.0, 20.0)] * 5

    # After an hour without a client, what the first one sends is of this second.
    monkeypatch.setattr(server, "connections", [])
    clock.now += 1.0
    sampler.sample(0.0)
    assert sample_of(series)["received"] == 0.0
    server.slow_peers.moved = Moved(3600.0, 5100, 100)
    clock.now += 1.0
    sampler.sample(0.0)
    assert sample_of(series)["received"] == 100.0


async def test_the_processor_time_is_that_of_workers_too(
    server: Server, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "monotonic", clock)
    monkeypatch.setattr(sampling, "processor_seconds", lambda: clock.now / 4)
    # One is about to be started.
    seconds = [0.0, None]
    series = TimeSeries(SERIES)
    sampler = Sampler(server, series, lambda: [{"processor_seconds": each} for each in seconds])
    clock.now += 2.0
    seconds[0] = 1.0
    sampler.sample(0.0)
    assert sample_of(series)["processor"] == 0.75


async def test_samples_are_taken_until_the_end(
    server: Server, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "INTERVAL", 0.001)
    series = TimeSeries(SERIES)
    task = asyncio.create_task(Sampler(server, series, list).run())
    await until(lambda: len(series.seconds.after(0)["times"]) >= 3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()


def test_quantiles() -> None:
    counts = [0] * (len(LATENCIES) + 1)
    assert quantile_ms(counts, 0.5) is None
    counts[2] = 100
    assert quantile_ms(counts, 0.5) == 0.75
    counts[0] = 100
    assert quantile_ms(counts, 0.5) == 0.25
    assert quantile_ms(counts, 0.99) == 0.99
    # Longer than all bounds: the longest is all that is known.
    assert quantile_ms([0] * len(LATENCIES) + [5], 0.99) == LATENCIES[-1] * 1000
