"""A symbolic link that is opened itself."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbquic.storage import Disposition, NameInvalid, StorageFile
from smbquic.storage.local import LocalStorage
from smbquic.storage.local.symlink import LocalSymlink
from tests.unit.storage.interfaces import differences

pytestmark = pytest.mark.skipif(not hasattr(os, "O_PATH"), reason="takes Linux")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A share with a folder and a file in it."""
    root = tmp_path / "root"
    (root / "folder" / "inner").mkdir(parents=True)
    (root / "folder" / "file").write_bytes(b"content")
    return root


@pytest.fixture
def storage(root: Path) -> Iterator[LocalStorage]:
    """It shows links."""
    storage = LocalStorage(root, links=True)
    yield storage
    storage.close()


def test_a_link_is_moved_dated_and_deleted_and_its_target_is_not(
    storage: LocalStorage, root: Path
) -> None:
    (root / "link").symlink_to("folder/file")
    before = (root / "folder" / "file").stat()
    link, _ = storage.open("link", link=True)
    link.set_times(last_write_time=1_000_000_000)
    link.set_attributes(1)
    link.mark_changed()
    link.rename("moved", replace=False)
    assert (root / "moved").lstat().st_mtime_ns == 1_000_000_000
    assert (link.read(0, 10), list(link.allocated_ranges(0, 10))) == (b"", [])
    assert (link.extended_attributes(), link.streams(), link.security()) == ([], [], None)
    for refused in (
        lambda: link.set_extended_attributes([("A", b"x")]),
        lambda: link.set_security(b"x"),
        lambda: link.open_stream("s", Disposition.CREATE),
    ):
        with pytest.raises(OSError):  # noqa: PT011  (of several kinds)
            refused()
    link.delete()
    link.close()
    assert not os.path.lexists(root / "moved")
    after = (root / "folder" / "file").stat()
    assert (after.st_mtime_ns, after.st_mode) == (before.st_mtime_ns, before.st_mode)


def test_the_times_of_a_link_are_set_one_by_one(storage: LocalStorage, root: Path) -> None:
    (root / "link").symlink_to("folder/file")
    link, _ = storage.open("link", link=True)
    link.set_times(last_access_time=1_000_000_000, last_write_time=2_000_000_000)
    link.set_times(last_access_time=3_000_000_000)
    status = (root / "link").lstat()
    assert (status.st_atime_ns, status.st_mtime_ns) == (3_000_000_000, 2_000_000_000)
    link.set_times(last_write_time=4_000_000_000)
    status = (root / "link").lstat()
    assert (status.st_atime_ns, status.st_mtime_ns) == (3_000_000_000, 4_000_000_000)
    (root / "link").unlink()
    (root / "link").write_bytes(b"another file")
    with pytest.raises(FileNotFoundError):
        link.set_times(last_write_time=5_000_000_000)
    link.close()


def test_times_of_a_link_are_kept_on_a_read_only_share(root: Path) -> None:
    (root / "link").symlink_to("folder/file")
    read_only = LocalStorage(root, read_only=True, links=True)
    link, _ = read_only.open("link", link=True)
    with pytest.raises(OSError, match="Read-only"):
        link.set_times(last_write_time=1_000_000_000)
    link.close()
    read_only.close()
    assert (root / "link").lstat().st_mtime_ns != 1_000_000_000


def test_a_link_goes_nowhere_from_where_it_would_lead_out(
    storage: LocalStorage, root: Path
) -> None:
    (root / "folder" / "link").symlink_to("../folder")
    link, _ = storage.open("folder\\link", link=True)
    for move in (link.rename, link.link):
        with pytest.raises(PermissionError, match="leads out"):
            move("link", replace=False)
        assert not os.path.lexists(root / "link")
    link.link("folder\\inner\\second", replace=False)
    link.rename("folder\\inner\\link", replace=False)
    link.close()
    assert sorted(each.name for each in (root / "folder" / "inner").iterdir()) == ["link", "second"]
    assert (root / "folder" / "inner" / "second").readlink() == Path("../folder")


def test_a_link_has_nothing_of_a_file_but_its_name(storage: LocalStorage, root: Path) -> None:
    (root / "folder" / "link").symlink_to("file")
    link, _ = storage.open("folder\\link", link=True)
    assert (link.read(0, 10), link.read_cached(0, 10)) == (b"", b"")
    assert list(link.allocated_ranges(0, 10)) == []
    assert (link.extended_attributes(), link.streams(), link.security()) == ([], [], None)
    assert not link.is_directory
    with pytest.raises(OSError, match="no extended attributes"):
        link.set_extended_attributes([("A", b"x")])
    with pytest.raises(OSError, match="no descriptor of its own"):
        link.set_security(b"x")
    with pytest.raises(NameInvalid, match="no streams"):
        link.open_stream("s", Disposition.CREATE)
    link.close()


def test_it_is_called_in_the_same_way_as_any_other_file() -> None:
    assert differences(StorageFile, LocalSymlink) == []
