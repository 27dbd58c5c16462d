"""The contract between a share and what it stands on.

A storage speaks in names, offsets and bytes, and raises `OSError`, told apart by class and
`errno`. Names are relative to the share's root, parted by backslashes, in the spelling that
travels on the wire (`names` tells how that differs from the disk's); ``""`` is the root.
Times are nanoseconds since 1970, sizes and offsets are bytes.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Protocol

from smbquic.storage.types import Action, Buffer, Disposition, FileStat, Stream, VolumeStat
from smbquic.storage.watch import ChangeSource


class StorageFile(Protocol):
    """One open file or folder. It goes on working when others rename or delete the file.

    `read`, `write`, `flush` and `close` may run in several threads at once: an operation that is
    under way when the file is closed ends on the file it began on, and one that begins later
    raises `OSError` (EBADF).
    """

    @property
    def name(self) -> str:
        """The name within the share, in its real case; `rename` keeps it current, also when
        it was called on another open of the same name."""

    @property
    def is_directory(self) -> bool:
        """Whether this is a folder."""

    @property
    def key(self) -> Hashable:
        """What tells this file from any other of the share; all opens of one file share it.
        A named stream has a key of its own, which `rename` changes."""

    @property
    def whole(self) -> "StorageFile":
        """The file or folder that a named stream belongs to; of all others, they themselves."""

    @property
    def stream(self) -> str:
        """The name of the stream that this is, ``""`` for a whole file or folder."""

    @property
    def parent_key(self) -> Hashable:
        """The `key` of the folder that holds it; of the root, its own."""

    def stat(self) -> FileStat:
        """What is known of the file now; raises FileNotFoundError for nothing but a lost disk."""

    def parent_stat(self) -> FileStat:
        """The same of the folder that holds it (the root is its own), as ``..`` of a listing."""

    def read(self, offset: int, length: int) -> Buffer:
        """Up to `length` bytes from `offset` on: fewer at the end of the file, none past it."""

    def read_cached(self, offset: int, length: int) -> Buffer | None:
        """The same, if nobody has to wait for a disk; raises BlockingIOError if somebody does.

        None if the storage cannot tell.
        """

    def write(self, offset: int, buffers: Sequence[Buffer]) -> int:
        """Write all of `buffers`, one behind the other, and return how many bytes that was."""

    def copy_from(self, source: "StorageFile", source_offset: int, offset: int, length: int) -> int:
        """Write what stands in another file, or elsewhere in this one; how many bytes that was.

        Fewer than `length` if the source ends. The disk does it by itself where it can.
        """

    def zero(self, offset: int, length: int) -> None:
        """Make bytes read as zero, as far as the file has them, and give back their room."""

    def allocated_ranges(self, offset: int, length: int) -> Iterator[tuple[int, int]]:
        """Where in a range there may be something but zeros: offsets and lengths, in order."""

    def truncate(self, size: int) -> None:
        """Make the file `size` bytes long; new bytes read as zero."""

    def allocate(self, size: int) -> None:
        """See to it that `size` bytes fit ([MS-FSCC] 2.4.4): a longer file is cut to `size`, and
        growth for which the disk has no room raises `OSError` (ENOSPC)."""

    def flush(self) -> None:
        """Return once the content, and the name if this open made it, would survive a crash."""

    def set_times(
        self,
        *,
        creation_time: int | None = None,
        last_access_time: int | None = None,
        last_write_time: int | None = None,
        change_time: int | None = None,
    ) -> None:
        """Set the times that are given. A storage that can't hold one of them leaves it.
        A change time that was set lasts until the next change."""

    def set_attributes(self, attributes: int) -> None:
        """Replace the `SETTABLE` bits. A storage that can't hold them leaves them."""

    def set_sparse(self, *, sparse: bool) -> None:
        """Set or clear the `SPARSE` bit. A storage that can't hold it leaves it."""

    def mark_changed(self) -> None:
        """Set the `ARCHIVE` bit, by which backups know what is new, as far as that can be."""

    def extended_attributes(self) -> list[tuple[str, bytes]]:
        """The attributes of clients, by name: not what a server keeps for itself."""

    def set_extended_attributes(self, changes: Sequence[tuple[str, bytes]]) -> None:
        """Set the attributes that are given, all or none of them; an empty value removes one.

        Names differ by more than case. NameInvalid; PermissionError for a name that a server
        keeps for itself; `OSError` with ENOTSUP, or with ENOSPC where the disk has no room.
        """

    def security(self) -> bytes | None:
        """What `set_security` has stored last, or None."""

    def set_security(self, descriptor: bytes) -> None:
        """Store a security descriptor, which means nothing here. `OSError` as above."""

    def streams(self) -> list[Stream]:
        """The named streams, in the order of their names."""

    def open_stream(
        self,
        name: str,
        disposition: Disposition = Disposition.OPEN,
        *,
        admit: "Callable[[StorageFile], None] | None" = None,
    ) -> "tuple[StorageFile, Action]":
        """Open or make a named stream of this file; what is opened takes this file over.

        `name` is without type, and found in any case. `admit` is as for `Storage.open`. Streams
        read, write and close as files do; their attributes, times and descriptor are the file's,
        and `rename` wants the name of a stream. Raises FileNotFoundError, FileExistsError, and
        NameInvalid, also where the disk has no room for streams.
        """

    def rename(self, new_name: str, *, replace: bool) -> None:
        """Move to `new_name`, a whole name from the share's root on.

        FileExistsError if it is taken and `replace` is false; PermissionError if it is taken and
        either side is a folder, or for the root; PathNotFound, NameInvalid. Changing nothing but
        the case of a name is no clash. FileNotFoundError if the file no longer has its name.
        """

    def link(self, new_name: str, *, replace: bool) -> None:
        """Give the file a second name; errors as for `rename`, PermissionError for folders."""

    def delete(self) -> None:
        """Remove the name: `OSError` (ENOTEMPTY) for a folder with anything in it,
        PermissionError for the root, FileNotFoundError if the file no longer has its name
        (a file that has since taken the name is left alone). The open goes on working."""

    def check_deletion(self) -> None:
        """Raise what `delete` would raise because of rights and of a read-only disk: `OSError`
        (EROFS), PermissionError. It may still fail for what changes until then."""

    def become_link(self, target: str) -> None:
        """Put a symbolic link in the place of this file, which goes on as one without a name.

        `target` is relative to the file's folder. PermissionError for one that leads out of the
        share, and for a file with content; `OSError` with ENOTEMPTY for a folder with anything in
        it, and with ENOTSUP where links are not shown; NameInvalid; FileNotFoundError as `delete`.
        """

    def scan(self) -> Iterator[FileStat]:
        """The entries of a folder, without ``.`` and ``..``, read from the disk as they are
        asked for. What comes or goes meanwhile may be in it or not."""

    def is_empty(self) -> bool:
        """Whether a folder could be deleted: entries that `scan` leaves out count too."""

    def close(self) -> None:
        """Let go of the file. Closing twice is fine."""


