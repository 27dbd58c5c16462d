"""One open file or folder in memory."""

import errno
import os
from collections.abc import Hashable, Iterator, Sequence

from smbquic.storage import extended_attributes
from smbquic.storage.file import StorageFile
from smbquic.storage.memory.nodes import FILE_COST, NamedNode, StreamNode, now
from smbquic.storage.memory.stream import MemoryStream
from smbquic.storage.memory.tree import MemoryTree
from smbquic.storage.names import check_stream_name, fold
from smbquic.storage.types import (
    ARCHIVE,
    DIRECTORY,
    NORMAL,
    SETTABLE,
    SPARSE,
    Buffer,
    FileStat,
    Stream,
)

UNIT = 4096
"""Bytes that clients see a file grow by on the disk."""


def describe(entry: NamedNode) -> FileStat:
    """Put together what is known of a file or folder."""
    node = entry.node
    is_directory = node.entries is not None
    attributes = node.attributes | DIRECTORY if is_directory else node.attributes
    return FileStat(
        entry.name,
        is_directory,
        node.content.size,
        -(-node.content.allocated // UNIT) * UNIT,
        attributes or NORMAL,
        node.creation_time,
        node.last_access_time,
        node.last_write_time,
        node.change_time,
        node.file_id,
        node.links,
        extended_attributes.size(list(node.extended_attributes.values())),
        account=node.account,
    )


class MemoryFile(StorageFile):
    """A `StorageFile` by one name of a node; made by `MemoryStorage`."""

    def __init__(self, tree: MemoryTree, entry: NamedNode) -> None:
        self._tree = tree
        self._entry = entry
        self._node = entry.node
        self._node.opens += 1
        self._closed = False

    @property
    def name(self) -> str:
        """The name within the share, in its real case."""
        return self._entry.path

    @property
    def key(self) -> Hashable:
        """The node, which is nobody else's."""
        return self._node

    @property
    def parent_key(self) -> Hashable:
        """The node of the folder that holds it; the root is its own."""
        folder = self._entry.folder
        return self._node if folder is None else folder.node

    @property
    def is_directory(self) -> bool:
        """Whether this is a folder."""
        return self._node.entries is not None

    def stat(self) -> FileStat:
        """Return what is known now."""
        return describe(self._entry)

    def parent_stat(self) -> FileStat:
        """Return the same of the folder that holds it; the root is its own."""
        return describe(self._entry.folder or self._entry)

    def set_times(
        self,
        *,
        creation_time: int | None = None,
        last_access_time: int | None = None,
        last_write_time: int | None = None,
        change_time: int | None = None,
    ) -> None:
        """Set the times that are given."""
        self._tree.require_writable()
        node = self._node
        node.creation_time = node.creation_time if creation_time is None else creation_time
        if last_access_time is not None:
            node.last_access_time = last_access_time
        if last_write_time is not None:
            node.last_write_time = last_write_time
        node.change_time = now() if change_time is None else change_time

    def set_attributes(self, attributes: int) -> None:
        """Replace the `SETTABLE` bits."""
        self._tree.require_writable()
        self._set(attributes & SETTABLE | self._node.attributes & SPARSE)

    def set_sparse(self, *, sparse: bool) -> None:
        """Set or clear the `SPARSE` bit."""
        self._tree.require_writable()
        self._set(self._node.attributes & ~SPARSE | (SPARSE if sparse else 0))

    def mark_changed(self) -> None:
        """Set the `ARCHIVE` bit."""
        self._tree.require_writable()
        self._set(self._node.attributes | ARCHIVE)

    def _set(self, attributes: int) -> None:
        if attributes != self._node.attributes:
            self._node.attributes = attributes
            self._node.change_time = now()

    def read(self, offset: int, length: int) -> Buffer:
        """Return up to `length` bytes from `offset` on."""
        self._require_open()
        return self._node.content.read(offset, length)

    def read_cached(self, offset: int, length: int) -> Buffer:
        """Do the same: nobody ever waits for a disk."""
        return self.read(offset, length)

    def write(self, offset: int, buffers: Sequence[Buffer]) -> int:
        """Write all of `buffers`; nothing if there is no room for all: `OSError` (ENOSPC)."""
        self._tree.require_writable()
        self._require_open()
        written = self._node.content.write(offset, buffers)
        if written:
            self._node.modified()
        return written

    def truncate(self, size: int) -> None:
        """Make the file `size` bytes long; new bytes take no room."""
        self._tree.require_writable()
        self._node.content.truncate(size)
        self._node.modified()

    def allocate(self, size: int) -> None:
        """Cut a longer file to `size`; else see whether there is room, but set none aside."""
        budget, content = self._tree.budget, self._node.content
        if size < content.size:
            self.truncate(size)
        elif size - content.allocated > budget.max_bytes - budget.bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def zero(self, offset: int, length: int) -> None:
        """Make bytes read as zero; whole pages are given back."""
        self._tree.require_writable()
        self._node.content.zero(offset, length)
        self._node.modified()

    def allocated_ranges(self, offset: int, length: int) -> Iterator[tuple[int, int]]:
        """Yield where there are pages."""
        return self._node.content.ranges(offset, length)

    def overwrite(self, attributes: int, *, supersede: bool) -> None:
        """Empty the file, with its streams and extended attributes."""
        self.truncate(0)
        node = self._node
        for stream in list(node.streams.values()):
            node.remove_stream(stream)
        node.set_extended_attributes({})
        node.attributes = attributes & SETTABLE
        if supersede:
            node.creation_time = node.change_time

    def rename(self, new_name: str, *, replace: bool) -> None:
        """Move to `new_name`. What is replaced passes its spelling on to this file."""
        entry = self._require_name()
        folder, last = self._target(new_name)
        taken = folder.get(last)
        if taken not in (None, entry):
            self._require_replaceable(taken, new_name, replace=replace)
        if folder.is_within(entry):
            raise OSError(errno.EINVAL, "a folder cannot be moved into itself", new_name)
        if taken is not None and taken is not entry:
            last = taken.name
            folder.remove(taken)
        old = entry.folder
        assert old is not None
        old.take(entry)
        entry.name = last
        folder.put(entry)
        self._node.change_time = now()

    def link(self, new_name: str, *, replace: bool) -> None:
        """Give the file a second name."""
        self._require_name()
        if self.is_directory:
            raise PermissionError(errno.EPERM, "a folder has one name", self.name)
        folder, last = self._target(new_name)
        taken = folder.get(last)
        if taken is not None:
            self._require_replaceable(taken, new_name, replace=replace)
            if taken.node is self._node:
                return
            last = taken.name
            folder.remove(taken)
        folder.add(NamedNode(last, self._node, folder))
        self._node.change_time = now()

    def delete(self) -> None:
        """Remove the name. The open goes on working."""
        entry = self._require_name()
        if self._node.entries:
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), self.name)
        assert entry.folder is not None
        entry.folder.remove(entry)

    def check_deletion(self) -> None:
        """Raise `OSError` (EROFS) where nothing may be changed, PermissionError for the root."""
        self._tree.require_writable()
        if self._entry.folder is None:
            raise PermissionError(errno.EACCES, "the root of a share has no name")

    def _require_name(self) -> NamedNode:
        self.check_deletion()
        if self._entry.removed:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.name)
        return self._entry

    def _target(self, new_name: str) -> tuple[NamedNode, str]:
        if not new_name:
            raise FileExistsError(errno.EEXIST, "the root of the share has that name")
        return self._tree.folder_of(new_name)

    def _require_replaceable(self, taken: NamedNode | None, name: str, *, replace: bool) -> None:
        if not replace:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
        if self.is_directory or (taken is not None and taken.node.entries is not None):
            raise PermissionError(errno.EACCES, "only a file may replace a file", name)

    def scan(self) -> Iterator[FileStat]:
        """Yield the entries that the folder has now, unless they go before they are asked for."""
        if self._node.entries is None:
            yield from super().scan()
        for entry in list((self._node.entries or {}).values()):
            if not entry.removed:
                yield describe(entry)

    def extended_attributes(self) -> list[tuple[str, bytes]]:
        """Return the attributes, by name."""
        return sorted(self._node.extended_attributes.values())

    def set_extended_attributes(self, changes: Sequence[tuple[str, bytes]]) -> None:
        """Set the attributes that are given, all or none of them."""
        self._tree.require_writable()
        changed = dict(self._node.extended_attributes)
        for name, value in changes:
            extended_attributes.check_name(name)
            spelled, _ = changed.pop(name.lower(), (name, b""))
            if value:
                changed[name.lower()] = spelled, bytes(value)
        self._node.set_extended_attributes(changed)
        self._node.change_time = now()

    def security(self) -> bytes | None:
        """Return the security descriptor that was stored last, or None."""
        return self._node.security

    def set_security(self, descriptor: bytes) -> None:
        """Store a security descriptor."""
        self._tree.require_writable()
        self._tree.budget.change(len(descriptor) - len(self._node.security or b""))
        self._node.security = bytes(descriptor)
        self._node.change_time = now()

    def streams(self) -> list[Stream]:
        """Return the named streams, in the order of their names."""
        found = sorted(self._node.streams.values(), key=lambda stream: stream.name)
        return [Stream(stream.name, stream.content.size) for stream in found]

    def lookup_stream(self, name: str) -> MemoryStream:
        """Open a named stream; it closes this file with it."""
        check_stream_name(name)
        found = self._node.streams.get(fold(name))
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        return MemoryStream(self._tree, self, self._node, found)

    def create_stream(self, name: str) -> MemoryStream:
        """Make a named stream and open it."""
        self._tree.require_writable()
        self._tree.budget.change(FILE_COST, files=1)
        made = self._node.streams[fold(name)] = StreamNode(name, self._tree.budget)
        self._node.change_time = now()
        return MemoryStream(self._tree, self, self._node, made)

    def close(self) -> None:
        """Close the file. Closing twice is fine."""
        if not self._closed:
            self._closed = True
            self._node.opens -= 1
            self._node.release()

    def _require_open(self) -> None:
        if self._closed:
            raise OSError(errno.EBADF, "the file is closed")
