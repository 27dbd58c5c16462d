"""The results of a soak: their file, their tables, and the marks that they are held against."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from benchmarks.documents import DocumentError, read, write
from benchmarks.soak.plan import SoakPlan
from benchmarks.soak.report import Report
from benchmarks.soak.samples import HELD, Sample
from benchmarks.soak.session import SMALL
from benchmarks.statistics import slope

MEBIBYTE = 1 << 20
TRENDS = 1800.0
"""Seconds of load from which on trends are held against marks: minutes say nothing of an hour."""
MEMORY_TREND = 0.05
"""How much of its memory the server may gain in an hour, by the second half of the load."""
SLOWER = {"p50": 1.25, "p99": 1.5}
"""How much slower the last quarter may be than the first one."""
COSTLIER = 1.15
"""How much more of the server's processor time an operation may take then."""
ALL_SMALL = "small operations"
MOST_PROBLEMS = 50
NOT_KEPT = "CREATE STATUS_OBJECT_NAME_NOT_FOUND"
"""What the server answers to a client whose durable open it has not kept, and to no other here."""
HEADER = f"{'first and last quarter':34} {'count':>15} {'p50 ms':>15} {'p99 ms':>17} {'max s':>15}"


@dataclass(frozen=True, slots=True)
class Figures:
    """The times of one kind of operation over one transport in a quarter of the load."""

    quarter: int
    transport: str
    operation: str
    count: int
    p50: float
    p99: float
    longest: float


@dataclass(slots=True)
class Failure:
    """An action that failed, how often, and the time of the first one."""

    transport: str
    action: str
    cause: str
    count: int
    first: float


