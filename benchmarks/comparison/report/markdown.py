"""The report as Markdown."""

from benchmarks.comparison.report import text
from benchmarks.comparison.report.summary import Summary, link_title


def table(headings: list[str], lines: list[list[str]]) -> str:
    """A table."""
    rows = [headings, ["---"] * len(headings), *lines]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows
    )


def page(summary: Summary) -> str:
    """The whole of it."""
    description = summary.description
    parts = [
        f"# SMB over QUIC, TCP and VPNs: {description['profile']}",
        f"{text.sentence(description['about'])}.",
        "## Can it be trusted?",
        "\n".join(f"- {line}" for line in text.trust(summary)),
    ]
    link = None
    for found in summary.tables:
        if found.link != link:
            link = found.link
            parts.append(f"## {link_title(link)}\n\n{text.only(summary, link)}".rstrip())
        parts.append(f"### {text.sentence(found.title)}\n\n{found.noise_check}".rstrip())
        headings = text.columns(found.rows, found.metrics)
        parts.append(table(headings, [text.line(r, found.metrics, headings) for r in found.rows]))
    if summary.expectations:
        lines = [text.expectation_line(found) for found in summary.expectations]
        parts += ["## What headers allow", text.EXPECTED, table(text.EXPECTATIONS, lines)]
    if summary.calibration:
        lines = [text.calibration_line(found) for found in summary.calibration]
        parts += ["## Calibration", table(text.CALIBRATION, lines)]
    parts += ["## Method", *text.HOW, "## Limits", "\n".join(f"- {line}" for line in text.LIMITS)]
    parts.append("## Machine")
    parts.append("\n".join(f"- {name}: {value}" for name, value in text.machine(description)))
    return "\n\n".join(parts) + "\n"
