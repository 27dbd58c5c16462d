"""The part of the README about results, and the picture in it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks.comparison.report import readme
from benchmarks.documents import DocumentError

MakeResult = Callable[[], dict[str, Any]]


def test_table_and_picture_go_where_they_belong(tmp_path: Path, make_result: MakeResult) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"before\n{readme.BEGIN}\nold\n{readme.END}\nafter\n")
    for _ in range(2):
        readme.put(make_result(), page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert text.count("`quic-qh3` |") == 1
    assert f"]({readme.PICTURE})" in text
    assert (tmp_path / readme.PICTURE).read_text() == readme.results(make_result())[1]


def test_a_page_without_marks_is_refused(tmp_path: Path, make_result: MakeResult) -> None:
    page = tmp_path / "README.md"
    page.write_text("no marks")
    with pytest.raises(DocumentError, match="no place"):
        readme.put(make_result(), page)


def test_the_table_has_reading_on_each_link_and_connecting(make_result: MakeResult) -> None:
    table, _ = readme.results(make_result())
    heading, _, first, *_ = [line for line in table.splitlines() if line.startswith("|")]
    assert [cell.split(":")[0].strip() for cell in heading.split("|")[2:-1]] == [
        "Read",
        "Read",
        "Connect again",
    ]
    assert first.split("|")[2].strip() == "38.1"  # 16 Mbit in 0.42 s, the median of three
    assert "`tcp-encrypted-again`" not in table


def test_the_picture_has_a_panel_for_each_column(make_result: MakeResult) -> None:
    _, picture = readme.results(make_result())
    root = ElementTree.fromstring(picture)
    headings = [e.text for e in root.iter() if e.get("class") == "heading"]
    assert [str(heading).partition(":")[0] for heading in headings] == [
        "Read",
        "Read",
        "Connect again",
    ]
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"


def test_the_short_table_of_a_run_without_bulk(make_result: MakeResult) -> None:
    result = make_result()
    for leg in result["legs"]:
        leg["works"] = ["address-change"]
    for visit in result["visits"]:
        outcome = {"figures": {"survived": 1, "cpu": {}, "wire": {}}, "problems": []}
        visit["works"] = {"address-change": outcome}
    assert "| quic-qh3 | 1 (1 to 1) |" in readme.short_table(result)
