"""The content of a file on this machine's disk."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial

from smbquic.storage.errors import NotReady
from smbquic.storage.file import StorageFile
from smbquic.storage.local import extents
from smbquic.storage.local.closing import frees_much
from smbquic.storage.local.descriptor import (
    open_directory,
    synchronise,
)
from smbquic.storage.local.open_file import OpenLocalFile
from smbquic.storage.types import (
    Buffer,
)

_MAX_VECTORS = 1024
_OFFSET_END = 2**63


class FileContent(OpenLocalFile):
    """Operations on the content of an open file: reads and writes, holes, flushes."""

    _cut_to: int | None = None
    """The size to which a thread has cut the file, or is about to."""

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset` on: fewer at the end of the file."""
        with self.descriptor as fd:
            # The file's size bounds what is allocated; `pread` fills it without zeroing it first.
            length = min(length, os.fstat(fd).st_size - offset)
            return os.pread(fd, length, offset) if length > 0 else b""

    def read_cached(self, offset: int, length: int) -> Buffer | None:
        """Return the same, if all of it is in the page cache; BlockingIOError if it is not.

        None where the file system does not say.
        """
        if not self._tree.reports_cached:
            return None
        with self.descriptor as fd:
            length = min(length, os.fstat(fd).st_size - offset)
            if length <= 0:
                return b""
            data = bytearray(length)
            try:
                count = os.preadv(fd, [data], offset, os.RWF_NOWAIT)
            except OSError as error:
                if error.errno != errno.EOPNOTSUPP:
                    raise
                self._tree.reports_cached = False
                return None
        if count < length:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), self.name)
        return data

    def write(self, offset: int, buffers: Sequence[Buffer]) -> int:
        """Write all of `buffers`, one behind the other, and return how many bytes that was."""
        self._tree.require_writable()
        total = sum(len(buffer) for buffer in buffers)
        _check_range(offset, total)
        with self.descriptor as fd:
            written = os.pwritev(fd, buffers[:_MAX_VECTORS], offset) if total else 0
            if written < total:
                self._write_rest(fd, offset, buffers, written)
        return total

    @staticmethod
    def _write_rest(fd: int, offset: int, buffers: Sequence[Buffer], written: int) -> None:
        rest = []
        skip = written
        for buffer in buffers:
            if skip < len(buffer):
                rest.append(memoryview(buffer)[skip:])
            skip = max(skip - len(buffer), 0)
        while rest:
            count = os.pwritev(fd, rest[:_MAX_VECTORS], offset + written)
            written += count
            while rest and count >= len(rest[0]):
                count -= len(rest.pop(0))
            if count:
                rest[0] = rest[0][count:]

    def copy_from(self, source: StorageFile, source_offset: int, offset: int, length: int) -> int:
        """Copy bytes of another file, or from elsewhere in this one; return how many."""
        self._tree.require_writable()
        _check_range(offset, length)
        if not isinstance(source, FileContent):
            return self.write(offset, [source.read(source_offset, length)])
        with source.descriptor as other, self.descriptor as fd:
            if length and extents.clone(other, source_offset, fd, offset, length):
                return length
            return extents.copy(other, source_offset, fd, offset, length)

    def zero(self, offset: int, length: int) -> None:
        """Make bytes read as zero, as far as the file has them, and free their blocks."""
        self._tree.require_writable()
        with self.descriptor as fd:
            extents.zero(fd, offset, length)

    def allocated_ranges(self, offset: int, length: int) -> Iterator[tuple[int, int]]:
        """Yield where in a range there may be something but zeros."""
        with self.descriptor as fd:
            yield from extents.allocated(fd, offset, length)

    def truncate(self, size: int) -> None:
        """Make the file `size` bytes long; new bytes read as zero."""
        self._tree.require_writable()
        _check_range(size, 0)
        with self.descriptor as fd:
            self._set_size(fd, size)

    def allocate(self, size: int) -> None:
        """Cut a longer file to `size`; else see whether the disk has room, but set none aside."""
        self._tree.require_writable()
        with self.descriptor as fd:
            status = os.fstat(fd)
            if size < status.st_size:
                self._set_size(fd, size)
                return
            volume = os.fstatvfs(fd)
            if size - status.st_blocks * 512 > volume.f_bavail * volume.f_frsize:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _set_size(self, fd: int, size: int) -> None:
        """Cut or extend the file; raises `NotReady` if that would take long."""
        if self._cut_to != size and frees_much(os.fstat(fd), size):
            self._cut_to = size
            raise NotReady(partial(self._cut, size))
        self._cut_to = None
        os.ftruncate(fd, size)

    def _cut(self, size: int) -> None:
        """Cut the file, on any thread; what fails will fail once more in `_set_size`."""
        with suppress(OSError), self.descriptor as fd:
            os.ftruncate(fd, size)

    def flush(self) -> None:
        """Return once the content, and the name if this open made it, would survive a crash."""
        with self.descriptor as fd:
            synchronise(fd)
            with self._tree.lock:
                parent = self._open_name.parent
                if parent is None or not self._open_name.unsynced:
                    return
                folder = open_directory(b".", parent)
                self._open_name.unsynced = False
            try:
                synchronise(folder)
            finally:
                os.close(folder)


def _check_range(offset: int, length: int) -> None:
    """Raise `OSError` (EFBIG) beyond 63 bits: offsets on the wire have 64, those of a disk 63."""
    if offset + length >= _OFFSET_END:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
