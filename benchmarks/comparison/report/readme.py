"""The short table for the README, put between two marks there."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from benchmarks.comparison.report import text
from benchmarks.comparison.report.checks import QUIET
from benchmarks.comparison.report.markdown import table
from benchmarks.comparison.report.summary import Row, Summary, link_title, summarize
from benchmarks.comparison.results import ResultsError

BEGIN = "<!-- made by `python -m benchmarks table`: begin -->"
END = "<!-- end -->"


CONNECT = ("connect", "connect-again")
SHOWN = (
    "tcp-encrypted",
    "tcp-bbr",
    "quic-qh3",
    "quic-aioquic",
    "quic-bbr",
    "wireguard",
    "wireguard-bbr",
    "openvpn",
    "ipsec",
    "samba-tcp",
)
"""The arms that README has room for; the report has all."""


def short_table(result: dict[str, Any], shown: Collection[str] | None = None) -> str:
    """Bulk in both directions of every link, and connecting; else the first that there are.

    With `shown`, only these arms.
    """
    summary = summarize(result)
    parts = []
    for leg in summary.description["links"]:
        by_work = {found.work: found for found in summary.tables if found.link == leg}
        wanted = [by_work[w] for w in ("bulk-write", "bulk-read", *CONNECT) if w in by_work]
        wanted = wanted or list(by_work.values())[:3]
        headings = ["arm", *(f"{w.title}, {w.metrics[0].unit}" for w in wanted)]
        rows = [{row.arm: row for row in found.rows} for found in wanted]
        lines = [
            [arm, *(cell(r.get(arm), f.metrics[0]) for r, f in zip(rows, wanted, strict=True))]
            for arm in summary.description["arms"]
            if (shown is None or arm in shown) and any(arm in r for r in rows)
        ]
        parts.append(f"{link_title(leg)}:\n\n{table(headings, lines)}")
    return "\n\n".join([*parts, origin(summary)])


def cell(row: Row | None, metric: Any) -> str:
    """A figure, with a mark where it says more about the processor than about the link."""
    if row is None:
        return "-"
    return text.shown(row.values.get(metric.key), metric) + (", CPU-bound" if row.cpu_bound else "")


def origin(summary: Summary) -> str:
    """What made it."""
    found = summary.description
    machine = found["machine"]
    median, _ = summary.bystanders
    disturbed = f" Other programs took {median:.0%} of the machine: not to be cited."
    return (
        f"Medians with 95 % intervals of {found['blocks']} runs on {machine['cpu']},"
        f" {machine['cores']} cores, Linux {machine['kernel']}; made by"
        f" `python -m benchmarks run --profile {found['profile']}` on {found['started'][:10]}."
        + (disturbed if median > QUIET else "")
    )


def put(result: dict[str, Any], file: Path) -> None:
    """Replace what is between the marks. Raises `ResultsError` where there are none."""
    before, begin, rest = file.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ResultsError(f"{file} has no place for the table: add the lines {BEGIN} and {END}")
    file.write_text(f"{before}{BEGIN}\n\n{short_table(result, SHOWN)}\n\n{END}{after}")
