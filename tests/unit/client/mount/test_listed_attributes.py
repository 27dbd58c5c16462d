import pytest

from smbquic.client.mount import listed_attributes
from smbquic.client.mount.listed_attributes import LIFETIME, ListedAttributes
from smbquic.client.stat import Stat
from smbquic.wire.fscc.attributes import FileAttributes


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def stat(name: str) -> Stat:
    return Stat(name, 1, 1, FileAttributes.ARCHIVE, 0, 0, 0, 0)


def test_what_was_listed_is_there_for_a_moment() -> None:
    clock = Clock()
    listed = ListedAttributes(clock)
    listed.keep("folder", [stat("a"), stat("b")], listed.changes)
    listed.keep("", [stat("c")], listed.changes)
    assert listed.get("folder/a") == stat("a")
    assert listed.get("c") == stat("c")
    assert listed.get("folder/c") is None
    clock.now += LIFETIME
    assert listed.get("folder/a") is None


def test_what_changes_is_forgotten() -> None:
    listed = ListedAttributes()
    listed.keep("", [stat("a"), stat("b"), stat("c")], listed.changes)
    listed.forget("a", "b")
    assert [listed.get(name) for name in "abc"] == [None, None, stat("c")]
    listed.clear()
    assert listed.get("c") is None


def test_a_listing_that_began_before_a_change_is_not_kept() -> None:
    listed = ListedAttributes()
    began = listed.changes
    listed.forget("other")
    listed.keep("", [stat("a")], began)
    assert listed.get("a") is None
    began = listed.changes
    listed.clear()
    listed.keep("", [stat("a")], began)
    assert listed.get("a") is None


def test_a_large_folder_takes_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listed_attributes, "MOST", 10)
    listed = ListedAttributes()
    listed.keep("", [stat(str(number)) for number in range(1000)], listed.changes)
    assert listed.get("989") is None
    assert listed.get("990") is not None
