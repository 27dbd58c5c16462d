"""Every storage of ours does what every storage has to do."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from smbquic.storage import Capability, Storage, StorageFile, VolumeStat
from smbquic.storage.local import LocalStorage
from smbquic.storage.memory import MemoryStorage
from smbquic.storage.memory.file import MemoryFile
from smbquic.testing.storage import ReadOnlyStorageTests, StorageTests, waiting
from tests.coroutines import CoroutineFile, CoroutineStorage


class PlainFile(MemoryFile):
    """Does what the base class has a default for as the base class does it."""


HAVE_DEFAULTS = (
    "allocate",
    "allocated_ranges",
    "copy_from",
    "create_stream",
    "extended_attributes",
    "flush",
    "is_directory",
    "is_empty",
    "link",
    "lookup_stream",
    "mark_changed",
    "overwrite",
    "read_cached",
    "security",
    "set_extended_attributes",
    "set_security",
    "set_sparse",
    "set_times",
    "streams",
    "zero",
)
for _name in HAVE_DEFAULTS:
    setattr(PlainFile, _name, vars(StorageFile)[_name])


class PlainStorage(MemoryStorage):
    """A storage with few methods and no capabilities."""

    capabilities = Capability.NONE

    def lookup(self, name: str, *, write: bool = False) -> MemoryFile:
        return PlainFile(self._tree, self._tree.find(name))

    def create(
        self, name: str, *, directory: bool, attributes: int = 0, account: int = 0
    ) -> MemoryFile:
        super().create(name, directory=directory, attributes=attributes).close()
        return self.lookup(name)

    def volume(self) -> VolumeStat:
        return Storage.volume(self)


class FewCoroutinesFile(CoroutineFile):
    """The same with coroutines."""


for _name in HAVE_DEFAULTS:
    setattr(FewCoroutinesFile, _name, vars(StorageFile)[_name])


class FewCoroutines(CoroutineStorage):
    """A storage with few methods, which are coroutines, and no capabilities."""

    file_class = FewCoroutinesFile

    def __init__(self) -> None:
        super().__init__(PlainStorage())


for _name in ("stat", "securities", "volume"):
    setattr(FewCoroutines, _name, vars(Storage)[_name])


class TestDefaults(StorageTests):
    @pytest.fixture
    def storage(self) -> Storage:
        return PlainStorage()


class TestLocal(StorageTests):
    @pytest.fixture
    def storage(self, root: Path) -> Iterator[Storage]:
        storage = LocalStorage(root)
        yield storage
        storage.close()


class TestLocalWithLinks(StorageTests):
    @pytest.fixture
    def storage(self, root: Path) -> Iterator[Storage]:
        storage = LocalStorage(root, links=True)
        yield storage
        storage.close()


class TestReadOnlyLocal(ReadOnlyStorageTests):
    @pytest.fixture
    def files(self) -> Mapping[str, bytes]:
        return {"Folder\\File": b"content", "empty": b""}

    @pytest.fixture
    def storage(self, root: Path, files: Mapping[str, bytes]) -> Iterator[Storage]:
        for name, content in files.items():
            path = root / name.replace("\\", "/")
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        storage = LocalStorage(root, read_only=True)
        yield storage
        storage.close()


class TestMemory(StorageTests):
    @pytest.fixture
    def storage(self) -> Storage:
        return MemoryStorage()


class TestCoroutines(StorageTests):
    @pytest.fixture
    def storage(self) -> Iterator[Storage]:
        with waiting(CoroutineStorage(MemoryStorage())) as storage:
            yield storage


class TestCoroutinesOnDefaults(StorageTests):
    """Operations without a method of their own stand on the storage's coroutines."""

    @pytest.fixture
    def storage(self) -> Iterator[Storage]:
        with waiting(FewCoroutines()) as storage:
            yield storage
