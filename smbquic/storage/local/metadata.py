"""Metadata of a file on the disk: times, attributes, extended attributes, its descriptor."""

import os
import time
from collections.abc import Sequence
from contextlib import suppress

from smbquic.storage import extended_attributes
from smbquic.storage.local import attributes, extended, xattrs
from smbquic.storage.local.attributes import Stored
from smbquic.storage.local.open_file import OpenLocalFile
from smbquic.storage.types import (
    ARCHIVE,
    SETTABLE,
    SPARSE,
)


class FileMetadata(OpenLocalFile):
    """Operations on the metadata of an open file."""

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
        """Return the attributes of clients, by name."""
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
        """Return the security descriptor that was stored last, or None."""
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

    def mark_made(self, attributes: int, account: int) -> None:
        """Store what a new file begins with: its attributes, creation time and account."""
        self._open_name.unsynced = True
        with self.descriptor as fd, suppress(PermissionError):
            # A umask may leave us without the right to store anything with our own file.
            self._store(fd, Stored(attributes, os.fstat(fd).st_mtime_ns, account))

    def _store(self, fd: int, stored: Stored) -> None:
        attributes.write(fd, stored, is_directory=self._is_directory)

    @staticmethod
    def _stored(fd: int) -> Stored:
        """Return what is stored, with a derived creation time if none was stored so far."""
        stored = attributes.read(fd)
        if stored.creation_time is None:
            created = attributes.derived_creation_time(os.fstat(fd), fd)
            stored = stored._replace(creation_time=created)
        return stored
