"""The pages of a result: HTML that needs nothing else, Markdown, and the summary as JSON."""

from pathlib import Path
from typing import Any

from benchmarks import documents
from benchmarks.comparison.report import html, markdown
from benchmarks.comparison.report.summary import summarize


def write(result: dict[str, Any], folder: Path) -> list[Path]:
    """Write them into a folder: their paths."""
    summary = summarize(result)
    pages = [folder / "report.html", folder / "report.md", folder / "summary.json"]
    pages[0].write_text(html.page(summary))
    pages[1].write_text(markdown.page(summary))
    documents.write(pages[2], summary.to_json())
    return pages
