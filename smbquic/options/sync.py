"""The options of copies of trees that compare first: which files differ, and what is deleted."""

from typing import Annotated

from smbquic.lazy_dataclass import dataclass
from smbquic.options.kinds import Duration
from smbquic.options.model import Option, Options
from smbquic.options.transfer import TransferOptions

MODIFY_WINDOW = 1e-7
"""Seconds; what SMB's times can tell apart."""


@dataclass(frozen=True, kw_only=True)
class ComparisonOptions(Options):
    """When two files are the same: by default, if their sizes and modification times are."""

    modify_window: Annotated[
        float,
        Option(
            "Modification times that differ by no more are the same, as 2s.",
            kind=Duration(),
            metavar="DURATION",
            default="100ns",
            flag="--modify-window",
            key=None,
        ),
    ] = MODIFY_WINDOW
    size_only: Annotated[bool, Option("Compare only the sizes.", flag="--size-only", key=None)] = (
        False
    )
    checksum: Annotated[
        bool,
        Option(
            "Compare sizes and contents instead of times: both files are read, and that on a share"
            " comes over the network.",
            flag="--checksum",
            key=None,
        ),
    ] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size_only and self.checksum:
            raise ValueError("size_only and checksum exclude each other")


@dataclass(frozen=True, kw_only=True)
class CopyTreeOptions(TransferOptions, ComparisonOptions):
    """Options for copies of trees: those for copies, and for the files that are replaced."""

    dry_run: Annotated[
        bool,
        Option("Show what would be done, and do nothing.", flag="--dry-run", key=None),
    ] = False
    backup_dir: Annotated[
        str | None,
        Option(
            "Move files that are replaced or deleted into this folder, as path of the target's"
            " share or machine.",
            metavar="FOLDER",
            flag="--backup-dir",
            key=None,
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class SyncOptions(CopyTreeOptions):
    """Options for syncs: those for copies of trees, and for files that only the target has."""

    max_delete: Annotated[
        int | None,
        Option(
            "Delete nothing if more files than this would be deleted.",
            unit="files",
            flag="--max-delete",
            key=None,
        ),
    ] = None
    delete_during: Annotated[
        bool,
        Option(
            "Delete while other files are still copied; by default after all were copied without an"
            " error.",
            flag="--delete-during/--delete-after",
            key=None,
        ),
    ] = False


SYNC_DEFAULTS = SyncOptions()
