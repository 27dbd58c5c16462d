"""One open named stream of a file: the base class."""

import errno
from collections.abc import Callable, Hashable, Sequence

from smbquic.storage.file import StorageFile
from smbquic.storage.types import DIRECTORY, NORMAL, Action, Disposition, FileStat, Stream


class StreamFile(StorageFile):
    """A named stream reads, writes and closes as a file does; all else about it is its file's.

    A subclass has what is about its content, `key`, `stream`, `stat` (see `describe`), `rename`,
    which wants the name of a stream, and `delete`.
    """

    def __init__(self, file: StorageFile) -> None:
        """Belong to an open `file`, which is closed with the stream."""
        self._file = file

    @property
    def name(self) -> str:
        """The file's name within the share and the stream's, parted by a colon."""
        return f"{self._file.name}:{self.stream}"

    @property
    def is_directory(self) -> bool:
        """A stream of a folder is none."""
        return False

    @property
    def whole(self) -> StorageFile:
        """The file that the stream belongs to."""
        return self._file

    @property
    def parent_key(self) -> Hashable:
        """The key of the folder that holds the file."""
        return self._file.parent_key

    def describe(self, size: int, allocation_size: int) -> FileStat:
        """Return what is known of the file, with the stream's name and sizes."""
        stat = self._file.stat()
        stat.name = f"{stat.name}:{self.stream}"
        stat.size = size
        stat.allocation_size = allocation_size
        stat.is_directory = False
        stat.attributes = stat.attributes & ~DIRECTORY or NORMAL
        return stat

    def parent_stat(self) -> FileStat:
        """Return what is known of the folder that holds the file."""
        return self._file.parent_stat()

    def flush(self) -> None:
        """Return once the file, and the stream with it, would survive a crash."""
        self._file.flush()

    def set_times(
        self,
        *,
        creation_time: int | None = None,
        last_access_time: int | None = None,
        last_write_time: int | None = None,
        change_time: int | None = None,
    ) -> None:
        """Set times of the file."""
        self._file.set_times(
            creation_time=creation_time,
            last_access_time=last_access_time,
            last_write_time=last_write_time,
            change_time=change_time,
        )

    def set_attributes(self, attributes: int) -> None:
        """Replace the file's `SETTABLE` bits."""
        self._file.set_attributes(attributes)

    def set_sparse(self, *, sparse: bool) -> None:
        """Set or clear the file's `SPARSE` bit."""
        self._file.set_sparse(sparse=sparse)

    def mark_changed(self) -> None:
        """Set the file's `ARCHIVE` bit."""
        self._file.mark_changed()

    def extended_attributes(self) -> list[tuple[str, bytes]]:
        """Return the file's."""
        return self._file.extended_attributes()

    def set_extended_attributes(self, changes: Sequence[tuple[str, bytes]]) -> None:
        """Set some of the file's."""
        self._file.set_extended_attributes(changes)

    def security(self) -> bytes | None:
        """Return the file's descriptor."""
        return self._file.security()

    def set_security(self, descriptor: bytes) -> None:
        """Store a descriptor for the file."""
        self._file.set_security(descriptor)

    def streams(self) -> list[Stream]:
        """Return all named streams of the file."""
        return self._file.streams()

    def open_stream(
        self,
        name: str,
        disposition: Disposition = Disposition.OPEN,
        *,
        admit: Callable[[StorageFile], None] | None = None,
    ) -> tuple[StorageFile, Action]:
        """Raise `OSError` (EINVAL): a stream has no streams."""
        raise OSError(errno.EINVAL, "a stream has no streams", name)

    def link(self, new_name: str, *, replace: bool) -> None:
        """Raise PermissionError: a stream has one name."""
        raise PermissionError(errno.EPERM, "a stream has one name", self.name)

    def close(self) -> None:
        """Close the stream and the file. Closing twice is fine."""
        self._file.close()
