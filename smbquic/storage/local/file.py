"""One open file or folder on this machine's disk."""

import errno
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from smbquic.storage import extended_attributes
from smbquic.storage.file import StorageFile
from smbquic.storage.local import attributes, extended, extents, links, streams, xattrs
from smbquic.storage.local.attributes import Stored
from smbquic.storage.local.case_index import Stamp
from smbquic.storage.local.descriptor import (
    Descriptor,
    check_access,
    check_removal,
    open_directory,
    rename_exclusive,
    synchronise,
)
from smbquic.storage.local.stream import Host, create_stream, lookup_stream
from smbquic.storage.local.tree import FileKey, Link, Tree, key_of
from smbquic.storage.names import SEPARATOR, fold, from_disk, join, to_disk
from smbquic.storage.types import (
    ARCHIVE,
    SETTABLE,
    SPARSE,
    Buffer,
    FileStat,
    Stream,
)

_MAX_VECTORS = 1024
_OFFSET_END = 2**63


class LocalFile(StorageFile):
    """A `StorageFile` on a descriptor of its own; made by `LocalStorage.open`.

    What goes by a name (`rename`, `link`, `delete`) is done within the descriptor of the folder,
    right after a check that the name still means this very file. Only a local process that swaps
    files between the check and the step can have another file of that folder meant.
    """

    def __init__(self, tree: Tree, fd: int, link: Link, *, is_directory: bool) -> None:
        self._tree = tree
        # Whoever is still at it when the file is closed may need the link, too.
        self.descriptor = Descriptor(fd, lambda: tree.detach(link))
        self._link = link
        self._is_directory = is_directory

    @property
    def name(self) -> str:
        """The name within the share, in its real case."""
        return join(self._link.components)

    @property
    def is_directory(self) -> bool:
        """Whether this is a folder."""
        return self._is_directory

    @property
    def key(self) -> FileKey:
        """The file's device and inode numbers."""
        return self._link.key

    @property
    def parent_key(self) -> FileKey:
        """The device and inode numbers of the folder that holds it; the root is its own."""
        with self.descriptor, self._tree.lock:
            parent = self._link.parent
            return self._link.key if parent is None else key_of(os.fstat(parent))

    def stat(self) -> FileStat:
        """What is known of the file now."""
        with self.descriptor as fd:
            stored = attributes.read(fd)
            home = self._tree.home
            return attributes.describe(self._link.last, os.fstat(fd), stored, home, fd)

    def parent_stat(self) -> FileStat:
        """The same of the folder that holds it; the root is its own."""
        with self.descriptor, self._tree.lock:
            parent = self._link.parent
            if parent is not None:
                components = self._link.components
                name = components[-2] if len(components) > 1 else ""
                return self._tree.stat_folder(parent, name)
        return self.stat()

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset` on: fewer at the end of the file, none past it."""
        with self.descriptor as fd:
            # The file's size bounds what is allocated; `pread` fills it without zeroing it first.
            length = min(length, os.fstat(fd).st_size - offset)
            return os.pread(fd, length, offset) if length > 0 else b""

    def read_cached(self, offset: int, length: int) -> Buffer | None:
        """The same, if all of it is in the page cache; BlockingIOError if it is not.

        None where the file system cannot tell.
        """
        if not self._tree.tells_cached:
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
                self._tree.tells_cached = False
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
        """Write what stands in another file, or elsewhere in this one; how many bytes that was."""
        self._tree.require_writable()
        _check_range(offset, length)
        if not isinstance(source, LocalFile):
            return self.write(offset, [source.read(source_offset, length)])
        with source.descriptor as other, self.descriptor as fd:
            if length and extents.clone(other, source_offset, fd, offset, length):
                return length
            return extents.copy(other, source_offset, fd, offset, length)

    def zero(self, offset: int, length: int) -> None:
        """Make bytes read as zero, as far as the file has them, and give back their room."""
        self._tree.require_writable()
        with self.descriptor as fd:
            extents.zero(fd, offset, length)

    def allocated_ranges(self, offset: int, length: int) -> Iterator[tuple[int, int]]:
        """Where in a range there may be something but zeros."""
        with self.descriptor as fd:
            yield from extents.allocated(fd, offset, length)

    def truncate(self, size: int) -> None:
        """Make the file `size` bytes long; new bytes read as zero."""
        self._tree.require_writable()
        _check_range(size, 0)
        with self.descriptor as fd:
            os.ftruncate(fd, size)

    def allocate(self, size: int) -> None:
        """Cut a longer file to `size`; else see whether the disk has room, but set none aside."""
        self._tree.require_writable()
        with self.descriptor as fd:
            status = os.fstat(fd)
            if size < status.st_size:
                os.ftruncate(fd, size)
                return
            volume = os.fstatvfs(fd)
            if size - status.st_blocks * 512 > volume.f_bavail * volume.f_frsize:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def flush(self) -> None:
        """Return once the content, and the name if this open made it, would survive a crash."""
        with self.descriptor as fd:
            synchronise(fd)
            with self._tree.lock:
                parent = self._link.parent
                if parent is None or not self._link.unsynced:
                    return
                folder = open_directory(b".", parent)
                self._link.unsynced = False
            try:
                synchronise(folder)
            finally:
                os.close(folder)

    def set_times(
        self,
        *,
        creation_time: int | None = None,
        last_access_time: int | None = None,
        last_write_time: int | None = None,
        change_time: int | None = None,
    ) -> None:
        """Set the times that are given. The disk's own change time moves all the same."""
        self._tree.require_writable()
        with self.descriptor as fd, self._tree.lock:
            if last_access_time is not None or last_write_time is not None:
                status = os.fstat(fd)
                times = (
                    status.st_atime_ns if last_access_time is None else last_access_time,
                    status.st_mtime_ns if last_write_time is None else last_write_time,
                )
                os.utime(fd, ns=times)
            if creation_time is not None or change_time is not None:
                stored = self._stored(fd)._replace(change_time=change_time, until=time.time_ns())
                if creation_time is not None:
                    stored = stored._replace(creation_time=creation_time)
                self._store(fd, stored)

    def set_attributes(self, attributes: int) -> None:
        """Replace the `SETTABLE` bits."""
        self._tree.require_writable()
        with self.descriptor as fd, self._tree.lock:
            stored = self._stored(fd)
            kept = (stored.attributes or 0) & SPARSE
            attributes = attributes & SETTABLE | kept
            self._store(fd, stored._replace(attributes=attributes, change_time=None))

    def set_sparse(self, *, sparse: bool) -> None:
        """Set or clear the `SPARSE` bit."""
        self._tree.require_writable()
        with self.descriptor as fd, self._tree.lock:
            stored = self._stored(fd)
            attributes = (stored.attributes or 0) & ~SPARSE | (SPARSE if sparse else 0)
            self._store(fd, stored._replace(attributes=attributes, change_time=None))

    def mark_changed(self) -> None:
        """Set the `ARCHIVE` bit, unless it is set or the disk won't hold it."""
        self._tree.require_writable()
        with self.descriptor as fd, self._tree.lock, suppress(OSError):
            stored = self._stored(fd)
            attributes = stored.attributes or 0
            if not attributes & ARCHIVE:
                self._store(fd, stored._replace(attributes=attributes | ARCHIVE, change_time=None))

    def extended_attributes(self) -> list[tuple[str, bytes]]:
        """The attributes of clients, by name."""
        with self.descriptor as fd:
            return extended.read_all(fd)

    def set_extended_attributes(self, changes: Sequence[tuple[str, bytes]]) -> None:
        """Set the attributes that are given, all or none of them."""
        self._tree.require_writable()
        with self.descriptor as fd, self._tree.lock:
            extended.write_all(fd, changes)
            size = extended_attributes.size(extended.read_all(fd))
            stored = self._stored(fd)
            if size != stored.ea_size:
                self._store(fd, stored._replace(ea_size=size, change_time=None))

    def security(self) -> bytes | None:
        """The security descriptor that was stored last, or None."""
        with self.descriptor as fd:
            # To ask for the names is quicker than to ask in vain for a value.
            if xattrs.SECURITY not in xattrs.names(fd):
                return None
            return xattrs.get(fd, xattrs.SECURITY)

    def set_security(self, descriptor: bytes) -> None:
        """Store a security descriptor."""
        self._tree.require_writable()
        with self.descriptor as fd:
            xattrs.put(fd, xattrs.SECURITY, descriptor)

    def streams(self) -> list[Stream]:
        """The named streams, in the order of their names."""
        with self.descriptor as fd:
            return streams.read_all(fd)

    def lookup_stream(self, name: str) -> StorageFile:
        """Open a named stream; it closes this file with it."""
        return lookup_stream(self._as_host(), name)

    def create_stream(self, name: str) -> StorageFile:
        """Make a named stream and open it."""
        return create_stream(self._as_host(), name)

    def _as_host(self) -> Host:
        return Host(self._tree, self, self.descriptor, self.key, self._check_change)

    def mark_made(self, attributes: int, account: int) -> None:
        """What a new file gets: attributes, and its creation time for good."""
        self._link.unsynced = True
        with self.descriptor as fd, suppress(PermissionError):
            # A umask may leave us without the right to store anything with our own file.
            self._store(fd, Stored(attributes, os.fstat(fd).st_mtime_ns, account))

    def overwrite(self, attributes: int, *, supersede: bool) -> None:
        """Empty the file, replace its attributes, and with `supersede` its creation time too."""
        with self.descriptor as fd, self._tree.lock:
            stored = self._stored(fd)
            names = xattrs.names(fd)
            streams.remove_all(fd, names)
            extended.remove_all(fd, names)
            os.ftruncate(fd, 0)
            if supersede:
                stored = stored._replace(creation_time=os.fstat(fd).st_mtime_ns)
            self._store(fd, stored._replace(attributes=attributes, ea_size=0, change_time=None))

    def _store(self, fd: int, stored: Stored) -> None:
        attributes.write(fd, stored, is_directory=self._is_directory)

    @staticmethod
    def _stored(fd: int) -> Stored:
        """What is stored; the creation time is there, for from now on it is kept."""
        stored = attributes.read(fd)
        if stored.creation_time is None:
            created = attributes.derived_creation_time(os.fstat(fd), fd)
            stored = stored._replace(creation_time=created)
        return stored

    def rename(self, new_name: str, *, replace: bool) -> None:
        """Move to `new_name`. What is replaced passes its spelling on to this file.

        PermissionError for a folder with links in it that would lead out of the share from there.
        """
        self._tree.require_writable()
        with self.descriptor as fd:
            depth = new_name.count(SEPARATOR)
            if self._is_directory and self._tree.links and depth < self.name.count(SEPARATOR):
                links.check_below(fd, depth + 1)
            left, folders, last = self._target(new_name)
            try:
                with self._tree.lock:
                    old_parent = self._tree.verify(self._link)
                    raw = self._rename(old_parent, left, last, replace=replace)
                    name = [*folders, from_disk(raw)]
                    self._tree.move(self._link, left, raw, name, below=self._is_directory)
                    left = old_parent
            finally:
                os.close(left)

    def _rename(self, old_parent: int, parent: int, last: str, *, replace: bool) -> bytes:
        old = self._link.raw
        raw, status = self._tree.look_up(parent, last)
        before, after = Stamp.of(old_parent), Stamp.of(parent)
        same_folder = before.folder == after.folder
        wanted = to_disk(last)
        if status is None:
            rename_exclusive(old, wanted, old_parent, parent)
        elif key_of(status) == self.key and same_folder and fold(last) == fold(from_disk(old)):
            # Its own name, in another case or not. A disk that ignores case finds it under both.
            if raw == wanted:
                os.rename(old, wanted, src_dir_fd=old_parent, dst_dir_fd=parent)
            else:
                rename_exclusive(old, wanted, old_parent, parent)
        else:
            self._require_replaceable(status, last, replace=replace)
            wanted = raw
            if key_of(status) == self.key:
                # Two names of one file: POSIX would leave both.
                os.unlink(old, dir_fd=old_parent)
            else:
                os.rename(old, wanted, src_dir_fd=old_parent, dst_dir_fd=parent)
        if same_folder:
            self._tree.index.update(parent, after, wanted)
        else:
            self._tree.index.update(old_parent, before)
            self._tree.index.update(parent, after, wanted)
        return wanted

    def link(self, new_name: str, *, replace: bool) -> None:
        """Give the file a second name. Replacing is two steps: first the old file goes."""
        self._tree.require_writable()
        if self._is_directory:
            raise PermissionError(errno.EPERM, "a folder has one name", self.name)
        parent, _, last = self._target(new_name)
        try:
            with self.descriptor, self._tree.lock:
                old_parent = self._tree.verify(self._link)
                raw, status = self._tree.look_up(parent, last)
                before = Stamp.of(parent)
                if status is not None:
                    self._require_replaceable(status, last, replace=replace)
                    if key_of(status) == self.key:
                        return
                    os.unlink(raw, dir_fd=parent)
                os.link(
                    self._link.raw,
                    raw,
                    src_dir_fd=old_parent,
                    dst_dir_fd=parent,
                    follow_symlinks=False,
                )
                self._tree.index.update(parent, before, raw)
        finally:
            os.close(parent)

    def _target(self, new_name: str) -> tuple[int, list[str], str]:
        if not new_name:
            raise FileExistsError(errno.EEXIST, "the root of the share has that name")
        return self._tree.walk_to_parent(new_name)

    def _require_replaceable(self, status: os.stat_result, name: str, *, replace: bool) -> None:
        if not replace:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
        if self._is_directory or not stat.S_ISREG(status.st_mode):
            raise PermissionError(errno.EACCES, "only a file may replace a file", name)

    def delete(self) -> None:
        """Remove the name it goes by. The open goes on working."""
        self._tree.require_writable()
        with self.descriptor, self._tree.lock:
            parent = self._tree.verify(self._link)
            before = Stamp.of(parent)
            if self._is_directory:
                os.rmdir(self._link.raw, dir_fd=parent)
            else:
                os.unlink(self._link.raw, dir_fd=parent)
            self._tree.index.update(parent, before)

    def check_deletion(self) -> None:
        """Raise `OSError` if the folder is on a read-only disk, or lets nobody remove the file."""
        self._tree.require_writable()
        with self.descriptor as fd, self._tree.lock:
            if self._link.parent is None:
                raise PermissionError(errno.EACCES, "the root of a share has no name")
            check_removal(self._link.parent, os.fstat(fd))

    def _check_change(self) -> None:
        """Raise `OSError` if the content, or what is kept with it, may not be changed."""
        self._tree.require_writable()
        with self.descriptor as fd, self._tree.lock:
            parent = self._link.parent
            if parent is None:
                check_access(b".", os.W_OK, fd)
            else:
                check_access(self._link.raw, os.W_OK, parent)

    def become_link(self, target: str) -> None:
        """Put a symbolic link in the place of this file or folder, which is empty."""
        self._tree.require_writable()
        if not self._tree.links:
            raise OSError(errno.ENOTSUP, "links are not shown here", self.name)
        raw = links.spell(target, len(self._link.components) - 1)
        with self.descriptor as fd, self._tree.lock:
            parent = self._tree.verify(self._link)
            if self._is_directory:
                os.rmdir(self._link.raw, dir_fd=parent)
            elif os.fstat(fd).st_size:
                raise PermissionError(errno.EACCES, "a file with content cannot become a link")
            else:
                os.unlink(self._link.raw, dir_fd=parent)
            os.symlink(raw, self._link.raw, dir_fd=parent)

    def scan(self) -> Iterator[FileStat]:
        """The entries of a folder, read from the disk as they are asked for."""
        if self._link.parent is None:
            self._tree.require_root()
        with self._listing() as (listing, entries):
            depth = len(self._link.components)
            # A folder that is removed meanwhile ends here.
            with suppress(FileNotFoundError):
                for entry in entries:
                    raw = os.fsencode(entry.name)
                    try:
                        status = entry.stat(follow_symlinks=False)
                        found = self._tree.stat_entry(listing, raw, status, depth)
                    except OSError:
                        # It has gone since, or the disk won't tell: nothing that could be opened.
                        continue
                    if found is not None:
                        yield found

    def is_empty(self) -> bool:
        """Whether a folder could be deleted: entries that `scan` leaves out count too."""
        with self._listing() as (_, entries):
            return next(entries, None) is None

    @contextmanager
    def _listing(self) -> Iterator[tuple[int, Iterator[os.DirEntry[str]]]]:
        # A descriptor of its own, because duplicates share the place in the folder.
        with self.descriptor as fd:
            listing = open_directory(b".", fd)
        try:
            with os.scandir(listing) as entries:
                yield listing, entries
        finally:
            os.close(listing)

    def close(self) -> None:
        """Let go of the file. Closing twice is fine."""
        self.descriptor.close()


def _check_range(offset: int, length: int) -> None:
    """Offsets on the wire have 64 bits, those of a disk 63."""
    if offset + length >= _OFFSET_END:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
