"""One open file or folder on this machine's disk."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from smbquic.storage.file import StorageFile
from smbquic.storage.local import extended, streams, xattrs
from smbquic.storage.local.content import FileContent
from smbquic.storage.local.descriptor import (
    check_access,
    open_directory,
)
from smbquic.storage.local.metadata import FileMetadata
from smbquic.storage.local.naming import FileNaming
from smbquic.storage.local.stream import StreamOwner, create_stream, lookup_stream
from smbquic.storage.types import (
    FileStat,
    Stream,
)


class LocalFile(FileContent, FileMetadata, FileNaming):
    """A `StorageFile` on a descriptor of its own; made by `LocalStorage.open`."""

    def streams(self) -> list[Stream]:
        """Return the named streams, in the order of their names."""
        with self.descriptor as fd:
            return streams.read_all(fd)

    def lookup_stream(self, name: str) -> StorageFile:
        """Open a named stream; it closes this file with it."""
        return lookup_stream(self._stream_owner(), name)

    def create_stream(self, name: str) -> StorageFile:
        """Make a named stream and open it."""
        return create_stream(self._stream_owner(), name)

    def _stream_owner(self) -> StreamOwner:
        return StreamOwner(self._tree, self, self.descriptor, self.key, self._check_change)

    def _check_change(self) -> None:
        """Raise `OSError` if the content, or what is kept with it, may not be changed."""
        self._tree.require_writable()
        with self.descriptor as fd, self._tree.lock:
            parent = self._open_name.parent
            if parent is None:
                check_access(b".", os.W_OK, fd)
            else:
                check_access(self._open_name.raw, os.W_OK, parent)

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

    def scan(self) -> Iterator[FileStat]:
        """Yield the entries of a folder, read from the disk as they are asked for."""
        if self._open_name.parent is None:
            self._tree.require_root()
        with self._listing() as (listing, entries):
            depth = len(self._open_name.components)
            # A folder that is removed meanwhile ends here.
            with suppress(FileNotFoundError):
                for entry in entries:
                    raw = os.fsencode(entry.name)
                    try:
                        status = entry.stat(follow_symlinks=False)
                        found = self._tree.stat_entry(listing, raw, status, depth)
                    except OSError:
                        # It was deleted since, or its status cannot be read: nobody could open it.
                        continue
                    if found is not None:
                        yield found

    def is_empty(self) -> bool:
        """Return whether a folder could be deleted: entries that `scan` leaves out count too."""
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
