"""Times, attributes and marks of a local file."""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from smbquic.storage import Disposition, OpenPolicy, StorageFile, types
from smbquic.storage.local import LocalStorage
from smbquic.storage.local.file import LocalFile
from tests.unit.storage.interfaces import differences
from tests.unit.storage.local.opening import Make


def test_times(opened: Make, root: Path) -> None:
    file = opened("file")
    file.set_times(
        creation_time=1_111_111_111_111_111_100,
        last_access_time=1_222_222_222_222_222_200,
        last_write_time=1_333_333_333_333_333_300,
        change_time=1_444_444_444_444_444_400,
    )
    found = file.stat()
    assert found.creation_time == 1_111_111_111_111_111_100
    assert found.last_access_time == 1_222_222_222_222_222_200
    assert found.last_write_time == 1_333_333_333_333_333_300
    assert found.change_time == 1_444_444_444_444_444_400
    assert (root / "file").stat().st_ctime_ns > found.change_time

    file.set_times(last_write_time=5_000_000_000)
    assert file.stat().last_access_time == 1_222_222_222_222_222_200
    assert file.stat().last_write_time == 5_000_000_000
    file.set_times(last_access_time=6_000_000_000)
    assert file.stat().last_access_time == 6_000_000_000
    assert file.stat().last_write_time == 5_000_000_000
    assert file.stat().creation_time == 1_111_111_111_111_111_100
    before = file.stat()
    file.set_times()
    assert file.stat() == before


