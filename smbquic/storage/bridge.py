"""A storage with coroutines, for callers that are plain code.

The server's code is plain: it calls a method, and goes on with what that returns. A `StorageBridge`
stands between it and a storage whose methods are coroutines: each of its own methods calls that of
the storage, and waits for what is awaitable with the function that it was given. How one waits
without holding up an event loop is for that function to know.
"""

from asyncio import to_thread
from collections.abc import AsyncIterable, Awaitable, Callable, Hashable, Iterator
from functools import partial, wraps
from inspect import isawaitable, iscoroutinefunction
from typing import Any, Final, cast

from smbquic.storage.base import Storage
from smbquic.storage.file import StorageFile
from smbquic.storage.policy import OpenPolicy
from smbquic.storage.types import Action, Disposition, FileStat
from smbquic.storage.watch import ChangeSource

Wait = Callable[[Awaitable[Any]], Any]
"""Waits for an awaitable, and returns what it gives or raises what it fails with."""

FILE_METHODS: Final = (
    "parent_stat",
    "set_times",
    "set_attributes",
    "set_sparse",
    "mark_changed",
    "read",
    "read_cached",
    "write",
    "truncate",
    "allocate",
    "zero",
    "flush",
    "overwrite",
    "rename",
    "link",
    "delete",
    "check_deletion",
    "become_link",
    "is_empty",
    "extended_attributes",
    "set_extended_attributes",
    "security",
    "set_security",
    "streams",
    "lookup_stream",
    "create_stream",
    "close",
)
"""The methods that a `FileBridge` passes on unchanged."""
STORAGE_METHODS: Final = ("create", "stat", "securities", "volume")
"""The same of a `StorageBridge`."""

_SLOW: Final = frozenset({"read", "write", "zero", "flush"})
"""The methods that run on a thread if they are no coroutine functions, as `copy_from` does."""


class FileBridge(StorageFile):
    """A `StorageFile` that waits for the coroutines of another one."""

    def __init__(self, file: StorageFile, wait: Wait) -> None:
        self._inner = file
        self._wait = wait
        self._is_directory: bool | None = None
        self._whole: StorageFile | None = None

    @property
    def name(self) -> str:
        """The name within the share."""
        return self._inner.name

    @property
    def key(self) -> Hashable:
        """The key that identifies the file among all files."""
        return self._inner.key

    @property
    def parent_key(self) -> Hashable:
        """The `key` of the folder that holds it."""
        return self._inner.parent_key

    @property
    def is_directory(self) -> bool:
        """Whether this is a folder; asked for once, for this has to be known at any time."""
        if self._is_directory is None:
            # The contract's own property calls `stat`, which may be a coroutine function here.
            if type(self._inner).is_directory is StorageFile.is_directory:
                self._is_directory = self.stat().is_directory
            else:
                self._is_directory = self._inner.is_directory
        return self._is_directory

    @property
    def whole(self) -> StorageFile:
        """The file or folder that a named stream belongs to; of all others, they themselves."""
        if self._whole is None:
            whole = self._inner.whole
            self._whole = self if whole is self._inner else FileBridge(whole, self._wait)
        return self._whole

    @property
    def stream(self) -> str:
        """The name of the stream that this is."""
        return self._inner.stream

    def stat(self) -> FileStat:
        """Return what is known now."""
        return cast(FileStat, _plain(self._inner.stat(), self._wait))

    def copy_from(self, source: StorageFile, source_offset: int, offset: int, length: int) -> int:
        """Copy bytes of another file; return how many were copied."""
        # The contract's own method reads and writes: through the bridge, which waits.
        if type(self._inner).copy_from is StorageFile.copy_from:
            return super().copy_from(source, source_offset, offset, length)
        other = source._inner if isinstance(source, FileBridge) else source
        call: Callable[..., Any] = self._inner.copy_from
        if not iscoroutinefunction(call):
            call = partial(to_thread, call)
        return cast(int, _plain(call(other, source_offset, offset, length), self._wait))

    def allocated_ranges(self, offset: int, length: int) -> Iterator[tuple[int, int]]:
        """Yield where in a range there may be something but zeros."""
        if type(self._inner).allocated_ranges is StorageFile.allocated_ranges:
            return super().allocated_ranges(offset, length)
        return _iterator(self._inner.allocated_ranges(offset, length), self._wait)

    def scan(self) -> Iterator[FileStat]:
        """Yield the entries of a folder."""
        if type(self._inner).scan is StorageFile.scan:
            return super().scan()
        return _iterator(self._inner.scan(), self._wait)

    def open_stream(
        self,
        name: str,
        disposition: Disposition = Disposition.OPEN,
        *,
        admit: Callable[[StorageFile], None] | None = None,
    ) -> tuple[StorageFile, Action]:
        """Open or make a named stream of this file."""
        if type(self._inner).open_stream is StorageFile.open_stream:
            return super().open_stream(name, disposition, admit=admit)
        opened = self._inner.open_stream(
            name, disposition, admit=admit and _bridged(admit, self._wait)
        )
        return cast(tuple[StorageFile, Action], _plain(opened, self._wait))


