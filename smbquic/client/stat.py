"""Descriptions of shares, of their files and folders, and of the volumes of those."""

from typing import Literal

from smbquic.lazy_dataclass import dataclass
from smbquic.wire.create import CreateResponse
from smbquic.wire.dtyp.filetime import to_unix_ns
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.directory_information import DirectoryEntry


@dataclass(frozen=True, slots=True)
class Stat:
    """A file or folder as the server describes it. Times in nanoseconds since 1970, UTC.

    `file_id` is the server's number of the file, 0 if it tells none. Only a listing tells the rest:
    `reparse_tag` is the kind of a link, and `ea_size` what the extended attributes need.
    """

    name: str
    size: int
    allocation_size: int
    attributes: FileAttributes
    creation_time: int
    last_access_time: int
    last_write_time: int
    change_time: int
    file_id: int = 0
    reparse_tag: int = 0
    ea_size: int | None = None

    @property
    def is_directory(self) -> bool:
        """Whether it is a folder."""
        return bool(self.attributes & FileAttributes.DIRECTORY)

    @property
    def is_link(self) -> bool:
        """Whether it is a reparse point: a symbolic link, a mount point or the like."""
        return bool(self.attributes & FileAttributes.REPARSE_POINT)

    @classmethod
    def of(cls, name: str, what: CreateResponse | DirectoryEntry) -> "Stat":
        """Return what a CREATE response or a directory entry says."""
        more: tuple[int, ...] = ()
        if isinstance(what, DirectoryEntry):
            more = what.file_id, what.reparse_tag, what.ea_size
        elif isinstance(what, CreateResponse):
            more = (_number(what),)
        return cls(
            name,
            what.end_of_file,
            what.allocation_size,
            FileAttributes(what.file_attributes),
            to_unix_ns(what.creation_time),
            to_unix_ns(what.last_access_time),
            to_unix_ns(what.last_write_time),
            to_unix_ns(what.change_time),
            *more,
        )


def _number(opened: CreateResponse) -> int:
    """Return the number of a file that was opened, 0 if the server does not tell it."""
    if not opened.contexts:
        return 0
    # Imported here: a program that lists a folder starts earlier without it.
    from smbquic.wire.create_context import find
    from smbquic.wire.create_contexts import CREATE_QUERY_ON_DISK_ID, QueryOnDiskIdResponse

    data = find(opened.contexts, CREATE_QUERY_ON_DISK_ID)
    return 0 if data is None else QueryOnDiskIdResponse.decode(data).disk_file_id


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """A named stream of a file, which is opened as ``path:name``. Sizes in bytes."""

    name: str
    size: int
    allocation_size: int


@dataclass(frozen=True, slots=True)
class ShareEntry:
    """One share of a listing. `special` ones are for administration, such as ``IPC$``."""

    name: str
    kind: Literal["disk", "printer", "device", "pipe"]
    special: bool
    comment: str


@dataclass(frozen=True, slots=True)
class Volume:
    """The volume behind a share. Sizes in bytes.

    `available` is what this user may still write, which quotas can make less than `free`.
    """

    total: int
    available: int
    free: int
    block_size: int
    label: str
    serial: int
    file_system: str
