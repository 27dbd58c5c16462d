"""The picture for the README: a file of its own, which an image on a page can show."""

from collections.abc import Sequence
from html import escape

from benchmarks import svg
from benchmarks.comparison.report.html import bars
from benchmarks.comparison.report.summary import Table

WIDTH, GAP, TITLE = 440, 20, 30
"""Of a panel, between panels, and of a panel's title, in pixels."""
COLUMNS = 2


def picture(title: str, panels: Sequence[tuple[str, Table]]) -> str:
    """Draw the main figure of each table as a panel of dots with intervals."""
    drawn, heights = [], []
    for index, (heading, table) in enumerate(panels):
        column = index % COLUMNS
        if not column:
            heights.append(GAP + TITLE + svg.height(len(table.rows)))
        x, y = GAP + column * (WIDTH + GAP), sum(heights[:-1]) + GAP
        drawing = svg.dots(heading, bars(table), table.metrics[0].unit)
        drawn.append(
            f'<svg x="{x}" y="{y}" width="{WIDTH}">'
            f'<text class="heading" x="{svg.MARGIN}%" y="18">{escape(heading)}</text>'
            f'<svg y="{TITLE}" width="100%">{drawing}</svg></svg>'
        )
        heights[-1] = max(heights[-1], GAP + TITLE + svg.height(len(table.rows)))
    width, height = GAP + COLUMNS * (WIDTH + GAP), sum(heights) + GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}"><title>{escape(title)}</title>'
        f"<style>{svg.COLOURS}svg .heading {{ font-weight: 600; font-size: 14px; }}</style>"
        f'<rect width="100%" height="100%" rx="8" fill="var(--paper)"/>{"".join(drawn)}</svg>\n'
    )
