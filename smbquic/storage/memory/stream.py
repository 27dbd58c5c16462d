"""One open named stream in memory."""

import errno
import os
from collections.abc import Callable, Hashable, Iterator, Sequence

from smbquic.storage.file import StorageFile
from smbquic.storage.memory.nodes import FileNode, StreamNode, now
from smbquic.storage.memory.tree import MemoryTree
from smbquic.storage.names import check_stream_name, fold
from smbquic.storage.stream import StreamFile
from smbquic.storage.types import Buffer, FileStat


class MemoryStream(StreamFile):
    """A `StorageFile` over a named stream; made by `MemoryFile.open_stream`."""

    def __init__(
        self, tree: MemoryTree, file: StorageFile, node: FileNode, stream: StreamNode
    ) -> None:
        super().__init__(file)
        self._tree = tree
        self._node = node
        self._stream = stream
        self._closed = False

    @property
    def key(self) -> Hashable:
        """The stream itself, which is nobody else's."""
        return self._stream

    @property
    def stream(self) -> str:
        """The stream's name, in its real case."""
        return self._stream.name

    def stat(self) -> FileStat:
        """Return what is known of the file, with the stream's size."""
        return self.describe(self._stream.content.size, self._stream.content.allocated)

    def read(self, offset: int, length: int) -> Buffer:
        """Return up to `length` bytes from `offset` on."""
        self._require()
        return self._stream.content.read(offset, length)

    def read_cached(self, offset: int, length: int) -> Buffer:
        """Do the same: nobody ever waits for a disk."""
        return self.read(offset, length)

    def write(self, offset: int, buffers: Sequence[Buffer]) -> int:
        """Write all of `buffers`; nothing if there is no room for all: `OSError` (ENOSPC)."""
        written = 0

        def write() -> None:
            nonlocal written
            written = self._stream.content.write(offset, buffers)

        self._change(write)
        return written

    def truncate(self, size: int) -> None:
        """Make the stream `size` bytes long; new bytes take no room."""
        self._change(lambda: self._stream.content.truncate(size))

    def zero(self, offset: int, length: int) -> None:
        """Make bytes read as zero; whole pages are given back."""
        self._change(lambda: self._stream.content.zero(offset, length))

    def allocated_ranges(self, offset: int, length: int) -> Iterator[tuple[int, int]]:
        """Yield where there are pages."""
        return self._stream.content.ranges(offset, length)

    def _change(self, change: Callable[[], None]) -> None:
        """Change the content, and with it the write time of the file."""
        self._tree.require_writable()
        self._require()
        change()
        self._node.modified()

    def rename(self, new_name: str, *, replace: bool) -> None:
        """Give the stream another name. What is replaced is lost, and passes its spelling on."""
        self._tree.require_writable()
        self._require()
        check_stream_name(new_name)
        taken = self._node.streams.get(fold(new_name))
        if taken is not None and taken is not self._stream:
            if not replace:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new_name)
            new_name = taken.name
            self._node.remove_stream(taken)
        del self._node.streams[fold(self._stream.name)]
        self._stream.name = new_name
        self._node.streams[fold(new_name)] = self._stream
        self._node.change_time = now()

    def delete(self) -> None:
        """Remove the stream; FileNotFoundError if it was removed already."""
        self._tree.require_writable()
        self._require()
        self._node.remove_stream(self._stream)
        self._node.change_time = now()

    def check_deletion(self) -> None:
        """Raise `OSError` (EROFS) where nothing may be changed."""
        self._tree.require_writable()

    def close(self) -> None:
        """Close the stream and the file. Closing twice is fine."""
        self._closed = True
        super().close()

    def _require(self) -> None:
        """Raise `OSError` (EBADF) for what is closed, FileNotFoundError for what was removed."""
        if self._closed:
            raise OSError(errno.EBADF, "the file is closed")
        if self._stream.removed:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.name)
