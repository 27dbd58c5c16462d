"""The operations of FUSE that change nothing.

Each is called on one of the threads of libfuse, and waits for the event loop.

Errors leave as `OSError` with the number that the program gets. The names and parameters are those
of mfusepy, which calls them with the structures of libfuse; `fi` is its `fuse_file_info`.
"""

import errno
import logging
import os
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

from smbquic.client.background import LoopThread
from smbquic.client.mount.attributes import BLOCK_SIZE, Ownership, inode
from smbquic.client.mount.errors import errno_of
from smbquic.client.mount.files import MountedShare
from smbquic.client.mount.listed_attributes import ListedAttributes
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

log = logging.getLogger(__name__)


class ReadOperations:
    """The operations on a share, or on its folder `root`. `ready` is called when it is mounted."""

    use_ns = True
    """Times are in nanoseconds: mfusepy asks for that."""

    def __init__(
        self,
        loop: LoopThread,
        share: MountedShare,
        ownership: Ownership,
        root: str = "",
        ready: Callable[[], object] = lambda: None,
    ) -> None:
        self._ready = ready
        self.loop = loop
        self.share = share
        self.files = OpenFiles()
        self.listed = ListedAttributes()
        self.ownership = ownership
        self._root = root

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the event loop, and wait for its result. Raises `OSError`."""
        try:
            return self.loop.run(work)
        except Exception as error:
            number = errno_of(error)
            if number == errno.EIO:
                log.warning("%s", error)
            raise OSError(number, os.strerror(number)) from error

    def place(self, path: str) -> str:
        """Return the path on the share of a path in the mount."""
        return share_path(self._root, path)

    def init(self, path: str) -> None:
        """Begin: the kernel has mounted."""
        self._ready()

    # --- attributes ---------------------------------------------------------------------------

    def getattr(self, path: str, fi: Any = None) -> dict[str, int]:
        """Return the attributes of a file, or of a file that is open."""
        place = self.place(path)
        if fi is not None and fi.fh:
            return self.ownership.attributes(place, self.run(self.files[fi.fh].attributes()))
        stat = self.listed.get(place) or self.run(self.share.stat(place))
        return self.ownership.attributes(place, stat)

    def readlink(self, path: str) -> str:
        """Return where a symbolic link leads, if that is in the mount.

        A server could otherwise have a program write to a file of this machine.
        """
        target = self.run(self.share.readlink(self.place(path)))
        depth = path.count("/") - 1
        if not stays_inside(target, depth):
            log.info("%s: a link that leads out of the mount is not followed", path)
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return link_target(target, to_local)

    def readdir(self, path: str, fh: int) -> Iterator[Entry]:
        """Yield what is in a folder, and keep the attributes for a moment."""
        place = self.place(path)
        changes = self.listed.changes
        entries = self.run(self.share.listing(place))
        self.listed.keep(place, entries, changes)
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
        if fi.flags & os.O_TRUNC:
            self.listed.forget(place)
        file, stat = self.run(self.share.open(place, fi.flags))
        fi.fh = self.files.add(file, stat, fi.flags)
        return 0

    def read(self, path: str, size: int, offset: int, fi: Any) -> bytes:
        """Return up to `size` bytes, fewer only at the end of the file."""
        return self.run(self.files[fi.fh].read(offset, size))

    def release(self, path: str, fi: Any) -> int:
        """Close a file that nobody has open any more."""
        self.run(self.files.remove(fi.fh).file.close())
        return 0
