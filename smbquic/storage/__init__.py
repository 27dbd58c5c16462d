"""What a share stands on: the `Storage` contract, and its implementations.

`base` holds the contract, `local` serves a folder of this machine's disk. Everything here speaks
in names, offsets and bytes and raises `OSError`; what becomes of an error on the wire is not
known here.
"""

from smbquic.storage.base import Storage
from smbquic.storage.errors import (
    NameInvalid,
    PathNotFound,
    RootGone,
    ScanRequired,
    StoppedOnSymlink,
)
from smbquic.storage.file import StorageFile
from smbquic.storage.types import (
    ARCHIVE,
    DIRECTORY,
    HIDDEN,
    KEPT,
    NORMAL,
    NOT_CONTENT_INDEXED,
    OFFLINE,
    READONLY,
    REPARSE_POINT,
    SETTABLE,
    SPARSE,
    SYSTEM,
    TEMPORARY,
    Action,
    Buffer,
    Capability,
    Disposition,
    FileStat,
    Stream,
    VolumeStat,
)
from smbquic.storage.watch import Change, ChangeKind, ChangeSource

__all__ = [
    "ARCHIVE",
    "DIRECTORY",
    "HIDDEN",
    "KEPT",
    "NORMAL",
    "NOT_CONTENT_INDEXED",
    "OFFLINE",
    "READONLY",
    "REPARSE_POINT",
    "SETTABLE",
    "SPARSE",
    "SYSTEM",
    "TEMPORARY",
    "Action",
    "Buffer",
    "Capability",
    "Change",
    "ChangeKind",
    "ChangeSource",
    "Disposition",
    "FileStat",
    "NameInvalid",
    "PathNotFound",
    "RootGone",
    "ScanRequired",
    "StoppedOnSymlink",
    "Storage",
    "StorageFile",
    "Stream",
    "VolumeStat",
]
