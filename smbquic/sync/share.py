"""A connected share without `await`."""

from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator
from datetime import datetime
from os import PathLike
from typing import Any, Literal, TypeVar, overload

from smbquic.client import buffered_file as client_buffered_file
from smbquic.client import share as client_share
from smbquic.client import text_file as client_text_file
from smbquic.client.background import LoopThread
from smbquic.client.file_tree import LocalTree
from smbquic.client.local import WrittenFiles
from smbquic.client.opening import BinaryMode, TextMode
from smbquic.client.results import Progress, SyncResult, TreeProgress, TreeResult, Usage
from smbquic.client.stages import Stages
from smbquic.client.stat import Stat, StreamEntry, Volume
from smbquic.client.tree_sync import sync_tree
from smbquic.client.watch import ShareChange
from smbquic.errors import StatusError
from smbquic.options.filter import NO_FILTERS, FilterOptions
from smbquic.options.sync import SYNC_DEFAULTS, SyncOptions
from smbquic.options.transfer import DEFAULTS, TransferOptions
from smbquic.sync.files import SyncBufferedFile, SyncFile, SyncTextFile
from smbquic.transport.base import PathStatistics, Peer
from smbquic.wire.change_notify import CompletionFilter
from smbquic.wire.cursor import Buffer
from smbquic.wire.fscc.attributes import FileAttributes

T = TypeVar("T")

StrPath = str | PathLike[str]


def _iterate(iterator: AsyncGenerator[T, None], loop: LoopThread) -> Generator[T, None, None]:
    async def step() -> T:
        return await anext(iterator)

    async def leave() -> None:
        await iterator.aclose()

    try:
        while True:
            try:
                item = loop.run(step())
            except StopAsyncIteration:
                return
            yield item
    finally:
        if loop.running:
            loop.run(leave())


