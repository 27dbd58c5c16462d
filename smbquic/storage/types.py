"""Types for the properties of files and of storages."""

from enum import Enum, Flag, auto
from typing import Final, Self

from smbquic.lazy_dataclass import dataclass

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
"""The bits that are kept with a file; the others follow from what it is and where it lies."""


class Disposition(Enum):
    """Actions of an open if the name exists and if it does not. [MS-SMB2] 2.2.13"""

    SUPERSEDE = 0
    OPEN = 1
    CREATE = 2
    OPEN_IF = 3
    OVERWRITE = 4
    OVERWRITE_IF = 5


class Action(Enum):
    """Actions that an open has taken. [MS-SMB2] 2.2.14"""

    SUPERSEDED = 0
    OPENED = 1
    CREATED = 2
    OVERWRITTEN = 3


OVERWRITING: Final = {
    Disposition.SUPERSEDE: Action.SUPERSEDED,
    Disposition.OVERWRITE: Action.OVERWRITTEN,
    Disposition.OVERWRITE_IF: Action.OVERWRITTEN,
}
"""The dispositions that empty an existing file, with the action that this is reported as."""
NEVER_CREATING: Final = (Disposition.OPEN, Disposition.OVERWRITE)
"""The dispositions that fail where the name is free."""


class Capability(Flag):
    """Capabilities of a storage beyond holding files and folders.

    Clients can query it ([MS-FSCC] 2.5.1), and the server refuses what is not there as
    [MS-FSA] says. A storage without any of them needs none of the methods that are about it.
    """

    NONE = 0
    CASE_SENSITIVE = auto()
    """Names that differ by nothing but case can exist side by side, each found by its real case."""
    STREAMS = auto()
    """Files and folders have named streams."""
    EXTENDED_ATTRIBUTES = auto()
    SECURITY_DESCRIPTORS = auto()
    SPARSE_FILES = auto()
    """Holes take no room, and `StorageFile.allocated_ranges` says where they are."""
    BLOCK_REFCOUNTING = auto()
    """`StorageFile.copy_from` can have two files share what they have in common."""
    HARD_LINKS = auto()
    """A file can have several names."""
    SYMBOLIC_LINKS = auto()
    """Symbolic links are shown, and can be made."""


@dataclass(slots=True)
class FileStat:
    """One file or folder, as it is now.

    `name` is the last component in its real case (``""`` for the root). `attributes` are
    FILE_ATTRIBUTE_ bits ([MS-FSCC] 2.6): DIRECTORY always on a folder, NORMAL if there are none.
    `file_id` distinguishes files of one share for as long as they exist; 0 if nothing does. Folders
    have size 0. `owner` and `group` are POSIX ids and `mode` POSIX permissions, where the storage
    has them; `account` is what `Storage.open` was given when the file was made, or 0. `ea_size` is
    the size of the extended attributes that clients have set; what others set shows in
    `StorageFile` only. `link` is where a symbolic link leads, relative to its folder; None for all
    else.
    """

    name: str
    is_directory: bool
    size: int = 0
    allocation_size: int = 0
    attributes: int = 0
    creation_time: int = 0
    last_access_time: int = 0
    last_write_time: int = 0
    change_time: int = 0
    file_id: int = 0
    links: int = 1
    ea_size: int = 0
    owner: int | None = None
    group: int | None = None
    mode: int = 0o777
    account: int = 0
    link: str | None = None

    @classmethod
    def of(cls, name: str, *, is_directory: bool, size: int = 0, modified: int = 0) -> Self:
        """Describe a file or folder of which nothing else is known; `modified` is in ns."""
        return cls(
            name,
            is_directory,
            size,
            size,
            DIRECTORY if is_directory else NORMAL,
            modified,
            modified,
            modified,
            modified,
        )


@dataclass(slots=True, frozen=True)
class Stream:
    """A named stream of a file: its name without type, and its size in bytes."""

    name: str
    size: int


@dataclass(slots=True)
class VolumeStat:
    """The disk under a share.

    `available_bytes` is what the serving user may still fill, `name_max` the longest component in
    UTF-16 units, `created` nanoseconds since 1970. Clients take other values of `file_system` than
    NTFS for a reason to do without attributes and long names.
    """

    total_bytes: int = 0
    available_bytes: int = 0
    free_bytes: int = 0
    block_size: int = 4096
    name_max: int = 255
    label: str = ""
    serial: int = 0
    created: int = 0
    file_system: str = "NTFS"
