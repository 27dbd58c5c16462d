"""The results in the README, put between two marks there: a picture and one table."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.comparison.report import text
from benchmarks.comparison.report.checks import QUIET
from benchmarks.comparison.report.markdown import table
from benchmarks.comparison.report.picture import picture
from benchmarks.comparison.report.summary import Row, Summary, Table, link_title, summarize
from benchmarks.comparison.works import Metric
from benchmarks.documents import DocumentError

BEGIN = "<!-- made by `python -m benchmarks table`: begin -->"
END = "<!-- end -->"
PICTURE = "docs/images/results.svg"
"""Where the picture is, beside the README."""
CONNECT = ("connect", "connect-again")
SHOWN = (
    "tcp-encrypted",
    "tcp-bbr",
    "quic-qh3",
    "quic-aioquic",
    "quic-bbr",
    "quic-native",
    "quic-native-bbr",
    "wireguard",
    "wireguard-bbr",
    "openvpn",
    "ipsec",
    "samba-tcp",
)
"""The arms that README has room for; the report has all."""


def short_table(result: dict[str, Any]) -> str:
    """Bulk in both directions of every link, and connecting; else the first that there are."""
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
            if any(arm in r for r in rows)
        ]
        parts.append(f"{link_title(leg)}:\n\n{table(headings, lines)}")
    return "\n\n".join([*parts, origin(summary)])


def chosen(summary: Summary) -> list[tuple[str, Table]]:
    """Return what the README shows: reading on each link, and connecting on the first."""
    reading = [found for found in summary.tables if found.work == "bulk-read"]
    connecting = [found for found in summary.tables if found.work in CONNECT]
    return [
        (
            f"{'Read' if found in reading else 'Connect again'}: {link_title(found.link)}",
            replace(found, rows=[row for arm in SHOWN for row in found.rows if row.arm == arm]),
        )
        for found in [*reading, *connecting[-1:]]
    ]


def results(result: dict[str, Any]) -> tuple[str, str]:
    """Return the part of the README about the results, and the picture in it."""
    summary = summarize(result)
    columns = chosen(summary)
    title = "Reading a large file, and connecting: medians with 95 % intervals"
    headings = ["", *(f"{name}. {found.metrics[0].unit}" for name, found in columns)]
    lines = []
    for arm in SHOWN:
        rows = [next((row for row in found.rows if row.arm == arm), None) for _, found in columns]
        first = next((row for row in rows if row is not None), None)
        if first is not None:
            medians = [
                median(row, found.metrics[0]) for row, (_, found) in zip(rows, columns, strict=True)
            ]
            lines.append([f"{first.title}: `{arm}`", *medians])
    parts = [f"![{title}]({PICTURE})", table(headings, lines), origin(summary)]
    return "\n\n".join(parts), picture(title, columns)


def median(row: Row | None, metric: Metric) -> str:
    """Return a figure without its interval, which the picture has."""
    found = None if row is None else row.values.get(metric.key)
    return "" if found is None else text.number(found.median * metric.scale, 1)


def cell(row: Row | None, metric: Any) -> str:
    """A figure, with a mark where it says more about the processor than about the link."""
    if row is None:
        return "-"
    return text.shown(row.values.get(metric.key), metric) + (", CPU-bound" if row.cpu_bound else "")


def origin(summary: Summary) -> str:
    """Return the versions and the machine that made the results."""
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
    """Replace what is between the marks, and the picture.

    Raises `DocumentError` where there are no marks.
    """
    before, begin, rest = file.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise DocumentError(f"{file} has no place for the table: add the lines {BEGIN} and {END}")
    shown, drawing = results(result)
    file.write_text(f"{before}{BEGIN}\n\n{shown}\n\n{END}{after}")
    image = file.parent / PICTURE
    image.parent.mkdir(parents=True, exist_ok=True)
    image.write_text(drawing)
