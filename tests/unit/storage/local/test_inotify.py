"""Changes that local programs make to a share's files are reported once and in order."""

import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbquic.storage import Change, ChangeKind
from smbquic.storage.local import LocalStorage, inotify
from smbquic.storage.local.inotify import Inotify
from smbquic.storage.local.tree import FolderTree

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux'")

ADDED, REMOVED, RENAMED = ChangeKind.ADDED, ChangeKind.REMOVED, ChangeKind.RENAMED
CONTENT, METADATA, MOVED = ChangeKind.CONTENT, ChangeKind.METADATA, ChangeKind.MOVED


@pytest.fixture
def folder(root: Path) -> Path:
    return root


@pytest.fixture
def source(storage: LocalStorage) -> Iterator[Inotify]:
    made = storage.watch()
    assert made is not None
    yield made
    made.close()


def take(steps: Iterator[None]) -> int:
    """Take all steps; return how many they were."""
    return sum(1 for _ in steps)


def cover(source: Inotify, name: str = "", *, recursive: bool = False) -> None:
    take(source.cover(name, recursive=recursive))


def uncover(source: Inotify, name: str = "", *, recursive: bool = False) -> None:
    take(source.uncover(name, recursive=recursive))


def read(source: Inotify, *, final: bool = False) -> list[Change]:
    """All changes, after which all that is to be watched is watched."""
    changes = source.read(final=final)
    while source.behind:
        changes += source.read(final=final)
    take(source.follow())
    return changes


def test_files_come_change_and_go(source: Inotify, folder: Path) -> None:
    cover(source)
    path = folder / "a.txt"
    path.touch()
    path.write_bytes(b"abc")
    path.chmod(0o600)
    path.unlink()
    assert read(source) == [
        Change(ADDED, "a.txt"),
        Change(CONTENT, "a.txt"),
        Change(METADATA, "a.txt"),
        Change(REMOVED, "a.txt"),
    ]
    assert read(source) == []


def test_names_are_those_of_the_wire(source: Inotify, folder: Path) -> None:
    cover(source)
    (folder / "a?").mkdir()
    assert read(source) == [Change(ADDED, "a\uf025", is_directory=True)]


def test_what_is_not_served_is_not_told_of(source: Inotify, folder: Path) -> None:
    cover(source)
    os.mkfifo(folder / "fifo")
    (folder / "link").symlink_to("/etc")
    assert read(source) == []


def test_what_has_gone_again_is_told_of(source: Inotify, folder: Path) -> None:
    cover(source)
    (folder / "a").touch()
    (folder / "a").unlink()
    assert [change.kind for change in read(source)] == [ADDED, REMOVED]


def test_what_is_made_in_a_folder_that_has_gone_is_told_of(source: Inotify, folder: Path) -> None:
    (folder / "in").mkdir()
    cover(source, "in")
    (folder / "in" / "a").touch()
    (folder / "in" / "a").unlink()
    (folder / "in").rmdir()
    assert read(source) == [Change(ADDED, r"in\a"), Change(REMOVED, r"in\a")]
    assert source.folders == []


def test_what_is_below_counts_only_when_asked_for(source: Inotify, folder: Path) -> None:
    (folder / "in").mkdir()
    cover(source)
    (folder / "in" / "a").touch()
    assert read(source) == []


def test_recursive_takes_in_what_is_there_and_what_comes(source: Inotify, folder: Path) -> None:
    (folder / "a" / "b").mkdir(parents=True)
    cover(source, recursive=True)
    assert source.folders == ["", "a", r"a\b"]
    (folder / "a" / "b" / "new").mkdir()
    (folder / "a" / "b" / "new" / "early").touch()
    (folder / "a" / "b" / "new" / "deep").mkdir()
    (folder / "a" / "b" / "new" / "deep" / "er").touch()
    assert sorted(read(source), key=lambda change: change.name) == [
        Change(ADDED, r"a\b\new", is_directory=True),
        Change(ADDED, r"a\b\new\deep", is_directory=True),
        Change(ADDED, r"a\b\new\deep\er"),
        Change(ADDED, r"a\b\new\early"),
    ]
    (folder / "a" / "b" / "new" / "late").touch()
    assert read(source) == [Change(ADDED, r"a\b\new\late")]


