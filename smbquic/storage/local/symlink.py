"""One open symbolic link on this machine's disk: itself, not what it leads to."""

import errno
import os
from collections.abc import Iterator, Sequence

from smbquic.storage.errors import NameInvalid
from smbquic.storage.file import StorageFile
from smbquic.storage.local import symlinks
from smbquic.storage.local.file import LocalFile
from smbquic.storage.local.tree import FolderTree, OpenName
from smbquic.storage.names import SEPARATOR
from smbquic.storage.types import FileStat, Stream


class LocalSymlink(LocalFile):
    """A `StorageFile` without content, on a descriptor that can do nothing but stand for it.

    Disks keep nothing but times with a link: attributes that are set are dropped.
    """

    def __init__(self, tree: FolderTree, fd: int, open_name: OpenName, target: str) -> None:
        super().__init__(tree, fd, open_name, is_directory=False)
        self._target_name = target

    def stat(self) -> FileStat:
        """Return what is known of the link now."""
        return symlinks.shown(super().stat(), self._target_name)

    def rename(self, new_name: str, *, replace: bool) -> None:
        """Move the link. PermissionError where it would lead out of the share from there."""
        symlinks.check(self._target_name, new_name.count(SEPARATOR))
        super().rename(new_name, replace=replace)

    def link(self, new_name: str, *, replace: bool) -> None:
        """Give the link a second name; raises as `rename`."""
        symlinks.check(self._target_name, new_name.count(SEPARATOR))
        super().link(new_name, replace=replace)

    def read(self, offset: int, length: int) -> bytes:
        """Return nothing: a link has no content."""
        return b""

    def read_cached(self, offset: int, length: int) -> bytes:
        """Return nothing: a link has no content."""
        return b""

    def allocated_ranges(self, offset: int, length: int) -> Iterator[tuple[int, int]]:
        """Return nothing: a link has no content."""
        return iter(())

    def set_times(
        self,
        *,
        creation_time: int | None = None,
        last_access_time: int | None = None,
        last_write_time: int | None = None,
        change_time: int | None = None,
    ) -> None:
        """Set the access and write time, which are all that a disk keeps."""
        self._tree.require_writable()
        now = self.stat()
        times = (
            now.last_access_time if last_access_time is None else last_access_time,
            now.last_write_time if last_write_time is None else last_write_time,
        )
        with self._tree.lock:
            parent = self._tree.verify(self._open_name)
            os.utime(self._open_name.raw, ns=times, dir_fd=parent, follow_symlinks=False)

    def set_attributes(self, attributes: int) -> None:
        """Do nothing: a link has no attributes."""

    def set_sparse(self, *, sparse: bool) -> None:
        """Do nothing: a link has no attributes."""

    def mark_changed(self) -> None:
        """Do nothing: a link has no attributes."""

    def extended_attributes(self) -> list[tuple[str, bytes]]:
        """Return none: a link has no extended attributes."""
        return []

    def set_extended_attributes(self, changes: Sequence[tuple[str, bytes]]) -> None:
        """Raise `OSError` (ENOTSUP): a link has no extended attributes."""
        raise OSError(errno.ENOTSUP, "a link has no extended attributes", self.name)

    def security(self) -> bytes | None:
        """Return None: a link has no descriptor of its own."""
        return None

    def set_security(self, descriptor: bytes) -> None:
        """Raise `OSError` (ENOTSUP): a link has no descriptor of its own."""
        raise OSError(errno.ENOTSUP, "a link has no descriptor of its own", self.name)

    def streams(self) -> list[Stream]:
        """Return none: a link has no streams."""
        return []

    def lookup_stream(self, name: str) -> StorageFile:
        """Raise NameInvalid: a link has no streams."""
        raise NameInvalid("a link has no streams", name)
