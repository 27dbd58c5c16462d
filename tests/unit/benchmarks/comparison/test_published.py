"""The published pages are those that the commands make of the results published with them."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.comparison.report import readme
from benchmarks.comparison.results import RESULT, load, too_few

ROOT = Path(__file__).parents[4]
RESULTS = ROOT / "benchmarks" / "results"
README, CLAIMS = ROOT / "README.md", ROOT / "docs" / "quic-or-vpn.md"
MADE_BY = re.compile(r"<!-- made by `python -m benchmarks claims (.*)`; do not edit -->")
PUBLISHED = sorted(RESULTS.glob(f"*/*/{RESULT}"))


@pytest.fixture
def made_up(tmp_path: Path, make_result: Callable[[], dict[str, Any]]) -> Path:
    """A result's folder."""
    result = make_result()
    for visit in result["visits"]:
        visit["works"]["connect"]["figures"]["round_trips_after"] = {"transport": 1}
    (tmp_path / RESULT).write_text(json.dumps(result))
    return tmp_path


def between_marks(text: str) -> str:
    return text.partition(readme.BEGIN)[2].partition(readme.END)[0].strip()


def test_the_commands_make_both_pages_of_a_result(
    made_up: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = made_up / "README.md"
    copy.write_text(README.read_text())
    assert main(["table", str(made_up), "--readme", str(copy)]) == 0
    assert between_marks(copy.read_text()) == readme.results(load(made_up))[0]
    # Nothing else in it has changed.
    assert (
        copy.read_text().partition(readme.BEGIN)[0] == README.read_text().partition(readme.BEGIN)[0]
    )
    assert copy.read_text().partition(readme.END)[2] == README.read_text().partition(readme.END)[2]

    assert main(["claims", str(made_up)]) == 0
    page = capsys.readouterr().out
    made_by = MADE_BY.match(page)
    assert made_by is not None
    assert made_by[1] == str(made_up)


def test_the_readme_has_the_newest_headline(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    headlines = [file for file in PUBLISHED if file.parent.name == "headline"]
    shown = between_marks(README.read_text())
    if not headlines:
        assert shown == "No result is published yet."
        assert not CLAIMS.exists()
        return
    table, picture = readme.results(load(headlines[-1].parent))
    assert shown == table
    assert (ROOT / readme.PICTURE).read_text() == picture
    made_by = MADE_BY.match(CLAIMS.read_text())
    assert made_by is not None
    assert str(headlines[-1].parent.relative_to(ROOT)) in made_by[1]
    monkeypatch.chdir(ROOT)
    assert main(["claims", *made_by[1].split()]) == 0
    assert capsys.readouterr().out == CLAIMS.read_text()


def test_published_results_are_whole() -> None:
    for file in PUBLISHED:
        result = load(file.parent)
        assert too_few(result) == []
        assert re.fullmatch(r"\d{4}-\d\d-\d\d-[\w.-]+", file.parents[1].name)
        assert file.parent.name == result["profile"]
        for page in ("report.html", "report.md", "summary.json"):
            assert (file.parent / page).exists()
        for needed in ("cpu", "kernel", "packages", "sysctls", "commit"):
            assert result["machine"][needed]
