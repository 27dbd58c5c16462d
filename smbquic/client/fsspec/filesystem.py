"""The servers of SMB as file systems of fsspec."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeVar

from fsspec.asyn import _run_coros_in_chunks, sync_wrapper
from fsspec.callbacks import DEFAULT_CALLBACK, Callback
from fsspec.utils import stringify_path

from smbquic.client.file import File
from smbquic.client.fsspec import paths
from smbquic.client.fsspec.buffered_file import BufferedSmbFile
from smbquic.client.fsspec.reading import ReadingFileSystem
from smbquic.client.fsspec.streamed_file import StreamedSmbFile
from smbquic.client.fsspec.upload import FileUpload
from smbquic.client.opening import Opening
from smbquic.client.url import TransportName
from smbquic.errors import FileExpectedError, NotFoundError

T = TypeVar("T")


class SmbQuicFileSystem(ReadingFileSystem):
    """A server reached over QUIC; its paths are ``/SHARE/FOLDER/FILE``.

    The keywords are those of `smbquic.connect`, such as `password`, `ca` and `guest`, and those of
    fsspec. `auto_mkdir` makes the folders of a file that is written. Listings are kept only with
    `use_listings_cache=True`: others change a share, too. A connection is made for each share when
    it is needed; `close` closes them, as does the end of the program.
    """

    protocol: tuple[str, ...] = ("smb+quic", "smbquic")

    # --- opening ------------------------------------------------------------------------------

    async def open_file(self, path: str, mode: str) -> File:
        """Open a file as `Share.open` does."""
        share, inside = await self._locate(path)

        async def opened() -> File:
            opening: Opening[File] = share.open(inside, mode, buffering=0)
            return await opening

        return await (opened() if mode == "rb" else self._creating(path, opened))

    async def start_upload(self, path: str) -> FileUpload:
        """Begin to write a file that appears when it is whole."""
        if self.auto_mkdir:
            await self._makedirs(self._parent(path), exist_ok=True)
        return await self._connections.start_upload(*paths.split(self._strip_protocol(path)))

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,
        **options: Any,
    ) -> BufferedSmbFile:
        return BufferedSmbFile(self, path, mode, block_size, autocommit, **options)

    async def open_async(self, path: str, mode: str = "rb", **options: Any) -> StreamedSmbFile:
        """Open a file whose `read`, `write` and `close` are coroutines."""
        return await StreamedSmbFile.open(self, self._strip_protocol(path), mode, **options)

    async def _creating(self, path: str, write: Callable[[], Awaitable[T]]) -> T:
        """Do what makes a file; with `auto_mkdir`, make the folder for it where that is missing."""
        try:
            return await write()
        except NotFoundError:
            if not self.auto_mkdir:
                raise
            await self._makedirs(self._parent(path), exist_ok=True)
            return await write()
        finally:
            self.invalidate_cache(path)

    async def _pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        share, inside = await self._locate(path)

        async def create() -> None:
            async with share.open(inside, "xb") as file:
                await file.write(value)

        async def replace() -> None:
            await share.write_bytes(inside, value)

        await self._creating(path, create if mode == "create" else replace)

    async def _touch(self, path: str, truncate: bool = True, **_: Any) -> None:
        """Make an empty file; without `truncate`, one that is there only gets a new time."""
        if truncate or not await self._exists(path):
            await self._pipe_file(path, b"")
            return
        share, inside = await self._locate(path)
        await share.utime(inside, modified=time.time_ns())
        self.invalidate_cache(path)

    touch = sync_wrapper(_touch)

    # --- copies -------------------------------------------------------------------------------

    async def _put_file(
        self,
        lpath: str,
        rpath: str,
        mode: str = "overwrite",
        callback: Callback = DEFAULT_CALLBACK,
        **_: Any,
    ) -> None:
        if await asyncio.to_thread(os.path.isdir, lpath):
            await self._makedirs(rpath, exist_ok=True)
            return
        if mode == "create" and await self._exists(rpath):
            raise FileExistsError(rpath)
        share, inside = await self._locate(rpath)

        async def put() -> None:
            await share.put(lpath, inside, progress=_progress(callback))

        await self._creating(rpath, put)

    async def _get_file(
        self, rpath: str, lpath: str, callback: Callback = DEFAULT_CALLBACK, **_: Any
    ) -> None:
        share, inside = await self._locate(rpath)
        try:
            await share.get(inside, lpath, progress=_progress(callback))
        except FileExpectedError:
            await asyncio.to_thread(os.makedirs, lpath, exist_ok=True)

    async def _cp_file(self, path1: str, path2: str, **_: Any) -> None:
        source, inside1 = await self._locate(path1)
        target, inside2 = await self._locate(path2)

        async def copy() -> None:
            if source is target:
                await source.copy(inside1, inside2)
                return
            async with aclosing(source.stream(inside1)) as chunks:
                await target.put_stream(chunks, inside2)

        try:
            await self._creating(path2, copy)
        except FileExpectedError:
            if not await self._isdir(path1):
                raise
            await self._makedirs(path2, exist_ok=True)

    async def _mv_file(self, path1: str, path2: str) -> None:
        """Rename a file or folder, in the place of a file that has the name."""
        source, inside1 = await self._locate(path1)
        target, inside2 = await self._locate(path2)
        if source is not target:
            await self._copy(path1, path2, recursive=True, on_error="raise")
            await self._rm(path1, recursive=True)
            return

        async def rename() -> None:
            await source.rename(inside1, inside2, replace=True)

        await self._creating(path2, rename)
        self.invalidate_cache(path1)

    async def _mv(self, path1: Any, path2: Any, **_: Any) -> None:
        """Move files and folders, as ``mv`` does: into `path2` where that is a folder."""
        several = isinstance(path2, list)
        sources = await self._expand_path(path1)
        if several:
            targets = self._strip_protocol(path2)
        elif stringify_path(path2).endswith("/") or await self._isdir(path2):
            folder = self._strip_protocol(path2).rstrip("/")
            targets = [f"{folder}/{source.rpartition('/')[2]}" for source in sources]
        else:
            targets = [self._strip_protocol(path2)]
        if len(sources) != len(targets):
            raise NotADirectoryError(f"{path2} is no folder, for several files to be moved into")
        for source, target in zip(sources, targets, strict=True):
            if source != target:
                await self._mv_file(source, target)

    mv = sync_wrapper(_mv)

    # --- folders and removal ------------------------------------------------------------------

    async def _mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        share, inside = await self._locate(path)
        parent = self._parent(path)
        if create_parents and parent != "/" and not await self._isdir(parent):
            await self._makedirs(parent, exist_ok=True)
        await share.mkdir(inside)
        self.invalidate_cache(path)

    async def _makedirs(self, path: str, exist_ok: bool = False) -> None:
        if not exist_ok:
            await self._mkdir(path, create_parents=True)
            return
        share, inside = await self._locate(path)
        await share.makedirs(inside)
        self.invalidate_cache(path)

    async def _rmdir(self, path: str) -> None:
        """Remove an empty folder."""
        share, inside = await self._locate(path)
        await share.rmdir(inside)
        self.invalidate_cache(path)

    rmdir = sync_wrapper(_rmdir)

    async def _rm_file(self, path: str, **_: Any) -> None:
        share, inside = await self._locate(path)
        await share.remove(inside)
        self.invalidate_cache(path)

    async def _rm(
        self,
        path: Any,
        recursive: bool = False,
        batch_size: int | None = None,
        maxdepth: int | None = None,
        **_: Any,
    ) -> None:
        """Remove files; with `recursive`, folders with all that is in them."""
        if maxdepth is not None:
            raise NotImplementedError("maxdepth: a folder is removed as a whole")
        await _run_coros_in_chunks(
            [self._rm_one(each, recursive) for each in await self._expand_path(path)],
            batch_size=batch_size or self.batch_size,
        )

    async def _rm_one(self, path: str, recursive: bool) -> None:
        if not paths.split(path)[1]:
            raise PermissionError(f"{path} is a share; remove what is in it, as in {path}/*")
        try:
            await self._rm_file(path)
        except FileExpectedError:
            if not recursive:
                raise
            share, inside = await self._locate(path)
            await share.rmtree(inside)
            self.invalidate_cache(path)


class SmbTcpFileSystem(SmbQuicFileSystem):
    """The same over TCP, for ``smb://``, which fsspec has a file system of its own for.

    Ours takes its place where a program says so:
    ``fsspec.register_implementation("smb", SmbTcpFileSystem, clobber=True)``.
    """

    protocol = ("smb",)
    url_transport: TransportName = "tcp"


def _progress(callback: Callback) -> Callable[[int, int], None]:
    """Return what tells a callback of fsspec how much is done."""

    def progress(done: int, total: int) -> None:
        if callback.size != total:
            callback.set_size(total)
        callback.absolute_update(done)

    return progress