@dataclass(slots=True)
class Results:
    """All that was seen. `given_back` are the seconds until a kind was 0; None: it never was."""

    plan: SoakPlan
    samples: list[Sample] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    killed: dict[str, int] = field(default_factory=dict)
    given_back: dict[str, float | None] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    """What the server's log has had above information, each text once."""
    quarters: list[Figures] = field(default_factory=list)
    loaded: float = 0.0
    """Seconds of load."""
    cut_off: int = 0
    """Killed clients that the server has disconnected, as they took no responses."""
    interrupted: bool = False
    server_failures: int = 0
    descriptors_after: int = 0
    threads_after: int = 0
    rss_after: int = 0
    _history: list[tuple[float, dict[str, Report]]] = field(default_factory=list)

    # --- while it runs ------------------------------------------------------------------------

    def add(self, sample: Sample, reports: dict[str, Report]) -> None:
        """Take in a sample, and what the clients have done since the last one."""
        self.samples.append(sample)
        self._history.append((sample.seconds, reports))
        for transport, report in reports.items():
            self.refused.update(report.refused)
            for (action, cause), count in report.failures.items():
                self._add_failure(Failure(transport, action, cause, count, sample.seconds))

    def _add_failure(self, new: Failure) -> None:
        for known in self.failures:
            if (known.transport, known.action, known.cause) == (
                *(new.transport, new.action, new.cause),
            ):
                known.count += new.count
                return
        self.failures.append(new)

    def note_problems(self, problems: Sequence[str]) -> None:
        """Take in what the log has had."""
        for problem in problems:
            if problem not in self.problems and len(self.problems) < MOST_PROBLEMS:
                self.problems.append(problem)

    def summarize(self) -> None:
        """Make `quarters` of what the clients have done."""
        merged: dict[tuple[int, str], Report] = {}
        for seconds, reports in self._history:
            quarter = self._quarter(seconds)
            for transport, report in reports.items():
                merged.setdefault((quarter, transport), Report()).update(report)
        self.quarters = [
            figures
            for (quarter, transport), report in sorted(merged.items())
            for figures in _figures(quarter, transport, report)
        ]

    # --- its file -----------------------------------------------------------------------------

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read a file of `save`. Raises `DocumentError`."""
        document = read(file)
        try:
            plan = SoakPlan(**{**document["plan"], **_tuples(document["plan"])})
            rest = {
                name: document[name]
                for name in (
                    *("killed", "given_back", "left", "requests", "problems", "loaded"),
                    *(
                        "cut_off",
                        "interrupted",
                        "server_failures",
                        "descriptors_after",
                        "threads_after",
                    ),
                    "rss_after",
                )
            }
            return cls(
                plan,
                samples=[Sample(**each) for each in document["samples"]],
                failures=[Failure(**each) for each in document["failures"]],
                refused=Counter(document["refused"]),
                quarters=[Figures(**each) for each in document["quarters"]],
                **rest,
            )
        except (KeyError, TypeError) as error:
            raise DocumentError(f"{file} holds no result: {error}") from error

    def save(self, file: Path, description: dict[str, Any]) -> None:
        """Write everything."""
        self.summarize()
        document = asdict(replace(self, _history=[]))
        document["refused"] = dict(self.refused)
        del document["_history"]
        write(file, {**description, **_rounded(document)}, indent=None)

    # --- what it says ---------------------------------------------------------------------------

    @property
    def under_load(self) -> list[Sample]:
        """The samples with clients: the first is taken before them, the last after them."""
        return self.samples[1:-1]

    @property
    def memory_trend(self) -> float:
        """Bytes that the resident memory has grown by in an hour, by the second half."""
        half = self.under_load[len(self.under_load) // 2 :]
        return slope([(one.seconds / 3600, float(one.rss)) for one in half])

    def cost(self, quarter: int) -> float:
        """Return the server's processor seconds for an operation in a quarter; 0 without any.

        Other programs on the machine make operations slower, and change little of this.
        """
        samples = [one for one in self.under_load if self._quarter(one.seconds) == quarter]
        rate = sum(each["rate"] for one in samples for each in one.transports.values())
        return sum(one.server for one in samples) / rate if rate else 0.0

    def _quarter(self, seconds: float) -> int:
        return min(int(4 * seconds / self.loaded), 3) if self.loaded else 0

    def figures(self, quarter: int, transport: str, operation: str) -> Figures | None:
        """Return the times of an operation; None if there were none."""
        wanted = (quarter, transport, operation)
        found = (f for f in self.quarters if (f.quarter, f.transport, f.operation) == wanted)
        return next(found, None)

    def marks(self) -> Iterator[tuple[bool, str]]:
        """Yield what has to hold, and whether it does."""
        for kind in HELD:
            seconds = self.given_back.get(kind)
            when = f"{self.left.get(kind, '?')} are left" if seconds is None else f"{seconds} s"
            yield seconds is not None, f"{kind} given back after the last client: {when}"
        if self.samples:
            before, after = self.samples[0].descriptors, self.descriptors_after
            yield before == after, f"descriptors of the server: {before} before, {after} after"
        failed = sum(failure.count for failure in self.failures)
        yield not failed, f"failed actions: {failed}"
        lost = self.requests.get(NOT_KEPT, 0)
        yield not lost, f"durable opens that clients have not got back: {lost}"
        yield not self.server_failures, f"failures in the server: {self.server_failures}"
        yield not self.problems, f"warnings and errors in the server's log: {len(self.problems)}"
        if self.loaded >= TRENDS:
            yield from self._trend_marks()

    def _trend_marks(self) -> Iterator[tuple[bool, str]]:
        grown, size = self.memory_trend, self.under_load[-1].rss
        yield (
            grown <= MEMORY_TREND * size,
            f"memory in the second half: {grown / MEBIBYTE:+.2f} MiB per hour of"
            f" {size / MEBIBYTE:.1f} MiB, at most {MEMORY_TREND:.0%}",
        )
        costs = self.cost(0), self.cost(3)
        yield (
            costs[1] <= COSTLIER * costs[0],
            "processor time of the server for an operation in the first and the last quarter:"
            f" {costs[0] * 1000:.2f} and {costs[1] * 1000:.2f} ms, at most {COSTLIER} times",
        )
        for transport in self.plan.transports:
            first = self.figures(0, transport, ALL_SMALL)
            last = self.figures(3, transport, ALL_SMALL)
            if first is None or last is None:
                continue
            for name, factor in SLOWER.items():
                before, after = getattr(first, name), getattr(last, name)
                yield (
                    after <= factor * before,
                    f"{transport} {name} of the first and the last quarter:"
                    f" {before * 1000:.1f} and {after * 1000:.1f} ms, at most {factor} times",
                )

    def lines(self) -> Iterator[str]:
        """Yield the tables."""
        done = sum(f.count for f in self.quarters if f.operation != ALL_SMALL)
        clients = ", ".join(f"{count} over {name}" for name, count in self.killed.items())
        yield (
            f"{self.loaded / 60:.1f} minutes{' (interrupted)' if self.interrupted else ''},"
            f" {done:,} operations, {done / self.loaded if self.loaded else 0:.0f} per second;"
            f" killed processes: {clients or 'none'}"
        )
        yield from self._processor_lines()
        yield ""
        yield HEADER
        for transport, operation in dict.fromkeys(
            (f.transport, f.operation) for f in self.quarters
        ):
            yield self._line(transport, operation)
        yield ""
        for failure in self.failures:
            yield (
                f"failed: {failure.count} x {failure.transport} {failure.action}, first at"
                f" {failure.first:.0f} s: {failure.cause}"
            )
        for problem in self.problems:
            yield f"log: {problem}"
        refused = ", ".join(f"{count} x {name}" for name, count in sorted(self.refused.items()))
        if self.cut_off:
            yield f"killed clients that were disconnected as they took no responses: {self.cut_off}"
        yield f"refused because of another client's lock: {refused or 'none'}"
        statuses = [f"{n} x {name}" for name, n in self.requests.items() if "SUCCESS" not in name]
        yield f"answers of the server other than success: {', '.join(statuses) or 'none'}"
        yield ""
        for met, mark in self.marks():
            yield f"{'met   ' if met else 'MISSED'} {mark}"

    def _processor_lines(self) -> Iterator[str]:
        loaded = self.under_load
        if not loaded:
            return

        def mean(name: str) -> float:
            return sum(float(getattr(one, name)) for one in loaded) / len(loaded)

        yield (
            f"processors: server {mean('server'):.2f}, clients {mean('clients'):.2f}, others"
            f" {mean('others'):.2f}; load average {mean('load'):.1f}; event loop late by"
            f" {mean('lag_mean') * 1000:.2f} ms on average"
        )
        sizes = [one.rss / MEBIBYTE for one in loaded]
        yield (
            f"memory of the server: {self.samples[0].rss / MEBIBYTE:.1f} MiB without clients,"
            f" {min(sizes):.1f} to {max(sizes):.1f} with them, {self.rss_after / MEBIBYTE:.1f}"
            f" after them; {self.memory_trend / MEBIBYTE:+.2f} MiB per hour in the second half"
        )
        most = {kind: max(one.held[kind] for one in loaded) for kind in HELD}
        yield f"at most: {', '.join(f'{count} {kind}' for kind, count in most.items())}"
        threads = sorted({one.threads for one in loaded})
        yield (
            f"descriptors {min(one.descriptors for one in loaded)} to"
            f" {max(one.descriptors for one in loaded)}, threads {threads[0]} to {threads[-1]}"
            f" ({self.threads_after} after)"
        )

    def _line(self, transport: str, operation: str) -> str:
        both = [self.figures(quarter, transport, operation) for quarter in (0, 3)]

        def pair(name: str, factor: float, digits: int) -> str:
            shown = (
                "-" if one is None else f"{getattr(one, name) * factor:.{digits}f}" for one in both
            )
            return " ".join(f"{each:>7}" for each in shown)

        return (
            f"{transport:13} {operation:20} {pair('count', 1, 0)} {pair('p50', 1000, 2)}"
            f"  {pair('p99', 1000, 1)} {pair('longest', 1, 2)}"
        )


def _figures(quarter: int, transport: str, report: Report) -> Iterator[Figures]:
    groups = {name: report.times[name] for name in sorted(report.times)}
    if not report.times.keys().isdisjoint(SMALL):
        groups = {ALL_SMALL: report.of_operations(SMALL), **groups}
    for name, times in groups.items():
        p50, p99 = times.quantile(0.5), times.quantile(0.99)
        yield Figures(quarter, transport, name, times.count, p50, p99, times.longest)


def _rounded(value: Any) -> Any:
    """Return a document whose numbers have no more digits than they are good for."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value


def _tuples(plan: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(plan[name]) for name in ("transports", "killed")}
