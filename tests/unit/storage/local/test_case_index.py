import errno
import os
import threading
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.storage import NotReady
from smbquic.storage.local import case_index
from smbquic.storage.local.case_index import (
    CAPACITY,
    LIFETIME,
    CaseIndex,
    NameTable,
    Stamp,
)
from smbquic.storage.names import fold, from_disk
from tests.unit.clock import Clock


@pytest.fixture
def index(clock: Clock) -> CaseIndex:
    return CaseIndex(clock)


@pytest.fixture
def only_names_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let folders and buckets take no memory, and names as much as in the test's sums."""
    monkeypatch.setattr(case_index, "_FOLDER", 0)
    monkeypatch.setattr(case_index, "_BUCKET", 0)


@pytest.fixture
def folder(root: Path) -> Iterator[int]:
    """A descriptor of the share's root."""
    fd = os.open(root, os.O_RDONLY)
    yield fd
    os.close(fd)


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one for each time that a folder is read."""
    real = os.scandir
    seen: list[int] = []

    def scan(fd: int) -> object:
        seen.append(fd)
        return real(fd)

    monkeypatch.setattr(os, "scandir", scan)
    return seen


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets more than two names be too many to be read at once."""
    monkeypatch.setattr(case_index, "AT_ONCE", 2)


def found(index: CaseIndex, folder: int, name: str) -> bytes | None:
    match = index.find(folder, name)
    return match and match[0]


