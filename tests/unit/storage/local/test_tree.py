"""Finding folders, and the names of what is open in them."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbquic.storage import NameInvalid, PathNotFound, StoppedOnSymlink
from smbquic.storage.errors import RootGone
from smbquic.storage.local import symlinks, xattrs
from smbquic.storage.local.tree import FolderTree, OpenName, key_of


@pytest.fixture
def tree(root: Path) -> Iterator[FolderTree]:
    made = FolderTree(root, read_only=False, links=False)
    yield made
    made.close()


def opened(tree: FolderTree, name: str) -> OpenName:
    """Attach a file's name, as an open of it does."""
    parent, folders, last = tree.walk_to_parent(name)
    raw, status = tree.look_up(parent, last)
    assert status is not None
    return tree.attach(key_of(status), parent, raw, [*folders, raw.decode()])


def test_the_root_is_a_folder(root: Path) -> None:
    (root / "file").touch()
    with pytest.raises(NotADirectoryError):
        FolderTree(root / "file", read_only=False, links=False)


def test_folders_on_the_way_are_visited_by_their_real_names(tree: FolderTree, root: Path) -> None:
    (root / "One" / "Two").mkdir(parents=True)
    seen: list[tuple[int, str]] = []

    here, real = tree.walk(
        ["oNE", "tWO"], lambda fd, name: seen.append((os.fstat(fd).st_ino, name))
    )

    assert os.fstat(here).st_ino == (root / "One" / "Two").stat().st_ino
    os.close(here)
    assert real == ["One", "Two"]
    assert seen == [
        (root.stat().st_ino, ""),
        ((root / "One").stat().st_ino, "One"),
        ((root / "One" / "Two").stat().st_ino, "Two"),
    ]


def test_who_visits_may_refuse(tree: FolderTree, root: Path) -> None:
    (root / "one").mkdir()

    def refuse(_: int, name: str) -> None:
        if name:
            raise ValueError(name)

    with pytest.raises(ValueError, match="one"):
        tree.walk(["one"], refuse)
    with pytest.raises(PathNotFound):
        tree.walk(["two"], refuse)


@pytest.mark.parametrize("links", [False, True])
def test_what_is_on_the_way(root: Path, links: bool) -> None:
    (root / "folder").mkdir()
    (root / "file").touch()
    (root / "folder" / "link").symlink_to("inner")
    tree = FolderTree(root, read_only=False, links=links)
    for name in ("missing\\x", "file\\x", "folder\\missing\\x"):
        with pytest.raises(PathNotFound) as caught:
            tree.walk_to_parent(name)
        assert not isinstance(caught.value, StoppedOnSymlink)
        assert caught.value.filename == name.rpartition("\\")[0]
    with pytest.raises(PathNotFound) as caught:
        tree.walk_to_parent("folder\\LINK\\x\\y")
    if links:
        assert isinstance(caught.value, StoppedOnSymlink)
        assert (caught.value.target, caught.value.rest) == ("inner", "\\x\\y")
    assert isinstance(caught.value, StoppedOnSymlink) is links
    with pytest.raises(NameInvalid):
        tree.walk_to_parent("..\\x")
    tree.close()


def test_a_root_that_was_deleted_is_gone(tree: FolderTree, root: Path) -> None:
    assert not tree.is_gone
    assert tree.stat("").is_directory
    root.rmdir()
    assert tree.is_gone
    for call in (lambda: tree.stat(""), lambda: tree.stat("x"), lambda: tree.securities("")):
        with pytest.raises(RootGone):
            call()


@pytest.mark.parametrize("links", [0, 1, 2])
def test_where_links_are_not_counted_nothing_is_gone(
    root: Path, monkeypatch: pytest.MonkeyPatch, links: int
) -> None:
    real = os.fstat

    def fstat(fd: int) -> os.stat_result:
        status = list(real(fd))
        status[stat.ST_NLINK] = links
        return os.stat_result(status)

    monkeypatch.setattr(os, "fstat", fstat)
    tree = FolderTree(root, read_only=False, links=False)
    known, links = links, 0
    assert tree.is_gone is bool(known)
    tree.close()


