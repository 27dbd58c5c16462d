"""Samples a server or a gateway once a second: rates, latencies, and how much there is."""

import asyncio
from collections.abc import Callable, Sequence
from operator import add
from time import monotonic, time
from typing import Any, Final

from smbquic.gateway.gateway import Gateway
from smbquic.lazy_dataclass import dataclass
from smbquic.observe.process_usage import processor_seconds, resident
from smbquic.observe.request_counts import LATENCIES
from smbquic.observe.time_series import TimeSeries
from smbquic.overload.service import LimitedService
from smbquic.overload.slow_peers import Moved
from smbquic.server.server import Server
from smbquic.wire.header import Command

SERIES: Final = (
    "received",
    "sent",
    "requests",
    "refused",
    "latency_median_ms",
    "latency_high_ms",
    "loop_delay_ms",
    "processor",
    "connections",
    "opens",
    "resident",
    "waiting",
)
"""Names of the values. The first four are for a second: bytes, requests and clients.

Latencies are those of the requests that were answered in that second, the median and the 99th
percentile. `loop_delay_ms` is how late the event loop was with the sample itself. `processor` is
how many processor cores the process and its workers have used; `resident` (of the process alone)
and `waiting` are bytes.
"""
INTERVAL: Final = 1.0
LONGEST_CHECK: Final = 5.0
"""Seconds between two checks of the connections, at most, while there are any."""
MEDIAN: Final = 0.5
HIGH: Final = 0.99

_WAITING = frozenset({Command.CHANGE_NOTIFY, Command.CANCEL, Command.LOCK, Command.SESSION_SETUP})
"""Requests that wait for other clients, and logons, whose failures are answered late."""


@dataclass(frozen=True, slots=True)
class _Totals:
    """What is counted from the start on. `latencies` has a count for each of `LATENCIES`."""

    time: float
    moved: Moved
    requests: int | None
    refused: int
    processor: float | None
    latencies: tuple[int, ...]


class Sampler:
    """Takes the samples of one service; `workers` returns what is known of its processes."""

    def __init__(
        self,
        service: LimitedService[Any],
        series: TimeSeries,
        workers: Callable[[], list[dict[str, Any]]],
    ) -> None:
        self._service = service
        self._series = series
        self._workers = workers
        self._last = self._totals()
        self._moved = (0.0, 0.0)

    async def run(self) -> None:
        """Take a sample every second, until cancelled."""
        due = monotonic()
        while True:
            due = max(due + INTERVAL, monotonic())
            await asyncio.sleep(due - monotonic())
            self.sample(monotonic() - due)

    def sample(self, late: float) -> None:
        """Add a sample, for which the event loop was so many seconds late."""
        service, before = self._service, self._last
        after = self._last = self._totals()
        seconds = max(after.time - before.time, 1e-3)
        answered = [new - old for old, new in zip(before.latencies, after.latencies, strict=True)]

        def rate(old: float | None, new: float | None) -> float | None:
            return None if old is None or new is None else round(max(new - old, 0) / seconds, 3)

        self._series.add(
            time(),
            (
                *self._moved_in_a_second(before, after),
                rate(before.requests, after.requests),
                rate(before.refused, after.refused),
                quantile_ms(answered, MEDIAN),
                quantile_ms(answered, HIGH),
                round(max(late, 0.0) * 1000, 2),
                rate(before.processor, after.processor),
                len(service.connections),
                service.files.budget.used if isinstance(service, Server) else None,
                resident(),
                service.slow_peers.waiting,
            ),
        )

    def _moved_in_a_second(self, before: _Totals, after: _Totals) -> tuple[float, float]:
        """Return how many bytes were received and sent in a second.

        They are counted by the check of all connections, which takes a while where there are many:
        there may be none between two samples. So rates are those between two checks, and go on
        until the next one.
        """
        old, new = before.moved, after.moved
        if new is not old:
            seconds = new.time - old.time
            if seconds > LONGEST_CHECK:
                # There were no connections to check.
                seconds = max(after.time - before.time, 1e-3)
            self._moved = (
                round((new.received - old.received) / seconds, 3),
                round((new.sent - old.sent) / seconds, 3),
            )
        elif not self._service.connections:
            self._moved = (0.0, 0.0)
        return self._moved

    def _totals(self) -> _Totals:
        service = self._service
        requests: int | None = None
        latencies = [0] * (len(LATENCIES) + 1)
        if isinstance(service, Server):
            requests = 0
            for command, counted in enumerate(service.requests.commands):
                requests += counted.latencies.count
                if command not in _WAITING:
                    latencies = list(map(add, latencies, counted.latencies.counts))
        elif isinstance(service, Gateway):
            requests = service.counts.commands.total()
        return _Totals(
            time=monotonic(),
            moved=service.slow_peers.moved,
            requests=requests,
            refused=service.refusals.counts.total(),
            processor=self._processor_seconds(),
            latencies=tuple(latencies),
        )

    def _processor_seconds(self) -> float | None:
        """Return the processor time of all processes; None where it is not known."""
        here = processor_seconds()
        workers = (each["processor_seconds"] or 0.0 for each in self._workers())
        return None if here is None else here + sum(workers)


def quantile_ms(counts: Sequence[int], part: float) -> float | None:
    """Return the time in ms that so large a part of the requests took at most; None without any.

    `counts` are those of a histogram with the bounds of `LATENCIES`; inside of a bound, they are
    taken as evenly distributed.
    """
    rank = sum(counts) * part
    if not rank:
        return None
    below = 0
    for number, count in enumerate(counts):
        if below + count >= rank and count:
            lower = LATENCIES[number - 1] if number else 0.0
            upper = LATENCIES[min(number, len(LATENCIES) - 1)]
            return round((lower + (upper - lower) * (rank - below) / count) * 1000, 3)
        below += count
    return None
