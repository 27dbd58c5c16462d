"""Files on this machine, as transfers need them: whole or not there at all."""

import asyncio
import errno
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from smbquic.storage.passing import passing_name
from smbquic.wire.cursor import Buffer

T = TypeVar("T")

STALL = 0.005


async def in_thread(
    function: Callable[..., T], *arguments: Any, undo: Callable[[T], object] | None = None
) -> T:
    """Call what may wait for the disk without holding up the event loop.

    When the task is cancelled, the call is still waited for: it uses descriptors that whoever
    cleans up is about to close. What it gave then, which nobody gets, is handed to `undo`.
    """
    work = asyncio.get_running_loop().run_in_executor(None, function, *arguments)
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        if work.exception() is None and undo is not None:
            undo(work.result())
        raise


class Disk:
    """Reads and writes of one transfer, on the event loop while nothing has to wait for the disk.

    A chunk goes to or from the page cache in a fraction of a millisecond, and handing it to a
    thread costs a quarter of what a whole QUIC transfer costs. So only what follows a call that
    took longer than `STALL` seconds goes through a thread, until one is fast again.
    """

    def __init__(self) -> None:
        self._slow = False

    async def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call `function`, on a thread if the disk is slow."""
        if self._slow:
            return await in_thread(self._timed, function, *arguments)
        return self._timed(function, *arguments)

    def _timed(self, function: Callable[..., T], *arguments: Any) -> T:
        started = time.perf_counter()
        result = function(*arguments)
        self._slow = time.perf_counter() - started > STALL
        return result


class Source:
    """A regular file that is read from. Raises `OSError`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        status = os.fstat(self._descriptor)
        self.size = status.st_size
        self.modified = status.st_mtime_ns
        if not stat.S_ISREG(status.st_mode):
            self.close()
            code = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL
            raise OSError(code, "not a regular file", str(path))

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly `size` bytes; an `OSError` if the file ends before."""
        data = os.pread(self._descriptor, size, offset)
        while len(data) < size:
            more = os.pread(self._descriptor, size - len(data), offset + len(data))
            if not more:
                raise OSError(
                    errno.EIO, "the file became shorter while it was read", str(self.path)
                )
            data += more
        return data

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    @classmethod
    def load(cls, path: Path, limit: int) -> "Source | tuple[bytes, int]":
        """The content and modification time of a file of up to `limit` bytes, else the file."""
        source = cls(path)
        if source.size > limit:
            return source
        try:
            return source.read_at(0, source.size), source.modified
        finally:
            source.close()


class Part:
    """A file that is written under a passing name beside `target`, and then takes its place.

    Raises `OSError`.
    """

    def __init__(self, target: Path) -> None:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
        self.target = target
        self._path = target.with_name(passing_name())
        self._descriptor = os.open(
            self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666
        )

    def write_at(self, offset: int, data: Buffer) -> None:
        """Write all of `data` at `offset`."""
        view = memoryview(data)
        while view:
            count = os.pwrite(self._descriptor, view, offset)
            offset += count
            view = view[count:]

    def commit(self, modified: int) -> None:
        """Put it on the disk, with this modification time (ns since 1970), under its name."""
        os.utime(self._descriptor, ns=(modified, modified))
        os.fsync(self._descriptor)
        self._path.replace(self.target)
        self._close()

    def discard(self) -> None:
        """Forget it, after a failure; nothing happens once it has taken its place."""
        if self._descriptor >= 0:
            self._close()
            self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)

    @classmethod
    def store(cls, target: Path, data: Buffer, modified: int) -> None:
        """All of it at once, for a small file."""
        part = cls(target)
        try:
            part.write_at(0, data)
            part.commit(modified)
        except BaseException:
            part.discard()
            raise


def sync_folder(path: Path) -> None:
    """Put the names in a folder on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
