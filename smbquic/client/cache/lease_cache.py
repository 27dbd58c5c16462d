"""A share with a cache of its metadata, listings and contents."""

import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable

from smbquic.client.cache.cached_file import CachedFile
from smbquic.client.cache.files import CachedFiles
from smbquic.client.cache.folder import ITSELF, CachedFolder
from smbquic.client.cache.folders import CachedFolders
from smbquic.client.cache.limits import CacheLimits
from smbquic.client.cache.share import ObservedShare, RequestedChange, canonical
from smbquic.client.leases import NOTHING, grants_leases, with_lease
from smbquic.client.opening import FileMode
from smbquic.client.share import Share
from smbquic.client.stat import Stat
from smbquic.errors import NotFoundError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.wire.create import CreateDisposition, CreateRequest
from smbquic.wire.negotiate import GlobalCapabilities

LIST_AFTER = 3
"""Entries of a folder that are asked for one by one, before all of them are listed at once."""


class LeaseCache:
    """Keeps what the server has said of a share for as long as its leases allow.

    Whatever else is to be done with the share, or changed in it, is done with `share`: the cache
    knows of these changes. Changes by others, and through other objects, end leases, and with them
    what is kept. Close it with `aclose`, before the connection is closed.
    """

    def __init__(
        self,
        share: Share,
        limits: CacheLimits | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.share: Share = ObservedShare(share, self._before, self._after)
        self._limits = CacheLimits() if limits is None else limits
        self._folders = CachedFolders(self.share, self._limits, clock)
        self._files = CachedFiles(self.share, self._limits, clock, self._forget)

    # --- metadata -----------------------------------------------------------------------------

    async def stat(self, path: str) -> Stat:
        """Return what the server says about a file or folder. Raises `NotFoundError`."""
        place = canonical(path)
        parent, name = _split(place)
        folder = await self._folders.get(parent)
        opened = self._files.opened(place)
        for content in opened:
            await content.drain()
        if folder is None or any(each.is_open and not each.is_exact for each in opened):
            # Others write to it, and it is said to have changed only when they close it.
            return await self.share.stat(path)
        entry = folder.find(name, self._exact_since(place))
        if entry is None and await self._list_after_misses(folder, name):
            entry = folder.find(name, self._exact_since(place))
        if entry is None:
            return await self._ask(folder, name, path)
        if entry.stat is None:
            raise StatusError.of(NtStatus.OBJECT_NAME_NOT_FOUND, "CREATE", path)
        return entry.stat

    def known_stat(self, path: str) -> Stat | None:
        """Return what `stat` would, if nobody has to be asked or waited for; None otherwise.

        Unlike all others, this may be called on any thread.
        """
        place = canonical(path)
        parent, name = _split(place)
        folder = self._folders.leased(parent)
        if folder is None or self._files.opened(place):
            return None
        entry = folder.find(name)
        return None if entry is None else entry.stat

    def _exact_since(self, path: str) -> float | None:
        """Return since when the server would have told of any change of a file or folder."""
        content = self._files.known(path)
        if content is not None and content.is_exact:
            return content.leased_at
        folder = self._folders.known(path)
        return folder.leased_at if folder is not None and folder.is_leased else None

    async def _list_after_misses(self, folder: CachedFolder, name: str) -> bool:
        """List a folder of which several entries were asked for; False if it is not listed."""
        folder.misses += 1
        if folder.misses != LIST_AFTER or not folder.is_leased or name == ITSELF:
            return False
        async for _ in self._list(folder):
            pass
        return True

    async def _ask(self, folder: CachedFolder, name: str, path: str) -> Stat:
        version = folder.version
        try:
            stat = await self.share.stat(path)
        except NotFoundError:
            folder.store(name, None, version)
            raise
        folder.store(name, stat, version)
        self._folders.make_room()
        return stat

    async def exists(self, path: str) -> bool:
        """Return whether there is a file or folder of that name."""
        try:
            await self.stat(path)
        except NotFoundError:
            return False
        return True

    async def scandir(self, path: str = "") -> AsyncGenerator[Stat, None]:
        """Yield the entries of a folder, as `Share.scandir` does."""
        folder = await self._folders.get(canonical(path))
        known = None if folder is None else folder.listing()
        if known is not None:
            for stat in known:
                yield stat
            return
        entries = self.share.scandir(path) if folder is None else self._list(folder)
        async for stat in entries:
            yield stat

    async def _list(self, folder: CachedFolder) -> AsyncGenerator[Stat, None]:
        """Yield what the server lists, and remember it if it is not too much."""
        await self._files.drain(folder.path)
        version = folder.version
        entries: list[Stat] = []
        async for stat in self.share.scandir(folder.path):
            if len(entries) <= self._limits.entries:
                entries.append(stat)
            yield stat
        folder.store_listing(entries, version)
        self._folders.make_room()

    # --- contents -----------------------------------------------------------------------------

    async def open(self, path: str, mode: str = "rb") -> CachedFile:
        """Open a file in a binary mode of the builtin `open`. Raises as `Share.open` does."""
        parsed = FileMode.parse(mode)
        if parsed.text:
            raise ValueError(f"mode {mode!r}: a cached file has bytes, add b")
        place = canonical(path)
        parent, name = _split(place)
        creates = parsed.disposition != CreateDisposition.FILE_OPEN
        if creates:
            self._forget(place)
        folder = self._folders.known(parent)
        version = 0 if folder is None else folder.version
        parent_key = None if folder is None else folder.key
        try:
            file = await self._within_limits(lambda: self._files.open(place, parsed, parent_key))
        finally:
            if creates:
                self._forget(place)
        stat = file.content.take_stat()
        if folder is not None and not creates and stat is not None:
            folder.store(name, stat, version)
        return file

    async def _within_limits(self, attempt: Callable[[], Awaitable[CachedFile]]) -> CachedFile:
        """Return what `attempt` returns; what is only kept open is closed for it if need be."""
        while True:
            try:
                return await attempt()
            except StatusError as error:
                if error.status != NtStatus.TOO_MANY_OPENED_FILES:
                    raise
                if not await self._files.shrink() and not await self._folders.shrink():
                    raise

    # --- changes ------------------------------------------------------------------------------

    async def _before(self, change: RequestedChange, opening: CreateRequest) -> CreateRequest:
        """Forget what changes, and close what would be in the way."""
        content = self._files.known(change.paths[0])
        if content is not None:
            await content.drain()  # a write that came later would change it once more
        for path in change.paths:
            self._forget(path)
            if change.moves:
                # Opens that are only kept for the next time would be in the way.
                await self._folders.close_below(path)
                await self._files.detach(path)
        parent = self._folders.known(_split(change.paths[0])[0])
        tree = self.share.tree
        if parent is None or not grants_leases(tree, GlobalCapabilities.LEASING):
            return opening
        # With the keys of our leases, the change does not break these.
        key = os.urandom(16) if content is None else content.key
        return with_lease(opening, key, NOTHING, parent.key)

    def _after(self, change: RequestedChange) -> None:
        """Forget what was asked for while it changed."""
        content = self._files.known(change.paths[0])
        if content is not None and change.content:
            # It was changed with the key of its own lease, which has not told it.
            content.purge()
        for path in change.paths:
            self._forget(path)

    def invalidate(self, path: str) -> None:
        """Forget what is known of a file or folder, and of its entry in the folder above it."""
        place = canonical(path)
        for content in self._files.opened(place):
            content.purge()
        folder = self._folders.known(place)
        if folder is not None:
            folder.purge()
        self._forget(place)

    def changed(self, path: str) -> None:
        """Forget the metadata of a file or folder, which an open of it has changed."""
        self._forget(canonical(path))

    def _forget(self, path: str) -> None:
        """Forget the metadata of a file or folder, and of its folder, which change with it."""
        parent, name = _split(path)
        for above, entry in ((parent, name), _split(parent)):
            folder = self._folders.known(above)
            if folder is not None:
                folder.forget(entry)

    async def aclose(self) -> None:
        """Close what is kept open on the server."""
        await self._files.close()
        await self._folders.close()

    async def __aenter__(self) -> "LeaseCache":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _split(path: str) -> tuple[str, str]:
    """Return the folder of a canonical path, and the name in it."""
    parent, _, name = path.rpartition("/")
    return parent, name or ITSELF
