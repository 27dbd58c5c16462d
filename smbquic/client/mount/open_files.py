"""The files that programs have open in the mount."""

import asyncio
import errno
import os
import threading
from weakref import WeakKeyDictionary

from smbquic.client import requests
from smbquic.client.cache.cached_file import CachedFile
from smbquic.client.cache.content import CachedContent
from smbquic.client.mount.errors import os_error
from smbquic.client.mount.locks import RangeLocks
from smbquic.wire.cursor import Buffer

MOST = 8192
"""Files that all programs together may have open in one mount."""


class SharedState:
    """What all programs have in common that have the same file open."""

    def __init__(self, content: CachedContent) -> None:
        self.appending = asyncio.Lock()
        """Held while the end of the file is looked for and written to."""
        self.locks = RangeLocks(content.any_file)


class OpenFile:
    """A file that a program has open, with the flags of its `open`.

    `path` is its path on the share, which is another one after it was renamed.
    """

    def __init__(self, file: CachedFile, path: str, flags: int, shared: SharedState) -> None:
        self.file = file
        self.path = path
        self.writable = flags & os.O_ACCMODE != os.O_RDONLY
        self.locks = shared.locks
        self._appends = bool(flags & os.O_APPEND)
        self._appending = shared.appending

    async def write(self, offset: int, data: Buffer) -> None:
        """Write all of `data` at `offset`, or at the end of a file that is only appended to."""
        if not self._appends:
            await self.file.write(offset, data)
            return
        # The kernel's idea of the end is old where somebody else writes to the file, too.
        async with self._appending:
            await self.file.write(await self.file.size(), data)

    async def settle(self) -> None:
        """Have the server know what was written, so that what it says of the file is true.

        An error is left for the program that has written.
        """
        await self.file.content.drain()

    async def set_times(self, accessed: int | None, modified: int | None) -> None:
        """Set times in nanoseconds, of what was written before; None leaves one as it is."""
        await self.settle()
        await self.file.content.any_file().request(
            lambda file_id: requests.set_basic(
                last_access_time=accessed, last_write_time=modified, file_id=file_id
            )
        )

    def renamed(self, path: str) -> None:
        """Note that the file has another path."""
        self.path = path
        self.file.content.renamed(path)


class OpenFiles:
    """All of them, by the numbers that the kernel has for them.

    Files are added and removed on the threads of libfuse, and renamed by the event loop: two
    programs must not get the same number, nor a file stay open that has two paths at the moment.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[int, OpenFile] = {}
        self._by_path: dict[str, list[OpenFile]] = {}
        self._shared: WeakKeyDictionary[CachedContent, SharedState] = WeakKeyDictionary()
        self._last = 0

    def __len__(self) -> int:
        return len(self._files)

    def check_room(self) -> None:
        """Raise `OSError` if no more files may be open."""
        if len(self._files) >= MOST:
            raise os_error(errno.ENFILE)

    def add(self, file: CachedFile, path: str, flags: int) -> int:
        """Add a file that was opened with these flags, and return its number."""
        with self._lock:
            shared = self._shared.get(file.content)
            if shared is None:
                shared = self._shared[file.content] = SharedState(file.content)
            opened = OpenFile(file, path, flags, shared)
            self._last += 1
            self._files[self._last] = opened
            self._by_path.setdefault(path, []).append(opened)
            return self._last

    def __getitem__(self, number: int) -> OpenFile:
        try:
            return self._files[number]
        except KeyError:
            raise os_error(errno.EBADF) from None

    def remove(self, number: int) -> OpenFile:
        """Remove and return a file that is about to be closed."""
        with self._lock:
            file = self[number]
            del self._files[number]
            self._forget_path(file)
            return file

    def _forget_path(self, file: OpenFile) -> None:
        same = self._by_path[file.path]
        same.remove(file)
        if not same:
            del self._by_path[file.path]

    def written(self, path: str) -> list[OpenFile]:
        """Return the files that are open for writing with this path on the share."""
        with self._lock:
            return [each for each in self._by_path.get(path, ()) if each.writable]

    def renamed(self, path: str, new_path: str) -> None:
        """Note the new path of a file, or of all files that are open below a folder."""
        below = f"{path}/"
        with self._lock:
            for old in list(self._by_path):
                if old == path:
                    self._move(old, new_path)
                elif old.startswith(below):
                    self._move(old, f"{new_path}/{old.removeprefix(below)}")

    def _move(self, old: str, new: str) -> None:
        moved = self._by_path.pop(old)
        for each in moved:
            each.renamed(new)
        self._by_path.setdefault(new, []).extend(moved)
