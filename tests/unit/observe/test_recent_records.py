"""The latest audit records stay in memory, those of users apart."""

from smbquic.observe import recent_records as module
from smbquic.observe.recent_records import RecentRecords


def test_the_latest_come_first() -> None:
    recent = RecentRecords()
    for number in range(4):
        recent.add({"n": number}, authenticated=number % 2 == 0)
    assert [each.record["n"] for each in recent] == [3, 2, 1, 0]
    assert [each.number for each in recent] == [4, 3, 2, 1]


def test_unauthenticated_clients_replace_no_records_of_users() -> None:
    recent = RecentRecords()
    recent.add({"user": "alice"}, authenticated=True)
    for number in range(module.RECORDS_OF_UNAUTHENTICATED + 10):
        recent.add({"n": number}, authenticated=False)
    found = [each.record for each in recent]
    assert len(recent) == len(found) == module.RECORDS_OF_UNAUTHENTICATED + 1
    assert found[-1] == {"user": "alice"}
    assert found[-2] == {"n": 10}


def test_records_of_users_are_bounded() -> None:
    recent = RecentRecords()
    for number in range(module.RECORDS_OF_USERS + 1):
        recent.add({"n": number}, authenticated=True)
    assert len(recent) == module.RECORDS_OF_USERS


def test_what_is_added_meanwhile_is_not_in_what_is_read() -> None:
    recent = RecentRecords()
    recent.add({"n": 1}, authenticated=True)
    reading = iter(recent)
    recent.add({"n": 2}, authenticated=True)
    assert [each.record["n"] for each in reading] == [1]
