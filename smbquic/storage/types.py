"""What a storage tells of its files and of itself."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

Buffer = bytes | bytearray | memoryview

READONLY: Final = 0x0001
HIDDEN: Final = 0x0002
SYSTEM: Final = 0x0004
DIRECTORY: Final = 0x0010
ARCHIVE: Final = 0x0020
NORMAL: Final = 0x0080
TEMPORARY: Final = 0x0100
OFFLINE: Final = 0x1000
NOT_CONTENT_INDEXED: Final = 0x2000
SPARSE: Final = 0x0200
REPARSE_POINT: Final = 0x0400

SETTABLE: Final = READONLY | HIDDEN | SYSTEM | ARCHIVE | TEMPORARY | OFFLINE | NOT_CONTENT_INDEXED
"""The FILE_ATTRIBUTE_ bits that a client may set; a storage ignores all others."""

KEPT: Final = SETTABLE | SPARSE
"""The bits that are kept with a file; what it is and where it lies tells the others."""


class Disposition(Enum):
    """What to do about a name that exists, or does not. [MS-SMB2] 2.2.13 CreateDisposition."""

    SUPERSEDE = 0
    OPEN = 1
    CREATE = 2
    OPEN_IF = 3
    OVERWRITE = 4
    OVERWRITE_IF = 5


class Action(Enum):
    """What an open did. [MS-SMB2] 2.2.14 CreateAction."""

    SUPERSEDED = 0
    OPENED = 1
    CREATED = 2
    OVERWRITTEN = 3


@dataclass(slots=True)
class FileStat:
    """One file or folder, as it is now.

    `name` is the last component in its real case (``""`` for the root); `attributes` are
    FILE_ATTRIBUTE_ bits ([MS-FSCC] 2.6), NORMAL if there are none, DIRECTORY always on a folder;
    `file_id` tells files of one share apart for as long as they exist. Folders have size 0.
    `owner` and `group` are POSIX ids and `mode` POSIX permissions, where the disk has them;
    `account` is what `Storage.open` was told when the file was made, or 0. `ea_size` is the size
    of the extended attributes that clients have set; what others set shows in `StorageFile` only.
    `link` is where a symbolic link leads, relative to its folder; None for all else.
    """

    name: str
    is_directory: bool
    size: int
    allocation_size: int
    attributes: int
    creation_time: int
    last_access_time: int
    last_write_time: int
    change_time: int
    file_id: int
    links: int
    ea_size: int = 0
    owner: int | None = None
    group: int | None = None
    mode: int = 0o777
    account: int = 0
    link: str | None = None


@dataclass(slots=True, frozen=True)
class Stream:
    """A named stream of a file: its name without type, and its size in bytes."""

    name: str
    size: int


@dataclass(slots=True)
class VolumeStat:
    """The disk under a share. `available_bytes` is what the serving user may still fill,
    `name_max` the longest component in UTF-16 units, `created` nanoseconds since 1970.
    `case_sensitive` tells whether names that differ only by case can exist side by side, as on
    NTFS: each is had by its real case. `extended` tells whether it can keep named streams,
    extended attributes and descriptors, `links` whether it shows symbolic links."""

    total_bytes: int
    available_bytes: int
    free_bytes: int
    block_size: int
    name_max: int
    label: str
    serial: int
    created: int
    file_system: str
    case_sensitive: bool
    extended: bool = False
    links: bool = False
