import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from benchmarks.comparison.compare import compare
from benchmarks.comparison.report import html, markdown, readme, write
from benchmarks.comparison.report.summary import summarize

MakeResult = Callable[[], dict[str, Any]]


def test_ratios_are_against_the_reference_block_by_block(make_result: MakeResult) -> None:
    [table, _] = summarize(make_result()).of_work("bulk-read")
    rows = {row.arm: row for row in table.rows}
    assert rows["tcp-encrypted"].ratio is None
    ratio = rows["quic-qh3"].ratio
    assert ratio is not None
    assert ratio.median == pytest.approx(0.42 / 0.62)
    assert ratio.count == 3
    assert table.noise == pytest.approx(1 - 0.41 / 0.51)


def test_what_the_figures_are_derived_from(make_result: MakeResult) -> None:
    [table, _] = summarize(make_result()).of_work("bulk-read")
    row = table.rows[0]
    assert row.values["goodput"].median == pytest.approx(16e6 / 0.42)
    assert row.link_share == pytest.approx(0.16 / 0.42)
    assert row.wire_per_payload == pytest.approx(1.1)
    assert row.cpu_per_gib["server"] == pytest.approx(0.2 * 2**30 / 2e6)
    assert not row.cpu_bound


def test_a_busy_arm_is_marked(make_result: MakeResult) -> None:
    result = make_result()
    for visit in result["visits"]:
        for outcome in visit["works"].values():
            outcome["figures"]["cpu"]["server"] = 0.95 * outcome["figures"].get("seconds", 1)
    summary = summarize(result)
    assert all(row.cpu_bound for row in summary.of_work("bulk-read")[0].rows)
    assert "CPU-bound" in html.page(summary)
    assert "CPU-bound" in markdown.page(summary)
    assert ", CPU-bound |" in readme.short_table(result)


@pytest.mark.parametrize("page", [html.page, markdown.page])
def test_nothing_is_hidden(page: Callable[..., str], make_result: MakeResult) -> None:
    result = make_result()
    visit = next(v for v in result["visits"] if (v["arm"], v["block"]) == ("quic-qh3", 2))
    visit["works"]["bulk-read"]["problems"] = ["got: the hash differs"]
    text = page(summarize(result))
    assert "32 visits, of which 1 were invalid" in text
    assert "1 invalid" in text
    assert "Left out: samba-tcp" in text
    assert "20.0 / 20.10" in text
    assert "noise" in text


def test_a_busy_machine_is_warned_of(make_result: MakeResult) -> None:
    result = make_result()
    quiet = markdown.page(summarize(result))
    assert "Other programs took 2% of the machine in the median visit, 3% in the worst." in quiet
    for visit in result["visits"]:
        visit["bystanders"] *= 10
    assert "no good for citing" in markdown.page(summarize(result))
    assert "Other programs took 15% of the machine: not to be cited." in readme.short_table(result)


class _Tags(HTMLParser):
    EMPTY = ("meta", "link", "line", "circle")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_else_and_is_well_formed(make_result: MakeResult) -> None:
    page = html.page(summarize(make_result()))
    tags = _Tags()
    tags.feed(page)
    assert tags.open == []
    assert "script" not in {tag for tag, _ in tags.seen}
    for _, attributes in tags.seen:
        assert not attributes.get("src")
        assert (attributes.get("href") or "data:,").startswith("data:")
    assert "url(" not in page
    assert "<b>" not in page
    assert "A &amp; B" in page


def test_curves_are_drawn_where_several_losses_were_measured(make_result: MakeResult) -> None:
    page = html.page(summarize(make_result()))
    assert "Read one large file against loss" in page
    one = make_result()
    one["legs"] = one["legs"][:1]
    one["visits"] = [v for v in one["visits"] if v["link"] == "20ms-100mbit"]
    assert "against loss" not in html.page(summarize(one))


def test_every_arm_has_a_dot_with_its_interval(make_result: MakeResult) -> None:
    summary = summarize(make_result())
    drawing = html.dots(summary.of_work("bulk-read")[0])
    assert drawing.count("<circle") == drawing.count('class="range"') == 4
    places = [float(x) for x in re.findall(r'cx="([\d.]+)%"', drawing)]
    assert all(0 <= place <= 100 for place in places)


def test_all_pages_are_written(tmp_path: Path, make_result: MakeResult) -> None:
    pages = write(make_result(), tmp_path)
    assert [page.name for page in pages] == ["report.html", "report.md", "summary.json"]
    summary = json.loads(pages[2].read_text())
    assert summary["tables"][1]["rows"][0]["values"]["goodput"]["count"] == 3


def test_two_results_side_by_side(make_result: MakeResult) -> None:
    slower = make_result()
    for visit in slower["visits"]:
        if visit["arm"] == "quic-qh3":
            visit["works"]["bulk-read"]["figures"]["goodput"] /= 2
            visit["works"]["connect"]["figures"]["total"] /= 2
    lines = [line for line in compare(make_result(), slower).splitlines() if "quic-qh3" in line]
    outcomes = {line.split("|")[2].split(",")[0].strip(): line for line in lines[:3]}
    assert "-50.0% | worse" in outcomes["bulk-read"]
    assert "+0.0% | no different" in outcomes["bulk-write"]
    assert "-50.0% | better" in outcomes["connect"]


def test_results_of_nothing_in_common(make_result: MakeResult) -> None:
    other = make_result()
    other["legs"], other["visits"] = [], []
    assert "no cell in common" in compare(make_result(), other)


@pytest.mark.parametrize("page", [html.page, markdown.page])
def test_the_page_begins_with_why_to_trust_it_or_not(
    page: Callable[..., str], make_result: MakeResult
) -> None:
    result = make_result()
    result["legs"][1]["arms"] = ["tcp-encrypted", "quic-qh3"]
    text = page(summarize(result))
    assert "Can it be trusted?" in text
    assert "NOT below the limit of 5%" in text
    assert "Every calibrated link was as it was set" in text
    assert "0 of 8 goodputs are within 3 %" in text
    assert "On this link only these were run, to save time: tcp-encrypted, quic-qh3." in text
    result["calibration"][0]["wrong"] = ["rate"]
    assert "Not as it was set: 20ms-100mbit: rate." in page(summarize(result))


def test_half_is_fair_beside_another(make_result: MakeResult) -> None:
    result = make_result()
    for leg in result["legs"]:
        leg["works"] = ["against-tcp"]
    for visit in result["visits"]:
        figures = {"share": 0.4, "jain": 0.96, "cpu": {}, "wire": {}}
        visit["works"] = {"against-tcp": {"figures": figures, "problems": []}}
    text = html.page(summarize(result))
    assert "Half is fair: more is not better." in text
    assert "More is better" not in text
    assert "40.0 (40.0 to 40.0)" in text
