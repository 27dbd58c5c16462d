"""A storage whose methods are all coroutines, over one whose methods are plain."""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from typing import Any

from smbquic.storage import ChangeSource, FileStat, Storage, StorageFile
from smbquic.storage.bridge import FILE_METHODS, STORAGE_METHODS


class CoroutineFile(StorageFile):
    """An open file; other tasks run before anything is done with it, and after that."""

    def __init__(self, file: StorageFile) -> None:
        self.plain = file

    @property
    def name(self) -> str:
        return self.plain.name

    @property
    def key(self) -> Hashable:
        return self.plain.key

    @property
    def parent_key(self) -> Hashable:
        return self.plain.parent_key

    @property
    def stream(self) -> str:
        return self.plain.stream

    @property
    def whole(self) -> StorageFile:
        whole = self.plain.whole
        return self if whole is self.plain else type(self)(whole)

    async def stat(self) -> FileStat:  # type: ignore[override]
        await asyncio.sleep(0)
        return self.plain.stat()

    async def copy_from(self, source: StorageFile, *where: int) -> int:  # type: ignore[override]
        await asyncio.sleep(0)
        assert isinstance(source, CoroutineFile)
        return self.plain.copy_from(source.plain, *where)

    async def scan(self) -> AsyncIterator[FileStat]:  # type: ignore[override]
        for found in self.plain.scan():
            await asyncio.sleep(0)
            yield found

    async def allocated_ranges(  # type: ignore[override]
        self, offset: int, length: int
    ) -> AsyncIterator[tuple[int, int]]:
        for found in self.plain.allocated_ranges(offset, length):
            await asyncio.sleep(0)
            yield found


class CoroutineStorage(Storage):
    """A tree of files with nothing but coroutines."""

    coroutines = True
    file_class = CoroutineFile

    def __init__(self, storage: Storage) -> None:
        self.plain = storage
        self.capabilities = storage.capabilities
        self.read_only = storage.read_only

    def watch(self) -> ChangeSource | None:
        return self.plain.watch()

    def begin(self) -> Callable[[], None]:
        return self.plain.begin()

    def close(self) -> None:
        self.plain.close()

    async def lookup(self, name: str, *, write: bool = False) -> StorageFile:  # type: ignore[override]
        await asyncio.sleep(0)
        return self.file_class(self.plain.lookup(name, write=write))


def _coroutine(name: str) -> Callable[..., Any]:
    async def method(self: CoroutineFile | CoroutineStorage, *args: Any, **options: Any) -> Any:
        await asyncio.sleep(0)
        found = getattr(self.plain, name)(*args, **options)
        await asyncio.sleep(0)
        if isinstance(found, StorageFile):
            return (
                self.file_class(found) if isinstance(self, CoroutineStorage) else type(self)(found)
            )
        return found

    return method


for _name in FILE_METHODS:
    setattr(CoroutineFile, _name, _coroutine(_name))
for _name in STORAGE_METHODS:
    setattr(CoroutineStorage, _name, _coroutine(_name))
