"""The samples of a run: their file, and their table of medians with the least and the most."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Self

from benchmarks.documents import DocumentError, read, write
from benchmarks.throughput.bench import Figures

NOISE = 0.1
"""Processor seconds per second of others, above which a sample is noisy."""
UNITS = {
    "rate": "MB/s",
    "slowest": "of the clients' mean rate, the slowest client",
    "client_cpu": "CPU s/GiB, client",
    "server_cpu": "CPU s/GiB, server",
    "main_cpu": "CPU s/GiB, server's main process",
    "workers_cpu": "CPU s/GiB, its workers",
    "client_peak": "MiB, client's peak",
    "server_peak": "MiB, server's peak",
    "operations": "/s",
    "p50": "us, p50",
    "p90": "us, p90",
    "p99": "us, p99",
    "max": "us, max",
    "client_us": "CPU us each, client",
    "server_us": "CPU us each, server",
    "unwatched": "MB/s, without the status page",
    "update": "s, longest update of the status page",
    "update_cpu": "CPU ms for each update, server",
    "growth": "MiB, server's growth",
    "asked": "MiB waiting",
    "taken": "MiB taken",
    "each": "KiB, server, for each",
    "visit": "s, one more: logon, open, read",
    "gathering": "s until all were there",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement. `others` is what processes other than ours used meanwhile."""

    arm: str
    round: int
    others: float
    figures: dict[str, Figures]

    @property
    def noisy(self) -> bool:
        """Whether others may have had a part in it."""
        return self.others > NOISE


@dataclass(frozen=True, slots=True)
class Spread:
    """Some values of the same thing."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The one in the middle."""
        return median(self.values)

    def __str__(self) -> str:
        return f"{_text(self.median)} [{_text(min(self.values))}..{_text(max(self.values))}]"


def _text(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


class Results:
    """All samples of a run, and what failed in it."""

    def __init__(self, samples: Iterable[Sample] = (), failures: Iterable[str] = ()) -> None:
        self.samples = list(samples)
        self.failures = list(failures)

    @classmethod
    def load(cls, file: Path) -> Self:
        """Return the samples of a file. Raises `DocumentError`."""
        document = read(file)
        try:
            samples = [
                Sample(found["arm"], found["round"], found["others"], found["figures"])
                for found in document["samples"]
            ]
            return cls(samples, document["failures"])
        except (KeyError, TypeError) as error:
            raise DocumentError(f"{file} holds no result of this benchmark") from error

    def save(self, file: Path, description: Mapping[str, Any]) -> None:
        """Write every sample to a file, with what describes the run."""
        samples = [{**asdict(sample), "noisy": sample.noisy} for sample in self.samples]
        write(file, {**description, "failures": self.failures, "samples": samples})

    def of(self, arm: str) -> list[Sample]:
        """The samples of an arm, in the order of the rounds."""
        return [sample for sample in self.samples if sample.arm == arm]

    def spread(self, arm: str, work: str, figure: str) -> Spread | None:
        """A figure over all rounds; None if it was not taken."""
        values = tuple(
            sample.figures[work][figure]
            for sample in self.of(arm)
            if figure in sample.figures.get(work, {})
        )
        return Spread(values) if values else None

    def ratio(self, above: tuple[str, str, str], below: tuple[str, str, str]) -> Spread | None:
        """One figure over another, round by round."""
        rounds = []
        for arm, work, figure in (above, below):
            rounds.append(
                {
                    sample.round: sample.figures[work][figure]
                    for sample in self.of(arm)
                    if work in sample.figures
                }
            )
        both = sorted(rounds[0].keys() & rounds[1].keys())
        values = tuple(rounds[0][number] / rounds[1][number] for number in both)
        return Spread(values) if values else None

    def lines(self, titles: dict[str, str]) -> Iterable[str]:
        """The table."""
        for arm, title in titles.items():
            samples = self.of(arm)
            for work in samples[0].figures if samples else ():
                noisy = sum(sample.noisy for sample in samples)
                remark = f"  ({noisy} of {len(samples)} noisy)" if noisy else ""
                yield f"{arm:20} {work:12} {title}{remark}"
                for figure, unit in UNITS.items():
                    spread = self.spread(arm, work, figure)
                    if spread is not None:
                        yield f"{'':33} {spread!s:>28}  {unit}"
