"""What file systems of fsspec read from servers of SMB."""

import weakref
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import fields
from datetime import datetime
from typing import Any

from fsspec.asyn import AsyncFileSystem, _run_coros_in_chunks, sync_wrapper
from fsspec.utils import stringify_path

from smbquic.client.file import File
from smbquic.client.fsspec import paths
from smbquic.client.fsspec.connections import ShareConnections
from smbquic.client.fsspec.paths import Info
from smbquic.client.fsspec.ranges import Slice, read_ranges, slices_by_file
from smbquic.client.share import Share
from smbquic.client.url import PORTS, SmbUrl, TransportName
from smbquic.options.client import SessionOptions

_SESSION = frozenset(field.name for field in fields(SessionOptions))
_ADDRESS = ("transport", "host", "port", "user", "domain")
_FSSPEC = frozenset(
    {
        *("asynchronous", "loop", "batch_size"),
        *("use_listings_cache", "listings_expiry_time", "max_paths"),
    }
)


class ReadingFileSystem(AsyncFileSystem):  # type: ignore[misc]
    """What needs no right to write: names, what there is, and the contents of files."""

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
        share, inside = await self._locate(path)
        file: File = await share.open(inside, "rb", buffering=0)
        async with file:
            size = file.opened.end_of_file
            ranges = [slice(start, end).indices(size)[:2] for start, end in slices]
            return await read_ranges(file, ranges)

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
