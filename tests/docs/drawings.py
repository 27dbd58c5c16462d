"""The drawings of the site: Mermaid's diagrams as SVG, so that no page needs its script.

GitHub draws Mermaid itself. Here graphviz lays states out, and a message flow has a column for
each participant and a row for each message.
"""

import re
import subprocess
from html import escape
from typing import Any

COLUMN, ROW, MARGIN = 350, 44, 24
"""Pixels between two participants, between two messages, and around the drawing."""
_FITS = 'style="max-width:100%;height:auto"'
_STATE = re.compile(r"(\[\*\]|\w+) --> (\[\*\]|\w+)(?:: (.+))?")
_PARTICIPANT = re.compile(r"participant (\w+)(?: as (.+))?")
_MESSAGE = re.compile(r"(\w+)(--?>>)(\w+): (.+)")
_NOTE = re.compile(r"Note over (\w+)(?:,(\w+))?: (.+)")


class DrawingError(ValueError):
    """A diagram has a line that is not understood here."""


def fence(source: str, language: str, css_class: str, *_: Any, **__: Any) -> str:
    """Return a fenced block as a drawing, as superfences asks for it."""
    return f'<figure class="{css_class}">{draw(source)}</figure>'


def draw(source: str) -> str:
    """Return a diagram as SVG. Raises DrawingError."""
    kind, *lines = [line.strip() for line in source.splitlines() if line.strip()]
    if kind == "stateDiagram-v2":
        return _states(lines)
    if kind == "sequenceDiagram":
        return _sequence(lines)
    raise DrawingError(f"{kind}: only stateDiagram-v2 and sequenceDiagram are drawn")


def _states(lines: list[str]) -> str:
    graph = ['digraph { bgcolor="transparent" nodesep=0.6 node [shape=box style=rounded]']
    graph.append(
        'node [fontname="sans-serif" fontsize=11] edge [fontname="sans-serif" fontsize=10]'
    )
    graph.append('begin [shape=circle label="" style=filled fillcolor=black width=0.15]')
    graph.append('end [shape=doublecircle label="" style=filled fillcolor=black width=0.1]')
    for line in lines:
        found = _match(_STATE, line)
        source = "begin" if found[1] == "[*]" else found[1]
        target = "end" if found[2] == "[*]" else found[2]
        label = _wrapped(found[3] or "", 24)
        graph.append(f'{source} -> {target} [label="{label}"]')
    done = subprocess.run(
        ["dot", "-Tsvg"], input="\n".join([*graph, "}"]), capture_output=True, text=True, check=True
    )
    drawing = done.stdout[done.stdout.index("<svg") :]
    drawing = drawing.replace('"black"', '"currentColor"').replace("<svg ", f"<svg {_FITS} ", 1)
    return drawing.replace("<text ", '<text fill="currentColor" ')


def _wrapped(text: str, width: int) -> str:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return r"\n".join(lines)


def _sequence(lines: list[str]) -> str:
    columns = dict[str, int]()
    shapes = list[str]()
    y = MARGIN + ROW
    for line in lines:
        if (found := _PARTICIPANT.fullmatch(line)) is not None:
            columns[found[1]] = MARGIN + 90 + COLUMN * len(columns)
            shapes.append(_text(columns[found[1]], MARGIN + 14, found[2] or found[1], "bold"))
            continue
        if (found := _NOTE.fullmatch(line)) is not None:
            left, right = columns[found[1]], columns[found[2] or found[1]]
            width = right - left + 160
            shapes.append(
                f'<rect x="{left - 80}" y="{y - 22}" width="{width}" height="32" rx="4"'
                ' fill="currentColor" fill-opacity="0.08"/>'
            )
            shapes.append(_text((left + right) // 2, y - 1, found[3]))
        else:
            found = _match(_MESSAGE, line)
            shapes += _arrow(columns[found[1]], columns[found[3]], y, found[4], len(found[2]) > 3)
        y += ROW
    lifelines = [
        f'<line x1="{x}" y1="{MARGIN + 24}" x2="{x}" y2="{y - 12}" stroke="currentColor"'
        ' stroke-opacity="0.35"/>'
        for x in columns.values()
    ]
    width = max(columns.values()) + MARGIN + 90
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}"'
        f' viewBox="0 0 {width} {y}" role="img" {_FITS} font-family="sans-serif" font-size="13">'
        + "".join([*lifelines, *shapes])
        + "</svg>"
    )


def _arrow(start: int, end: int, y: int, text: str, dashed: bool) -> list[str]:
    back = 8 if end < start else -8
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return [
        _text((start + end) // 2, y - 7, text),
        f'<line x1="{start}" y1="{y}" x2="{end + back // 2}" y2="{y}"'
        f' stroke="currentColor"{dash}/>',
        f'<path d="M{end},{y} l{back},-4 v8 z" fill="currentColor"/>',
    ]


def _text(x: int, y: int, text: str, weight: str = "normal") -> str:
    return (
        f'<text x="{x}" y="{y}" text-anchor="middle" font-weight="{weight}" fill="currentColor">'
        f"{escape(text)}</text>"
    )


def _match(pattern: re.Pattern[str], line: str) -> re.Match[str]:
    found = pattern.fullmatch(line)
    if found is None:
        raise DrawingError(f"this line is not understood: {line}")
    return found
