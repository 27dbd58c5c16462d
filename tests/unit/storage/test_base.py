"""The defaults of `Storage`, for a storage that says how a name is found."""

import errno
from dataclasses import replace

import pytest

from smbquic.storage import (
    ARCHIVE,
    DIRECTORY,
    HIDDEN,
    SYSTEM,
    Action,
    Capability,
    Disposition,
    FileStat,
    OpenPolicy,
    PathNotFound,
    StoppedOnSymlink,
    Storage,
    StorageFile,
    VolumeStat,
)
from smbquic.storage.memory import MemoryStorage
from smbquic.storage.memory.file import MemoryFile
from tests.unit.storage.interfaces import differences


class Telling(MemoryStorage):
    """Notes what it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[object] = []

    def lookup(self, name: str, *, write: bool = False) -> MemoryFile:
        self.asked.append((name, write))
        return super().lookup(name)

    def create(
        self, name: str, *, directory: bool, attributes: int = 0, account: int = 0
    ) -> MemoryFile:
        self.asked.append((name, directory, attributes, account))
        return super().create(name, directory=directory, attributes=attributes, account=account)


class Found(Storage):
    """Has what another one has, and makes nothing."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def lookup(self, name: str, *, write: bool = False) -> MemoryFile:
        found = self._storage.lookup(name)
        assert isinstance(found, MemoryFile)
        return found


def test_every_storage_says_how_a_name_is_found() -> None:
    with pytest.raises(TypeError, match="lookup"):
        type("Unfinished", (Storage,), {})()


def test_other_base_classes_of_a_storage_are_told_of_it_too() -> None:
    told: list[type] = []

    class Told:
        def __init_subclass__(cls) -> None:
            told.append(cls)

    class Both(Found, Told):
        pass

    assert told == [Both]


def test_one_that_says_no_more_can_be_read() -> None:
    memory = MemoryStorage()
    memory.create("file", directory=False).close()
    storage = Found(memory)

    file, action = storage.open("file")
    assert (action, storage.read_only, storage.stat("file").name) == (Action.OPENED, False, "file")
    with pytest.raises(OSError, match="Read-only") as caught:
        storage.open("new", Disposition.CREATE)
    assert caught.value.errno == errno.EROFS
    file.close()


def test_what_is_made_without_a_word_is_a_file_of_nobody() -> None:
    storage = Telling()

    file, action = storage.open("new", Disposition.OPEN_IF)

    assert action is Action.CREATED
    assert storage.asked[0] == ("new", False)
    assert storage.asked[-1] == ("new", False, ARCHIVE, 0)
    assert (file.stat().attributes, file.stat().account) == (ARCHIVE, 0)
    file.close()
    bare = storage.create("bare", directory=True)
    assert storage.asked[-1] == ("bare", True, 0, 0)
    bare.close()


@pytest.mark.parametrize(
    ("disposition", "write", "asked"),
    [
        (Disposition.OPEN, False, False),
        (Disposition.OPEN, True, True),
        (Disposition.OVERWRITE, False, True),
        (Disposition.SUPERSEDE, False, True),
    ],
)
def test_who_overwrites_writes(disposition: Disposition, write: bool, asked: bool) -> None:
    storage = Telling()
    made = storage.create("file", directory=False)
    made.write(0, [b"content"])
    made.close()
    storage.asked.clear()

    file, action = storage.open("file", disposition, write=write)

    assert storage.asked == [("file", asked)]
    assert (file.stat().size == 0) is (action is not Action.OPENED)
    file.close()


def test_a_read_only_storage_is_read() -> None:
    storage = MemoryStorage()
    storage.create("file", directory=False).close()
    storage.read_only = True

    for disposition in (Disposition.OPEN, Disposition.OPEN_IF):
        file, action = storage.open("file", disposition)
        assert action is Action.OPENED
        file.close()
    for write, disposition in ((True, Disposition.OPEN), (False, Disposition.OVERWRITE_IF)):
        with pytest.raises(OSError, match="Read-only"):
            storage.open("file", disposition, write=write)


@pytest.mark.parametrize("name", ["file", "no\\such", "file\\below"])
def test_what_was_looked_at_is_closed(name: str) -> None:
    """A file that is open goes on counting after it was deleted."""
    storage = MemoryStorage()
    file = storage.create("file", directory=False)
    folder = storage.create("folder", directory=True)
    storage.stat("file")
    storage.stat("folder")
    for missing in ("file\\below", "no\\such", "folder\\missing"):
        with pytest.raises(FileNotFoundError):
            storage.open(missing, Disposition.OPEN_IF if missing == name else Disposition.OPEN)
    storage.open("folder\\made", Disposition.CREATE)[0].delete()
    storage.securities("folder")
    with pytest.raises(PathNotFound):
        storage.securities("file")
    for disposition in (Disposition.OPEN, Disposition.OVERWRITE):
        with pytest.raises(NotADirectoryError if disposition is Disposition.OPEN else OSError):
            storage.open("file", disposition, directory=True)

    for each in (file, folder):
        each.delete()
        each.close()

    assert storage.lookup("")._node.opens == 1


