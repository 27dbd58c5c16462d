"""Files on this machine, as transfers need them: whole or not there at all."""

import asyncio
import errno
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from smbquic.errors import NameCollisionError, SmbError, SourceChangedError
from smbquic.storage.partial import remove_unused, temporary_name, temporary_name_for
from smbquic.wire.cursor import Buffer

T = TypeVar("T")

STALL = 0.005

WRITE_BACK = 64 << 20
"""Bytes after which the disk is asked to write a file whose end is still to come."""

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


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
    """Reads and writes of transfers, on the event loop while nothing has to wait for the disk.

    A chunk, or a small file, goes to or from the page cache in a fraction of a millisecond, and
    handing it to a thread costs a quarter of what a whole QUIC transfer costs. So only what follows
    a call that took longer than `STALL` seconds goes through a thread, until one is fast again.
    """

    def __init__(self) -> None:
        self._slow = False

    async def call(
        self,
        function: Callable[..., T],
        *arguments: Any,
        undo: Callable[[T], object] | None = None,
    ) -> T:
        """Call `function`, on a thread if the disk is slow; `undo` is as for `in_thread`."""
        if self._slow:
            return await in_thread(self._timed, function, *arguments, undo=undo)
        return self._timed(function, *arguments)

    def _timed(self, function: Callable[..., T], *arguments: Any) -> T:
        started = time.perf_counter()
        result = function(*arguments)
        self._slow = time.perf_counter() - started > STALL
        return result


_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a block device",
    stat.S_IFCHR: "a character device",
    stat.S_IFDIR: "a folder",
}


def kind_of_file(mode: int) -> str:
    """Return what a file is that is not a regular one, in words."""
    return _KINDS.get(stat.S_IFMT(mode), "a special file")


class Source:
    """A regular file that is read from, or a FIFO (`is_stream`). Raises `OSError`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        status = os.fstat(self._descriptor)
        self.size = status.st_size
        self.modified = status.st_mtime_ns
        self._identity = _identity(status)
        # Systems without this number have no holes that could be asked for.
        blocks = getattr(status, "st_blocks", None)
        self.has_holes = blocks is not None and blocks * 512 < self.size
        self.state = (self.size, self.modified, status.st_ino)
        """The size, time and number that tell this file, as it is now, from others."""
        self.is_stream = stat.S_ISFIFO(status.st_mode)
        if not (stat.S_ISREG(status.st_mode) or self.is_stream):
            self.close()
            code = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL
            raise OSError(code, f"{kind_of_file(status.st_mode)}, not a file", str(path))

    @property
    def descriptor(self) -> int:
        """Of the open file."""
        return self._descriptor

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly `size` bytes; `SourceChangedError` if the file ends before."""
        data = os.pread(self._descriptor, size, offset)
        while len(data) < size:
            more = os.pread(self._descriptor, size - len(data), offset + len(data))
            if not more:
                raise self._changed("became shorter")
            data += more
        return data

    def verify(self) -> None:
        """Raise `SourceChangedError` if the file is not what it was when it was opened."""
        now = os.fstat(self._descriptor)
        if (now.st_size, now.st_mtime_ns) != (self.size, self.modified):
            raise self._changed("was changed")
        try:
            there = _identity(self.path.stat())
        except FileNotFoundError:
            raise self._changed("was removed") from None
        if there != self._identity:
            raise self._changed("was replaced")

    def _changed(self, how: str) -> SourceChangedError:
        return SourceChangedError(
            f"{self.path}: the file {how} while it was read; this copy was given up, try again"
        )

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    @classmethod
    def load(cls, path: Path, limit: int) -> "Source | tuple[bytes, int]":
        """Return content and modification time of a file of up to `limit` bytes, else the file."""
        source = cls(path)
        if source.size > limit or source.is_stream:
            return source
        try:
            data = source.read_at(0, source.size)
            source.verify()
            return data, source.modified
        finally:
            source.close()


class WrittenFiles:
    """The files and folders that one transfer has put on the disk; safe for several threads.

    A disk may take two names for one: most on macOS and Windows ignore case. The
    second file would silently replace the first. What counts is not how the disk compares
    names, but whether the file that is about to be replaced is one of the transfer's own.
    """

    def __init__(self) -> None:
        self._names: dict[tuple[int, int], str] = {}
        self._lock = threading.Lock()

    def place(self, part: Path, descriptor: int, target: Path) -> None:
        """Give the file that is open as `descriptor` its name. Raises `NameCollisionError`."""
        with self._lock:
            self._check(target)
            part.replace(target)
            self._names[_identity(os.fstat(descriptor))] = target.name

    def make_folder(self, path: Path) -> None:
        """Make a folder; one that is there is fine, a link to one is a `FileExistsError`."""
        with self._lock:
            try:
                path.mkdir()
            except FileExistsError:
                if not stat.S_ISDIR(path.lstat().st_mode):
                    raise
                self._check(path)
            self._names[_identity(path.lstat())] = path.name

    def has(self, path: Path) -> bool:
        """Return whether a file is one of those that were put on the disk."""
        with self._lock:
            return _identity(path.lstat()) in self._names

    def _check(self, target: Path) -> None:
        try:
            other = self._names.get(_identity(target.lstat()))
        except FileNotFoundError:
            return
        if other is not None:
            raise NameCollisionError(
                f"{target}: left out, on this disk its name is the same as {other!r},"
                " which is there already; copy it to another folder"
            )


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