class StorageBridge(Storage):
    """A `Storage` that waits for the coroutines of another one."""

    def __init__(self, storage: Storage, wait: Wait) -> None:
        self._inner = storage
        self._wait = wait
        self.capabilities = storage.capabilities
        self.read_only = storage.read_only

    def lookup(self, name: str, *, write: bool = False) -> StorageFile:
        """Open the file or folder that has a name."""
        return cast(StorageFile, _plain(self._inner.lookup(name, write=write), self._wait))

    def open(
        self,
        name: str,
        disposition: Disposition = Disposition.OPEN,
        *,
        directory: bool | None = None,
        write: bool = False,
        attributes: int = 0,
        link: bool = False,
        policy: OpenPolicy | None = None,
    ) -> tuple[StorageFile, Action]:
        """Open or make a file or folder."""
        # The contract's own `open` is a `lookup` and a `create`, which the bridge waits for.
        if type(self._inner).open is Storage.open:
            opening = super().open
        else:
            opening = self._inner.open
            # The storage shows `admit` its own file, but the server has to see one that waits.
            if policy is not None:
                admit = _bridged(policy.admit, self._wait)
                policy = OpenPolicy(policy.account, admit, policy.permit)
        opened = opening(
            name,
            disposition,
            directory=directory,
            write=write,
            attributes=attributes,
            link=link,
            policy=policy,
        )
        return cast(tuple[StorageFile, Action], _plain(opened, self._wait))

    def watch(self) -> ChangeSource | None:
        """Return a source of the changes by others."""
        return self._inner.watch()

    def renewed(self) -> Storage:
        """Return this storage, or another one in its place."""
        found = self._inner.renewed()
        return self if found is self._inner else StorageBridge(found, self._wait)

    def begin(self) -> Callable[[], None]:
        """Remove what a server that was killed has left."""
        return self._inner.begin()

    def close(self) -> None:
        """Close the tree."""
        self._inner.close()


def _plain(value: Any, wait: Wait) -> Any:
    """Return what a method gives, once it is there; files of it are bridged, too."""
    # More than once: what a thread returned may be a coroutine, of a plain function that made one.
    while isawaitable(value):
        value = wait(value)
    if isinstance(value, StorageFile):
        return _bridge(value, wait)
    if isinstance(value, tuple) and value and isinstance(value[0], StorageFile):
        return _bridge(value[0], wait), *value[1:]
    return value


def _bridge(file: StorageFile, wait: Wait) -> FileBridge:
    return file if isinstance(file, FileBridge) else FileBridge(file, wait)


def _bridged(admit: Callable[[StorageFile], None], wait: Wait) -> Callable[[StorageFile], None]:
    return lambda file: admit(_bridge(file, wait))


def _iterator(items: Any, wait: Wait) -> Iterator[Any]:
    """Iterate over what is an iterable, an asynchronous one, or a coroutine that gives one."""
    items = _plain(items, wait)
    if not isinstance(items, AsyncIterable):
        return iter(items)
    return _waiting_iterator(items, wait)


def _waiting_iterator(items: AsyncIterable[Any], wait: Wait) -> Iterator[Any]:
    iterator = aiter(items)
    while True:
        try:
            item = wait(anext(iterator))
        except StopAsyncIteration:
            return
        yield item


def _pass_on(bridge: type[Any], contract: type[Any], name: str) -> None:
    """Give a bridge a method that waits for that of the other.

    Where the other has the default, so has the bridge: it stands on what was waited for.
    """
    default = getattr(contract, name)

    @wraps(default)
    def method(self: Any, *arguments: Any, **keywords: Any) -> Any:
        inner = self._inner
        if getattr(type(inner), name) is default:
            return default(self, *arguments, **keywords)
        call = getattr(inner, name)
        if name in _SLOW and not iscoroutinefunction(call):
            call = partial(to_thread, call)
        return _plain(call(*arguments, **keywords), self._wait)

    setattr(bridge, name, method)


for _name in FILE_METHODS:
    _pass_on(FileBridge, StorageFile, _name)
for _name in STORAGE_METHODS:
    _pass_on(StorageBridge, Storage, _name)
