"""The servers of SMB as file systems of fsspec."""

import asyncio
import os
import time
import weakref
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

from fsspec.asyn import AsyncFileSystem, _run_coros_in_chunks, sync_wrapper
from fsspec.callbacks import DEFAULT_CALLBACK, Callback
from fsspec.utils import stringify_path

from smbquic.client.file import File
from smbquic.client.fsspec import paths
from smbquic.client.fsspec.buffered_file import BufferedSmbFile
from smbquic.client.fsspec.connections import ShareConnections
from smbquic.client.fsspec.paths import Info
from smbquic.client.fsspec.ranges import Slice, read_ranges, slices_by_file
from smbquic.client.fsspec.streamed_file import StreamedSmbFile
from smbquic.client.fsspec.upload import FileUpload
from smbquic.client.opening import Opening
from smbquic.client.share import Share
from smbquic.client.url import PORTS, SmbUrl, TransportName
from smbquic.errors import FileExpectedError, NotFoundError
from smbquic.options.client import SessionOptions

T = TypeVar("T")

_SESSION = frozenset(field.name for field in fields(SessionOptions))
_FSSPEC = frozenset(
    {
        *("asynchronous", "loop", "batch_size"),
        *("use_listings_cache", "listings_expiry_time", "max_paths"),
    }
)