def test_a_rename_is_one_change(source: Inotify, folder: Path) -> None:
    (folder / "old").touch()
    cover(source)
    (folder / "old").rename(folder / "new")
    assert read(source) == [Change(RENAMED, "new", old_name="old")]


def test_a_move_is_a_removal_and_an_addition(source: Inotify, folder: Path) -> None:
    (folder / "in").mkdir()
    (folder / "a").touch()
    cover(source, recursive=True)
    (folder / "a").rename(folder / "in" / "b")
    assert read(source) == [Change(REMOVED, "a"), Change(ADDED, r"in\b")]


def test_a_renamed_folder_is_watched_by_its_new_name(source: Inotify, folder: Path) -> None:
    (folder / "old" / "in").mkdir(parents=True)
    cover(source, recursive=True)
    cover(source, r"old\in")
    (folder / "old").rename(folder / "new")
    assert read(source) == [
        Change(MOVED, "new", is_directory=True, old_name="old"),
        Change(RENAMED, "new", is_directory=True, old_name="old"),
    ]
    (folder / "new" / "in" / "a").touch()
    assert read(source) == [Change(ADDED, r"new\in\a")]
    uncover(source, recursive=True)
    assert source.folders == [r"new\in"]


def test_a_folder_that_leaves_the_share_is_watched_no_more(source: Inotify, folder: Path) -> None:
    (folder / "in" / "side").mkdir(parents=True)
    cover(source, recursive=True)
    (folder / "in").rename(folder.parent / "out")
    assert read(source) == []
    assert source.incomplete
    assert read(source, final=True) == [Change(REMOVED, "in", is_directory=True)]
    assert not source.incomplete
    assert source.folders == [""]
    assert read(source, final=True) == []


def test_half_a_move_is_given_up_at_the_next_event(source: Inotify, folder: Path) -> None:
    (folder / "a").touch()
    cover(source)
    (folder / "a").rename(folder.parent / "a")
    (folder / "b").touch()
    assert read(source) == [Change(REMOVED, "a"), Change(ADDED, "b")]


def test_a_rename_in_a_folder_below_is_one_change(source: Inotify, folder: Path) -> None:
    (folder / "in" / "side").mkdir(parents=True)
    (folder / "in" / "side" / "old").touch()
    cover(source, recursive=True)
    (folder / "in" / "side" / "old").rename(folder / "in" / "side" / "new")
    assert read(source) == [Change(RENAMED, r"in\side\new", old_name=r"in\side\old")]


def test_the_kernel_is_told_what_is_watched_no_more(source: Inotify, folder: Path) -> None:
    (folder / "in").mkdir()
    cover(source, recursive=True)
    watched = Path(f"/proc/self/fdinfo/{source.fileno()}")
    assert watched.read_text().count("inotify wd:") == 2
    uncover(source, recursive=True)
    assert watched.read_text().count("inotify wd:") == 0


def test_nothing_is_looked_for_below_what_is_not_watched(folder: Path) -> None:
    (folder / "a" / "b" / "c").mkdir(parents=True)
    tree = FolderTree(folder, read_only=False, links=False)
    source = Inotify(tree, max_folders=1)
    assert len(list(source.cover("", recursive=True))) == 1
    source.close()
    tree.close()


def test_what_goes_and_what_comes_are_two_moves(source: Inotify, folder: Path) -> None:
    (folder / "a").touch()
    (folder.parent / "b").touch()
    cover(source)
    (folder / "a").rename(folder.parent / "a")
    (folder.parent / "b").rename(folder / "b")
    assert read(source) == [Change(REMOVED, "a"), Change(ADDED, "b")]
    assert not source.incomplete


def test_a_change_of_the_watched_folder_itself_is_none_in_it(source: Inotify, folder: Path) -> None:
    cover(source)
    folder.chmod(0o700)
    assert read(source) == []


def test_a_sibling_with_a_longer_name_stays_where_a_folder_leaves(
    source: Inotify, folder: Path
) -> None:
    (folder / "in").mkdir()
    (folder / "inner").mkdir()
    cover(source, recursive=True)
    (folder / "in").rename(folder.parent / "out")
    assert read(source, final=True) == [Change(REMOVED, "in", is_directory=True)]
    assert source.folders == ["", "inner"]


