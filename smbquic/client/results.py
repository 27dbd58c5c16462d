"""Reports of copies of files and trees, meanwhile and at the end."""

from collections.abc import Callable
from dataclasses import field
from typing import Literal

from smbquic.lazy_dataclass import dataclass

Progress = Callable[[int, int], None]
"""Called with the bytes done and the bytes there are, each time a chunk is done."""

TreeReport = Callable[["TreeEvent"], None]
"""Called with each file or folder that something became of."""

TreeProgress = Callable[["TreeResult"], None]
"""Called with the state of things each time that it has changed."""


@dataclass(slots=True)
class TreeResult:
    """The state of a copy of a tree, at its end or so far.

    `total_files` and `total_bytes` grow while folders are still being listed. `skipped` are
    links, devices and the like, each with what it is; `failures` what could not be copied, with
    the reason.
    """

    files: int = 0
    bytes: int = 0
    folders: int = 0
    total_files: int = 0
    total_bytes: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    failures: list[tuple[str, Exception]] = field(default_factory=list)


Action = Literal["copied", "deleted", "moved", "made", "removed", "skipped", "failed", "differs"]
"""The outcome for a file or folder: `made` and `removed` are folders, `moved` into the backup."""


@dataclass(frozen=True, slots=True)
class TreeEvent:
    """An action on a file or folder, by its path below both trees. `reason` says why."""

    action: Action
    path: str
    size: int = 0
    reason: str = ""


@dataclass(slots=True)
class SyncResult(TreeResult):
    """The state of a copy that compares first; in a dry run, of what it would do.

    `files` and `bytes` were copied, `unchanged` files were the same on both sides. `deleted` files
    and `removed` folders were only at the target.
    """

    unchanged: int = 0
    deleted: int = 0
    removed: int = 0


@dataclass(slots=True)
class CheckResult:
    """How two trees compare. A path is in one of the lists, or its file is the same in both."""

    same: int = 0
    differ: list[tuple[str, str]] = field(default_factory=list)
    missing_on_source: list[str] = field(default_factory=list)
    missing_on_target: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    failures: list[tuple[str, Exception]] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether the trees have the same files."""
        return not (
            self.differ or self.missing_on_source or self.missing_on_target or self.failures
        )


@dataclass(slots=True)
class Usage:
    """Totals of a folder, itself not counted. `allocated` is what it takes on the disk."""

    files: int = 0
    folders: int = 0
    bytes: int = 0
    allocated: int = 0
