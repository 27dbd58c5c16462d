"""Runs a soak: starts the server and the clients, samples, and looks at what is left in the end."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.other_programs import busy_seconds
from benchmarks.soak.crowd import Crowd
from benchmarks.soak.plan import SoakPlan
from benchmarks.soak.report import Report
from benchmarks.soak.results import Results
from benchmarks.soak.samples import (
    LoopLag,
    Memory,
    Metrics,
    Sample,
    held,
    process_memory,
    read_metrics,
    total,
)
from benchmarks.soak.served import Served, serving, stop
from benchmarks.soak.session import SMALL
from benchmarks.usage import TICK, table, tree_cpu_seconds
from benchmarks.workspace import LOCK, PREFIX, parent

Show = Callable[[Results], None]
"""Called after each sample."""
POLL = 0.5
"""Seconds between two looks while the server gives back what clients held."""


class Sampler:
    """Takes samples of a server, each with what has changed since the one before."""

    def __init__(self, served: Served, begun: float) -> None:
        self._served = served
        self._begun = begun
        self._lag = LoopLag()
        self._cpu = self._processor_seconds()
        self._at = time.monotonic()

    def take(self, memory: Memory, metrics: Metrics, reports: dict[str, Report]) -> Sample:
        """Return a sample; `reports` are what the clients have done since the last one."""
        now = time.monotonic()
        seconds = max(now - self._at, 0.01)
        cpu = self._processor_seconds()
        server, clients, others = (
            max(new - old, 0.0) / seconds for new, old in zip(cpu, self._cpu, strict=True)
        )
        connections = {
            dict(labels)["transport"]: int(count)
            for labels, count in metrics["smbquic_connections"].items()
        }
        lag_mean, lag_bound = self._lag.update(metrics)
        sample = Sample(
            seconds=now - self._begun,
            rss=memory.rss,
            pss=memory.pss,
            descriptors=memory.descriptors,
            threads=memory.threads,
            held=held(metrics),
            quic_connections=connections["quic"],
            tcp_connections=connections["tcp"],
            lag_mean=lag_mean,
            lag_bound=lag_bound,
            server=server,
            clients=clients,
            others=others,
            load=os.getloadavg()[0],
            transports={name: _figures(report, seconds) for name, report in reports.items()},
        )
        self._cpu, self._at = cpu, now
        return sample

    def _processor_seconds(self) -> tuple[float, float, float]:
        """Return those of the server, of all else of ours, and of the rest of the machine."""
        process = table().get(self._served.pid)
        server = process.ticks / TICK if process is not None else 0.0
        ours = tree_cpu_seconds(os.getpid())
        all_cores = busy_seconds(Path("/proc/stat").read_text().partition("\n")[0])
        return server, ours - server, all_cores - ours


def _figures(report: Report, seconds: float) -> dict[str, float]:
    times = report.of_operations(SMALL)
    return {
        "rate": report.operations / seconds,
        "failures": report.failures.total(),
        "refused": report.refused.total(),
        "p50": times.quantile(0.5),
        "p99": times.quantile(0.99),
        "longest": times.longest,
    }


async def soak(plan: SoakPlan, place: Path | None, stopping: asyncio.Event, show: Show) -> Results:
    """Run it all. `stopping` ends it early, with the results so far; files are below `place`."""
    with _folder(place) as folder:
        async with serving(folder, plan) as served:
            results = Results(plan)
            try:
                await _under_load(plan, served, results, stopping, show)
                results.given_back = await _given_back(served, plan, results)
                metrics = await asyncio.to_thread(read_metrics, served.web)
                results.requests = _requests(metrics)
                results.server_failures = int(total(metrics, "smbquic_failures_total"))
            except OSError as error:
                results.problems.append(f"the server does not answer: {error}")
            code = await stop(served.process)
            if code:
                results.problems.append(f"the server has ended with exit code {code}")
            results.note_problems(served.problems())
            results.cut_off = served.cut_off
    return results


async def _under_load(
    plan: SoakPlan, served: Served, results: Results, stopping: asyncio.Event, show: Show
) -> None:
    # What the server opens for the first answer counts from the beginning, its connection does not.
    await asyncio.to_thread(read_metrics, served.web)
    await asyncio.sleep(2 * POLL)
    begun = time.monotonic()
    sampler = Sampler(served, begun)
    crowd = Crowd(plan, served)

    async def sample() -> None:
        # First, so that the connection by which the metrics come is not counted.
        memory = process_memory(served.pid)
        metrics = await asyncio.to_thread(read_metrics, served.web)
        reports = crowd.take_reports()
        taken = sampler.take(memory, metrics, reports)
        results.add(taken, reports)
        results.note_problems(served.problems())
        show(results)

    await sample()
    crowd.start()
    try:
        for number in range(1, round(plan.seconds / plan.interval) + 1):
            due = begun + number * plan.interval
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), max(due - time.monotonic(), 0.0))
            if stopping.is_set():
                results.interrupted = True
                break
            await sample()
    finally:
        results.loaded = time.monotonic() - begun
        await crowd.stop()
        results.killed = dict(crowd.killed)
    await sample()


async def _given_back(served: Served, plan: SoakPlan, results: Results) -> dict[str, float | None]:
    """Return after how many seconds each kind was 0, from when the clients were gone; or None."""
    begun = time.monotonic()
    found: dict[str, float | None] = {}
    while True:
        left = held(await asyncio.to_thread(read_metrics, served.web))
        seconds = time.monotonic() - begun
        for kind, count in left.items():
            if count:
                found[kind] = None  # it is there again, if it was 0 before
            elif found.get(kind) is None:
                found[kind] = round(seconds, 1)
        if not any(left.values()) or seconds > plan.settling:
            break
        await asyncio.sleep(POLL)
    results.left = left
    # Its sockets are closed a moment later than they are forgotten.
    await asyncio.sleep(2 * POLL)
    memory = process_memory(served.pid)
    results.descriptors_after, results.rss_after = memory.descriptors, memory.rss
    results.threads_after = memory.threads
    return found


def _requests(metrics: Metrics) -> dict[str, int]:
    """Return how many requests were answered, by command and status."""
    found = {}
    for labels, count in metrics.get("smbquic_requests_total", {}).items():
        named = dict(labels)
        if count:
            found[f"{named['command']} {named['status']}"] = int(count)
    return dict(sorted(found.items()))


@contextlib.contextmanager
def _folder(place: Path | None) -> Iterator[Path]:
    """Make a folder, which is removed in the end."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place or parent()))
    try:
        with (folder / LOCK).open("w") as lock:
            # Whoever removes what killed runs have left sees that this one lives.
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
