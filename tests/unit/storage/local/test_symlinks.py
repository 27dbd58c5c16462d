"""Symbolic links on a disk, as clients of a share that shows them see them."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path

import pytest

from smbquic.storage import REPARSE_POINT, Disposition, NameInvalid, PathNotFound, StoppedOnSymlink
from smbquic.storage.local import LocalStorage, symlinks
from smbquic.storage.local.descriptor import open_directory

pytestmark = pytest.mark.skipif(not hasattr(os, "O_PATH"), reason="takes Linux")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A share with a folder and a file in it, and a secret beside it."""
    (tmp_path / "secret").write_bytes(b"secret")
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


def names(storage: LocalStorage, folder: str) -> dict[str, str | None]:
    file, _ = storage.open(folder)
    found = {entry.name: entry.link for entry in file.scan()}
    file.close()
    return found


@pytest.mark.parametrize(
    ("name", "target", "shown"),
    [
        ("link", "folder/file", "folder\\file"),
        ("link", "folder//inner/", "folder\\inner"),
        ("link", "nowhere", "nowhere"),
        ("link", "./folder/../folder", ".\\folder\\..\\folder"),
        ("folder/link", "../folder", "..\\folder"),
        ("folder/inner/link", "../../folder", "..\\..\\folder"),
        ("link", "a:b", "a\uf022b"),
    ],
)
def test_a_link_says_where_it_leads(
    storage: LocalStorage, root: Path, name: str, target: str, shown: str
) -> None:
    (root / name).symlink_to(target)
    wire = name.replace("/", "\\")
    folder, _, last = wire.rpartition("\\")
    assert names(storage, folder)[last] == shown
    stat = storage.stat(wire.upper())
    assert (stat.link, stat.size, stat.is_directory) == (shown, 0, False)
    assert stat.attributes & REPARSE_POINT
    with pytest.raises(StoppedOnSymlink) as caught:
        storage.open(wire)
    assert (caught.value.target, caught.value.rest) == (shown, "")
    link, _ = storage.open(wire, link=True)
    assert (link.stat().link, link.name) == (shown, wire)
    link.close()


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("link", "/etc/passwd"),
        ("link", "../secret"),
        ("link", ".."),
        ("link", "folder/../../secret"),
        ("folder/link", "../../secret"),
        ("folder/link", "inner/../../../root/folder"),
    ],
)
def test_a_link_that_leads_out_is_not_there(
    storage: LocalStorage, root: Path, name: str, target: str
) -> None:
    (root / name).symlink_to(target)
    wire = name.replace("/", "\\")
    folder, _, last = wire.rpartition("\\")
    assert last not in names(storage, folder)
    for itself in (False, True):
        with pytest.raises(FileNotFoundError) as missing:
            storage.open(wire, link=itself)
        assert not isinstance(missing.value, StoppedOnSymlink)
    with pytest.raises(FileNotFoundError):
        storage.stat(wire)
    with pytest.raises(PathNotFound) as caught:
        storage.open(wire + "\\file")
    assert not isinstance(caught.value, StoppedOnSymlink)
    with pytest.raises(PermissionError):
        storage.open(wire, Disposition.OPEN_IF)


def test_a_link_on_the_way(storage: LocalStorage, root: Path) -> None:
    (root / "folder" / "Link").symlink_to("inner")
    for name, rest in (
        ("folder\\link\\x", "\\x"),
        ("FOLDER\\LINK\\x\\y", "\\x\\y"),
    ):
        with pytest.raises(StoppedOnSymlink) as caught:
            storage.open(name)
        assert (caught.value.target, caught.value.rest) == ("inner", rest)
    with pytest.raises(PathNotFound):
        storage.open("folder\\file\\x")


def test_nothing_is_written_through_a_link(storage: LocalStorage, root: Path) -> None:
    (root / "link").symlink_to("folder/file")
    with pytest.raises(FileExistsError):
        storage.open("link", Disposition.CREATE, link=True)
    with pytest.raises(NotADirectoryError):
        storage.open("link", directory=True, link=True)
    for disposition in (Disposition.OVERWRITE_IF, Disposition.SUPERSEDE):
        with pytest.raises(StoppedOnSymlink):
            storage.open("link", disposition)
        with pytest.raises(PermissionError):
            storage.open("link", disposition, link=True)
    with pytest.raises(PermissionError):
        storage.open("link", write=True, link=True)
    assert (root / "folder" / "file").read_bytes() == b"content"


@pytest.mark.parametrize("directory", [False, True])
def test_what_is_empty_becomes_a_link(storage: LocalStorage, root: Path, directory: bool) -> None:
    file, _ = storage.open("folder\\new", Disposition.CREATE, directory=directory)
    file.become_link("..\\folder\\inner")
    file.close()
    assert (root / "folder" / "new").readlink() == Path("../folder/inner")
    assert storage.stat("folder\\new").link == "..\\folder\\inner"


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("..\\..\\secret", PermissionError),
        ("..\\folder\\..\\..\\secret", PermissionError),
        ("", NameInvalid),
        ("a\\\\b", NameInvalid),
        ("\\etc\\passwd", NameInvalid),
        ("/etc/passwd", NameInvalid),
        ("a\0b", NameInvalid),
        ("\\".join(["x" * 200] * 21), NameInvalid),
    ],
)
def test_links_that_are_not_made(
    storage: LocalStorage, root: Path, target: str, error: type[OSError]
) -> None:
    file, _ = storage.open("folder\\new", Disposition.CREATE)
    with pytest.raises(error):
        file.become_link(target)
    file.close()
    assert (root / "folder" / "new").is_file()


