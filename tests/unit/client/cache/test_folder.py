"""What a folder's lease lets a cache answer, and for how long."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from smbquic.client import requests
from smbquic.client.cache.folder import ITSELF, CachedFolder
from smbquic.client.cache.limits import CacheLimits
from smbquic.client.leases import HANDLE, NOTHING, READ
from smbquic.client.stat import Stat
from smbquic.wire.create import OplockLevel
from smbquic.wire.create_contexts import LeaseV2
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.negotiate import GlobalCapabilities
from smbquic.wire.oplock_break import LeaseBreakNotification
from tests.threads import switching_often
from tests.unit.client.fakes import opened, tree_with_leases

OPENING = requests.create("f", requests.STAT)
LIMITS = CacheLimits(listed_seconds=5.0)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def stat(name: str, size: int = 1) -> Stat:
    return Stat(name, size, 4096, FileAttributes.ARCHIVE, 0, 0, 0, 0)


class Fixture:
    """A folder with a lease, unless `state` says otherwise."""

    def __init__(self, state: int = READ | HANDLE, limits: CacheLimits = LIMITS) -> None:
        self.clock = Clock()
        self.lost: list[CachedFolder] = []
        self.folder = CachedFolder("f", limits, self.clock, self.lost.append)
        self.closed: list[tuple[FileId, str]] = []
        tree: Any = tree_with_leases(capabilities=GlobalCapabilities.DIRECTORY_LEASING)
        tree.close = self._close
        self.connection = tree.connection
        self.folder.request(tree, OPENING)
        response = opened()
        response.oplock_level = OplockLevel.OPLOCK_LEVEL_LEASE
        response.contexts.append(LeaseV2(self.folder.key, state, epoch=1).context())
        self.folder.opened(response)
        self.folder.handle = tree, response.file_id

    async def _close(self, file_id: FileId, path: str) -> None:
        self.closed.append((file_id, path))

    def store(self, name: str, what: Stat | None) -> None:
        self.folder.store(name, what, self.folder.version)

    def found(self, name: str, exact_since: float | None = None) -> Any:
        """What is known: a `Stat`, "absent", or None."""
        entry = self.folder.find(name, exact_since)
        return None if entry is None else entry.stat or "absent"

    def listed(self, *names: str) -> None:
        self.folder.store_listing([stat(name) for name in names], self.folder.version)


def test_what_was_said_is_known() -> None:
    case = Fixture()
    assert case.found("a") is None
    case.store("a", stat("a"))
    case.store("b", None)
    assert case.found("a") == stat("a")
    assert case.found("b") == "absent"
    assert len(case.folder) == 2


def test_sizes_and_times_are_known_for_a_while_and_names_for_ever() -> None:
    case = Fixture()
    case.listed("a")
    case.store("b", None)
    case.clock.now += 4.9
    assert case.found("a") == stat("a")
    assert case.folder.listing() == [stat("a")]
    case.clock.now += 0.1
    assert case.found("a") is None
    assert case.folder.listing() is None
    assert case.found("a", exact_since=99.0) == stat("a")
    assert case.found("a", exact_since=100.0) == stat("a")
    assert case.found("a", exact_since=101.0) is None
    assert case.found("b") == "absent"
    assert case.found("c") == "absent"


def test_a_listing_shows_what_is_not_there() -> None:
    case = Fixture()
    case.listed("a", "B")
    assert case.folder.listing() == [stat("a"), stat("B")]
    assert case.found("a") == stat("a")
    assert case.found("c") == "absent"


@pytest.mark.parametrize("name", ["b", "A", "LONGNA~1", "a:s", "a.", "a ", "ä", "a?", "*"])
def test_names_that_a_server_may_find_though_it_does_not_list_them(name: str) -> None:
    case = Fixture()
    case.listed("a", "B")
    assert case.found(name) is None


def test_the_name_as_it_is_listed_stays() -> None:
    case = Fixture()
    case.listed("a")
    case.store("A", stat("A"))
    assert case.found("A") is None
    assert case.found("a") == stat("a")


def test_names_that_differ_in_case_only_make_no_listing() -> None:
    case = Fixture()
    case.listed("a", "A")
    assert case.folder.listing() is None
    assert case.found("c") is None


def test_a_change_makes_one_name_unknown() -> None:
    case = Fixture()
    case.listed("a", "b")
    case.folder.forget("A")
    assert case.found("a") is None
    assert case.found("b") == stat("b")
    assert case.found("c") == "absent"
    assert case.folder.listing() is None
    case.store("a", stat("a", 2))
    assert case.found("a") == stat("a", 2)
    assert case.folder.listing() == [stat("b"), stat("a", 2)]


def test_many_changes_end_the_listing() -> None:
    case = Fixture()
    case.listed("a")
    for number in range(1000):
        case.folder.forget(f"n{number}")
    assert case.found("zzz") == "absent"
    case.folder.forget("n1000")
    assert case.found("zzz") is None
    assert case.found("a") == stat("a")


def test_what_was_asked_before_a_change_is_not_kept() -> None:
    case = Fixture()
    version = case.folder.version
    case.folder.forget("a")
    case.folder.store("a", stat("a"), version)
    case.folder.store_listing([stat("a")], version)
    assert len(case.folder) == 0


def test_the_root_among_its_entries() -> None:
    case = Fixture()
    case.store(ITSELF, stat(""))
    case.listed("a")
    assert case.found(ITSELF) == stat("")
    assert case.folder.listing() == [stat("a")]
    case.folder.forget(ITSELF)
    assert case.found(ITSELF) is None
    assert case.folder.listing() == [stat("a")]


def test_no_more_than_the_limit() -> None:
    case = Fixture(limits=CacheLimits(entries=3))
    case.listed("a", "b", "c", "d")
    assert len(case.folder) == 0
    case.listed("a", "b", "c")
    assert len(case.folder) == 3
    for number in range(10):
        case.store(f"n{number}", None)
        assert len(case.folder) == 1 + number % 3


@pytest.mark.parametrize("left", [NOTHING, READ, HANDLE])
async def test_a_break_ends_it(left: int) -> None:
    case = Fixture()
    case.listed("a")
    notification = LeaseBreakNotification(
        new_epoch=2,
        flags=1,
        lease_key=case.folder.key,
        current_lease_state=READ | HANDLE,
        new_lease_state=left,
    )
    case.folder.reduce(notification)
    assert case.lost == [case.folder]
    assert case.found("a") is None
    assert case.found("c") is None
    assert case.folder.listing() is None
    assert await case.folder.give_back()
    await case.folder.close()
    assert not await case.folder.give_back()
    await case.folder.close()
    assert case.closed == [(opened().file_id, "f")]


def test_a_lost_connection_ends_it() -> None:
    case = Fixture()
    case.listed("a")
    case.connection.closed = True
    assert case.found("a") is None
    assert case.found("c") is None
    assert case.folder.listing() is None


def test_without_a_lease_nothing_is_known() -> None:
    case = Fixture(NOTHING)
    case.listed("a")
    case.store("b", stat("b"))
    assert case.found("a") is None
    assert case.found("b") is None
    assert case.found("c") is None
    assert case.folder.listing() is None


def test_without_a_lease_for_a_time_if_somebody_wants_that() -> None:
    case = Fixture(NOTHING, CacheLimits(ttl=2))
    case.listed("a")
    case.store("b", None)
    assert case.found("a") == stat("a")
    assert case.found("b") is None
    assert case.found("c") is None
    assert case.folder.listing() == [stat("a")]
    case.clock.now += 1.9
    assert case.found("a") == stat("a")
    assert case.folder.listing() == [stat("a")]
    case.clock.now += 0.1
    assert case.found("a") is None
    assert case.folder.listing() is None


@pytest.mark.parametrize("change", ["a name changes", "it is asked for anew", "all is forgotten"])
def test_another_thread_never_misses_a_file_while_what_is_known_changes(change: str) -> None:
    """A mount asks on the threads of libfuse, and tells programs that a file is not there."""
    fixture = Fixture()
    folder = fixture.folder
    listed = [stat("there")]
    ended = threading.Event()

    def look() -> set[Any]:
        found = set()
        while not ended.is_set():
            entry = folder.find("there")
            found.add(entry is None or entry.stat is not None)
        return found

    with switching_often(), ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(look) for _ in range(2)]
        try:
            for _ in range(20_000):
                folder.store_listing(listed, folder.version)
                folder.purge() if change == "all is forgotten" else folder.forget("there")
                if change == "it is asked for anew":
                    fixture.store("there", stat("there"))
        finally:
            ended.set()
        assert [each.result() for each in answers] == [{True}, {True}]
