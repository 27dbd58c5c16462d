"""Nothing outside of the share is reached, whatever a client names or a local process does."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from smbquic.storage import Disposition, PathNotFound
from smbquic.storage.local import LocalStorage
from smbquic.storage.local.file import LocalFile
from smbquic.storage.local.tree import FolderTree, OpenName

HOSTILE = [
    "..",
    "..\\outside\\secret",
    "sub\\..\\..\\outside\\secret",
    "../outside/secret",
    "sub\\../../outside/secret",
    "\\..\\outside\\secret",
    "/etc/passwd",
    "\\etc\\passwd",
    "C:\\Windows",
    "\\\\localhost\\share",
    "\\\\?\\C:\\x",
    "sub\\.\\file",
    ".\\sub",
    "sub\\\\file",
    "sub\\",
    "sub\0\\..",
    "\uf029\uf029\\outside\\secret",
    ".\uf029\\outside\\secret",
    "\uf029.\\outside\\secret",
    "\uf02e\uf02e\\outside\\secret",
    "\uf02f\\secret",
    "\uf0ae\uf0ae\\outside\\secret",
    "\uf0c0\uf0ae\uf0c0\uf0ae\\outside\\secret",
    "\uff0e\uff0e\\outside\\secret",
    "\u2025\\outside\\secret",
    "..\u2215outside\u2215secret",
    "..\uff0foutside\uff0fsecret",
    "link\\secret",
    "LINK\\secret",
    "link",
    "secret",
    "SECRET",
    "dangling",
    "up\\outside\\secret",
    "root\\etc\\passwd",
    "chain\\secret",
    "sub\\link\\secret",
    "proc\\self\\root",
]


@pytest.fixture
def share(storage: LocalStorage, root: Path, outside: Path) -> LocalStorage:
    """A share full of ways out."""
    (root / "sub").mkdir()
    (root / "sub" / "file").write_bytes(b"inside")
    (root / "link").symlink_to(outside)
    (root / "sub" / "link").symlink_to("../../outside")
    (root / "secret").symlink_to(outside / "secret")
    (root / "dangling").symlink_to(outside / "new")
    (root / "up").symlink_to("..")
    (root / "root").symlink_to("/")
    (root / "proc").symlink_to("/proc")
    (root / "chain").symlink_to("link")
    return storage


@pytest.fixture(autouse=True)
def untouched(outside: Path) -> Iterator[None]:
    """Nothing outside changes, whatever the test does."""
    before = outside.stat().st_mtime_ns
    yield
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_bytes() == b"secret"
    assert (outside / "secret").stat().st_nlink == 1
    assert os.listxattr(outside / "secret") == []
    assert os.listxattr(outside) == []
    assert outside.stat().st_mtime_ns == before
    assert sorted(path.name for path in outside.parent.iterdir()) == ["outside", "share"]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("directory", [True, False, None])
@pytest.mark.parametrize("disposition", list(Disposition))
def test_opening(
    name: str, directory: bool | None, disposition: Disposition, share: LocalStorage, root: Path
) -> None:
    for write in (False, True):
        try:
            file, _ = share.open(name, disposition, directory=directory, write=write)
        except OSError:
            continue
        # Some are proper names of nothing special; then they are within.
        assert file.name == name
        assert (root / Path(*name.split("\\"))).lstat().st_ino == file.key[1]
        file.close()


@pytest.mark.parametrize("name", HOSTILE)
def test_looking(name: str, share: LocalStorage) -> None:
    with pytest.raises(OSError, match=r".*"):
        share.stat(name)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("replace", [True, False])
def test_renaming_and_linking(name: str, replace: bool, share: LocalStorage, root: Path) -> None:
    file, _ = share.open("sub\\file", write=True)
    with suppress(OSError):
        file.link(name, replace=replace)
    with suppress(OSError):
        file.rename(name, replace=replace)
    found = [
        Path(folder) / entry
        for folder, _, entries in os.walk(root)
        for entry in entries
        if (Path(folder) / entry).lstat().st_ino == file.key[1]
    ]
    file.close()

    assert found


@pytest.mark.parametrize("name", ["link", "secret", "dangling", "fifo", "sub\\link"])
def test_what_is_no_file_is_not_there_but_its_name_is_taken(
    name: str, share: LocalStorage, root: Path
) -> None:
    os.mkfifo(root / "fifo")
    path = root / Path(*name.split("\\"))
    before = path.lstat()
    folder, _ = share.open("sub")

    with pytest.raises(FileNotFoundError):
        share.stat(name)
    for disposition in (Disposition.OPEN, Disposition.OVERWRITE):
        with pytest.raises(FileNotFoundError):
            share.open(name, disposition, write=True)
    with pytest.raises(FileExistsError):
        share.open(name.upper(), Disposition.CREATE)
    with pytest.raises(FileExistsError):
        share.open(name, Disposition.CREATE, directory=True)
    for disposition in (Disposition.OPEN_IF, Disposition.OVERWRITE_IF, Disposition.SUPERSEDE):
        with pytest.raises(PermissionError):
            share.open(name, disposition)
    file, _ = share.open("sub\\file")
    for call in (file.rename, file.link):
        with pytest.raises(FileExistsError):
            call(name, replace=False)
        with pytest.raises(PermissionError):
            call(name, replace=True)
    file.close()
    folder.close()

    assert path.lstat() == before


def test_devices_are_not_there(storage: LocalStorage, root: Path) -> None:
    try:
        os.mknod(root / "null", 0o20666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("making a device takes root")

    with pytest.raises(FileNotFoundError):
        storage.open("null", write=True)
    folder, _ = storage.open("")
    assert list(folder.scan()) == []
    folder.close()


@pytest.mark.skipif(not Path("/proc/self/root").exists(), reason="needs Linux' /proc")
@pytest.mark.parametrize(
    "name", ["root", "root\\etc\\passwd", "cwd", "exe", "fd\\0", "fd\\1", "task\\..\\root"]
)
def test_the_kernels_own_ways_out(name: str, root: Path) -> None:
    storage = LocalStorage(Path("/proc/self"))
    with pytest.raises(OSError, match=r".*"):
        storage.stat(name)
    with pytest.raises(OSError, match=r".*"):
        storage.open(name)
    storage.close()


@pytest.mark.parametrize("act", ["rename", "link", "delete"])
def test_a_file_that_becomes_a_way_out_just_after_the_check(
    act: str, storage: LocalStorage, root: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "file").write_bytes(b"inside")
    file, _ = storage.open("file")
    real = FolderTree.verify

    def verify_and_swap(tree: FolderTree, link: OpenName) -> int:
        folder = real(tree, link)
        (root / "file").unlink()
        (root / "file").symlink_to(outside / "secret")
        return folder

    monkeypatch.setattr(FolderTree, "verify", verify_and_swap)
    if act == "delete":
        file.delete()
    else:
        getattr(file, act)("new", replace=False)
        assert (root / "new").is_symlink()
    file.close()


# A local process that swaps what is there for ways out, as fast as it can

SWAPPER = """
import os, sys

