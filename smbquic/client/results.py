"""What copies of files and trees report, meanwhile and at the end."""

from collections.abc import Callable
from dataclasses import dataclass, field

Progress = Callable[[int, int], None]
"""Called with the bytes done and the bytes there are, each time a chunk is done."""

TreeProgress = Callable[["TreeResult"], None]
"""Called with the state of things each time that it has changed."""


@dataclass(slots=True)
class TreeResult:
    """What became of a tree, or of what of it is done so far.

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


@dataclass(slots=True)
class Usage:
    """What is in a folder, itself not counted. `allocated` is what it takes on the disk."""

    files: int = 0
    folders: int = 0
    bytes: int = 0
    allocated: int = 0
