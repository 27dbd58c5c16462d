"""Pages of long tables, and that making them keeps nobody waiting."""

import asyncio
from typing import NoReturn

import pytest

from smbquic.overload import slices
from smbquic.web.page import paging
from smbquic.web.page.paging import Query, table
from tests.unit.server.smb_client import Turns


async def page(count: int, query: Query) -> tuple[list[int], int, bool]:
    found = await table(range(count), query, str, lambda number: {"number": number})
    return [row["number"] for row in found["rows"]], found["matched"], found["complete"]


async def test_a_page_of_all() -> None:
    assert await page(10, Query(rows=3)) == ([0, 1, 2], 10, True)
    assert await page(10, Query(rows=3, offset=8)) == ([8, 9], 10, True)
    assert await page(10, Query(rows=3, offset=10)) == ([], 10, True)


async def test_only_what_has_the_text() -> None:
    assert await page(40, Query("3", rows=2)) == ([3, 13], 13, True)
    assert await page(40, Query("3", rows=2, offset=2)) == ([23, 30], 13, True)


async def test_the_text_is_found_in_any_case() -> None:
    found = await table(["Alice", "bob"], Query.parse({"text": "ALI"}), str, lambda it: {"": it})
    assert found["rows"] == [{"": "Alice"}]


async def test_only_so_much_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MAX_SCANNED", 100)
    assert await page(100, Query(rows=1)) == ([0], 100, True)
    assert await page(101, Query(rows=1)) == ([0], 100, False)
    assert await page(200, Query("", offset=99, rows=2)) == ([99], 100, False)
    assert await page(200, Query("9", offset=18, rows=2)) == ([99], 19, False)


async def test_others_are_served_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns()
    await asyncio.sleep(0)
    monkeypatch.setattr(slices, "SLICE", 0.0)
    before = turns.count
    await page(50, Query("4", rows=1))
    assert await turns.end() - before >= 49


async def test_others_are_served_while_rows_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns()
    await asyncio.sleep(0)
    monkeypatch.setattr(slices, "SLICE", 0.0)
    before = turns.count
    await page(50, Query(rows=30))
    assert await turns.end() - before >= 29


async def test_without_a_text_only_the_page_is_looked_at() -> None:
    class Looked(list[int]):
        def __iter__(self) -> NoReturn:
            raise AssertionError("all entries were looked at")

    found = await table(Looked(range(1000)), Query(rows=2, offset=7), str, lambda it: {"": it})
    assert found == {"rows": [{"": 7}, {"": 8}], "matched": 1000, "offset": 7, "complete": True}


async def test_rows_are_made_for_the_page_only() -> None:
    made = []

    def row_of(number: int) -> dict[str, int]:
        made.append(number)
        return {}

    await table(range(1000), Query(rows=5), str, row_of)
    assert made == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "parameters",
    [
        {"offset": "-1"},
        {"offset": "20001"},
        {"rows": "0"},
        {"rows": "201"},
        {"rows": "many"},
        {"text": "x" * 201},
    ],
)
def test_wrong_queries(parameters: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Query.parse(parameters)


def test_a_query() -> None:
    assert Query.parse({}) == Query("", 0, 50)
    assert Query.parse({"text": "ß", "offset": "7", "rows": "200"}) == Query("ss", 7, 200)