def test_a_file_that_leaves_takes_no_folder_along(source: Inotify, folder: Path) -> None:
    (folder / "in").mkdir()
    (folder / "file").touch()
    cover(source, recursive=True)
    (folder / "file").rename(folder.parent / "file")
    assert read(source, final=True) == [Change(REMOVED, "file")]
    assert source.folders == ["", "in"]


def test_a_folder_that_enters_the_share_is_watched(source: Inotify, folder: Path) -> None:
    (folder.parent / "out" / "side").mkdir(parents=True)
    cover(source, recursive=True)
    (folder.parent / "out").rename(folder / "in")
    assert read(source) == [Change(ADDED, "in", is_directory=True)]
    assert source.folders == ["", "in", r"in\side"]


def test_a_folder_moved_where_nobody_looks_is_dropped(source: Inotify, folder: Path) -> None:
    (folder / "a" / "x").mkdir(parents=True)
    (folder / "b").mkdir()
    cover(source, "a", recursive=True)
    cover(source, "b")
    (folder / "a" / "x").rename(folder / "b" / "x")
    assert read(source) == [
        Change(MOVED, r"b\x", is_directory=True, old_name=r"a\x"),
        Change(REMOVED, r"a\x", is_directory=True),
        Change(ADDED, r"b\x", is_directory=True),
    ]
    assert source.folders == ["a", "b"]


def test_covering_twice_takes_uncovering_twice(source: Inotify, folder: Path) -> None:
    (folder / "in").mkdir()
    cover(source, recursive=True)
    cover(source, recursive=True)
    uncover(source, recursive=True)
    assert source.folders == ["", "in"]
    uncover(source, recursive=True)
    assert source.folders == []
    (folder / "a").touch()
    assert read(source) == []


def test_a_descent_ends_when_nobody_wants_it_any_more(source: Inotify, folder: Path) -> None:
    for name in "abc":
        (folder / name).mkdir()
    steps = source.cover("", recursive=True)
    next(steps)
    uncover(source, recursive=True)
    assert list(steps) == []
    assert source.folders == []


