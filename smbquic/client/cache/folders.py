"""The folders of a share that are cached: which ones, and their opens on the server."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable

from smbquic.client import requests
from smbquic.client.cache.folder import CachedFolder
from smbquic.client.cache.limits import CacheLimits
from smbquic.client.concurrency import RunningTasks
from smbquic.client.files import ShareFiles
from smbquic.client.leases import grants_leases
from smbquic.client.names import to_wire
from smbquic.client.tree_connect import TreeConnect
from smbquic.errors import SmbError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.response import Response
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import CreateOptions

_ACCESS = AccessMask.FILE_LIST_DIRECTORY | requests.STAT

log = logging.getLogger(__name__)


class CachedFolders:
    """Folders by their paths, those first that were not used for longest."""

    def __init__(self, share: ShareFiles, limits: CacheLimits, clock: Callable[[], float]) -> None:
        self._share = share
        self._limits = limits
        self._clock = clock
        self._folders: OrderedDict[str, CachedFolder] = OrderedDict()
        self._paused: OrderedDict[str, float] = OrderedDict()
        """Folders without a lease, and until when none is asked for."""
        self._opening: dict[str, asyncio.Task[CachedFolder | None]] = {}
        self._closing = RunningTasks()

    def known(self, path: str) -> CachedFolder | None:
        """Return a folder if it is cached."""
        folder = self._folders.get(path)
        if folder is None:
            return None
        if folder.handle is not None and not folder.is_leased:
            self.drop(folder)  # its connection was lost
            return None
        return folder

    def leased(self, path: str) -> CachedFolder | None:
        """Return a folder if it has its lease now. Changes nothing: any thread may ask."""
        folder = self._folders.get(path)
        return folder if folder is not None and folder.is_leased else None

    async def get(self, path: str) -> CachedFolder | None:
        """Return a folder, opened for its lease if necessary; None if it is not to be cached."""
        folder = self.known(path)
        if folder is not None:
            self._folders.move_to_end(path)
            return folder
        if self._is_paused(path):
            return None
        task = self._opening.get(path)
        if task is None:
            task = self._opening[path] = asyncio.create_task(self._open(path))
            task.add_done_callback(lambda _: self._opening.pop(path))
        return await asyncio.shield(task)

    def _is_paused(self, path: str) -> bool:
        tree = self._share.tree
        if not self._limits.ttl and not grants_leases(tree, CachedFolder.capability):
            return True
        until = self._paused.get(path)
        return until is not None and self._clock() < until

    async def _open(self, path: str) -> CachedFolder | None:
        folder = CachedFolder(path, self._limits, self._clock, self._lost)
        try:
            await self._share.open_slots.run_beside(lambda: self._lease(folder))
        except SmbError as error:
            folder.end()
            if isinstance(error, StatusError):
                if error.status == NtStatus.TOO_MANY_OPENED_FILES:
                    self._drop_half()
                self._pause(path)
                return None
            raise
        if folder.handle is None and (folder.is_broken or not self._limits.ttl):
            self._pause(path)
            return None
        self._folders[path] = folder
        self.make_room()
        return folder

    async def _lease(self, folder: CachedFolder) -> None:
        opening = requests.create(
            to_wire(folder.path), _ACCESS, options=CreateOptions.FILE_DIRECTORY_FILE
        )

        async def send(tree: TreeConnect) -> tuple[TreeConnect, Response]:
            return tree, await tree.request(folder.request(tree, opening), folder.path)

        if not grants_leases(self._share.tree, folder.capability):
            return
        tree, response = await self._share.share_tree.repeat(send, repeatable=True)
        folder.opened(response.body)
        folder.handle = tree, response.body.file_id
        tree.channels.add_open()
        if not folder.is_leased:
            # Nobody would be told that our open is in the way.
            await folder.close()

    def _pause(self, path: str) -> None:
        self._paused[path] = self._clock() + self._limits.pause
        self._paused.move_to_end(path)
        if len(self._paused) > self._limits.folders:
            self._paused.popitem(last=False)

    def _lost(self, folder: CachedFolder) -> None:
        """Forget a folder whose lease was broken, and its time, which has changed."""
        self._pause(folder.path)
        above, _, name = folder.path.rpartition("/")
        if name and above in self._folders:
            self._folders[above].forget(name)
        self.drop(folder)

    def drop(self, folder: CachedFolder) -> None:
        """Forget a folder, and close it soon."""
        if self._folders.get(folder.path) is folder:
            del self._folders[folder.path]
        self._closing.start(folder.close())

    async def close_below(self, path: str) -> None:
        """Close a folder and those in it, before it is renamed or deleted."""
        inside = f"{path}/"
        for folder in list(self._folders.values()):
            if folder.path == path or folder.path.startswith(inside) or not path:
                self.drop(folder)
        await self._closing.wait()

    async def shrink(self) -> bool:
        """Close half of the folders; False if there are none."""
        dropped = self._drop_half()
        await self._closing.wait()
        return dropped

    def _drop_half(self) -> bool:
        folders = list(self._folders.values())[: (len(self._folders) + 1) // 2]
        for folder in folders:
            self.drop(folder)
        return bool(folders)

    def make_room(self) -> None:
        """Close the folders that were not used for longest, as the limits say."""
        entries = sum(len(folder) for folder in self._folders.values())
        for folder in list(self._folders.values())[:-1]:
            if len(self._folders) <= self._limits.folders and entries <= self._limits.entries:
                return
            entries -= len(folder)
            self.drop(folder)

    async def close(self) -> None:
        """Close all folders."""
        for task in list(self._opening.values()):
            task.cancel()
        for folder in list(self._folders.values()):
            self.drop(folder)
        await self._closing.wait()
