"""Two results side by side."""

from typing import Any

from benchmarks.comparison.report import text
from benchmarks.comparison.report.markdown import table
from benchmarks.comparison.report.summary import link_title, summarize
from benchmarks.statistics import Estimate


def outcome(first: Estimate, second: Estimate, *, more_is_better: bool) -> str:
    """Return how the first interval compares with the second."""
    if first.high >= second.low and second.high >= first.low:
        return "no different"
    better = (second.median > first.median) == more_is_better
    return "better" if better else "worse"


def compare(first: dict[str, Any], second: dict[str, Any]) -> str:
    """The main figure of each cell that both have, as Markdown; the outcome is on the second."""
    before, after = summarize(first), summarize(second)
    later = {(found.link, found.work, row.arm): row for found in after.tables for row in found.rows}
    lines = []
    for found in before.tables:
        metric = found.metrics[0]
        for row in found.rows:
            other = later.get((found.link, found.work, row.arm))
            a = row.values.get(metric.key)
            b = other.values.get(metric.key) if other else None
            if a is None or b is None:
                continue
            change = f"{b.median / a.median - 1:+.1%}" if a.median else "-"
            lines.append(
                [
                    link_title(found.link),
                    f"{found.work}, {metric.unit or metric.title}",
                    row.arm,
                    text.shown(a, metric),
                    text.shown(b, metric),
                    change,
                    outcome(a, b, more_is_better=metric.more_is_better),
                ]
            )
    if not lines:
        return "The two results have no cell in common."
    return table(["link", "work", "arm", "first", "second", "change", "second is"], lines)