def test_no_more_folders_are_watched_than_allowed(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # As docs/decisions/0010-changes-from-two-sources.md says, where nothing else is.
    assert inotify.MAX_FOLDERS == 16_384
    for name in "abc":
        (folder / name).mkdir()
    tree = FolderTree(folder, read_only=False, links=False)
    source = Inotify(tree, max_folders=2)
    cover(source, recursive=True)
    assert len(source.folders) == 2
    assert len(caplog.records) == 1
    assert "more than 2 folders" in caplog.text
    source.close()
    tree.close()


def test_what_cannot_be_watched_is_left_out(source: Inotify) -> None:
    cover(source, "missing", recursive=True)
    assert source.folders == []


def test_errors_of_the_kernel_are_said_once(
    source: Inotify, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = inotify._LIBC
    assert real is not None
    monkeypatch.setattr(inotify, "_LIBC", (real[0], lambda *_: -1, real[2]))
    monkeypatch.setattr("ctypes.get_errno", lambda: 28)
    cover(source)
    cover(source)
    assert source.folders == []
    assert caplog.text.count("No space left") == 1


@pytest.mark.parametrize("code", [errno.EACCES, errno.ENOENT])
def test_a_folder_that_may_not_be_watched_or_has_gone_is_no_news(
    source: Inotify, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    real = inotify._LIBC
    assert real is not None
    monkeypatch.setattr(inotify, "_LIBC", (real[0], lambda *_: -1, real[2]))
    monkeypatch.setattr("ctypes.get_errno", lambda: code)
    cover(source)
    assert (source.folders, caplog.records) == ([], [])


def test_what_was_found_before_its_event_is_told_once(source: Inotify, folder: Path) -> None:
    for name in ("known", "new"):
        (folder / name).touch()
    cover(source)
    changes: list[Change] = []
    source._found.add("known")
    for raw in (b"known", b"new"):
        source._take(source._descriptors[""], 0x100, 0, raw, changes)
    assert changes == [Change(ADDED, "new")]


def test_nothing_is_kept_of_what_is_uncovered(source: Inotify, folder: Path) -> None:
    cover(source, recursive=True)
    uncover(source, recursive=True)
    assert not source._covered
    assert source._names == {}


def test_a_read_takes_a_part_of_what_has_happened(source: Inotify, folder: Path) -> None:
    cover(source)
    for number in range(300):
        (folder / f"{number:03}").touch()
    first = source.read()
    assert 0 < len(first) <= inotify.READ_SIZE // 16
    assert source.behind
    assert first + read(source) == [Change(ADDED, f"{number:03}") for number in range(300)]
    assert not source.behind


def test_half_a_move_is_kept_while_the_source_is_behind(source: Inotify, folder: Path) -> None:
    (folder / "old").touch()
    cover(source)
    # An event takes 32 bytes with such a name, so that the first half is the last of its part.
    for number in range(inotify.READ_SIZE // 32 - 1):
        (folder / f"{number:03}").touch()
    (folder / "old").rename(folder / "new")
    source.read(final=True)
    assert source.behind
    assert source.incomplete
    assert source.read(final=True) == [Change(RENAMED, "new", old_name="old")]


def test_many_files_are_passed_over_in_steps(source: Inotify, folder: Path) -> None:
    for number in range(1000):
        (folder / f"{number}").touch()
    assert take(source.cover("", recursive=True)) == 1000 // 128


def test_a_folder_of_many_files_is_left_when_nobody_wants_it(source: Inotify, folder: Path) -> None:
    for number in range(1000):
        (folder / f"{number}").touch()
    steps = source.cover("", recursive=True)
    next(steps)
    uncover(source, recursive=True)
    assert take(steps) == 0


def test_folders_are_given_up_in_steps(source: Inotify, folder: Path) -> None:
    for name in "abc":
        (folder / name).mkdir()
    cover(source, recursive=True)
    assert take(source.uncover("", recursive=True)) == 4


def test_of_many_entries_of_a_new_folder_some_are_told(
    source: Inotify, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inotify, "MOST_FOUND", 3)
    cover(source, recursive=True)
    (folder / "new" / "deep" / "er").mkdir(parents=True)
    for name in "abcde":
        (folder / "new" / name).touch()
    changes = source.read()
    assert changes[0] == Change(ADDED, "new", is_directory=True)
    assert [change.kind for change in changes[1:]] == [ADDED] * 3 + [ChangeKind.LOST]
    take(source.follow())
    assert source.folders == ["", "new", r"new\deep", r"new\deep\er"]


def test_a_folder_that_comes_back_is_watched(source: Inotify, folder: Path) -> None:
    (folder / "in" / "side").mkdir(parents=True)
    cover(source, recursive=True)
    (folder / "in").rename(folder.parent / "out")
    source.read(final=True)
    (folder.parent / "out").rename(folder / "in")
    source.read()
    take(source.follow())
    (folder / "in" / "side" / "a").touch()
    assert read(source) == [Change(ADDED, r"in\side\a")]


def test_a_folder_that_comes_and_is_renamed_at_once_is_watched(
    source: Inotify, folder: Path
) -> None:
    (folder.parent / "out" / "side").mkdir(parents=True)
    cover(source, recursive=True)
    (folder.parent / "out").rename(folder / "first")
    (folder / "first").rename(folder / "second")
    read(source)
    assert source.folders == ["", "second", r"second\side"]


def test_steps_end_when_the_source_is_closed(source: Inotify, folder: Path) -> None:
    for name in "abc":
        (folder / name / "in").mkdir(parents=True)
    cover(source, recursive=True)
    (folder / "a").rename(folder.parent / "a")
    source.read(final=True)
    further, leaving = source.cover("", recursive=True), source.uncover("", recursive=True)
    source.close()
    assert [take(steps) for steps in (further, leaving, source.follow())] == [0, 0, 0]


def test_lost_events_are_told(source: Inotify) -> None:
    changes: list[Change] = []
    source._take(-1, 0x4000, 0, b"", changes)
    assert changes == [Change(ChangeKind.LOST)]


def test_closing_ends_it(source: Inotify) -> None:
    cover(source)
    source.close()
    source.close()
    assert read(source) == []
    assert source.folders == []


def test_there_may_be_no_inotify(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(inotify, "_LIBC", None)
    assert storage.watch() is None
    assert "will go unnoticed" in caplog.text


def test_other_systems_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert inotify._find_inotify() is None