class PartialFile:
    """A file that is written under a temporary name beside `target`, and then takes its place.

    With `fsync`, its content is on the disk before that. Raises `OSError`, which names the target.
    """

    def __init__(self, target: Path, fsync: bool = False) -> None:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
        self.target = target
        self.fsync = fsync
        with self._named():
            self._path, self._descriptor = self._open()

    def _open(self) -> tuple[Path, int]:
        """Make the file that is written."""
        return _open_part(self.target)

    def write_at(self, offset: int, data: Buffer) -> None:
        """Write all of `data` at `offset`."""
        view = memoryview(data)
        with self._named():
            while view:
                count = os.pwrite(self._descriptor, view, offset)
                offset += count
                view = view[count:]

    def truncate(self, size: int) -> None:
        """Make it `size` bytes long."""
        with self._named():
            os.ftruncate(self._descriptor, size)

    def sync(self) -> None:
        """Put on the disk what was written so far, if `fsync` was asked for."""
        if self.fsync:
            with self._named():
                os.fsync(self._descriptor)

    def commit(self, modified: int, written: WrittenFiles | None = None) -> None:
        """Give it this modification time (ns since 1970) and its name.

        `written` knows the other files of the transfer. Raises `NameCollisionError`.
        """
        with self._named():
            os.utime(self._descriptor, ns=(modified, modified))
            self.sync()
            self._place(written or WrittenFiles())
            self._close()

    def _place(self, written: WrittenFiles) -> None:
        """Give it its name."""
        written.place(self._path, self._descriptor, self.target)

    def abandon(self, error: BaseException) -> None:
        """Give it up after a failure."""
        self.discard()

    def discard(self) -> None:
        """Remove the temporary file after a failure; does nothing after `commit`."""
        if self._descriptor >= 0:
            self._close()
            self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Raise errors of the disk with the name of the target, which the user knows."""
        try:
            yield
        except SmbError:
            raise
        except OSError as error:
            text = error.strerror or str(error)
            if error.errno in (errno.EINVAL, errno.EILSEQ):
                text += "; this disk cannot hold a file of that name"
            raise OSError(error.errno, text, str(self.target)) from error

    @classmethod
    def store(
        cls,
        target: Path,
        data: Buffer,
        modified: int,
        written: WrittenFiles | None = None,
        fsync: bool = False,
    ) -> None:
        """Write and rename a small file in one call."""
        part = cls(target, fsync)
        try:
            part.write_at(0, data)
            part.commit(modified, written)
        except BaseException:
            part.discard()
            raise


class InplaceFile(PartialFile):
    """A file that is written under its own name from the start, and stays when that fails.

    A link is not followed.
    """

    def _open(self) -> tuple[Path, int]:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        return self.target, os.open(self.target, flags, 0o666)

    def _place(self, written: WrittenFiles) -> None:
        """Do nothing: it has its name."""

    def discard(self) -> None:
        """Leave it as it is."""
        if self._descriptor >= 0:
            self._close()


class WriteBack:
    """Has the disk write a `PartialFile` while the rest of it still comes, if that has `fsync`.

    So not all of it is left for the end. An error of the disk is raised by the next `add`, or at
    the end of the ``async with``.
    """

    def __init__(self, part: PartialFile) -> None:
        self._part = part
        self._waiting = 0
        self._task: asyncio.Task[None] | None = None

    def add(self, count: int) -> None:
        """Count bytes that were written."""
        self._waiting += count
        if not self._part.fsync or self._waiting < WRITE_BACK:
            return
        if self._task is not None:
            if not self._task.done():
                return
            self._task.result()
        self._waiting = 0
        self._task = asyncio.create_task(in_thread(self._part.sync))

    async def __aenter__(self) -> "WriteBack":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._task is not None:
            await asyncio.wait([self._task])
            if kind is None:
                self._task.result()


def _open_part(target: Path) -> tuple[Path, int]:
    """Make the temporary file for `target`; its path and descriptor.

    Its name follows from the target's, so that what a killed process left is found and removed.
    If another process writes that file right now, this one takes a random name.
    """
    path = target.with_name(temporary_name_for(target.name))
    try:
        return path, os.open(path, _CREATE, 0o666)
    except FileExistsError:
        if remove_unused(path):
            with suppress(FileExistsError):
                return path, os.open(path, _CREATE, 0o666)
    path = target.with_name(temporary_name())
    return path, os.open(path, _CREATE, 0o666)


def sync_folder(path: Path) -> None:
    """Put the names in a folder on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