def test_a_change_time_that_was_set_is_kept_until_the_next_change(
    opened: Make, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = opened("file")
    now, hour = time.time_ns(), 3600 * 10**9
    # As if it had been set some time ago.
    monkeypatch.setattr(time, "time_ns", lambda: now - hour)
    file.set_times(change_time=10**18)
    disk = (root / "file").stat().st_ctime_ns
    assert file.stat().change_time == disk

    monkeypatch.setattr(time, "time_ns", lambda: now + hour)
    file.set_times(change_time=10**18)
    assert file.stat().change_time == 10**18
    file.set_attributes(types.HIDDEN)
    assert file.stat().change_time == (root / "file").stat().st_ctime_ns


def test_what_made_a_file_is_kept(storage: LocalStorage) -> None:
    file, _ = storage.open("file", Disposition.CREATE, policy=OpenPolicy(77), write=True)
    file.set_attributes(types.HIDDEN)
    file.set_times(creation_time=10**18, change_time=10**18)
    file.set_extended_attributes([("a", b"b")])
    file.overwrite(types.ARCHIVE, supersede=True)

    assert file.stat().account == 77
    file.close()


def test_times_before_1970(opened: Make) -> None:
    file = opened("file")
    file.set_times(creation_time=-1_000_000_000_000_000_000, last_write_time=-5_000_000_000)

    assert file.stat().creation_time == -1_000_000_000_000_000_000
    assert file.stat().last_write_time == -5_000_000_000


def test_attributes(opened: Make) -> None:
    file = opened("file")
    created = file.stat().creation_time
    file.set_attributes(types.READONLY | types.HIDDEN | types.DIRECTORY | 0x400)
    assert file.stat().attributes == types.READONLY | types.HIDDEN
    file.set_times(creation_time=created - 100)
    assert file.stat().attributes == types.READONLY | types.HIDDEN
    file.set_attributes(types.NORMAL)
    assert file.stat().attributes == types.NORMAL
    assert file.stat().creation_time == created - 100


def test_attributes_of_what_came_from_elsewhere(opened: Make, root: Path) -> None:
    (root / "file").touch()
    os.utime(root / "file", ns=(10**18, 10**18))
    (root / "folder").mkdir()
    file, folder = opened("file"), opened("folder")

    assert file.stat().attributes == types.NORMAL
    created = file.stat().creation_time
    file.set_attributes(types.ARCHIVE)
    folder.set_attributes(types.HIDDEN)
    assert file.stat().attributes == types.ARCHIVE
    assert file.stat().creation_time == created // 100 * 100
    assert folder.stat().attributes == types.DIRECTORY | types.HIDDEN


def test_what_was_changed_is_marked(opened: Make, root: Path) -> None:
    (root / ".file").touch()
    os.utime(root / ".file", ns=(10**18, 10**18))
    file = opened(".file")
    created = file.stat().creation_time

    file.mark_changed()
    file.mark_changed()

    assert file.stat().attributes == types.ARCHIVE | types.HIDDEN
    assert file.stat().creation_time == created // 100 * 100
    assert file.stat().last_write_time == 10**18
    file.rename("file", replace=False)
    assert file.stat().attributes == types.ARCHIVE


def test_a_mark_that_cannot_be_stored(opened: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    file = opened("file")
    file.set_attributes(types.NORMAL)

    def refuse(*arguments: object) -> None:
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr(os, "setxattr", refuse, raising=False)
    file.mark_changed()

    assert file.stat().attributes == types.NORMAL


def test_what_is_marked_is_not_marked_again(opened: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    file = opened("file")
    file.mark_changed()
    monkeypatch.setattr(os, "setxattr", None)
    file.mark_changed()
    assert file.stat().attributes == types.ARCHIVE


@pytest.mark.parametrize("directory", [False, True])
def test_sparse_is_a_mark_of_its_own(opened: Make, directory: bool) -> None:
    file = opened("file", directory=directory)
    kind = types.DIRECTORY if directory else 0
    file.set_attributes(types.HIDDEN)
    for _ in range(2):
        file.set_sparse(sparse=True)
        assert file.stat().attributes == kind | types.HIDDEN | types.SPARSE
    file.set_attributes(types.READONLY)
    assert file.stat().attributes == kind | types.READONLY | types.SPARSE
    for _ in range(2):
        file.set_sparse(sparse=False)
        assert file.stat().attributes == kind | types.READONLY


def test_a_change_of_attributes_is_a_change(opened: Make, root: Path) -> None:
    file = opened("file")
    changes: tuple[Callable[[], object], ...] = (
        lambda: file.set_sparse(sparse=True),
        lambda: file.set_attributes(types.HIDDEN),
        file.mark_changed,
        lambda: file.set_extended_attributes([("a", b"b")]),
    )
    for change in changes:
        file.set_times(change_time=10**18)
        assert file.stat().change_time == 10**18
        change()
        assert file.stat().change_time == (root / "file").stat().st_ctime_ns


def test_extended_attributes_have_a_size(opened: Make) -> None:
    file = opened("file")
    assert file.stat().ea_size == 0
    file.set_extended_attributes([("a", b"bc"), ("d", b"e")])
    # 4 bytes, and 5 for each beside its name and value
    assert file.stat().ea_size == 4 + (5 + 1 + 2) + (5 + 1 + 1)
    assert file.extended_attributes() == [("a", b"bc"), ("d", b"e")]
    file.set_extended_attributes([("a", b""), ("d", b"")])
    assert file.stat().ea_size == 0


def test_a_descriptor_is_kept(opened: Make) -> None:
    file = opened("file")
    assert file.security() is None
    file.set_security(b"one")
    file.set_security(b"two")
    assert file.security() == b"two"


def test_nothing_is_set_on_a_read_only_share(read_only: LocalStorage, root: Path) -> None:
    (root / "file").touch()
    file, _ = read_only.open("file")
    before = file.stat()
    attempts: tuple[Callable[[], object], ...] = (
        lambda: file.set_times(last_write_time=0),
        lambda: file.set_attributes(types.HIDDEN),
        lambda: file.set_sparse(sparse=True),
        file.mark_changed,
        lambda: file.set_extended_attributes([("a", b"b")]),
        lambda: file.set_security(b"x"),
    )
    for attempt in attempts:
        with pytest.raises(OSError, match="Read-only") as caught:
            attempt()
        assert caught.value.errno == errno.EROFS
    assert file.stat() == before
    file.close()


def test_a_local_file_is_called_in_the_same_way_as_any_other() -> None:
    assert differences(StorageFile, LocalFile) == []
