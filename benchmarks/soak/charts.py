"""Charts of a soak: values against time, each in an SVG file that a page can show."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from benchmarks import svg
from benchmarks.soak.results import MEBIBYTE, Results
from benchmarks.soak.samples import Sample

WIDTH, HEIGHT = 880, 250
LEFT, RIGHT, TOP, BOTTOM = 60, 16, 42, 28
_STYLE = """
svg .title { font-weight: 600; font-size: 14px; }
svg polyline { fill: none; stroke-width: 1.5; stroke-linejoin: round; }
svg .a { stroke: var(--quic); } svg .b { stroke: var(--tcp); } svg .c { stroke: var(--vpn); }
svg .d { stroke: var(--negotiate); } svg .second { stroke-dasharray: 4 3; }
svg .key { stroke-width: 3; }
"""
_KINDS = "abcd"

Value = Callable[[Sample], float]


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one thing, at times in seconds; `kind` are the classes that colour it."""

    label: str
    kind: str
    points: Sequence[tuple[float, float]]


class LinearScale:
    """An axis from 0 up, with round marks."""

    def __init__(self, values: Sequence[float]) -> None:
        self.marks = svg.steps(max(values, default=1.0))

    def share(self, value: float) -> float:
        """Return how far up the axis a value is, 0 to 1."""
        return value / self.marks[-1]


class LogScale:
    """An axis of powers of ten, for values of which a few are far above the others."""

    def __init__(self, values: Sequence[float]) -> None:
        positive = [value for value in values if value > 0] or [1.0]
        self._low = math.floor(math.log10(min(positive)))
        self._high = max(math.ceil(math.log10(max(positive))), self._low + 1)
        self.marks = [10.0**power for power in range(self._low, self._high + 1)]

    def share(self, value: float) -> float:
        """Return how far up the axis a value is, 0 to 1."""
        power = math.log10(value) if value > 0 else self._low
        return (power - self._low) / (self._high - self._low)


def chart(title: str, unit: str, lines: Sequence[Series], *, logarithmic: bool = False) -> str:
    """Draw values against minutes. Each series is in the key beside the title."""
    values = [value for line in lines for _, value in line.points]
    up = LogScale(values) if logarithmic else LinearScale(values)
    last = max((seconds for line in lines for seconds, _ in line.points), default=60.0) / 60

    def x(minutes: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * minutes / last

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * up.share(value)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{WIDTH}" height="{HEIGHT}"'
        f' viewBox="0 0 {WIDTH} {HEIGHT}"><title>{escape(title)}</title>'
        f"<style>{svg.COLOURS}{_STYLE}</style>"
        f'<rect width="100%" height="100%" rx="8" fill="var(--paper)"/>'
        f'<text class="title" x="{LEFT}" y="18">{escape(title)}</text>',
        *_key(LEFT + 24 + 8.2 * len(title), lines),
    ]
    for value in up.marks:
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}"'
            f' y2="{y(value):.1f}"/><text class="tick" x="{LEFT - 6}" y="{y(value) + 4:.1f}"'
            f' text-anchor="end">{value:,g}</text>'
        )
    parts.append(f'<text class="tick" x="8" y="{TOP - 10}">{escape(unit)}</text>')
    for minutes in svg.steps(last, 6):
        if minutes <= last:
            text = f"{minutes:g} min" if minutes == 0 else f"{minutes:g}"
            parts.append(
                f'<text class="tick" x="{x(minutes):.1f}" y="{HEIGHT - 9}"'
                f' text-anchor="middle">{text}</text>'
            )
    for line in lines:
        points = " ".join(f"{x(seconds / 60):.1f},{y(v):.1f}" for seconds, v in line.points)
        parts.append(
            f'<polyline class="{line.kind}" points="{points}">'
            f"<title>{escape(line.label)}</title></polyline>"
        )
    return "".join([*parts, "</svg>\n"])


def _key(at: float, lines: Sequence[Series]) -> Iterator[str]:
    for line in lines:
        yield (
            f'<line class="key {line.kind}" x1="{at:.0f}" x2="{at + 16:.0f}" y1="14" y2="14"/>'
            f'<text x="{at + 21:.0f}" y="18">{escape(line.label)}</text>'
        )
        at += 36 + 6.4 * len(line.label)


@dataclass(frozen=True, slots=True)
class ServerChart:
    """A chart of values of the server; of `all` samples, or only of those with clients."""

    name: str
    title: str
    unit: str
    values: Sequence[tuple[str, Value]]
    all: bool = True

    def draw(self, results: Results) -> str:
        """Return the drawing."""
        samples = results.samples if self.all else results.under_load
        lines = [
            Series(label, kind, [(one.seconds, value(one)) for one in samples])
            for kind, (label, value) in zip(_KINDS, self.values, strict=False)
        ]
        return chart(self.title, self.unit, lines)


@dataclass(frozen=True, slots=True)
class TransportChart:
    """A chart of times of each transport, from figures in seconds."""

    name: str
    title: str

    def draw(self, results: Results) -> str:
        """Return the drawing."""
        lines = []
        for kind, transport in zip(_KINDS, results.plan.transports, strict=False):
            points = [
                (one.seconds, one.transports[transport][self.name] * 1000)
                for one in results.under_load
                if transport in one.transports and one.transports[transport][self.name]
            ]
            lines.append(Series(transport, kind, points))
        return chart(self.title, "ms", lines, logarithmic=True)


CHARTS = (
    ServerChart(
        "memory",
        "Memory of the server",
        "MiB",
        (
            ("resident (RSS)", lambda one: one.rss / MEBIBYTE),
            ("proportional (PSS)", lambda one: one.pss / MEBIBYTE),
        ),
    ),
    ServerChart(
        "descriptors",
        "Descriptors and threads of the server",
        "",
        (("descriptors", lambda one: one.descriptors), ("threads", lambda one: one.threads)),
    ),
    ServerChart(
        "held",
        "What clients hold",
        "",
        (
            ("opens", lambda one: one.held["opens"]),
            ("leases", lambda one: one.held["leases"]),
            ("sessions", lambda one: one.held["sessions"]),
            ("locks", lambda one: one.held["locks"]),
        ),
    ),
    ServerChart(
        "rate",
        "Operations per second, of all clients",
        "",
        (("operations", lambda one: sum(each["rate"] for each in one.transports.values())),),
        all=False,
    ),
    TransportChart("p50", "Median of small operations"),
    TransportChart("p99", "99th percentile of small operations"),
    ServerChart(
        "processors",
        "Processors in use",
        "",
        (
            ("server", lambda one: one.server),
            ("clients", lambda one: one.clients),
            ("other programs", lambda one: one.others),
        ),
        all=False,
    ),
    ServerChart(
        "lag",
        "Lag of the server's event loop, mean of an interval",
        "ms",
        (("lag", lambda one: one.lag_mean * 1000),),
        all=False,
    ),
)


def write_charts(results: Results, folder: Path) -> Iterator[Path]:
    """Write all of them into a folder, and yield their files."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in CHARTS:
        file = folder / f"{each.name}.svg"
        file.write_text(each.draw(results))
        yield file
