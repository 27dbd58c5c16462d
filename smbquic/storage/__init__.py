"""Storages, which hold the files of shares: the `Storage` base class and its implementations.

`base` and `file` hold the contract, `local` serves a folder of this machine's disk, `memory` keeps
files in this process; `open_storage` opens one by its location. Everything here speaks in names,
offsets and bytes and raises `OSError`; what becomes of an error on the wire is not known here.
"""

from typing import TYPE_CHECKING

from smbquic.lazy import lazy_names

if TYPE_CHECKING:
    from smbquic.storage.base import Storage
    from smbquic.storage.errors import (
        NameInvalid,
        NotReady,
        PathNotFound,
        RootGone,
        StoppedOnSymlink,
    )
    from smbquic.storage.file import StorageFile
    from smbquic.storage.names import fold, join, parent_of, split
    from smbquic.storage.policy import OpenPolicy
    from smbquic.storage.registry import Factory, open_storage, resolve_location, schemes
    from smbquic.storage.stream import StreamFile
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
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "smbquic.storage.base": ("Storage",),
            "smbquic.storage.errors": (
                "NameInvalid",
                "PathNotFound",
                "RootGone",
                "NotReady",
                "StoppedOnSymlink",
            ),
            "smbquic.storage.file": ("StorageFile",),
            "smbquic.storage.names": (
                "fold",
                "join",
                "parent_of",
                "split",
            ),
            "smbquic.storage.policy": ("OpenPolicy",),
            "smbquic.storage.registry": (
                "Factory",
                "open_storage",
                "resolve_location",
                "schemes",
            ),
            "smbquic.storage.stream": ("StreamFile",),
            "smbquic.storage.types": (
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
                "Disposition",
                "FileStat",
                "Stream",
                "VolumeStat",
            ),
            "smbquic.storage.watch": (
                "Change",
                "ChangeKind",
                "ChangeSource",
            ),
        },
    )

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
    "Factory",
    "FileStat",
    "NameInvalid",
    "NotReady",
    "OpenPolicy",
    "PathNotFound",
    "RootGone",
    "StoppedOnSymlink",
    "Storage",
    "StorageFile",
    "Stream",
    "StreamFile",
    "VolumeStat",
    "fold",
    "join",
    "open_storage",
    "parent_of",
    "resolve_location",
    "schemes",
    "split",
]
