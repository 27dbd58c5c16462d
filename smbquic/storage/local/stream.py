"""One open named stream of a file on this machine's disk."""

import errno
import os
import time
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

from smbquic.storage.errors import NameInvalid
from smbquic.storage.file import StorageFile
from smbquic.storage.local import streams
from smbquic.storage.local.descriptor import SharedDescriptor
from smbquic.storage.local.tree import FileKey, FolderTree
from smbquic.storage.names import fold
from smbquic.storage.stream import StreamFile
from smbquic.storage.types import (
    Buffer,
    FileStat,
)


class StreamOwner(NamedTuple):
    """The file that a stream belongs to, and what it takes to change the stream.

    `check_change` raises `OSError` if what is kept with the file may not be changed.
    """

    tree: FolderTree
    file: StorageFile
    descriptor: SharedDescriptor
    key: FileKey
    check_change: Callable[[], None]


def lookup_stream(owner: StreamOwner, name: str) -> "LocalStream":
    """See `StorageFile.lookup_stream`."""
    if not owner.tree.extended:
        raise NameInvalid("the disk has no room for named streams", name)
    streams.check_name(name)
    with owner.descriptor as fd, owner.tree.lock:
        real = streams.find(fd, name)
    if real is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
    return LocalStream(owner, real)


def create_stream(owner: StreamOwner, name: str) -> "LocalStream":
    """See `StorageFile.create_stream`."""
    owner.tree.require_writable()
    with owner.descriptor as fd, owner.tree.lock:
        streams.write(fd, name, b"")
    return LocalStream(owner, name)


class LocalStream(StreamFile):
    """A `StorageFile` over a named stream; made by `LocalFile.open_stream`.

    The whole content is read and written at once, which its size allows. Changes to one stream
    through several opens come one after the other; those of a local process may get lost.
    """

    def __init__(self, owner: StreamOwner, name: str) -> None:
        super().__init__(owner.file)
        self._tree = owner.tree
        self._descriptor = owner.descriptor
        self._check_change = owner.check_change
        self._open_stream = owner.tree.attach_stream(owner.key, name)
        self._closed = False

    @property
    def key(self) -> Hashable:
        """The file's key and the stream's real name."""
        return self._file.key, self._open_stream.name

    @property
    def stream(self) -> str:
        """The stream's name, in its real case."""
        return self._open_stream.name

    def stat(self) -> FileStat:
        """Return the properties of the file, with the stream's size."""
        size = self._size()
        unit = self._tree.block_size
        return self.describe(size, -(-size // unit) * unit)

    def read(self, offset: int, length: int) -> Buffer:
        """Return up to `length` bytes from `offset` on."""
        with self._descriptor as fd:
            return self._content(fd)[offset : offset + length]

    def write(self, offset: int, buffers: Sequence[Buffer]) -> int:
        """Write all of `buffers`, one behind the other, and return how many bytes that was."""
        data = b"".join(buffers)
        if not data:
            return 0
        self._check_size(offset + len(data))

        def change(content: bytes) -> bytes:
            return content[:offset].ljust(offset, b"\0") + data + content[offset + len(data) :]

        self._change(change)
        return len(data)

    def truncate(self, size: int) -> None:
        """Make the stream `size` bytes long; new bytes are zero."""
        self._check_size(size)
        self._change(lambda content: content[:size].ljust(size, b"\0"))

    def allocate(self, size: int) -> None:
        """Cut a longer stream; nothing is set aside for a shorter one."""
        self._check_size(size)
        if size < self._size():
            self.truncate(size)

    def rename(self, new_name: str, *, replace: bool) -> None:
        """Give the stream another name. What is replaced is lost."""
        self._tree.require_writable()
        streams.check_name(new_name)
        with self._descriptor as fd, self._tree.lock:
            content = self._content(fd)
            taken = streams.find(fd, new_name)
            if taken is not None and fold(taken) != fold(self._open_stream.name):
                if not replace:
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new_name)
                new_name = taken
            elif taken == new_name:
                return
            # The old one first: a disk with little room may not hold both.
            streams.remove(fd, self._open_stream.name)
            try:
                streams.write(fd, new_name, content)
            except OSError:
                streams.write(fd, self._open_stream.name, content)
                raise
            self._tree.move_stream(self._open_stream, new_name)

    def delete(self) -> None:
        """Remove the stream; FileNotFoundError if it was removed already."""
        self._tree.require_writable()
        with self._descriptor as fd, self._tree.lock:
            if not streams.remove(fd, self._open_stream.name):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.name)

    def check_deletion(self) -> None:
        """Raise `OSError` if the file may not be changed."""
        self._check_change()

    def close(self) -> None:
        """Close the stream and the file. Closing twice is fine."""
        if not self._closed:
            self._closed = True
            self._tree.detach_stream(self._open_stream)
        super().close()

    def _size(self) -> int:
        """0 for a stream that somebody removed: its attributes can still be queried."""
        with self._descriptor as fd:
            return len(streams.read(fd, self._open_stream.name) or b"")

    def _content(self, fd: int) -> bytes:
        content = streams.read(fd, self._open_stream.name)
        if content is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.name)
        return content

    def _change(self, change: Callable[[bytes], bytes]) -> None:
        """Change the content, and with it the write time of the file."""
        self._tree.require_writable()
        with self._descriptor as fd:
            with self._tree.lock:
                streams.write(fd, self._open_stream.name, change(self._content(fd)))
            os.utime(fd, ns=(os.fstat(fd).st_atime_ns, time.time_ns()))

    @staticmethod
    def _check_size(size: int) -> None:
        if size > streams.MAX_SIZE:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
