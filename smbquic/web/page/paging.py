"""Pages of long tables, which are made in slices, so that clients of the server need not wait."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Self, TypeVar

from smbquic.lazy_dataclass import dataclass
from smbquic.overload.slices import Slices

MAX_ROWS: Final = 200
"""Rows of one page."""
DEFAULT_ROWS: Final = 50
MAX_SCANNED: Final = 20_000
"""Entries of a table that are looked at for one page; what is behind them is not found."""
MAX_TEXT: Final = 200

Row = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for of a table: entries with `text` in them, in any case, from `offset` on."""

    text: str = ""
    offset: int = 0
    rows: int = DEFAULT_ROWS

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> Self:
        """Return the query of a request's parameters. Raises ValueError."""
        text = parameters.get("text", "")
        offset = int(parameters.get("offset", 0))
        rows = int(parameters.get("rows", DEFAULT_ROWS))
        if len(text) > MAX_TEXT:
            raise ValueError(f"a text to search for has at most {MAX_TEXT} characters")
        if not (0 <= offset <= MAX_SCANNED and 1 <= rows <= MAX_ROWS):
            raise ValueError(f"offset is 0 to {MAX_SCANNED}, rows is 1 to {MAX_ROWS}")
        return cls(text.casefold(), offset, rows)


async def table(
    entries: Iterable[T], query: Query, text_of: Callable[[T], str], row_of: Callable[[T], Row]
) -> dict[str, Any]:
    """Return a page of a table: its rows, and how many entries have the text.

    `entries` must not change while other tasks run. `complete` says that all were looked at.
    """
    if not query.text and isinstance(entries, Sequence):
        return await _page_of_all(entries, query, row_of)
    rows: list[Row] = []
    matched = 0
    complete = True
    slices = Slices()
    for number, entry in enumerate(entries):
        await slices.step()
        if number == MAX_SCANNED:
            complete = False
            break
        if query.text and query.text not in text_of(entry).casefold():
            continue
        if query.offset <= matched < query.offset + query.rows:
            rows.append(row_of(entry))
        matched += 1
    return {"rows": rows, "matched": matched, "offset": query.offset, "complete": complete}


async def _page_of_all(
    entries: Sequence[T], query: Query, row_of: Callable[[T], Row]
) -> dict[str, Any]:
    """Return a page of a table without searching: only the entries of the page are looked at."""
    end = min(query.offset + query.rows, MAX_SCANNED)
    rows: list[Row] = []
    slices = Slices()
    for entry in entries[query.offset : end]:
        await slices.step()
        rows.append(row_of(entry))
    return {
        "rows": rows,
        "matched": min(len(entries), MAX_SCANNED),
        "offset": query.offset,
        "complete": len(entries) <= MAX_SCANNED,
    }
