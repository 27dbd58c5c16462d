"""From samples to a table: medians with their spread, and what the project wants of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

from benchmarks.throughput.bench import Figures

NOISE = 0.1
"""Processor seconds per second of others, above which a sample is noisy."""
UNITS = {
    "rate": "MB/s",
    "client_cpu": "CPU s/GiB, client",
    "server_cpu": "CPU s/GiB, server",
    "client_peak": "MiB, client's peak",
    "server_peak": "MiB, server's peak",
    "operations": "/s",
    "p50": "us, p50",
    "p90": "us, p90",
    "p99": "us, p99",
    "max": "us, max",
    "client_us": "CPU us each, client",
    "server_us": "CPU us each, server",
    "growth": "MiB, server's growth",
    "asked": "MiB waiting",
    "taken": "MiB taken",
    "each": "KiB, server, for each",
    "visit": "s, one more: logon, open, read",
    "gathering": "s until all were there",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement of an arm. `others` is what other people's processes used meanwhile."""

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

    def __init__(self, samples: Iterable[Sample] = ()) -> None:
        self.samples = list(samples)
        self.failures: list[str] = []

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


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure, or one over another, is to reach; or to stay below."""

    title: str
    value: Callable[[Results], Spread | None]
    limit: float
    at_least: bool = True

    def line(self, results: Results) -> str | None:
        """How it stands; None if nothing was measured."""
        spread = self.value(results)
        if spread is None:
            return None
        met = spread.median >= self.limit if self.at_least else spread.median <= self.limit
        sign = ">=" if self.at_least else "<="
        return f"{'met   ' if met else 'MISSED'}  {self.title}: {spread}, {sign} {self.limit:g}"


def _figure(arm: str, work: str, figure: str) -> Callable[[Results], Spread | None]:
    return lambda results: results.spread(arm, work, figure)


def _ratio(
    above: tuple[str, str, str], below: tuple[str, str, str]
) -> Callable[[Results], Spread | None]:
    return lambda results: results.ratio(above, below)


def targets() -> Iterable[Target]:
    """What the project wants."""
    for way in ("get", "put"):
        ours = ("quic-qh3", way, "rate")
        slow = ("quic-aioquic", way, "rate")
        yield Target(f"{way}, qh3, MB/s", _figure(*ours), 350)
        yield Target(
            f"{way}, qh3 / its raw stream", _ratio(ours, ("raw-qh3", "stream", "rate")), 0.85
        )
        yield Target(
            f"{way}, qh3 / Samba in WireGuard", _ratio(ours, ("samba-wireguard", way, "rate")), 0.8
        )
        yield Target(
            f"{way}, aioquic / its raw stream",
            _ratio(slow, ("raw-aioquic", "stream", "rate")),
            0.85,
        )
        yield Target(f"{way}, qh3, jumbo, MB/s", _figure("quic-qh3-jumbo", way, "rate"), 600)
        yield Target(f"{way}, TCP, signed, MB/s", _figure("tcp", way, "rate"), 600)
    yield Target(
        "aioquic's raw stream / its own server and client",
        _ratio(("raw-aioquic", "stream", "rate"), ("stock-aioquic", "stream", "rate")),
        1.8,
    )
    for work in ("echo", "read"):
        yield Target(
            f"smb2.bench.{work} / smbd",
            _ratio(("torture", work, "operations"), ("torture-smbd", work, "operations")),
            0.4,
        )
    yield Target(
        "p50 of a 4 KiB read, QUIC / TCP",
        _ratio(("small-quic-qh3", "read", "p50"), ("small-tcp", "read", "p50")),
        1.5,
        at_least=False,
    )
    for arm in ("qh3", "aioquic", "tcp"):
        yield Target(
            f"growth for a slow reader, {arm}, MiB",
            _figure(f"slow-{arm}", "reader", "growth"),
            32,
            at_least=False,
        )
        yield Target(
            f"one more connection, {arm}, s",
            _figure(f"idle-{arm}", "connections", "visit"),
            1,
            at_least=False,
        )
