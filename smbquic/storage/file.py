"""One open file or folder of a storage: the base class."""

import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Final

from smbquic.storage.errors import NameInvalid
from smbquic.storage.types import (
    ARCHIVE,
    NEVER_CREATING,
    OVERWRITING,
    Action,
    Buffer,
    Disposition,
    FileStat,
    Stream,
)

_PIECE: Final = 1 << 20
"""Bytes that are copied or zeroed at a time."""


class StorageFile(ABC):
    """One open file or folder. It goes on working when others rename or delete it.

    A subclass has at least `name`, `key` and `stat`, and `read` for files or `scan` for folders.
    All else has a default, which does what can be done with the rest or raises `OSError` with
    ENOTSUP.

    `read`, `write`, `flush` and `close` may run in several threads at once: an operation that is
    under way when the file is closed ends on the file it began on, and one that begins later
    raises `OSError` (EBADF).
    """

    # Identity.

    @property
    @abstractmethod
    def name(self) -> str:
        """The name within the share, in its real case.

        `rename` keeps it current, also when it was called on another open of the same name.
        """

    @property
    @abstractmethod
    def key(self) -> Hashable:
        """The key that identifies this file among all files of all storages; all its opens have it.

        It stays when the file is renamed; a named stream has one of its own, which may not.
        """

    @property
    def parent_key(self) -> Hashable:
        """The `key` of the folder that holds it; of the root, its own.

        By the key, the server finds who caches the folder's listing. None, the default, is for
        storages in which nothing changes.
        """
        return None

    @property
    def is_directory(self) -> bool:
        """Whether this is a folder."""
        return self.stat().is_directory

    @property
    def whole(self) -> "StorageFile":
        """The file or folder that a named stream belongs to; of all others, they themselves."""
        return self

    @property
    def stream(self) -> str:
        """The name of the stream that this is, ``""`` for a whole file or folder."""
        return ""

    # Status.

    @abstractmethod
    def stat(self) -> FileStat:
        """Return what is known now; FileNotFoundError for nothing but a lost disk."""

    def parent_stat(self) -> FileStat:
        """Return the same of the folder that holds it (the root is its own): a listing's ``..``.

        The default describes the file itself.
        """
        return self.stat()

    def set_times(
        self,
        *,
        creation_time: int | None = None,
        last_access_time: int | None = None,
        last_write_time: int | None = None,
        change_time: int | None = None,
    ) -> None:
        """Set the times that are given. A storage that can't hold one of them leaves it.

        A change time that was set lasts until the next change.
        """

    def set_attributes(self, attributes: int) -> None:
        """Replace the `SETTABLE` bits. A storage that can't hold them leaves them."""

    def set_sparse(self, *, sparse: bool) -> None:
        """Set or clear the `SPARSE` bit. Only called where SPARSE_FILES is a capability."""
        raise self._unsupported("sparse files")

    def mark_changed(self) -> None:
        """Set the `ARCHIVE` bit, by which backups know what is new, as far as that can be."""
        attributes = self.stat().attributes
        if not attributes & ARCHIVE:
            self.set_attributes(attributes | ARCHIVE)

    # Content.

    def read(self, offset: int, length: int) -> Buffer:
        """Return up to `length` bytes from `offset` on: fewer at the end of the file, none past it.

        The server does not change what it gets, and has sent it before anything else is done with
        the file: a view of the storage's own memory will do if it stays as it is.
        """
        raise self._unsupported("reading")

    def read_cached(self, offset: int, length: int) -> Buffer | None:
        """Do the same if nobody has to wait for a disk; BlockingIOError if somebody does.

        None, the default, if the storage does not know.
        """
        return None

    def write(self, offset: int, buffers: Sequence[Buffer]) -> int:
        """Write all of `buffers`, one behind the other, and return how many bytes that was.

        The buffers are the server's: what is to be kept has to be copied.
        """
        raise self._unsupported("writing")

    def truncate(self, size: int) -> None:
        """Make the file `size` bytes long; new bytes read as zero."""
        raise self._unsupported("writing")

    def allocate(self, size: int) -> None:
        """Make sure that `size` bytes fit ([MS-FSCC] 2.4.4): a longer file is cut to `size`.

        Growth for which the disk has no room raises `OSError` (ENOSPC); the default does not know.
        """
        if size < self.stat().size:
            self.truncate(size)

    def copy_from(self, source: "StorageFile", source_offset: int, offset: int, length: int) -> int:
        """Copy bytes of another file, or from elsewhere in this one; return how many.

        Fewer than `length` if the source ends. The disk does it by itself where it can.
        """
        length = max(min(length, source.stat().size - source_offset), 0)
        steps = range(0, length, _PIECE)
        if source.key == self.key and source_offset < offset:
            # If the ranges overlap, from the end on, so that no part is written before it is read.
            steps = steps[::-1]
        for step in steps:
            data = source.read(source_offset + step, min(_PIECE, length - step))
            self.write(offset + step, [data])
        return length

    def zero(self, offset: int, length: int) -> None:
        """Make bytes read as zero, as far as the file has them, and free their blocks."""
        end = min(offset + length, self.stat().size)
        for start in range(offset, end, _PIECE):
            self.write(start, [bytes(min(_PIECE, end - start))])

    def allocated_ranges(self, offset: int, length: int) -> Iterator[tuple[int, int]]:
        """Yield where in a range there may be something but zeros: offsets and lengths, in order.

        That is everything by default.
        """
        length = min(length, self.stat().size - offset)
        if length > 0:
            yield offset, length

    def flush(self) -> None:
        """Return once the content, and the name if this open made it, would survive a crash."""

    def overwrite(self, attributes: int, *, supersede: bool) -> None:
        """Empty the file for `Storage.open`, and replace its attributes by `attributes`.

        Named streams and extended attributes go, too. With `supersede` it is a new file in all but
        its `key`, and so has a new creation time where that is kept.
        """
        self.truncate(0)
        kept = self.extended_attributes()
        if kept:
            self.set_extended_attributes([(name, b"") for name, _ in kept])
        self.set_attributes(attributes)

    # Names.

    def rename(self, new_name: str, *, replace: bool) -> None:
        """Move to `new_name`, a whole name from the share's root on.

        FileExistsError if it is taken and `replace` is false; PermissionError if it is taken and
        either side is a folder, or for the root; PathNotFound, NameInvalid. Changing nothing but
        the case of a name is no clash. FileNotFoundError if the file no longer has its name.
        """
        raise self._unsupported("renaming")

    def link(self, new_name: str, *, replace: bool) -> None:
        """Give the file a second name; errors as for `rename`, PermissionError for folders.

        Only called where HARD_LINKS is a capability.
        """
        raise self._unsupported("further names")

    def delete(self) -> None:
        """Remove the name; the open goes on working.

        `OSError` (ENOTEMPTY) for a folder with anything in it, PermissionError for the root,
        FileNotFoundError if the file no longer has its name (a file that has since taken the name
        is left alone).
        """
        raise self._unsupported("deleting")

    def check_deletion(self) -> None:
        """Raise what `delete` would raise because of rights and of a read-only disk.

        `OSError` (EROFS), PermissionError. `delete` may still fail for what changes until then.
        """

    def become_link(self, target: str) -> None:
        """Put a symbolic link in the place of this file, which goes on as one without a name.

        `target` is relative to the file's folder. PermissionError for one that leads out of the
        share, and for a file with content; `OSError` with ENOTEMPTY for a folder with anything in
        it; NameInvalid; FileNotFoundError as `delete`. Only called where SYMBOLIC_LINKS is a
        capability.
        """
        raise self._unsupported("symbolic links")

    # The entries of a folder.

    def scan(self) -> Iterator[FileStat]:
        """Yield the entries of a folder, without ``.`` and ``..``, as they are asked for.

        What comes or goes meanwhile may be in it or not. NotADirectoryError for a file.
        """
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), self.name)

    def is_empty(self) -> bool:
        """Return whether a folder could be deleted: entries that `scan` leaves out count too."""
        return next(iter(self.scan()), None) is None

    # Metadata.

    def extended_attributes(self) -> list[tuple[str, bytes]]:
        """Return the attributes of clients, by name: not what a server keeps for itself."""
        return []

    def set_extended_attributes(self, changes: Sequence[tuple[str, bytes]]) -> None:
        """Set the attributes that are given, all or none of them; an empty value removes one.

        Names differ by more than case. NameInvalid; PermissionError for a name that a server
        keeps for itself; `OSError` with ENOTSUP, or with ENOSPC where there is no room.
        """
        raise self._unsupported("extended attributes")

    def security(self) -> bytes | None:
        """Return what `set_security` has stored last, or None."""
        return None

    def set_security(self, descriptor: bytes) -> None:
        """Store a security descriptor, which means nothing here. `OSError` as above."""
        raise self._unsupported("security descriptors")

    def streams(self) -> list[Stream]:
        """Return the named streams, in the order of their names."""
        return []

    def open_stream(
        self,
        name: str,
        disposition: Disposition = Disposition.OPEN,
        *,
        admit: "Callable[[StorageFile], None] | None" = None,
    ) -> "tuple[StorageFile, Action]":
        """Open or make a named stream of this file; what is opened closes this file with it.

        `name` is without type. `admit` is as for `Storage.open`. Raises FileNotFoundError,
        FileExistsError, and NameInvalid, also where there is no room for streams.
        """
        try:
            stream = self.lookup_stream(name)
        except FileNotFoundError:
            if disposition in NEVER_CREATING:
                raise
            return self.create_stream(name), Action.CREATED
        try:
            if disposition is Disposition.CREATE:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
            if admit is not None:
                admit(stream)
            if disposition in OVERWRITING:
                stream.truncate(0)
        except BaseException:
            stream.close()
            raise
        return stream, OVERWRITING.get(disposition, Action.OPENED)

    def lookup_stream(self, name: str) -> "StorageFile":
        """Open a named stream, in any case of its name (see `StreamFile`); FileNotFoundError."""
        raise NameInvalid("files have no named streams here", name)

    def create_stream(self, name: str) -> "StorageFile":
        """Make a named stream and open it. NameInvalid, `OSError` (EROFS, ENOSPC)."""
        raise NameInvalid("files have no named streams here", name)

    def close(self) -> None:
        """Close the file. Closing twice is fine."""

    def _unsupported(self, what: str) -> OSError:
        return OSError(errno.ENOTSUP, f"this storage does not support {what}", self.name)
