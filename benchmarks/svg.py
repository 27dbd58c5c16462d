"""Drawings for the page: lengths across are percentages, so that text keeps its size everywhere."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

ROW, TOP, FOOT = 34, 8, 26
CURVES = 280
"""The height of a drawing of curves, in pixels."""
MARGIN = 2.0
"""Percent of the width left free at both sides."""
COLOURS = """
:root { color-scheme: light dark; --ink: #1d2330; --soft: #5a6372; --paper: #fff; --line: #d9dde4;
  --panel: #f5f6f8; --tcp: #b4541a; --quic: #1a5fb4; --vpn: #7a3fa0; --other: #4d5a66;
  --negotiate: #26867f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #9aa4b2; --paper: #14171c;
  --line: #333a45; --panel: #1c2128; --tcp: #f0a060; --quic: #78aeff; --vpn: #c79bea;
  --other: #b2bcc8; --negotiate: #5cc4bb; } }
svg { display: block; font: 12px system-ui, sans-serif; overflow: hidden; }
svg text { fill: var(--ink); } svg .tick { fill: var(--soft); } svg .value { fill: var(--soft); }
svg .grid { stroke: var(--line); } svg .range { stroke-width: 3; opacity: .45; }
svg .curve { stroke-width: 1.5; }
.tcp line { stroke: var(--tcp); } .tcp circle { fill: var(--tcp); }
.quic line { stroke: var(--quic); } .quic circle { fill: var(--quic); }
.vpn line { stroke: var(--vpn); } .vpn circle { fill: var(--vpn); }
.other line { stroke: var(--other); } .other circle { fill: var(--other); }
.stage.transport { fill: var(--quic); } .stage.negotiate { fill: var(--negotiate); }
.stage.session { fill: var(--tcp); } .stage.tree { fill: var(--vpn); }
"""
"""The style of drawings, on the page and in files of their own."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A value with its interval, in the units of the axis."""

    label: str
    value: float
    low: float
    high: float
    text: str
    kind: str
    """The class that colours it."""


def steps(top: float, count: int = 4) -> list[float]:
    """Round numbers from 0 up to at least `top`."""
    if top <= 0:
        return [0.0, 1.0]
    raw = top / count
    magnitude = 10 ** math.floor(math.log10(raw))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= raw * 0.999)
    return [step * n for n in range(math.ceil(top / step * 0.999) + 1)]


def across(value: float, top: float) -> str:
    """Where on the width a value is."""
    return f"{MARGIN + (100 - 2 * MARGIN) * value / top:.3f}%"


def axis(marks: Sequence[float], top: float, high: float, unit: str) -> list[str]:
    """Lines down, with their numbers below."""
    found = []
    for index, mark in enumerate(marks):
        x = across(mark, top)
        anchor = "start" if index == 0 else "end" if index == len(marks) - 1 else "middle"
        unit_text = f" {unit}" if index == len(marks) - 1 and unit else ""
        found.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP}" y2="{high - FOOT}"/>')
        found.append(
            f'<text class="tick" x="{x}" y="{high - 9}" text-anchor="{anchor}">'
            f"{mark:g}{escape(unit_text)}</text>"
        )
    return found


def height(rows: int) -> int:
    """Return the height of a drawing with so many rows, in pixels."""
    return TOP + ROW * rows + FOOT


def dots(title: str, bars: Sequence[Bar], unit: str) -> str:
    """A row for each: its name, its value, a dot, and a bar for the interval."""
    marks = steps(max((max(bar.high, bar.value) for bar in bars), default=1.0))
    top = marks[-1]
    parts = [
        f'<svg role="img" width="100%" height="{height(len(bars))}" aria-label="{escape(title)}">',
        *axis(marks, top, height(len(bars)), unit),
    ]
    for index, bar in enumerate(bars):
        y = TOP + ROW * index + 24
        low, value, high = (across(v, top) for v in (bar.low, bar.value, bar.high))
        parts += [
            f'<g class="{bar.kind}">',
            f'<text x="{across(0, top)}" y="{y - 8}">{escape(bar.label)}</text>',
            f'<text class="value" x="{100 - MARGIN}%" y="{y - 8}" text-anchor="end">'
            f"{escape(bar.text)}</text>",
            f'<line class="range" x1="{low}" x2="{high}" y1="{y}" y2="{y}"/>',
            f'<circle cx="{value}" cy="{y}" r="4.5"/>',
            "</g>",
        ]
    return "".join([*parts, "</svg>"])


