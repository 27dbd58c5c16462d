"""The operations of FUSE that change nothing.

Each is called on one of the threads of libfuse, and waits for the event loop.

Errors leave as `OSError` with the number that the program gets. The names and parameters are those
of mfusepy, which calls them with the structures of libfuse; `fi` is its `fuse_file_info`.
"""

import concurrent.futures
import errno
import logging
from collections.abc import Callable, Coroutine, Iterator
from threading import BoundedSemaphore
from typing import Any, TypeVar

from smbquic.client.background import LoopThread
from smbquic.client.mount.attributes import BLOCK_SIZE, Ownership, inode
from smbquic.client.mount.errors import errno_of, os_error
from smbquic.client.mount.files import MountedShare
from smbquic.client.mount.names import (
    LONGEST_NAME,
    link_target,
    mount_name,
    share_path,
    stays_inside,
)
from smbquic.client.mount.open_files import OpenFiles
from smbquic.client.names import join, to_local
from smbquic.client.stat import Stat

T = TypeVar("T")

Entry = str | tuple[str, dict[str, int], int]

MOST_WAITING = 32
"""Operations that wait for others at once: half of the threads of libfuse."""
INTERRUPT_INTERVAL = 0.1
"""Seconds after which an operation that waits for others looks for a signal again."""

log = logging.getLogger(__name__)


class ReadOperations:
    """The operations on a share, or on its folder `root`.

    `ready` is called when it is mounted. `interrupted` says whether the program got a signal that
    waits for the operation of this thread.
    """

    use_ns = True
    """Times are in nanoseconds: mfusepy asks for that."""

    def __init__(
        self,
        loop: LoopThread,
        share: MountedShare,
        ownership: Ownership,
        root: str = "",
        ready: Callable[[], object] = lambda: None,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        self._ready = ready
        self._interrupted = interrupted
        self._waiting = BoundedSemaphore(MOST_WAITING)
        self.loop = loop
        self.share = share
        self.files = OpenFiles()
        self.ownership = ownership
        self._root = root

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the event loop, and wait for its result. Raises `OSError`."""
        try:
            return self.loop.run(work)
        except Exception as error:
            raise self._os_error(error) from error

    def _os_error(self, error: Exception) -> OSError:
        number = errno_of(error)
        if number == errno.EIO:
            log.warning("%s", error)
        return os_error(number)

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the same for what may take any time: a signal to the program ends it, with EINTR.

        So many threads may wait like this that others are left for what ends the waiting: ENOLCK.
        """
        if not self._waiting.acquire(blocking=False):
            work.close()
            raise os_error(errno.ENOLCK)
        try:
            return self._wait(self.loop.submit(work))
        finally:
            self._waiting.release()

    def _wait(self, future: "concurrent.futures.Future[T]") -> T:
        while True:
            try:
                return future.result(INTERRUPT_INTERVAL)
            except concurrent.futures.TimeoutError:
                if self._interrupted() and future.cancel():
                    raise os_error(errno.EINTR) from None
            except Exception as error:
                raise self._os_error(error) from error

    def place(self, path: str) -> str:
        """Return the path on the share of a path in the mount."""
        return share_path(self._root, path)

    def init(self, path: str) -> None:
        """Begin: the kernel has mounted."""
        self._ready()

    # --- attributes ---------------------------------------------------------------------------

    def getattr(self, path: str, fi: Any = None) -> dict[str, int]:
        """Return the attributes of a file, open or not: libfuse knows its path in any case."""
        place = self.place(path)
        # To wait for the event loop takes several times as long as to look here.
        known = None if self.files.written(place) else self.share.known_stat(place)
        return self.ownership.attributes(place, known or self.run(self._stat(place)))

    async def _stat(self, place: str) -> Stat:
        for file in self.files.written(place):
            await file.settle()
        return await self.share.stat(place)

    def readlink(self, path: str) -> str:
        """Return where a symbolic link leads, if that is in the mount.

        A server could otherwise have a program write to a file of this machine.
        """
        target = self.run(self.share.readlink(self.place(path)))
        depth = path.count("/") - 1
        if not stays_inside(target, depth):
            log.info("%s: a link that leads out of the mount is not followed", path)
            raise os_error(errno.EACCES)
        return link_target(target, to_local)

    def readdir(self, path: str, fh: int) -> Iterator[Entry]:
        """Yield what is in a folder."""
        place = self.place(path)
        entries = self.run(self.share.listing(place))
        yield "."
        yield ".."
        yield from self._entries(place, entries)

    def _entries(self, folder: str, entries: list[Stat]) -> Iterator[Entry]:
        for entry in entries:
            name = mount_name(entry.name)
            if name is not None:
                number = inode(join(folder, entry.name), entry)
                yield name, {"st_mode": self.ownership.mode(entry), "st_ino": number}, 0

    def statfs(self, path: str) -> dict[str, int]:
        """Return the size of the volume, in blocks of its own size."""
        volume = self.run(self.share.volume())
        size = max(volume.block_size, 1)
        return {
            "f_bsize": BLOCK_SIZE,
            "f_frsize": size,
            "f_blocks": volume.total // size,
            "f_bfree": volume.free // size,
            "f_bavail": volume.available // size,
            "f_namemax": LONGEST_NAME,
        }

    # --- contents -----------------------------------------------------------------------------

    def open(self, path: str, fi: Any) -> int:
        """Open a file that is there."""
        self.files.check_room()
        place = self.place(path)
        fi.fh = self.files.add(self.run(self.share.open(place, fi.flags)), place, fi.flags)
        return 0

    def read(self, path: str, size: int, offset: int, fi: Any) -> bytes:
        """Return up to `size` bytes, fewer only at the end of the file."""
        return self.run(self.files[fi.fh].file.read(offset, size))

    def release(self, path: str, fi: Any) -> int:
        """Close a file that nobody has open any more."""
        self.run(self.files.remove(fi.fh).file.close())
        return 0
