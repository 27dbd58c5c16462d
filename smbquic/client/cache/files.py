"""The files of a share whose contents are cached, and those that are only kept open."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable

from smbquic.client.cache.blocks import BlockCache
from smbquic.client.cache.cached_file import CachedFile
from smbquic.client.cache.content import CachedContent
from smbquic.client.cache.limits import CacheLimits
from smbquic.client.concurrency import RunningTasks
from smbquic.client.files import ShareFiles
from smbquic.client.opening import FileMode
from smbquic.errors import SmbError

log = logging.getLogger(__name__)


class CachedFiles:
    """Files by their paths, while a program has them open, and for a time after that.

    A file whose lease lets it keep its open is closed later, so that it costs nothing to open it
    again. One that was written to is closed at once: only then does a server tell others.
    """

    def __init__(
        self,
        share: ShareFiles,
        limits: CacheLimits,
        clock: Callable[[], float],
        changed: Callable[[str], None],
    ) -> None:
        self._share = share
        self._limits = limits
        self.now = clock
        self._changed = changed
        self._blocks = BlockCache(limits.bytes)
        self._files: dict[str, CachedContent] = {}
        self._lost: dict[str, tuple[CachedContent, ...]] = {}
        """Files that programs have open still, although their names may mean others by now."""
        self._unused: OrderedDict[CachedContent, asyncio.TimerHandle] = OrderedDict()
        """Files that no program has open, and what closes them in the end."""
        self._closing = RunningTasks()

    def known(self, path: str) -> CachedContent | None:
        """Return a file that is open, or kept open."""
        return self._files.get(path)

    def opened(self, path: str) -> tuple[CachedContent, ...]:
        """Return the files with this path that are open, or kept open. Any thread may ask."""
        known, lost = self._files.get(path), self._lost.get(path, ())
        return lost if known is None else (known, *lost)

    async def open(self, path: str, mode: FileMode, parent_key: bytes | None) -> CachedFile:
        """Open a file by its canonical path."""
        while True:
            content = self._files.get(path)
            if content is None:
                content = CachedContent(self._share, path, self._blocks, parent_key, owner=self)
                self._files[path] = content
            async with content.opening:
                if self._files.get(path) is not content:
                    continue  # it was closed meanwhile
                if content.is_open and not content.keeps_name:
                    self.lost(content)
                    continue
                return await self._open(path, mode, content)

    async def _open(self, path: str, mode: FileMode, content: CachedContent) -> CachedFile:
        file = CachedFile(path, mode, content, self._release)
        timer = self._unused.pop(content, None)
        if timer is not None:
            timer.cancel()
        try:
            await content.acquire(mode)
        except BaseException:
            await self._release(file)
            raise
        return file

    async def _release(self, file: CachedFile) -> None:
        """Close a file, or keep it open, once no program has it open any more."""
        content = file.content
        content.users.pop(file, None)
        if content.users:
            return
        self._forget_lost(content)
        kept = self._files.get(content.path) is content and content.keeps_name
        if not kept or content.wrote or not content.is_open:
            self._forget(content)
            await content.close()
            return
        loop = asyncio.get_running_loop()
        self._unused[content] = loop.call_later(self._limits.idle_seconds, self._drop, content)
        while len(self._unused) > self._limits.files:
            self._drop(next(iter(self._unused)))

    def _forget(self, content: CachedContent) -> None:
        if self._files.get(content.path) is content:
            del self._files[content.path]
        timer = self._unused.pop(content, None)
        if timer is not None:
            timer.cancel()

    def _drop(self, content: CachedContent) -> None:
        """Forget a file that no program has open, and close it soon."""
        self._forget(content)
        self._closing.start(_close(content))

    def changed(self, content: CachedContent) -> None:
        """See `ContentOwner`."""
        self._changed(content.path)

    def lost(self, content: CachedContent) -> None:
        """See `ContentOwner`: who has it open keeps it; others open it anew."""
        if not content.users:
            self._drop(content)
        elif self._files.get(content.path) is content:
            # First, as another thread has to find it in one place or the other.
            self._add_lost(content.path, content)
            self._forget(content)

    def renamed(self, content: CachedContent, path: str) -> None:
        """See `ContentOwner`."""
        if self._forget_lost(content):
            self._add_lost(path, content)

    def _add_lost(self, path: str, content: CachedContent) -> None:
        self._lost[path] = (*self._lost.get(path, ()), content)

    def _forget_lost(self, content: CachedContent) -> bool:
        """Return whether it was lost."""
        same = self._lost.get(content.path, ())
        left = tuple(other for other in same if other is not content)
        if left:
            self._lost[content.path] = left
        elif same:
            del self._lost[content.path]
        return len(left) < len(same)

    async def detach(self, path: str) -> None:
        """Let go of a file, and of all in a folder, before its name changes.

        What is only kept open is closed.
        """
        inside = f"{path}/"
        for content in list(self._files.values()):
            if content.path == path or content.path.startswith(inside):
                self.lost(content)
        await self._closing.wait()

    async def shrink(self) -> bool:
        """Close half of what is only kept open; False if there is nothing."""
        unused = list(self._unused)[: (len(self._unused) + 1) // 2]
        for content in unused:
            self._drop(content)
        await self._closing.wait()
        return bool(unused)

    async def drain(self, folder: str) -> None:
        """Have the server know what was written to the files of a folder."""
        lost = [content for contents in self._lost.values() for content in contents]
        for content in [*self._files.values(), *lost]:
            if content.path.rpartition("/")[0] == folder:
                await content.drain()

    async def close(self) -> None:
        """Close everything that no program has open."""
        for content in list(self._unused):
            self._drop(content)
        await self._closing.wait()


async def _close(content: CachedContent) -> None:
    try:
        await content.close()
    except SmbError as error:
        log.debug("%s, which was kept open, was not closed: %s", content.path, error)