class SyncShare:
    """A connected share; see `smbquic.Share`."""

    def __init__(self, share: client_share.Share, loop: LoopThread) -> None:
        self._share = share
        self._loop = loop

    @property
    def name(self) -> str:
        """The share's name."""
        return self._share.name

    @property
    def peer(self) -> Peer:
        """Who is at the other end, and over which transport."""
        return self._share.peer

    @property
    def stages(self) -> Stages:
        """How long it took to get here, stage by stage."""
        return self._share.stages

    def statistics(self) -> PathStatistics:
        """See `smbquic.Share.statistics`."""

        async def asked() -> PathStatistics:
            return self._share.statistics()

        return self._loop.run(asked())

    def stat(self, path: str, *, snapshot: datetime | None = None) -> Stat:
        """See `smbquic.Share.stat`."""
        return self._loop.run(self._share.stat(path, snapshot=snapshot))

    def exists(self, path: str) -> bool:
        """See `smbquic.Share.exists`."""
        return self._loop.run(self._share.exists(path))

    def scandir(
        self, path: str = "", pattern: str = "*", *, snapshot: datetime | None = None
    ) -> Iterator[Stat]:
        """See `smbquic.Share.scandir`."""
        return _iterate(self._share.scandir(path, pattern, snapshot=snapshot), self._loop)

    def listdir(self, path: str = "", pattern: str = "*") -> list[str]:
        """See `smbquic.Share.listdir`."""
        return self._loop.run(self._share.listdir(path, pattern))

    def walk(
        self,
        path: str = "",
        *,
        topdown: bool = True,
        onerror: Callable[[StatusError], None] | None = None,
    ) -> Iterator[tuple[str, list[Stat], list[Stat]]]:
        """See `smbquic.Share.walk`. `onerror` is called on the other thread."""
        return _iterate(self._share.walk(path, topdown=topdown, onerror=onerror), self._loop)

    def glob(self, pattern: str) -> Iterator[tuple[str, Stat]]:
        """See `smbquic.Share.glob`."""
        return _iterate(self._share.glob(pattern), self._loop)

    def streams(self, path: str) -> list[StreamEntry]:
        """See `smbquic.Share.streams`."""
        return self._loop.run(self._share.streams(path))

    def snapshots(self, path: str = "") -> list[datetime]:
        """See `smbquic.Share.snapshots`."""
        return self._loop.run(self._share.snapshots(path))

    def listxattr(self, path: str) -> list[str]:
        """See `smbquic.Share.listxattr`."""
        return self._loop.run(self._share.listxattr(path))

    def getxattr(self, path: str, name: str) -> bytes:
        """See `smbquic.Share.getxattr`."""
        return self._loop.run(self._share.getxattr(path, name))

    def setxattr(self, path: str, name: str, value: bytes) -> None:
        """See `smbquic.Share.setxattr`."""
        self._loop.run(self._share.setxattr(path, name, value))

    def removexattr(self, path: str, name: str) -> None:
        """See `smbquic.Share.removexattr`."""
        self._loop.run(self._share.removexattr(path, name))

    def readlink(self, path: str) -> str:
        """See `smbquic.Share.readlink`."""
        return self._loop.run(self._share.readlink(path))

    def link(self, path: str, new_path: str) -> None:
        """See `smbquic.Share.link`."""
        self._loop.run(self._share.link(path, new_path))

    def short_name(self, path: str) -> str:
        """See `smbquic.Share.short_name`."""
        return self._loop.run(self._share.short_name(path))

    def symlink(self, target: str, path: str, *, target_is_directory: bool = False) -> None:
        """See `smbquic.Share.symlink`."""
        self._loop.run(self._share.symlink(target, path, target_is_directory=target_is_directory))

    def watch(
        self,
        path: str = "",
        *,
        recursive: bool = False,
        changes: CompletionFilter | None = None,
    ) -> Generator[ShareChange, None, None]:
        """See `smbquic.Share.watch`. The changes count from the first `next` on."""
        watch = self._share.watch(path, recursive=recursive, changes=changes)
        return _iterate(aiter(watch), self._loop)

    def volume(self) -> Volume:
        """See `smbquic.Share.volume`."""
        return self._loop.run(self._share.volume())

    def usage(self, path: str = "") -> Usage:
        """See `smbquic.Share.usage`."""
        return self._loop.run(self._share.usage(path))

    @overload
    def open(
        self,
        path: str,
        mode: BinaryMode = "rb",
        *,
        buffering: Literal[0],
        snapshot: datetime | None = None,
    ) -> SyncFile: ...

    @overload
    def open(
        self,
        path: str,
        mode: BinaryMode = "rb",
        buffering: Literal[-1] = -1,
        *,
        snapshot: datetime | None = None,
    ) -> SyncBufferedFile: ...

    @overload
    def open(
        self,
        path: str,
        mode: TextMode,
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        snapshot: datetime | None = None,
    ) -> SyncTextFile: ...

    @overload
    def open(
        self,
        path: str,
        mode: str = "rb",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        snapshot: datetime | None = None,
    ) -> Any: ...

    def open(
        self,
        path: str,
        mode: str = "rb",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        snapshot: datetime | None = None,
    ) -> Any:
        """See `smbquic.Share.open`."""

        async def opened() -> Any:
            return await self._share.open(
                path, mode, buffering, encoding, errors, newline, snapshot
            )

        file = self._loop.run(opened())
        if isinstance(file, client_text_file.TextFile):
            return SyncTextFile(file, self._loop)
        if isinstance(file, client_buffered_file.BufferedFile):
            return SyncBufferedFile(file, self._loop)
        return SyncFile(file, self._loop)

    def read_bytes(self, path: str) -> bytes:
        """See `smbquic.Share.read_bytes`."""
        return self._loop.run(self._share.read_bytes(path))

    def write_bytes(self, path: str, data: bytes) -> None:
        """See `smbquic.Share.write_bytes`."""
        self._loop.run(self._share.write_bytes(path, data))

    def utime(
        self,
        path: str,
        *,
        modified: int | None = None,
        accessed: int | None = None,
        created: int | None = None,
        changed: int | None = None,
    ) -> None:
        """See `smbquic.Share.utime`."""
        self._loop.run(
            self._share.utime(
                path, modified=modified, accessed=accessed, created=created, changed=changed
            )
        )

    def set_attributes(self, path: str, attributes: FileAttributes) -> None:
        """See `smbquic.Share.set_attributes`."""
        self._loop.run(self._share.set_attributes(path, attributes))

    def rename(self, path: str, new_path: str, *, replace: bool = False) -> None:
        """See `smbquic.Share.rename`."""
        self._loop.run(self._share.rename(path, new_path, replace=replace))

    def remove(self, path: str) -> None:
        """See `smbquic.Share.remove`."""
        self._loop.run(self._share.remove(path))

    def mkdir(self, path: str) -> None:
        """See `smbquic.Share.mkdir`."""
        self._loop.run(self._share.mkdir(path))

    def makedirs(self, path: str) -> None:
        """See `smbquic.Share.makedirs`."""
        self._loop.run(self._share.makedirs(path))

    def rmdir(self, path: str) -> None:
        """See `smbquic.Share.rmdir`."""
        self._loop.run(self._share.rmdir(path))

    def rmtree(self, path: str) -> None:
        """See `smbquic.Share.rmtree`."""
        self._loop.run(self._share.rmtree(path))

    def get(
        self,
        path: str,
        target: StrPath,
        *,
        progress: Progress | None = None,
        written: WrittenFiles | None = None,
        options: TransferOptions = DEFAULTS,
    ) -> int:
        """See `smbquic.Share.get`. `progress` is called on the other thread."""
        return self._loop.run(
            self._share.get(path, target, progress=progress, written=written, options=options)
        )

    def stream(self, path: str, *, progress: Progress | None = None) -> Iterator[memoryview]:
        """See `smbquic.Share.stream`. `progress` is called on the other thread."""
        return _iterate(self._share.stream(path, progress=progress), self._loop)

    def put_stream(
        self, chunks: Iterable[Buffer], path: str, *, progress: Progress | None = None
    ) -> int:
        """See `smbquic.Share.put_stream`. Both arguments are called on the other thread."""

        async def each() -> AsyncGenerator[Buffer, None]:
            for chunk in chunks:
                yield chunk

        return self._loop.run(self._share.put_stream(each(), path, progress=progress))

    def put(
        self,
        source: StrPath,
        path: str,
        *,
        progress: Progress | None = None,
        options: TransferOptions = DEFAULTS,
    ) -> int:
        """See `smbquic.Share.put`. `progress` is called on the other thread."""
        return self._loop.run(self._share.put(source, path, progress=progress, options=options))

    def limit_rate(self, rate: float | None) -> None:
        """See `smbquic.Share.limit_rate`."""
        self._share.limit_rate(rate)

    def sync_from(
        self,
        source: StrPath,
        path: str,
        *,
        delete: bool = True,
        options: SyncOptions = SYNC_DEFAULTS,
        filters: FilterOptions = NO_FILTERS,
    ) -> SyncResult:
        """Make a folder of the share like one of this machine; see `smbquic.sync_tree`."""
        trees = LocalTree(source), self._share.folder(path)
        return self._loop.run(sync_tree(*trees, delete=delete, options=options, filters=filters))

    def sync_to(
        self,
        path: str,
        target: StrPath,
        *,
        delete: bool = True,
        options: SyncOptions = SYNC_DEFAULTS,
        filters: FilterOptions = NO_FILTERS,
    ) -> SyncResult:
        """Make a folder of this machine like one of the share; see `smbquic.sync_tree`."""
        trees = self._share.folder(path), LocalTree(target)
        return self._loop.run(sync_tree(*trees, delete=delete, options=options, filters=filters))

    def copy(self, path: str, new_path: str, *, progress: Progress | None = None) -> int:
        """See `smbquic.Share.copy`. `progress` is called on the other thread."""
        return self._loop.run(self._share.copy(path, new_path, progress=progress))

    def get_tree(
        self,
        path: str,
        target: StrPath,
        *,
        progress: TreeProgress | None = None,
        options: TransferOptions = DEFAULTS,
    ) -> TreeResult:
        """See `smbquic.Share.get_tree`. `progress` is called on the other thread."""
        return self._loop.run(
            self._share.get_tree(path, target, progress=progress, options=options)
        )

    def put_tree(
        self,
        source: StrPath,
        path: str,
        *,
        progress: TreeProgress | None = None,
        options: TransferOptions = DEFAULTS,
    ) -> TreeResult:
        """See `smbquic.Share.put_tree`. `progress` is called on the other thread."""
        return self._loop.run(
            self._share.put_tree(source, path, progress=progress, options=options)
        )

    def copy_tree(
        self,
        path: str,
        new_path: str,
        *,
        progress: TreeProgress | None = None,
        options: TransferOptions = DEFAULTS,
    ) -> TreeResult:
        """See `smbquic.Share.copy_tree`. `progress` is called on the other thread."""
        return self._loop.run(
            self._share.copy_tree(path, new_path, progress=progress, options=options)
        )
