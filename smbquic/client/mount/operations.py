"""All operations of FUSE: those of `ReadOperations`, and those that change something."""

import errno
import fcntl
import os
import posixpath
import stat
import time
from typing import Any

from smbquic.client.mount import xattrs
from smbquic.client.mount.errors import os_error
from smbquic.client.mount.locks import END
from smbquic.client.mount.names import link_target, stays_inside
from smbquic.client.mount.open_files import OpenFile
from smbquic.client.mount.read_operations import ReadOperations
from smbquic.client.names import from_local
from smbquic.errors import NotFoundError

RENAME_NOREPLACE = 1
"""The only flag of renameat2 that SMB knows, too."""
UTIME_NOW = (1 << 30) - 1
UTIME_OMIT = (1 << 30) - 2
"""Nanoseconds that stand for no time: see utimensat(2)."""


class MountOperations(ReadOperations):
    """What libfuse calls."""

    # --- contents -----------------------------------------------------------------------------

    def create(self, path: str, mode: int, fi: Any) -> int:
        """Make a file and open it; one that is there is opened unless O_EXCL is set."""
        self.files.check_room()
        place = self.place(path)
        file = self.run(self.share.create(place, fi.flags, mode))
        fi.fh = self.files.add(file, place, fi.flags)
        return 0

    def write(self, path: str, data: bytes, offset: int, fi: Any) -> int:
        """Write all of `data`; the server may have it later."""
        self.run(self.files[fi.fh].write(offset, data))
        return len(data)

    def flush(self, path: str, fi: Any) -> int:
        """Wait until the server has what was written: the error of a WRITE is that of `close`."""
        file = self.files[fi.fh]
        if file.writable:
            self.run(file.file.drain())
        return 0

    def fsync(self, path: str, datasync: int, fi: Any) -> int:
        """Have the server put a file on its disk; an error says that something may be lost."""
        file = self.files[fi.fh]
        if file.writable:
            self.run(file.file.flush())
        return 0

    def truncate(self, path: str, length: int, fi: Any = None) -> int:
        """Make a file so long."""
        place = self.place(path)
        written = self.files.written(place) if fi is None or not fi.fh else [self.files[fi.fh]]
        if written:
            self.run(written[0].file.truncate(length))
        else:
            self.run(self.share.truncate(place, length))
        return 0

    def fallocate(self, path: str, mode: int, offset: int, size: int, fi: Any) -> int:
        """Make a file at least so long; the server may give it its space later."""
        if mode:
            raise os_error(errno.EOPNOTSUPP)
        file = self.files[fi.fh].file
        if self.run(file.size()) < offset + size:
            self.run(file.truncate(offset + size))
        return 0

    # --- names --------------------------------------------------------------------------------

    def mkdir(self, path: str, mode: int) -> int:
        """Make a folder; its mode is that of all folders."""
        place = self.place(path)
        self.run(self.share.mkdir(place))
        return 0

    def mknod(self, path: str, mode: int, device: int) -> int:
        """Make nothing but files: a share has no FIFOs, sockets and devices."""
        if not stat.S_ISREG(mode):
            raise os_error(errno.EPERM)
        place = self.place(path)
        file = self.run(self.share.create(place, os.O_WRONLY | os.O_EXCL, mode))
        self.run(file.close())
        return 0

    def unlink(self, path: str) -> int:
        """Delete a file or link. One that a program has open was renamed by libfuse before."""
        place = self.place(path)
        self.run(self.share.unlink(place))
        return 0

    def rmdir(self, path: str) -> int:
        """Delete an empty folder."""
        place = self.place(path)
        self.run(self.share.rmdir(place))
        return 0

    def rename(self, old: str, new: str, flags: int = 0) -> int:
        """Rename a file or folder; with RENAME_NOREPLACE, replace nothing."""
        if flags & ~RENAME_NOREPLACE:
            raise os_error(errno.EINVAL)
        source, target = self.place(old), self.place(new)
        self.run(self._rename(source, target, replace=not flags))
        return 0

    async def _rename(self, source: str, target: str, *, replace: bool) -> None:
        await self.share.rename(source, target, replace=replace)
        self.files.renamed(source, target)

    def link(self, target: str, source: str) -> int:
        """Give the file `source` the further name `target`, where the server has hard links."""
        place = self.place(target)
        self.run(self.share.link(self.place(source), place))
        return 0

    def symlink(self, target: str, source: str) -> int:
        """Make the link `target`, which leads to `source`: to a place in the mount, as `readlink`.

        A server distinguishes links to folders from those to files.
        """
        if not stays_inside(source, target.count("/") - 1):
            raise os_error(errno.EPERM)
        there = posixpath.normpath(posixpath.join(posixpath.dirname(target), source))
        folder = self.run(self._is_folder(self.place(there)))
        place = self.place(target)
        self.run(self.share.symlink(link_target(source, from_local), place, folder=folder))
        return 0

    async def _is_folder(self, place: str) -> bool:
        try:
            return (await self.share.stat(place)).is_directory
        except NotFoundError:
            return False

    # --- attributes ---------------------------------------------------------------------------

    def chmod(self, path: str, mode: int) -> int:
        """Set or clear the attribute READONLY of a file; the rest of the mode stays as it is."""
        place = self.place(path)
        self.run(self.share.chmod(place, mode))
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        """Take nobody but the owner and the group that all files have: EPERM for others."""
        if uid not in (-1, self.ownership.uid) or gid not in (-1, self.ownership.gid):
            raise os_error(errno.EPERM)
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        """Set the times of the last access and the last writing, in nanoseconds."""
        place = self.place(path)
        now = time.time_ns()
        accessed, modified = (_time(each, now) for each in times or (UTIME_NOW, UTIME_NOW))
        if accessed is None and modified is None:
            return 0
        written = self.files.written(place)
        if written:
            # A server sets the time of the last writing itself when this file is closed, unless
            # it was set by the same open of it. [MS-FSA] 2.1.5.15.2
            self.run(self._set_times(written[0], accessed, modified))
        else:
            self.run(self.share.utime(place, accessed, modified))
        return 0

    async def _set_times(self, file: OpenFile, accessed: int | None, modified: int | None) -> None:
        await file.set_times(accessed, modified)
        self.share.changed(file.path)

    # --- extended attributes ------------------------------------------------------------------

    def getxattr(self, path: str, name: str, position: int = 0) -> bytes:
        """Return an extended attribute."""
        attribute = xattrs.attribute_name(name)
        return self.run(self.share.share.getxattr(self.place(path), attribute))

    def listxattr(self, path: str) -> list[str]:
        """Return the names of the extended attributes; a listing says where there are none."""
        place = self.place(path)
        known = self.share.known_stat(place)
        if known is not None and known.ea_size == 0:
            return []
        names = self.run(self.share.share.listxattr(place))
        return [f"{xattrs.PREFIX}{name}" for name in names]

    def setxattr(self, path: str, name: str, value: bytes, options: int, position: int = 0) -> int:
        """Set an extended attribute."""
        attribute, place = xattrs.attribute_name(name), self.place(path)
        self.run(xattrs.write(self.share.share, place, attribute, value, options))
        return 0

    def removexattr(self, path: str, name: str) -> int:
        """Remove an extended attribute."""
        self.run(xattrs.remove(self.share.share, self.place(path), xattrs.attribute_name(name)))
        return 0

    # --- locks --------------------------------------------------------------------------------

    def lock(self, path: str, fi: Any, command: int, lock: Any) -> int:
        """Set, release or look for a lock of fcntl(2) on a range of bytes."""
        wanted = lock.contents
        locks, owner = self.files[fi.fh].locks, fi.lock_owner
        start, end = wanted.l_start, wanted.l_start + wanted.l_len if wanted.l_len else END
        exclusive = wanted.l_type == fcntl.F_WRLCK
        if wanted.l_type == fcntl.F_UNLCK:
            if locks.has(owner):  # each close of each file asks for it
                self.run(locks.unlock(owner, start, end))
        elif command == fcntl.F_GETLK:
            if self.run(locks.is_free(owner, start, end, exclusive=exclusive)):
                wanted.l_type = fcntl.F_UNLCK
        else:
            blocking = command == fcntl.F_SETLKW
            self.wait(locks.lock(owner, start, end, exclusive=exclusive, blocking=blocking))
        return 0


def _time(given: int, now: int) -> int | None:
    if given == UTIME_OMIT:
        return None
    return now if given == UTIME_NOW else given
