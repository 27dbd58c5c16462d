"""Charts of a soak, which a page shows as pictures."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from benchmarks.soak.charts import HEIGHT, WIDTH, LogScale, Series, chart, write_charts
from benchmarks.soak.results import Results
from tests.unit.benchmarks.soak.build import results

ROOT = Path(__file__).parents[4]
SVG = "{http://www.w3.org/2000/svg}"


def points(drawing: str) -> list[list[tuple[float, float]]]:
    """Return the points of all lines, in pixels."""
    return [
        [tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split()]  # type: ignore[misc]
        for line in ElementTree.fromstring(drawing).iter(f"{SVG}polyline")
    ]


def test_values_stand_where_they_belong() -> None:
    [line] = points(chart("Memory", "MiB", [Series("rss", "a", [(0, 0), (1800, 50), (3600, 100)])]))
    (x0, y0), (x1, y1), (x2, y2) = line
    assert 0 < x0 < x1 < x2 <= WIDTH
    assert x1 - x0 == x2 - x1
    assert HEIGHT > y0 > y1 > y2 > 0
    assert abs((y0 - y1) - (y1 - y2)) < 0.2


def test_powers_of_ten_are_apart() -> None:
    values = [(0.0, 0.002), (60.0, 0.02), (120.0, 20.0)]
    [line] = points(chart("Times", "ms", [Series("read", "a", values)], logarithmic=True))
    (_, y0), (_, y1), (_, y2) = line
    assert HEIGHT > y0 > y1 > y2 > 0
    assert y1 - y2 == pytest.approx(3 * (y0 - y1), abs=0.3)


def test_no_value_is_above_or_below_the_axis() -> None:
    scale = LogScale([0.0, 0.5, 1000.0])
    assert scale.marks == [0.1, 1.0, 10.0, 100.0, 1000.0]
    assert [scale.share(value) for value in (0.0, 0.1, 10.0, 1000.0)] == [0, 0, 0.5, 1]
    assert LogScale([]).marks == [1.0, 10.0]


def test_text_is_escaped() -> None:
    drawing = chart("a < b", "&", [Series("<c>", "a", [(0, 1), (60, 2)])])
    texts = [each.text for each in ElementTree.fromstring(drawing).iter(f"{SVG}text")]
    assert {"a < b", "&", "<c>"} <= set(texts)


def test_nothing_to_draw() -> None:
    assert points(chart("Nothing", "", [Series("none", "a", [])])) == [[]]


def test_the_files(tmp_path: Path) -> None:
    files = list(write_charts(results(), tmp_path / "charts"))
    assert [file.stem for file in files] == [
        *("memory", "descriptors", "held", "rate", "p50", "p99", "processors", "lag"),
    ]
    for file in files:
        drawn = points(file.read_text())
        assert drawn
        assert all(len(line) >= 60 for line in drawn)
        assert file.stat().st_size < 60_000


def test_published_charts_are_those_of_the_published_results(tmp_path: Path) -> None:
    published = Results.load(ROOT / "benchmarks/results/2026-12-01-xeon/soak/hour.json")
    for file in write_charts(published, tmp_path):
        shown = ROOT / "docs" / "images" / "soak" / file.name
        assert shown.read_text() == file.read_text(), "run `python -m benchmarks soak --show`"
