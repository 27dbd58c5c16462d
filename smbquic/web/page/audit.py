"""The recent audit records, as the status page shows them."""

import json
from collections.abc import Iterator
from typing import Any

from smbquic.observe.recent_records import NumberedRecord, RecentRecords
from smbquic.web.page.paging import Query, Row, table
from smbquic.web.page.refusals import explanation, is_refusal


async def audit(records: RecentRecords, query: Query, *, refused: bool) -> dict[str, Any]:
    """Return a page of the records, the latest first; with `refused`, only those of refusals."""
    found = await table(_entries(records, refused=refused), query, _text_of, _row_of)
    return {**found, "total": len(records)}


def _entries(records: RecentRecords, *, refused: bool) -> Iterator[NumberedRecord]:
    return (each for each in records if not refused or is_refusal(each.record))


def _text_of(entry: NumberedRecord) -> str:
    return json.dumps(entry.record, ensure_ascii=False)


def _row_of(entry: NumberedRecord) -> Row:
    return {
        "number": entry.number,
        "record": entry.record,
        "explanation": explanation(entry.record),
    }