class SmbQuicFileSystem(AsyncFileSystem):  # type: ignore[misc]
    """A server reached over QUIC; its paths are ``/SHARE/FOLDER/FILE``.

    The keywords are those of `smbquic.connect`, such as `password`, `ca` and `guest`, and those of
    fsspec. `auto_mkdir` makes the folders of a file that is written. Listings are kept only with
    `use_listings_cache=True`: others change a share, too. A connection is made for each share when
    it is needed; `close` closes them, as does the end of the program.
    """

    protocol: tuple[str, ...] = ("smb+quic", "smbquic")
    root_marker = "/"
    url_transport: TransportName = "quic"

    def __init__(
        self,
        host: str,
        port: int | None = None,
        user: str = "",
        domain: str = "",
        *,
        auto_mkdir: bool = False,
        **options: Any,
    ) -> None:
        unknown = options.keys() - _SESSION - _FSSPEC
        if unknown:
            raise TypeError(
                f"{', '.join(sorted(unknown))}: no options of smbquic.connect or fsspec"
            )
        session = SessionOptions(**{name: options.pop(name) for name in _SESSION & options.keys()})
        super().__init__(**{"use_listings_cache": False, **options})
        self.auto_mkdir = auto_mkdir
        self.url = SmbUrl(
            self.url_transport,
            host,
            int(port or PORTS[self.url_transport]),
            user=user,
            domain=domain,
        )
        self._connections = ShareConnections(self.url, session)
        weakref.finalize(self, self._connections.finalize)

    # --- URLs and paths -----------------------------------------------------------------------

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(each) for each in path]
        return paths.to_path(stringify_path(path))

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, Any]:
        url = paths.parse_url(path)
        if url is None:
            return {}
        port = None if url.port == PORTS[url.transport] else url.port
        found = {
            "host": url.host,
            "port": port,
            "user": url.user,
            "domain": url.domain,
            "password": url.password,
        }
        return {name: value for name, value in found.items() if value}

    def unstrip_protocol(self, name: str) -> str:
        """Return the URL of a path, with the user and the server, without the password."""
        share, inside = paths.split(self._strip_protocol(name))
        return str(SmbUrl(**self._address(), share=share, path=inside))

    def _address(self) -> dict[str, Any]:
        return {name: getattr(self.url, name) for name in _ADDRESS}

    @property
    def fsid(self) -> str:
        """The URL of the server, with the user."""
        return str(self.url)

    # --- connections --------------------------------------------------------------------------

    async def _locate(self, path: str) -> tuple[Share, str]:
        """Return the share of a path, and the path in it."""
        share, inside = paths.split(self._strip_protocol(path))
        if not share:
            raise IsADirectoryError(f"{self.url} is a server; name a share on it: /SHARE/PATH")
        return await self._connections.share(share), inside

    async def _close(self) -> None:
        """Close the connections; what is used later connects again."""
        await self._connections.close()

    close = sync_wrapper(_close)

    async def open_file(self, path: str, mode: str) -> tuple[Share, File]:
        """Open a file as `Share.open` does."""
        share, inside = await self._locate(path)

        async def opened() -> File:
            opening: Opening[File] = share.open(inside, mode, buffering=0)
            return await opening

        file = await (opened() if mode == "rb" else self._creating(path, opened))
        return share, file

    async def start_upload(self, path: str) -> FileUpload:
        """Begin to write a file that appears when it is whole."""
        if self.auto_mkdir:
            await self._makedirs(self._parent(path), exist_ok=True)
        return await self._connections.start_upload(*paths.split(self._strip_protocol(path)))

    # --- what there is ------------------------------------------------------------------------

    async def _info(self, path: str, **_: Any) -> Info:
        path = self._strip_protocol(path)
        if path == "/":
            return paths.folder_info(path)
        for info in self.dircache.get(self._parent(path), ()):
            if info["name"] == path:
                return dict(info)
        share, inside = await self._locate(path)
        return paths.file_info(path, await share.stat(inside))

    async def _ls(
        self, path: str, detail: bool = True, refresh: bool = False, **_: Any
    ) -> list[Info] | list[str]:
        path = self._strip_protocol(path)
        listing: list[Info] | None = None if refresh else self.dircache.get(path)
        if listing is None:
            try:
                listing = self.dircache[path] = await self._list(path)
            except NotADirectoryError:
                listing = [await self._info(path)]
        return listing if detail else [info["name"] for info in listing]

    async def _list(self, path: str) -> list[Info]:
        """Return the entries of a folder, or the shares of the server."""
        if path == "/":
            shares = await self._connections.list_shares()
            names = [share.name for share in shares if share.kind == "disk" and not share.special]
            return [paths.folder_info(f"/{name}") for name in sorted(names)]
        share, inside = await self._locate(path)
        async with aclosing(share.scandir(inside)) as entries:
            listing = [paths.listed_info(path, entry) async for entry in entries]
        return sorted(listing, key=lambda info: str(info["name"]))

    async def _find(
        self, path: str, maxdepth: int | None = None, withdirs: bool = False, **options: Any
    ) -> list[str] | dict[str, Info]:
        """List the folders of each depth at once; those that cannot be listed are left out."""
        path = self._strip_protocol(path)
        if maxdepth is not None and maxdepth < 1:
            raise ValueError("maxdepth must be at least 1")
        found: dict[str, Info] = {}
        folders, depth = [path], 0
        while folders and (maxdepth is None or depth < maxdepth):
            listings = await _run_coros_in_chunks(
                [self._ls(folder) for folder in folders],
                batch_size=self.batch_size,
                return_exceptions=True,
            )
            folders, depth = [], depth + 1
            for listing in listings:
                if isinstance(listing, Exception):
                    if not isinstance(listing, OSError):
                        raise listing
                    continue
                for info in listing:
                    if info["type"] == "directory":
                        folders.append(info["name"])
                    if withdirs or info["type"] != "directory":
                        found[info["name"]] = info
        if withdirs and path not in found and await self._isdir(path):
            found[path] = await self._info(path)
        names = sorted(found)
        return {name: found[name] for name in names} if options.get("detail") else names

    async def _du(
        self, path: str, total: bool = True, maxdepth: int | None = None, **options: Any
    ) -> int | dict[str, int]:
        found = await self._find(path, maxdepth, **{**options, "detail": True})
        assert isinstance(found, dict)
        sizes = {name: int(info["size"]) for name, info in found.items()}
        return sum(sizes.values()) if total else sizes

    async def _created(self, path: str) -> datetime:
        """When a file was made."""
        created: datetime = (await self._info(path))["created"]
        return created

    async def _modified(self, path: str) -> datetime:
        """When the content of a file was last written."""
        modified: datetime = (await self._info(path))["mtime"]
        return modified

    created = sync_wrapper(_created)
    modified = sync_wrapper(_modified)

    def invalidate_cache(self, path: str | None = None) -> None:
        """Forget the listings of a folder, of what is in it, and of the folder that it is in."""
        super().invalidate_cache(path)
        if path is None:
            self.dircache.clear()
            return
        path = self._strip_protocol(path)
        for folder in list(self.dircache):
            if folder in (path, self._parent(path)) or folder.startswith(f"{path}/"):
                self.dircache.pop(folder, None)

    # --- content ------------------------------------------------------------------------------

    async def _cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **_: Any
    ) -> bytes:
        if start is None and end is None:
            share, inside = await self._locate(path)
            async with aclosing(share.stream(inside)) as chunks:
                return b"".join([chunk async for chunk in chunks])
        [content] = await self._read_slices(path, [(start, end)])
        return content

    async def _read_slices(self, path: str, slices: Sequence[Slice]) -> list[bytes]:
        """Return parts of a file, whose ends may be missing or count from its end."""
        share, file = await self.open_file(path, "rb")
        async with file:
            size = file.opened.end_of_file
            ranges = [slice(start, end).indices(size)[:2] for start, end in slices]
            return await read_ranges(share, file, ranges)

    async def _cat_ranges(
        self,
        paths: list[str],
        starts: Any,
        ends: Any,
        max_gap: int | None = None,
        batch_size: int | None = None,
        on_error: str = "return",
        **_: Any,
    ) -> list[bytes | BaseException]:
        """Read parts of files: each file is opened once, and all parts are read at once."""
        if max_gap is not None:
            raise NotImplementedError("max_gap: parts of files are not merged")
        files = slices_by_file(self._strip_protocol(paths), starts, ends)
        contents = await _run_coros_in_chunks(
            [
                self._read_slices(path, [part[1:] for part in slices])
                for path, slices in files.items()
            ],
            batch_size=batch_size or self.batch_size,
            return_exceptions=True,
        )
        parts: list[bytes | BaseException] = [b""] * len(paths)
        for slices, content in zip(files.values(), contents, strict=True):
            failed = isinstance(content, BaseException)
            if failed and on_error != "return":
                raise content
            for place, part in enumerate(slices):
                parts[part[0]] = content if failed else content[place]
        return parts

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


_ADDRESS = ("transport", "host", "port", "user", "domain")


def _progress(callback: Callback) -> Callable[[int, int], None]:
    """Return what tells a callback of fsspec how much is done."""

    def progress(done: int, total: int) -> None:
        if callback.size != total:
            callback.set_size(total)
        callback.absolute_update(done)

    return progress
