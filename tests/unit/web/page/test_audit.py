"""The recent audit records on the page."""

from smbquic.observe.recent_records import RecentRecords
from smbquic.web.page.audit import audit
from smbquic.web.page.paging import Query


async def test_records_are_found_by_any_field_and_refusals_alone() -> None:
    records = RecentRecords()
    records.add({"event": "connection", "address": "192.0.2.1:7"}, authenticated=False)
    records.add({"event": "logon", "user": "Jürgen"}, authenticated=True)
    records.add({"event": "logon-failure", "user": "eve", "message": "no"}, authenticated=False)
    found = await audit(records, Query(), refused=False)
    assert [row["record"]["event"] for row in found["rows"]] == [
        "logon-failure",
        "logon",
        "connection",
    ]
    assert (found["matched"], found["total"]) == (3, 3)
    assert found["rows"][1]["explanation"] is None
    found = await audit(records, Query("jürgen"), refused=False)
    assert [row["number"] for row in found["rows"]] == [2]
    found = await audit(records, Query("192.0.2.1"), refused=False)
    assert [row["number"] for row in found["rows"]] == [1]
    found = await audit(records, Query(), refused=True)
    assert [row["record"]["user"] for row in found["rows"]] == ["eve"]
    assert found["rows"][0]["explanation"]