def stages(
    title: str, rows: Sequence[tuple[str, str, Sequence[tuple[str, float]]]], unit: str
) -> str:
    """A row for each: its name, its text, and parts one after the other."""
    marks = steps(max((sum(length for _, length in parts) for *_, parts in rows), default=1.0))
    top = marks[-1]
    drawn = [
        f'<svg role="img" width="100%" height="{height(len(rows))}" aria-label="{escape(title)}">',
        *axis(marks, top, height(len(rows)), unit),
    ]
    for index, (label, text, parts) in enumerate(rows):
        y = TOP + ROW * index + 24
        drawn.append(f'<text x="{across(0, top)}" y="{y - 8}">{escape(label)}</text>')
        drawn.append(
            f'<text class="value" x="{100 - MARGIN}%" y="{y - 8}" text-anchor="end">'
            f"{escape(text)}</text>"
        )
        start = 0.0
        for name, length in parts:
            width = (100 - 2 * MARGIN) * length / top
            drawn.append(
                f'<rect class="stage {escape(name)}" x="{across(start, top)}" y="{y - 4}"'
                f' width="{width:.3f}%" height="8"><title>{escape(name)}:'
                f" {length:.1f} {escape(unit)}</title></rect>"
            )
            start += length
    return "".join([*drawn, "</svg>"])


@dataclass(frozen=True, slots=True)
class Curve:
    """Points (x, median, low, high) of one arm."""

    label: str
    kind: str
    points: Sequence[tuple[float, float, float, float]]


def curves(title: str, x_unit: str, y_unit: str, lines: Sequence[Curve]) -> str:
    """Values against something, with intervals."""
    bottom = CURVES - FOOT
    x_marks = steps(max(p[0] for line in lines for p in line.points))
    y_marks = steps(max(p[3] for line in lines for p in line.points))
    right, top = x_marks[-1], y_marks[-1]

    def up(value: float) -> float:
        return bottom - (bottom - TOP - 12) * value / top

    parts = [
        f'<svg role="img" width="100%" height="{CURVES}" aria-label="{escape(title)}">',
        *axis(x_marks, right, CURVES, x_unit),
    ]
    for mark in y_marks[1:]:
        parts.append(
            f'<line class="grid" x1="{MARGIN}%" x2="{100 - MARGIN}%" y1="{up(mark):.1f}"'
            f' y2="{up(mark):.1f}"/><text class="tick" x="{MARGIN}%" y="{up(mark) - 3:.1f}">'
            f"{mark:g}{' ' + escape(y_unit) if mark == top else ''}</text>"
        )
    for line in lines:
        parts.append(f'<g class="{line.kind}"><title>{escape(line.label)}</title>')
        for (x1, y1, *_), (x2, y2, *_) in zip(line.points, line.points[1:], strict=False):
            parts.append(
                f'<line class="curve" x1="{across(x1, right)}" y1="{up(y1):.1f}"'
                f' x2="{across(x2, right)}" y2="{up(y2):.1f}"/>'
            )
        for x, y, low, high in line.points:
            at = across(x, right)
            parts.append(
                f'<line class="range" x1="{at}" x2="{at}" y1="{up(low):.1f}" y2="{up(high):.1f}"/>'
                f'<circle cx="{at}" cy="{up(y):.1f}" r="4"/>'
            )
        parts.append("</g>")
    return "".join([*parts, "</svg>"])