@pytest.mark.parametrize(("unit", "block_size"), [(0, 1), (1, 1), (4096, 4096)])
def test_a_disk_without_a_unit_of_allocation(
    root: Path, monkeypatch: pytest.MonkeyPatch, unit: int, block_size: int
) -> None:
    disk = os.statvfs_result((0, unit, 0, 0, 0, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "fstatvfs", lambda _: disk)
    tree = FolderTree(root, read_only=False, links=False)
    assert tree.block_size == block_size
    tree.close()


def test_a_link_that_is_deleted_while_it_is_looked_at_is_not_there(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "link").symlink_to("file")
    tree = FolderTree(root, read_only=False, links=True)
    assert tree.stat("link").name == "link"

    def gone(*_: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(symlinks, "read", gone)
    with pytest.raises(FileNotFoundError, match="link"):
        tree.stat("link")
    tree.close()


def test_opens_by_one_name_share_it(tree: FolderTree, root: Path) -> None:
    (root / "sub").mkdir()
    (root / "a").touch()
    for other in ("b", "sub/a"):
        (root / other).hardlink_to(root / "a")
    one, two = opened(tree, "a"), opened(tree, "A")
    others = [opened(tree, "b"), opened(tree, "sub\\a")]

    assert one is two
    assert one.opens == 2
    assert all(other is not one for other in others)
    assert [each.last for each in (one, *others)] == ["a", "b", "a"]
    assert tree.verify(one) == one.parent
    for each in (two, *others):
        tree.detach(each)
    assert one.opens == 1
    assert opened(tree, "a") is one
    tree.detach(one)
    tree.detach(one)
    again = opened(tree, "a")
    assert again is not one
    assert (again.opens, again.unsynced) == (1, False)
    tree.detach(again)


def test_a_name_counts_while_it_means_the_file(tree: FolderTree, root: Path) -> None:
    (root / "a").touch()
    name = opened(tree, "a")
    (root / "a").rename(root / "b")
    with pytest.raises(FileNotFoundError):
        tree.verify(name)
    (root / "a").touch()
    with pytest.raises(FileNotFoundError, match="another file"):
        tree.verify(name)
    tree.detach(name)
    nameless = OpenName(key_of(root.stat()), None, b"", [])
    assert nameless.last == ""
    with pytest.raises(PermissionError):
        tree.verify(nameless)
    tree.detach(nameless)


@pytest.mark.parametrize("below", [False, True])
def test_what_is_open_below_moves_along(tree: FolderTree, root: Path, below: bool) -> None:
    (root / "a" / "in").mkdir(parents=True)
    (root / "ab").mkdir()
    for name in ("a/file", "a/in/file", "ab/file"):
        (root / name).touch()
    folder = opened(tree, "a")
    inner = [opened(tree, name) for name in ("a\\file", "a\\in\\file", "ab\\file")]
    old, new = folder.parent, os.open(root, os.O_RDONLY)
    assert old is not None

    tree.move(folder, new, b"new", ["x", "new"], below=below)
    os.close(old)

    assert (folder.parent, folder.raw, folder.components) == (new, b"new", ["x", "new"])
    assert folder.unsynced
    start = ["x", "new"] if below else ["a"]
    assert [each.components for each in inner] == [
        [*start, "file"],
        [*start, "in", "file"],
        ["ab", "file"],
    ]
    for each in (folder, *inner):
        tree.detach(each)


def test_streams_are_known_while_they_are_open(tree: FolderTree, root: Path) -> None:
    key = key_of(root.stat())
    one, two = tree.attach_stream(key, "s"), tree.attach_stream(key, "s")
    other = tree.attach_stream(key, "t")
    assert one is two
    assert one is not other
    tree.move_stream(one, "u")
    assert tree.attach_stream(key, "u") is one
    fresh = tree.attach_stream(key, "s")
    assert fresh is not one
    for _ in range(3):
        assert tree.attach_stream(key, "u") is one
        tree.detach_stream(one)
        tree.detach_stream(one)
    again = tree.attach_stream(key, "u")
    assert again is not one
    # One that was replaced meanwhile does not take the new one along.
    tree.detach_stream(one)
    assert tree.attach_stream(key, "u") is again


def test_descriptors_from_the_root_on(tree: FolderTree, root: Path) -> None:
    (root / "one" / "two").mkdir(parents=True)
    os.setxattr(root / "one", xattrs.SECURITY, b"descriptor")
    found = tree.securities("ONE\\two")
    assert [(descriptor, status.name) for descriptor, status in found] == [
        (None, ""),
        (b"descriptor", "one"),
        (None, "two"),
    ]