@pytest.mark.parametrize("name", ["folder\\new", "folder\\inner"])
def test_nothing_becomes_a_link_on_a_read_only_share(root: Path, name: str) -> None:
    (root / "folder" / "new").touch()
    before = sorted((root / "folder").iterdir())
    read_only = LocalStorage(root, read_only=True, links=True)
    file, _ = read_only.open(name)
    with pytest.raises(OSError, match="Read-only") as caught:
        file.become_link("file")
    assert caught.value.errno == errno.EROFS
    file.close()
    read_only.close()
    assert sorted((root / "folder").iterdir()) == before
    assert not any(path.is_symlink() for path in before)


def test_what_does_not_become_a_link(storage: LocalStorage, root: Path) -> None:
    for name in ("folder", "folder\\file"):
        file, _ = storage.open(name)
        with pytest.raises(OSError, match=r"not empty|content"):
            file.become_link("x")
        file.close()
    plain = LocalStorage(root)
    file, _ = plain.open("new", Disposition.CREATE)
    with pytest.raises(OSError, match="not shown"):
        file.become_link("folder")
    file.close()
    plain.close()
    assert (root / "new").is_file()


@pytest.mark.parametrize(
    ("target", "depth", "allowed"),
    [
        ("a\\b", 0, True),
        ("..", 0, False),
        ("..", 1, True),
        (".\\..", 1, True),
        ("..\\..\\a", 2, True),
        ("..\\..\\a", 1, False),
        # By way of a folder, which may be a link to another place
        ("a\\..", 1, False),
        ("..\\a\\..", 2, False),
        ("a\\..\\b", 9, False),
    ],
)
def test_where_a_link_may_lead(target: str, depth: int, allowed: bool) -> None:
    if allowed:
        symlinks.check(target, depth)
    else:
        with pytest.raises(PermissionError, match="leads out"):
            symlinks.check(target, depth)


def test_how_long_a_target_may_be() -> None:
    names = ["x" * 255] * 15 + ["x" * 254]
    assert len(symlinks.spell("\\".join([*names, ""])[:-1], 0)) == 4094
    assert len(symlinks.spell("\\".join([*names[:-1], "x" * 255]), 0)) == 4095
    with pytest.raises(NameInvalid, match="too long"):
        symlinks.spell("\\".join([*names, "x"]), 0)


@pytest.mark.parametrize(("entries", "allowed"), [(10_000, True), (10_001, False)])
def test_how_much_is_looked_at_below_a_folder_that_moves(
    root: Path, entries: int, allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "moved" / "below").mkdir(parents=True)
    (root / "moved" / "below" / "file").touch()
    scandir = os.scandir

    @contextmanager
    def many(folder: int) -> Iterator[Iterator[os.DirEntry[str]]]:
        with scandir(folder) as found:
            first = next(found)
            # With the folder `below` itself.
            yield repeat(first, entries - 1) if first.name == "file" else iter([first])

    monkeypatch.setattr(os, "scandir", many)
    folder = os.open(root / "moved", os.O_RDONLY)
    try:
        if allowed:
            symlinks.check_below(folder, 0)
        else:
            with pytest.raises(PermissionError, match="too many entries"):
                symlinks.check_below(folder, 0)
    finally:
        os.close(folder)


def test_a_folder_that_cannot_be_listed_does_not_move(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "moved" / "below").mkdir(parents=True)

    def refusing(raw: bytes, above: int) -> int:
        if raw == b"below":
            raise PermissionError(errno.EACCES, "no")
        return open_directory(raw, above)

    monkeypatch.setattr("smbquic.storage.local.symlinks.open_directory", refusing)
    folder = os.open(root / "moved", os.O_RDONLY)
    try:
        with pytest.raises(PermissionError):
            symlinks.check_below(folder, 0)
    finally:
        os.close(folder)


@pytest.mark.parametrize(
    ("place", "target", "allowed"),
    [
        ("1/2/link", "../..", True),
        ("1/2/link", "../../..", False),
        ("1/link", "..", True),
        ("1/link", "../..", False),
        ("link", "1", True),
        ("link", "..", False),
    ],
)
def test_links_below_a_folder_that_moves(
    root: Path, place: str, target: str, allowed: bool
) -> None:
    moved = root / "moved"
    (moved / "1" / "2").mkdir(parents=True)
    (moved / place).symlink_to(target)
    for depth in (0, 1, 2):
        folder = os.open(moved, os.O_RDONLY)
        try:
            if allowed or depth:
                symlinks.check_below(folder, depth)
            else:
                with pytest.raises(PermissionError, match="leads out"):
                    symlinks.check_below(folder, depth)
        finally:
            os.close(folder)