def hide_change(folder: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the folder look as if it had not changed since now."""
    stamp = Stamp.of(folder)
    monkeypatch.setattr(Stamp, "of", lambda _: stamp)


def test_any_case_is_found(root: Path, folder: int, index: CaseIndex) -> None:
    (root / "Grüße.TXT").write_bytes(b"12345")

    match = index.find(folder, "gRÜSSE.txt".replace("SS", "ß"))

    assert match is not None
    assert match[0] == "Grüße.TXT".encode()
    assert match[1].st_size == 5
    assert index.find(folder, "other") is None


def test_names_that_are_no_unicode_are_found(root: Path, folder: int, index: CaseIndex) -> None:
    Path(os.fsdecode(os.fsencode(root) + b"/Caf\xe9:")).touch()

    assert found(index, folder, "CAF\uf0e9\uf022") == b"Caf\xe9:"


def test_of_several_the_first_in_byte_order(root: Path, folder: int, index: CaseIndex) -> None:
    for name in ("foo", "FOO", "Foo"):
        (root / name).touch()

    assert found(index, folder, "fOO") == b"FOO"


def test_a_folder_is_read_once(root: Path, folder: int, index: CaseIndex, scans: list[int]) -> None:
    (root / "A").touch()

    assert found(index, folder, "a") == b"A"
    assert found(index, folder, "b") is None
    assert found(index, folder, "a") == b"A"
    assert len(scans) == 1


def test_a_change_by_others_is_seen(
    root: Path, folder: int, index: CaseIndex, scans: list[int]
) -> None:
    assert found(index, folder, "a") is None
    (root / "A").touch()
    os.utime(root, ns=(0, 0))

    assert found(index, folder, "a") == b"A"
    assert len(scans) == 2


def test_nothing_is_believed_for_long(
    root: Path, folder: int, index: CaseIndex, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide_change(folder, monkeypatch)
    assert found(index, folder, "a") is None
    (root / "A").touch()
    clock.now += 0.99
    assert found(index, folder, "a") is None
    clock.now += 0.02

    assert found(index, folder, "a") == b"A"


def test_our_own_changes_are_taken_over(
    root: Path, folder: int, index: CaseIndex, scans: list[int]
) -> None:
    (root / "Old").touch()
    assert found(index, folder, "old") == b"Old"

    before = Stamp.of(folder)
    (root / "New").touch()
    index.update(folder, before, b"New")
    assert found(index, folder, "nEW") == b"New"

    before = Stamp.of(folder)
    (root / "New").rename(root / "Newer")
    index.update(folder, before, b"Newer")
    assert found(index, folder, "new") is None
    assert found(index, folder, "newER") == b"Newer"

    before = Stamp.of(folder)
    (root / "Old").unlink()
    index.update(folder, before)
    assert found(index, folder, "OLD") is None

    assert len(scans) == 1


def test_one_of_two_cases_goes(root: Path, folder: int, index: CaseIndex) -> None:
    (root / "foo").touch()
    (root / "FOO").touch()
    assert found(index, folder, "Foo") == b"FOO"

    before = Stamp.of(folder)
    (root / "FOO").unlink()
    index.update(folder, before)

    assert found(index, folder, "Foo") == b"foo"


def test_our_change_does_not_hide_that_of_others(root: Path, folder: int, index: CaseIndex) -> None:
    assert found(index, folder, "a") is None
    (root / "A").touch()
    before = Stamp.of(folder)
    (root / "B").touch()
    index.update(folder, before, b"B")

    assert found(index, folder, "a") == b"A"


def test_an_update_of_a_folder_that_is_not_known(root: Path, folder: int, index: CaseIndex) -> None:
    before = Stamp.of(folder)
    (root / "A").touch()
    index.update(folder, before, b"A")

    assert found(index, folder, "a") == b"A"


def test_what_is_known_but_gone_is_not_found(
    root: Path, folder: int, index: CaseIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "A").touch()
    hide_change(folder, monkeypatch)
    assert found(index, folder, "a") == b"A"
    (root / "A").unlink()

    assert found(index, folder, "a") is None


def test_a_folder_that_is_gone_or_closed_to_us_has_nothing(
    root: Path, index: CaseIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "sub").mkdir()
    fd = os.open(root / "sub", os.O_RDONLY)
    try:
        (root / "sub").rmdir()
        assert index.find(fd, "a") is None

        def refuse(*_: object) -> int:
            raise PermissionError

        monkeypatch.setattr(case_index, "open_directory", refuse)
        assert CaseIndex().find(fd, "a") is None
    finally:
        os.close(fd)


@pytest.mark.usefixtures("only_names_count")
def test_a_folder_that_is_too_large_to_be_kept_is_searched_to_its_end(
    root: Path, index: CaseIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(case_index, "CAPACITY", 5 * 4)
    for number in range(9):
        (root / f"F{number}").touch()
    fd = os.open(root, os.O_RDONLY)
    try:
        assert [found(index, fd, f"f{number}") for number in range(9)] == [
            b"F%d" % number for number in range(9)
        ]
    finally:
        os.close(fd)


@pytest.mark.usefixtures("only_names_count")
def test_what_is_kept_is_bounded(
    root: Path, index: CaseIndex, scans: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As docs/security.md says.
    assert CAPACITY == 128 * 1024 * 1024
    # Each of these names takes four bytes: itself, and two separators.
    monkeypatch.setattr(case_index, "CAPACITY", 5 * 4)
    fds = []
    for name, count in (("one", 3), ("two", 2), ("three", 3), ("huge", 6)):
        (root / name).mkdir()
        for number in range(count):
            (root / name / f"F{number}").touch()
        fds.append(os.open(root / name, os.O_RDONLY))
    try:
        one, two, three, huge = fds
        assert found(index, one, "f0") == found(index, two, "f0") == b"F0"
        assert found(index, one, "f1") == b"F1"
        assert len(scans) == 2
        # `one` was used last, so `two` and then `one` have to go.
        assert found(index, three, "f2") == b"F2"
        assert found(index, three, "f2") == b"F2"
        assert len(scans) == 3
        assert found(index, one, "f1") == b"F1"
        assert len(scans) == 4
        # Too large to be kept whole, yet searched; only what was searched is kept.
        assert found(index, huge, "f5") == found(index, huge, "f5") == b"F5"
        assert len(scans) == 5
        assert found(index, huge, "f4") == b"F4"
        assert len(scans) == 6

        before = Stamp.of(one)
        for number in range(3, 6):
            (root / "one" / f"F{number}").touch()
            index.update(one, before, b"F%d" % number)
            before = Stamp.of(one)
        assert found(index, one, "f5") == b"F5"
        assert len(scans) == 7
    finally:
        for fd in fds:
            os.close(fd)


NAMES = st.lists(st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1))


@given(NAMES, st.integers(0, 40))
def test_a_table_finds_every_spelling_of_a_name(names: list[str], searched: int) -> None:
    table = NameTable()
    spellings = [*names, *map(str.upper, names)]
    for name in spellings:
        table.add(name.encode())

    def folded(raw: bytes) -> str:
        return fold(from_disk(raw))

    for name in spellings[searched:]:
        wanted = folded(name.encode())
        expected = {one.encode() for one in spellings if folded(one.encode()) == wanted}
        assert table.find(wanted) == sorted(expected)
    assert table.find(fold("no name of these")) == []


@pytest.mark.usefixtures("large")
def test_a_large_folder_is_read_on_a_thread_first(
    root: Path, folder: int, index: CaseIndex, clock: Clock, scans: list[int]
) -> None:
    for name in ("A", "B", "C"):
        (root / name).touch()

    with pytest.raises(NotReady) as raised:
        index.find(folder, "c")
    thread = threading.Thread(target=raised.value.prepare)
    thread.start()
    thread.join()

    assert found(index, folder, "c") == b"C"
    assert found(index, folder, "d") is None
    assert len(scans) == 2
    # What it has read is believed for a moment, though the folder changes all the time.
    os.utime(root, ns=(0, 0))
    clock.now += 0.24
    assert found(index, folder, "a") == b"A"
    clock.now += 0.02
    with pytest.raises(NotReady):
        index.find(folder, "a")


def test_five_hundred_names_are_read_at_once(root: Path, folder: int, index: CaseIndex) -> None:
    for number in range(500):
        (root / f"F{number}").touch()
    assert found(index, folder, "f7") == b"F7"

    (root / "One more").touch()
    os.utime(root, ns=(0, 0))
    with pytest.raises(NotReady):
        index.find(folder, "f7")


@pytest.mark.usefixtures("large")
def test_a_large_folder_that_was_read_is_known_for_a_second(
    root: Path, folder: int, index: CaseIndex, clock: Clock
) -> None:
    for name in ("A", "B", "C"):
        (root / name).touch()
    with pytest.raises(NotReady) as raised:
        index.find(folder, "c")
    raised.value.prepare()

    clock.now += 0.99
    assert found(index, folder, "c") == b"C"
    clock.now += 0.02
    with pytest.raises(NotReady):
        index.find(folder, "c")


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("believed", [False, True])
def test_a_change_of_our_own_does_not_hide_others_once_grace_is_over(
    root: Path, folder: int, index: CaseIndex, clock: Clock, believed: bool
) -> None:
    for name in ("A", "B", "C"):
        (root / name).touch()
    with pytest.raises(NotReady) as raised:
        index.find(folder, "c")
    raised.value.prepare()
    (root / "D").touch()
    before = Stamp.of(folder)
    (root / "E").touch()
    clock.now += case_index.GRACE - (0.01 if believed else 0)
    index.update(folder, before, b"E")
    if believed:
        assert found(index, folder, "e") == b"E"
    else:
        with pytest.raises(NotReady):
            index.find(folder, "d")


@pytest.mark.usefixtures("large")
def test_of_those_who_wait_for_a_large_folder_one_reads_it(
    root: Path, folder: int, index: CaseIndex, scans: list[int]
) -> None:
    for name in ("A", "B", "C"):
        (root / name).touch()
    preparations = []
    for _ in range(3):
        with pytest.raises(NotReady) as raised:
            index.find(folder, "c")
        preparations.append(raised.value.prepare)
    scans.clear()

    for prepare in preparations:
        prepare()

    assert len(scans) == 1


class CountedLock:
    """A lock that counts who has come to it, waiting or not."""

    come = threading.Semaphore(0)

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self.come.release()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_three_threads_that_want_one_folder_wait_for_each_other(
    root: Path, folder: int, index: CaseIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(case_index, "threading", SimpleNamespace(Lock=CountedLock))
    real, go_on = os.scandir, threading.Event()

    def scan(fd: int) -> Iterator[os.DirEntry[str]]:
        assert go_on.wait(60)
        return real(fd)

    monkeypatch.setattr(os, "scandir", scan)
    with ThreadPoolExecutor(3) as threads:
        preparing = [threads.submit(index.prepare, folder, "x") for _ in range(3)]
        for _ in preparing:
            assert CountedLock.come.acquire(timeout=60)
        go_on.set()
        for each in preparing:
            each.result(60)
    # Nothing is kept of a folder that nobody reads any more.
    assert index._scanning == {}


@pytest.mark.usefixtures("large")
def test_a_search_that_nobody_waits_for_any_more_leaves_no_descriptor(
    root: Path, folder: int, index: CaseIndex
) -> None:
    for name in ("A", "B", "C"):
        (root / name).touch()
    before = len(list(Path("/proc/self/fd").iterdir()))

    with suppress(NotReady):
        index.find(folder, "c")

    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.usefixtures("large")
def test_a_failure_to_read_a_large_folder_is_told(
    root: Path, folder: int, index: CaseIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("A", "B", "C"):
        (root / name).touch()
    with pytest.raises(NotReady) as raised:
        index.find(folder, "c")

    def fail(*_: object) -> int:
        raise OSError(errno.EIO, "bad disk")

    monkeypatch.setattr(case_index, "open_directory", fail)
    raised.value.prepare()

    with pytest.raises(OSError, match="bad disk"):
        index.find(folder, "c")


def test_a_folder_that_was_large_is_not_begun_to_be_read_for_each_search(
    root: Path, folder: int, index: CaseIndex, clock: Clock, scans: list[int], large: None
) -> None:
    for name in "abc":
        (root / name).touch()
    with pytest.raises(NotReady) as raised:
        found(index, folder, "A")
    raised.value.prepare()
    assert found(index, folder, "A") == b"a"
    clock.advance(2)
    scans.clear()
    for _ in range(3):
        with pytest.raises(NotReady) as raised:
            found(index, folder, "A")
    assert scans == []
    (root / "a").unlink()
    (root / "b").unlink()
    raised.value.prepare()
    assert found(index, folder, "C") == b"c"
    clock.advance(2)
    assert found(index, folder, "C") == b"c"  # it is small by now


def kept(index: CaseIndex) -> int:
    """Return of how many folders the names are kept."""
    return len(index._listings)


def search_new_folders(root: Path, index: CaseIndex, count: int) -> None:
    """Search a name in each of so many folders, which are made for it and stay."""
    for _ in range(count):
        folder = root / f"folder{sum(1 for _ in root.iterdir())}"
        folder.mkdir()
        fd = os.open(folder, os.O_RDONLY)
        try:
            assert index.find(fd, "x") is None
        finally:
            os.close(fd)


def test_empty_folders_take_memory_too(
    root: Path, index: CaseIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(case_index, "CAPACITY", 10 * 512)
    search_new_folders(root, index, 30)
    assert kept(index) == 10


@pytest.mark.parametrize("names", [0, 1, 30, 2000])
def test_the_size_is_nearly_that_in_memory(names: int) -> None:
    # The first one imports and caches, and the memory of many small ones is rounded.
    measured = []
    for _ in range(2):
        tracemalloc.start()
        try:
            listings = [case_index._Listing(2**60 + n, 1e5 + n) for n in range(20)]
            for listing in listings:
                for number in range(names):
                    listing.table.add(b"name-%05d" % number)
            measured.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
    counted = sum(listing.size for listing in listings)
    assert 0.5 < counted / measured[1] < 3


def test_what_is_expired_is_dropped_when_others_come(
    root: Path, index: CaseIndex, clock: Clock
) -> None:
    search_new_folders(root, index, 8)
    assert kept(index) == 8
    clock.now += LIFETIME
    # Two go for each that comes.
    search_new_folders(root, index, 3)
    assert kept(index) == 8 - 6 + 3
    search_new_folders(root, index, 3)
    assert kept(index) == 6


def test_that_a_folder_is_large_is_remembered(
    root: Path, folder: int, index: CaseIndex, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(case_index, "AT_ONCE", 2)
    for number in range(3):
        (root / f"name{number}").touch()
    index.prepare(folder, "x")
    clock.now += 2 * LIFETIME
    other = root.parent / "other"
    other.mkdir()
    search_new_folders(other, index, 4)
    assert index._is_large(Stamp.of(folder).folder)
