"""Names, the root, the volume and permissions; what must never be reached is in test_escape.py."""

import errno
import os
import stat
from pathlib import Path

import pytest

from smbquic.storage import (
    Action,
    Capability,
    Disposition,
    NameInvalid,
    PathNotFound,
    Storage,
    StorageFile,
    types,
)
from smbquic.storage.local import LocalStorage, attributes, tree
from tests.unit.privileges import as_nobody
from tests.unit.storage.interfaces import differences
from tests.unit.storage.local.test_open_operation import ALL, OVERWRITING


def test_it_is_a_storage(storage: LocalStorage) -> None:
    as_storage: Storage = storage
    file, _ = storage.open("")
    as_file: StorageFile = file

    assert not as_storage.read_only
    assert as_file.is_directory
    file.close()


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


def test_a_volume_is_as_large_as_its_disk(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = os.statvfs_result((512, 4096, 1000, 300, 100, 50, 40, 30, 0, 255, 7))
    monkeypatch.setattr(os, "fstatvfs", lambda _: disk)
    volume = storage.volume()

    assert volume.block_size == 4096
    assert volume.total_bytes == 1000 * 4096
    assert volume.free_bytes == 300 * 4096
    assert volume.available_bytes == 100 * 4096


def test_disks_with_other_identities_have_other_serial_numbers(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    identities = (0x1_0000_0003, 0x1_0000_0002, 0x8_0000_0002, 0x8_0000_0006, 0xFFFF_FFFE_0000_0000)
    serials = []
    for identity in identities:
        disk = os.statvfs_result((512, 4096, 1000, 300, 100, 50, 40, 30, 0, 255, identity))
        monkeypatch.setattr(os, "fstatvfs", lambda _, disk=disk: disk)
        serials.append(storage.volume().serial)

    assert serials == [2, 3, 0xA, 0xE, 0xFFFF_FFFE]


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
        os.umask(0)
        storage.open("open", Disposition.CREATE)[0].close()
    finally:
        os.umask(before)

    assert stat.S_IMODE((root / "open").stat().st_mode) == 0o666
    assert stat.S_IMODE((root / "file").stat().st_mode) == 0o640
    assert stat.S_IMODE((root / "folder").stat().st_mode) == 0o750
    assert stat.S_IMODE((root / "closed").stat().st_mode) == 0


@pytest.mark.parametrize("directory", [False, True])
def test_what_is_made_has_no_attributes_that_nobody_asked_for(
    directory: bool, storage: LocalStorage
) -> None:
    file = storage.create("new", directory=directory)
    file.close()

    expected = types.DIRECTORY if directory else types.ARCHIVE
    assert storage.stat("new").attributes == expected


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


def test_it_is_called_as_any_storage() -> None:
    assert differences(Storage, LocalStorage) == []


def test_links_are_shown_where_that_is_asked_for(root: Path) -> None:
    (root / "link").symlink_to("file")
    for storage in (LocalStorage(root), LocalStorage(root, links=True)):
        shown = Capability.SYMBOLIC_LINKS in storage.capabilities
        folder, _ = storage.open("")
        assert [entry.name for entry in folder.scan()] == (["link"] if shown else [])
        folder.close()
        storage.close()
    assert shown


def test_what_is_made_is_its_user_s(storage: LocalStorage) -> None:
    storage.create("file", directory=False, attributes=types.HIDDEN, account=7).close()
    found = storage.stat("file")
    assert (found.account, found.attributes) == (7, types.HIDDEN | types.ARCHIVE)


def test_what_is_made_can_be_written_and_found(storage: LocalStorage) -> None:
    made = storage.create("new", directory=False)
    assert made.write(0, [b"x"]) == 1
    made.close()
    storage.create("folder", directory=True).close()
    for name in ("new", "folder"):
        found = storage.lookup(name.upper())
        assert (found.name, found.is_directory) == (name, name == "folder")
        found.close()
