"""Create dispositions, and names that change between a look-up and an open."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smbquic.storage import Action, Disposition, OpenPolicy, PathNotFound, StorageFile, types
from smbquic.storage.local import LocalStorage
from smbquic.storage.local.tree import FolderTree
from tests.unit.storage.local.opening import NotAdmittedError

ALL = list(Disposition)
OVERWRITING = [Disposition.SUPERSEDE, Disposition.OVERWRITE, Disposition.OVERWRITE_IF]


# Dispositions


@pytest.mark.parametrize(
    ("disposition", "action", "content"),
    [
        (Disposition.SUPERSEDE, Action.SUPERSEDED, b""),
        (Disposition.OPEN, Action.OPENED, b"content"),
        (Disposition.OPEN_IF, Action.OPENED, b"content"),
        (Disposition.OVERWRITE, Action.OVERWRITTEN, b""),
        (Disposition.OVERWRITE_IF, Action.OVERWRITTEN, b""),
    ],
)
@pytest.mark.parametrize("name", ["File", "fILE"])
def test_an_existing_file(
    disposition: Disposition,
    action: Action,
    content: bytes,
    name: str,
    storage: LocalStorage,
    root: Path,
) -> None:
    (root / "File").write_bytes(b"content")

    file, done = storage.open(name, disposition)
    file.close()

    assert done is action
    assert file.name == "File"
    assert (root / "File").read_bytes() == content
    assert [path.name for path in root.iterdir()] == ["File"]


@pytest.mark.parametrize("name", ["File", "fILE"])
@pytest.mark.parametrize("directory", [True, False, None])
def test_what_exists_is_not_made(
    name: str, directory: bool | None, storage: LocalStorage, root: Path
) -> None:
    (root / "File").write_bytes(b"content")

    with pytest.raises(FileExistsError):
        storage.open(name, Disposition.CREATE, directory=directory)
    with pytest.raises(FileExistsError):
        storage.open("", Disposition.CREATE, directory=directory)


@pytest.mark.parametrize(
    "disposition",
    [
        Disposition.SUPERSEDE,
        Disposition.CREATE,
        Disposition.OPEN_IF,
        Disposition.OVERWRITE_IF,
    ],
)
def test_a_new_file(disposition: Disposition, storage: LocalStorage, root: Path) -> None:
    file, done = storage.open("new", disposition, write=True, attributes=types.HIDDEN)
    file.write(0, [b"x"])
    found = file.stat()
    file.close()

    assert done is Action.CREATED
    assert (root / "new").read_bytes() == b"x"
    assert found.attributes == types.HIDDEN | types.ARCHIVE
    assert not found.is_directory


@pytest.mark.parametrize("disposition", [Disposition.CREATE, Disposition.OPEN_IF])
def test_a_new_folder(disposition: Disposition, storage: LocalStorage, root: Path) -> None:
    file, done = storage.open("new", disposition, directory=True, attributes=types.SYSTEM)
    found = file.stat()
    file.close()

    assert done is Action.CREATED
    assert (root / "new").is_dir()
    assert file.is_directory
    assert found.attributes == types.DIRECTORY | types.SYSTEM


@pytest.mark.parametrize("disposition", [Disposition.OPEN, Disposition.OVERWRITE])
def test_what_is_missing(disposition: Disposition, storage: LocalStorage, root: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        storage.open("new", disposition, write=True)

    assert not isinstance(caught.value, PathNotFound)
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("disposition", ALL)
def test_a_missing_folder_on_the_way(
    disposition: Disposition, storage: LocalStorage, root: Path
) -> None:
    (root / "file").touch()

    for name in ("no\\file", "no\\no\\file", "file\\x", "file\\x\\y"):
        with pytest.raises(PathNotFound):
            storage.open(name, disposition)
    with pytest.raises(PathNotFound):
        storage.stat("no\\file")
    assert [path.name for path in root.iterdir()] == ["file"]


def test_a_kind_may_be_demanded(storage: LocalStorage, root: Path) -> None:
    (root / "file").touch()
    (root / "folder").mkdir()

    for disposition in (Disposition.OPEN, Disposition.OPEN_IF):
        with pytest.raises(NotADirectoryError):
            storage.open("file", disposition, directory=True)
        with pytest.raises(IsADirectoryError):
            storage.open("folder", disposition, directory=False)
        with pytest.raises(IsADirectoryError):
            storage.open("", disposition, directory=False)
        for directory in (True, None):
            file, _ = storage.open("folder", disposition, directory=directory, write=True)
            assert file.is_directory
            file.close()


@pytest.mark.parametrize("disposition", OVERWRITING)
def test_folders_are_not_overwritten(
    disposition: Disposition, storage: LocalStorage, root: Path
) -> None:
    (root / "folder").mkdir()

    for name in ("folder", ""):
        with pytest.raises(IsADirectoryError):
            storage.open(name, disposition)
    with pytest.raises(OSError, match="overwritten") as caught:
        storage.open("new", disposition, directory=True)

    assert caught.value.errno == errno.EINVAL
    assert not (root / "new").exists()


def test_overwriting_replaces_attributes_and_keeps_the_creation_time(
    storage: LocalStorage,
) -> None:
    file, _ = storage.open("file", Disposition.CREATE, write=True, attributes=types.READONLY)
    file.set_times(creation_time=1_000_000_000)
    file.write(0, [b"content"])
    file.close()

    file, _ = storage.open("file", Disposition.OVERWRITE, attributes=types.HIDDEN)
    overwritten = file.stat()
    file.close()
    file, _ = storage.open("file", Disposition.SUPERSEDE)
    superseded = file.stat()
    file.close()

    assert overwritten.attributes == types.HIDDEN | types.ARCHIVE
    assert overwritten.creation_time == 1_000_000_000
    assert superseded.attributes == types.ARCHIVE
    assert superseded.creation_time == superseded.last_write_time // 100 * 100


def test_overwriting_keeps_a_derived_creation_time(storage: LocalStorage, root: Path) -> None:
    (root / "file").write_bytes(b"x")
    os.utime(root / "file", ns=(3_000_000_000, 2_000_000_000))
    created = storage.stat("file").creation_time

    file, _ = storage.open("file", Disposition.OVERWRITE)

    assert file.stat().creation_time == created // 100 * 100
    file.close()


@pytest.mark.parametrize("disposition", [*OVERWRITING, Disposition.OPEN, Disposition.OPEN_IF])
def test_nothing_is_changed_that_was_not_admitted(
    disposition: Disposition, storage: LocalStorage, root: Path
) -> None:
    (root / "file").write_bytes(b"content")
    seen = []

    def refuse(file: StorageFile) -> None:
        seen.append((file.name, file.key, file.stat().size))
        raise NotAdmittedError

    with pytest.raises(NotAdmittedError):
        storage.open("FILE", disposition, write=True, policy=OpenPolicy(admit=refuse))

    status = (root / "file").stat()
    assert seen == [("file", (status.st_dev, status.st_ino), 7)]
    assert (root / "file").read_bytes() == b"content"
    assert os.listxattr(root / "file") == []


def test_what_is_new_needs_no_admittance(storage: LocalStorage) -> None:
    def refuse(_: StorageFile) -> None:
        raise NotAdmittedError

    storage.open("file", Disposition.OPEN_IF, policy=OpenPolicy(admit=refuse))[0].close()
    with pytest.raises(NotAdmittedError):
        storage.open("", policy=OpenPolicy(admit=refuse))


# What changes between looking and opening


@contextmanager
def swapping(monkeypatch: pytest.MonkeyPatch, *steps: object) -> Iterator[None]:
    """Do one of the steps after each look-up, just before it is acted on."""
    real = FolderTree.look_up
    remaining = list(steps)

    def look_up(
        self: FolderTree, parent: int, component: str
    ) -> tuple[bytes, os.stat_result | None]:
        found = real(self, parent, component)
        if remaining:
            step = remaining.pop(0)
            assert callable(step)
            step()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(FolderTree, "look_up", look_up)
        yield
    assert remaining == []


def test_a_file_that_is_made_meanwhile(
    storage: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make() -> None:
        (root / "file").write_bytes(b"theirs")

    with swapping(monkeypatch, make):
        file, action = storage.open("file", Disposition.OPEN_IF)
    file.close()
    (root / "file").unlink()
    with swapping(monkeypatch, make), pytest.raises(FileExistsError):
        storage.open("file", Disposition.CREATE)
    (root / "file").unlink()
    with swapping(monkeypatch, make):
        storage.open("file", Disposition.OVERWRITE_IF)[0].close()

    assert action is Action.OPENED
    assert (root / "file").read_bytes() == b""


def test_a_folder_that_is_made_meanwhile(
    storage: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with swapping(monkeypatch, (root / "d").mkdir):
        file, action = storage.open("d", Disposition.OPEN_IF, directory=True)
    file.close()
    with swapping(monkeypatch, (root / "e").mkdir), pytest.raises(IsADirectoryError):
        storage.open("e", Disposition.OPEN_IF, directory=False)

    assert action is Action.OPENED


def test_a_file_that_goes_meanwhile(
    storage: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "file").touch()
    with swapping(monkeypatch, (root / "file").unlink), pytest.raises(FileNotFoundError):
        storage.open("file")
    (root / "file").touch()
    with swapping(monkeypatch, (root / "file").unlink):
        file, action = storage.open("file", Disposition.OPEN_IF)
    file.close()

    assert action is Action.CREATED


def test_a_folder_that_is_removed_while_a_file_is_made_in_it(
    storage: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for directory in (True, False):
        (root / "d").mkdir()
        with swapping(monkeypatch, (root / "d").rmdir), pytest.raises(PathNotFound):
            storage.open("d\\file", Disposition.CREATE, directory=directory)


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("kind", ["fifo", "link", "folder", "socket"])
def test_a_file_that_becomes_something_else_meanwhile(
    kind: str,
    write: bool,
    storage: LocalStorage,
    root: Path,
    outside: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = root / "file"
    path.touch()

    def swap() -> None:
        path.unlink()
        if kind == "fifo":
            os.mkfifo(path)
        elif kind == "socket":
            os.mknod(path, stat.S_IFSOCK | 0o600)
        elif kind == "folder":
            path.mkdir()
        else:
            path.symlink_to(outside / "secret")

    expected = IsADirectoryError if kind == "folder" else FileNotFoundError
    with swapping(monkeypatch, swap), pytest.raises(expected):
        storage.open("file", directory=False, write=write)


def test_a_folder_that_becomes_something_else_meanwhile(
    storage: LocalStorage, root: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root / "d"
    path.mkdir()

    def swap() -> None:
        path.rmdir()
        path.symlink_to(outside)

    with swapping(monkeypatch, swap), pytest.raises(FileNotFoundError):
        storage.open("d", directory=True)


def test_a_name_that_never_comes_to_rest(
    storage: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root / "file"
    path.touch()

    def swap() -> None:
        if path.is_dir():
            path.rmdir()
            path.touch()
        else:
            path.unlink()
            path.mkdir()

    with swapping(monkeypatch, *[swap] * 100), pytest.raises(PermissionError, match="changes"):
        storage.open("file")


def test_a_folder_is_not_read_again_for_what_is_made_in_it(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FileNotFoundError):
        storage.open("NEW")
    monkeypatch.setattr(os, "scandir", None)
    storage.open("new", Disposition.CREATE)[0].close()
    file, _ = storage.open("NEW")
    assert file.name == "new"
    file.close()


def test_the_root_is_a_folder(storage: LocalStorage) -> None:
    root, action = storage.open("", directory=True)
    assert (root.is_directory, root.name, action) == (True, "", Action.OPENED)
    root.close()


def test_a_read_only_share_is_opened_for_reading(read_only: LocalStorage, root: Path) -> None:
    (root / "file").write_bytes(b"content")
    for disposition in (Disposition.OPEN, Disposition.OPEN_IF):
        read_only.open("file", disposition)[0].close()
    for disposition, write in (
        (Disposition.OPEN, True),
        (Disposition.OVERWRITE, False),
        (Disposition.SUPERSEDE, False),
    ):
        with pytest.raises(OSError, match="Read-only") as caught:
            read_only.open("file", disposition, write=write)
        assert caught.value.errno == errno.EROFS
    with pytest.raises(OSError, match="Read-only"):
        read_only.open("new", Disposition.CREATE)
    assert (root / "file").read_bytes() == b"content"