class Linked(MemoryStorage):
    """Its files are symbolic links if they are called so."""

    capabilities = MemoryStorage.capabilities | Capability.SYMBOLIC_LINKS

    def lookup(self, name: str, *, write: bool = False) -> MemoryFile:
        return LinkedFile(self._tree, self._tree.find(name))


class LinkedFile(MemoryFile):
    def stat(self) -> FileStat:
        stat = super().stat()
        return replace(stat, link="target" if stat.name == "link" else None)


def test_a_link_is_opened_by_who_asks_for_the_link() -> None:
    storage = Linked()
    for name in ("link", "file"):
        storage.create(name, directory=False).close()

    storage.open("file")[0].close()
    storage.open("link", link=True)[0].close()
    with pytest.raises(StoppedOnSymlink) as stopped:
        storage.open("link")
    assert stopped.value.target == "target"
    assert storage.stat("link").link == "target"


def test_what_a_storage_is_that_says_nothing_of_itself() -> None:
    storage = Found(MemoryStorage())

    assert storage.volume() == VolumeStat()
    assert (storage.watch(), storage.coroutines) == (None, False)
    assert storage.capabilities is Capability.NONE
    assert storage.renewed() is storage
    end = storage.begin()
    end()
    storage.close()


def test_descriptors_from_the_root_to_a_folder() -> None:
    storage = MemoryStorage()
    for number, name in enumerate(["", "one", "one\\two"]):
        folder = storage.create(name, directory=True) if name else storage.lookup(name)
        folder.set_security(bytes([number]))
        folder.close()
    storage.create("one\\file", directory=False).close()

    found = storage.securities("one\\two")

    assert [(descriptor, stat.name) for descriptor, stat in found] == [
        (b"\0", ""),
        (b"\1", "one"),
        (b"\2", "two"),
    ]
    assert len(storage.securities("")) == 1
    assert len(storage.securities("one")) == 2
    for name in ("one\\file", "one\\missing"):
        with pytest.raises(PathNotFound):
            storage.securities(name)


def test_folders_have_no_disposition_that_overwrites() -> None:
    storage = MemoryStorage()

    for disposition in (Disposition.SUPERSEDE, Disposition.OVERWRITE, Disposition.OVERWRITE_IF):
        with pytest.raises(OSError, match="can't be overwritten") as caught:
            storage.open("folder", disposition, directory=True)
        assert caught.value.errno == errno.EINVAL
    folder, _ = storage.open("folder", Disposition.CREATE, directory=True, attributes=HIDDEN)
    assert folder.stat().attributes == DIRECTORY | HIDDEN
    folder.close()


@pytest.mark.parametrize(
    ("disposition", "attributes", "newer"),
    [(Disposition.OVERWRITE, HIDDEN, False), (Disposition.SUPERSEDE, 0, True)],
)
def test_what_is_overwritten_has_new_attributes(
    disposition: Disposition, attributes: int, newer: bool
) -> None:
    storage = MemoryStorage()
    file = storage.create("file", directory=False, attributes=SYSTEM)
    file.set_times(creation_time=100)

    storage.open("file", disposition, attributes=attributes)[0].close()

    assert file.stat().attributes == attributes | ARCHIVE
    assert (file.stat().creation_time > 100) is newer
    file.close()


@pytest.mark.parametrize("name", ["file", "new"])
def test_a_policy_refuses_what_exists_and_what_is_made(name: str) -> None:
    asked: list[str] = []

    def refuse(what: StorageFile | str) -> None:
        asked.append(what if isinstance(what, str) else what.name)
        raise PermissionError

    storage = MemoryStorage()
    storage.create("folder", directory=True).close()
    file = storage.create("folder\\file", directory=False)
    file.write(0, [b"content"])
    policy = OpenPolicy(7, admit=refuse, permit=refuse)

    with pytest.raises(PermissionError):
        storage.open(f"FOLDER\\{name}", Disposition.OVERWRITE_IF, policy=policy)

    assert asked == ["folder\\file" if name == "file" else "folder"]
    assert file.stat().size == 7
    assert [each.name for each in storage.lookup("folder").scan()] == ["file"]
    file.close()
    made, _ = storage.open("made", Disposition.CREATE, policy=OpenPolicy(7))
    assert made.stat().account == 7
    made.close()


def test_another_storage_is_called_in_the_same_way() -> None:
    assert differences(Storage, MemoryStorage) == []


def test_what_is_found_has_to_fit() -> None:
    storage = MemoryStorage()
    storage.create("file", directory=False).close()
    storage.create("folder", directory=True).close()
    for name, directory, disposition, error in (
        ("file", True, Disposition.OPEN, NotADirectoryError),
        ("folder", False, Disposition.OPEN, IsADirectoryError),
        ("folder", False, Disposition.OPEN_IF, IsADirectoryError),
        ("folder", None, Disposition.OVERWRITE, IsADirectoryError),
        ("folder", None, Disposition.SUPERSEDE, IsADirectoryError),
        ("file", None, Disposition.CREATE, FileExistsError),
        ("folder", None, Disposition.CREATE, FileExistsError),
    ):
        with pytest.raises(error):
            storage.open(name, disposition, directory=directory)
    for name, directory in (("file", False), ("file", None), ("folder", True), ("folder", None)):
        storage.open(name, directory=directory)[0].close()
