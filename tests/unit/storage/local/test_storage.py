"""Opening, looking up and listing; what must never be reached is in test_escape.py."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smbquic.storage import (
    Action,
    Capability,
    Disposition,
    NameInvalid,
    OpenPolicy,
    PathNotFound,
    Storage,
    StorageFile,
    types,
)
from smbquic.storage.local import LocalStorage, attributes, tree
from smbquic.storage.local.tree import FolderTree
from tests.unit.privileges import as_nobody

ALL = list(Disposition)
OVERWRITING = [Disposition.SUPERSEDE, Disposition.OVERWRITE, Disposition.OVERWRITE_IF]


def test_it_is_a_storage(storage: LocalStorage) -> None:
    as_storage: Storage = storage
    file, _ = storage.open("")
    as_file: StorageFile = file

    assert not as_storage.read_only
    assert as_file.is_directory
    file.close()


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


class Refused(Exception):
    """What the caller of `open` raises in `admit`."""


@pytest.mark.parametrize("disposition", [*OVERWRITING, Disposition.OPEN, Disposition.OPEN_IF])
def test_nothing_is_changed_that_was_not_admitted(
    disposition: Disposition, storage: LocalStorage, root: Path
) -> None:
    (root / "file").write_bytes(b"content")
    seen = []

    def refuse(file: StorageFile) -> None:
        seen.append((file.name, file.key, file.stat().size))
        raise Refused

    with pytest.raises(Refused):
        storage.open("FILE", disposition, write=True, policy=OpenPolicy(admit=refuse))

    status = (root / "file").stat()
    assert seen == [("file", (status.st_dev, status.st_ino), 7)]
    assert (root / "file").read_bytes() == b"content"
    assert os.listxattr(root / "file") == []


def test_what_is_new_needs_no_admittance(storage: LocalStorage) -> None:
    def refuse(_: StorageFile) -> None:
        raise Refused

    storage.open("file", Disposition.OPEN_IF, policy=OpenPolicy(admit=refuse))[0].close()
    with pytest.raises(Refused):
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


# Names


@pytest.mark.parametrize(
    ("wire", "disk"),
    [
        ("a\uf022b", b"a:b"),
        ("what\uf025", b"what?"),
        ("end\uf029", b"end."),
        ("end\uf028", b"end "),
        ("caf\uf0e9", b"caf\xe9"),
        ("\uf026", b"\\"),
        ("Grüße", "Grüße".encode()),
        ("\U0001f600", "\U0001f600".encode()),
    ],
)
def test_names_that_the_wire_cannot_say(
    wire: str, disk: bytes, storage: LocalStorage, root: Path
) -> None:
    path = Path(os.fsdecode(os.fsencode(root) + b"/" + disk))
    path.write_bytes(b"content")
    folder, _ = storage.open("")

    assert [entry.name for entry in folder.scan()] == [wire]
    folder.close()
    file, _ = storage.open(wire)
    assert file.read(0, 100) == b"content"
    assert file.name == file.stat().name == wire
    file.delete()
    file.close()
    storage.open(wire, Disposition.CREATE)[0].close()
    assert path.exists()


def test_a_bare_ending_means_itself(storage: LocalStorage, root: Path) -> None:
    storage.open("a.", Disposition.CREATE, directory=True)[0].close()
    file, _ = storage.open("a.\\b ", Disposition.CREATE)
    file.close()

    assert (root / "a." / "b ").exists()
    assert file.name == "a\uf029\\b\uf028"
    assert storage.stat("a\uf029\\b ").name == "b\uf028"


@pytest.mark.parametrize("name", ["a/b", "a:b", "..", "a\\..\\b", "x" * 256, "a\\", "\\a", "a\0"])
def test_names_that_are_none(name: str, storage: LocalStorage, root: Path) -> None:
    (root / "a").mkdir()

    for disposition in ALL:
        with pytest.raises(NameInvalid):
            storage.open(name, disposition)
    with pytest.raises(NameInvalid):
        storage.stat(name)
    assert [path.name for path in root.iterdir()] == ["a"]


def test_the_longest_names(storage: LocalStorage, root: Path) -> None:
    name = "x" * 255
    path = []
    for _ in range(20):
        path.append(name)
        storage.open("\\".join(path), Disposition.CREATE, directory=True)[0].close()

    assert storage.stat("\\".join(path).upper()).is_directory
    for _ in range(20):
        folder, _ = storage.open("\\".join(path))
        folder.delete()
        folder.close()
        path.pop()
    assert list(root.iterdir()) == []


def test_case_is_kept_but_not_told_apart(storage: LocalStorage, root: Path) -> None:
    (root / "Sub" / "Dir").mkdir(parents=True)
    (root / "Sub" / "Dir" / "Ünï.TXT").touch()

    file, _ = storage.open("sUB\\dIR\\üNÏ.txt")
    file.close()

    assert file.name == "Sub\\Dir\\Ünï.TXT"
    assert storage.stat("SUB\\DIR").name == "Dir"


def test_two_names_that_differ_by_case(storage: LocalStorage, root: Path) -> None:
    (root / "name").write_bytes(b"lower")
    (root / "NAME").write_bytes(b"upper")

    def content(name: str) -> bytes:
        file, _ = storage.open(name)
        file.close()
        return (root / file.name).read_bytes()

    assert content("name") == b"lower"
    assert content("NAME") == b"upper"
    assert content("Name") == b"upper"


def test_macos_tells_a_link_on_the_way_apart(
    storage: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "link").symlink_to("nowhere")

    def refuse(*_: object) -> int:
        raise OSError(errno.ELOOP, "too many links")

    monkeypatch.setattr(tree, "walk_into", refuse)
    with pytest.raises(PathNotFound):
        storage.open("link\\file")


# Roots, volumes, permissions


def test_the_root(storage: LocalStorage, root: Path) -> None:
    file, action = storage.open("", Disposition.OPEN_IF, directory=True)

    assert action is Action.OPENED
    assert file.name == ""
    assert file.key == (root.stat().st_dev, root.stat().st_ino)
    assert file.stat() == file.parent_stat() == storage.stat("")
    assert file.stat().name == ""
    file.close()


def test_a_root_that_is_no_folder(root: Path) -> None:
    (root / "file").touch()

    with pytest.raises(NotADirectoryError):
        LocalStorage(root / "file")
    with pytest.raises(FileNotFoundError):
        LocalStorage(root / "no")


def test_a_root_that_is_moved(root: Path) -> None:
    (root / "file").touch()
    storage = LocalStorage(root)
    root.rename(root.with_name("moved"))

    assert storage.stat("file").name == "file"
    storage.close()


def test_the_volume(storage: LocalStorage, root: Path) -> None:
    volume = storage.volume()
    status = os.statvfs(root)

    assert volume.total_bytes == status.f_blocks * status.f_frsize
    assert 0 < volume.available_bytes <= volume.free_bytes <= volume.total_bytes
    assert volume.block_size == status.f_frsize
    assert volume.name_max == 255
    assert volume.label == "share"
    assert 0 <= volume.serial < 2**32
    assert volume.created == storage.stat("").creation_time
    assert Capability.CASE_SENSITIVE in storage.capabilities


def test_reading_only(read_only: LocalStorage, root: Path) -> None:
    (root / "file").write_bytes(b"content")
    (root / "folder").mkdir()
    assert read_only.read_only

    def refused(
        name: str, disposition: Disposition, *, write: bool = False, directory: bool | None = None
    ) -> None:
        with pytest.raises(OSError, match="Read-only") as caught:
            read_only.open(name, disposition, write=write, directory=directory)
        assert caught.value.errno == errno.EROFS

    for disposition in OVERWRITING:
        refused("file", disposition)
    refused("file", Disposition.OPEN, write=True)
    refused("folder", Disposition.OPEN, write=True)
    refused("new", Disposition.CREATE)
    refused("new", Disposition.OPEN_IF, directory=True)
    refused("new", Disposition.OVERWRITE_IF)
    with pytest.raises(FileNotFoundError):
        read_only.open("new", write=True)
    with pytest.raises(FileExistsError):
        read_only.open("file", Disposition.CREATE, write=True)
    file, action = read_only.open("FILE", Disposition.OPEN_IF)
    assert action is Action.OPENED
    assert file.read(0, 10) == b"content"
    file.close()
    assert sorted(path.name for path in root.iterdir()) == ["file", "folder"]


def test_what_the_disk_refuses(storage: LocalStorage, root: Path) -> None:
    (root / "file").touch()
    (root / "file").chmod(0o444)
    (root / "secret").touch()
    (root / "secret").chmod(0)
    (root / "closed").mkdir()
    (root / "closed").chmod(0)
    root.chmod(0o555)
    try:
        with as_nobody():
            storage.open("file")[0].close()
            for name in ("secret", "closed", "closed\\x", "closed\\x\\y"):
                with pytest.raises(PermissionError):
                    storage.open(name)
            with pytest.raises(PermissionError):
                storage.open("file", write=True)
            for directory in (True, False):
                with pytest.raises(PermissionError):
                    storage.open("new", Disposition.CREATE, directory=directory)
    finally:
        root.chmod(0o755)
        (root / "closed").chmod(0o755)


def test_the_umask_decides_on_modes(storage: LocalStorage, root: Path) -> None:
    before = os.umask(0o027)
    try:
        storage.open("file", Disposition.CREATE)[0].close()
        storage.open("folder", Disposition.CREATE, directory=True)[0].close()
        os.umask(0o777)
        storage.open("closed", Disposition.CREATE, write=True)[0].close()
    finally:
        os.umask(before)

    assert stat.S_IMODE((root / "file").stat().st_mode) == 0o640
    assert stat.S_IMODE((root / "folder").stat().st_mode) == 0o750
    assert stat.S_IMODE((root / "closed").stat().st_mode) == 0


def test_a_new_file_that_nothing_may_be_stored_with(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def refuse(*arguments: object) -> None:
        calls.append(arguments)
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(os, "setxattr", refuse)
    file, _ = storage.open("file", Disposition.CREATE, attributes=types.HIDDEN)

    assert len(calls) == 1
    assert file.stat().attributes == types.NORMAL
    file.close()


def test_the_setgid_bit_is_inherited(storage: LocalStorage, root: Path) -> None:
    (root / "team").mkdir()
    (root / "team").chmod(0o2775)

    storage.open("team\\sub", Disposition.CREATE, directory=True)[0].close()

    assert (root / "team" / "sub").stat().st_mode & stat.S_ISGID


def test_attributes_and_times_survive_a_restart(root: Path) -> None:
    first = LocalStorage(root)
    file, _ = first.open("file", Disposition.CREATE, attributes=types.SYSTEM | types.READONLY)
    file.set_times(creation_time=1_234_567_890_123_456_700, last_write_time=5_000_000_100)
    file.close()
    first.close()

    second = LocalStorage(root)
    found = second.stat("file")
    second.close()

    assert found.attributes == types.SYSTEM | types.READONLY | types.ARCHIVE
    assert found.creation_time == 1_234_567_890_123_456_700
    assert found.last_write_time == 5_000_000_100


def test_stat_and_scan_and_a_handle_tell_the_same(storage: LocalStorage, root: Path) -> None:
    file, _ = storage.open("File", Disposition.CREATE, write=True, attributes=types.HIDDEN)
    file.write(0, [bytes(10_000)])
    (root / ".dot").mkdir()
    folder, _ = storage.open("")
    entries = {entry.name: entry for entry in folder.scan()}
    folder.close()

    assert entries["File"] == file.stat() == storage.stat("fiLE")
    assert entries[".dot"] == storage.stat(".dot")
    assert entries[".dot"].attributes == types.DIRECTORY | types.HIDDEN
    assert entries["File"].size == 10_000
    file.close()


def test_without_extended_attributes(
    storage: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attributes, "SUPPORTED", False)
    file, _ = storage.open(".file", Disposition.CREATE, attributes=types.SYSTEM)
    file.set_attributes(types.READONLY)
    file.set_times(creation_time=5)

    assert file.stat().attributes == types.HIDDEN
    assert storage.stat(".file").attributes == types.HIDDEN
    file.close()
    assert os.listxattr(root / ".file") == []