class Storage(Protocol):
    """A tree of files."""

    @property
    def read_only(self) -> bool:
        """Whether everything that would change the tree is refused with `OSError` (EROFS)."""

    def open(
        self,
        name: str,
        disposition: Disposition = Disposition.OPEN,
        *,
        directory: bool | None = None,
        write: bool = False,
        attributes: int = 0,
        account: int = 0,
        link: bool = False,
        admit: Callable[[StorageFile], None] | None = None,
        permit: Callable[[str], None] | None = None,
    ) -> tuple[StorageFile, Action]:
        """Open or make the file or folder `name`, in one atomic step as far as others can see.

        `directory` true wants a folder, false a file; none takes either and makes a file.
        `write` asks for content that can be changed. `attributes` are for what is made or
        overwritten, and `account` (32 bits, 0 for none) is kept with what is made. Overwriting
        takes named streams and extended attributes along.

        `admit` sees a file that existed already before anything about it is changed; if it
        raises, nothing is, the file is closed and the exception goes on to the caller. `permit`
        is told the name of the folder before something is made there, and stops it by raising.

        A symbolic link is never followed, but raises StoppedOnSymlink where links are shown; with
        `link` it is opened itself, if it is the last part of the name.

        Raises FileNotFoundError (the last part is missing), PathNotFound, FileExistsError,
        NotADirectoryError, IsADirectoryError, NameInvalid, PermissionError; `OSError` with EROFS
        on a read-only storage, EINVAL for a disposition that folders don't have; RootGone.
        """

    def stat(self, name: str) -> FileStat:
        """What is known of `name`, without opening it; errors as for `open`."""

    def securities(self, name: str) -> list[tuple[bytes | None, FileStat]]:
        """What `StorageFile.security` and `stat` would tell of the folder, and of those above it.

        The root comes first; errors as for `open`.
        """

    def volume(self) -> VolumeStat:
        """The disk under the share."""

    def watch(self) -> ChangeSource | None:
        """What tells of changes by others, to be closed by the caller; None if nothing does."""

    def renewed(self) -> "Storage":
        """This storage; or, where its folder was deleted, another one on what has its path now.

        Asked for when a client connects. `OSError` if there is nothing to go on with, else the
        former lets go of its folder.
        """

    def begin(self) -> Callable[[], None]:
        """Called before the first client is served: takes away what a server that was killed has
        left. What it gives is called after the last one."""

    def close(self) -> None:
        """Let go of the folder. What is open stays open."""