root, outside = sys.argv[1:]
os.chdir(root)
os.mkdir("real")
for name in ("secret", "other"):
    with open("real/" + name, "wb") as file:
        file.write(b"inside")
os.symlink(outside, "link")
with open("plain", "wb") as file:
    file.write(b"inside")
os.symlink(outside + "/secret", "filelink")
os.mkfifo("fifo")
print("ready", flush=True)
parent = os.getppid()
for turn in range(10_000_000):
    for name, target in (("real", "dir"), ("link", "dir"), ("plain", "file"), ("filelink", "file"),
                         ("fifo", "file")):
        try:
            os.rename(name, target)
        except OSError:
            continue
        try:
            os.rename(target, name)
        except OSError:
            # A client has taken or renamed it; start afresh.
            pass
    for name in ("plain", "real/secret", "real/other"):
        if not os.path.lexists(name):
            try:
                with open(name, "wb") as file:
                    file.write(b"inside")
            except OSError:
                pass
    if os.getppid() != parent:
        break
"""


@contextmanager
def swapping(root: Path, outside: Path) -> Iterator[None]:
    """`dir` is a folder, a link out or nothing; `file` a file, a link out, a FIFO or nothing."""
    arguments = [sys.executable, "-c", SWAPPER, str(root), str(outside)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield
            assert process.poll() is None
        finally:
            process.kill()


ATTEMPTS = 3000


def read_through(storage: LocalStorage, name: str) -> bytes:
    file, _ = storage.open(name, directory=False)
    try:
        return file.read(0, 100)
    finally:
        file.close()


@pytest.mark.parametrize("name", ["dir\\secret", "DIR\\SECRET", "file", "FILE"])
def test_reading_while_it_is_swapped(
    name: str, storage: LocalStorage, root: Path, outside: Path
) -> None:
    seen: set[bytes | type[OSError]] = set()
    with swapping(root, outside):
        for attempt in range(100 * ATTEMPTS):
            try:
                seen.add(read_through(storage, name))
            except OSError as error:
                seen.add(type(error))
            if attempt >= ATTEMPTS and b"inside" in seen and len(seen) > 1:
                break

    assert b"inside" in seen
    # Empty is what the other process has just made and not filled yet.
    assert seen <= {b"", b"inside", FileNotFoundError, PathNotFound, PermissionError}


Change = Callable[[LocalStorage, str], None]


def make(storage: LocalStorage, name: str) -> None:
    file, _ = storage.open(name, Disposition.OVERWRITE_IF, directory=False, write=True)
    file.write(0, [b"changed"])
    file.set_attributes(1)
    file.set_times(last_write_time=1)
    file.close()


def make_folder(storage: LocalStorage, name: str) -> None:
    storage.open(name + "-folder", Disposition.OPEN_IF, directory=True)[0].close()


def remove(storage: LocalStorage, name: str) -> None:
    closing(storage, name, lambda file: file.delete())


def move_away(storage: LocalStorage, name: str) -> None:
    closing(storage, name, lambda file: file.rename(name + "-moved", replace=True))


def move_here(storage: LocalStorage, name: str) -> None:
    file, _ = storage.open("mine", Disposition.OPEN_IF)
    try:
        file.rename(name, replace=True)
    finally:
        file.close()


def link_here(storage: LocalStorage, name: str) -> None:
    file, _ = storage.open("mine", Disposition.OPEN_IF)
    try:
        file.link(name, replace=True)
    finally:
        file.close()


def link_away(storage: LocalStorage, name: str) -> None:
    closing(storage, name, lambda file: file.link("mine", replace=True))


def list_all(storage: LocalStorage, name: str) -> None:
    folder, _ = storage.open(name.split("\\")[0], directory=True)
    try:
        assert all(entry.file_id for entry in folder.scan())
    finally:
        folder.close()


def closing(storage: LocalStorage, name: str, act: Callable[[LocalFile], None]) -> None:
    file, _ = storage.open(name)
    try:
        act(file)
    finally:
        file.close()


@pytest.mark.parametrize("name", ["dir\\secret", "file"])
@pytest.mark.parametrize(
    "change", [make, make_folder, remove, move_away, move_here, link_here, link_away, list_all]
)
def test_changing_while_it_is_swapped(
    change: Change, name: str, storage: LocalStorage, root: Path, outside: Path
) -> None:
    with swapping(root, outside):
        for _ in range(ATTEMPTS // 5):
            with suppress(OSError):
                change(storage, name)
