"""The contract of a source of changes that others make in a share: programs on its machine.

A source is given the folders to watch and returns what has happened in them, in order. It reports
everything that happens to the files, also through this very server: whoever makes changes of
his own has to know them again.
"""

from collections.abc import Iterator
from enum import Enum, auto
from typing import Protocol

from smbquic.lazy_dataclass import dataclass


class ChangeKind(Enum):
    """Kinds of changes to a file or folder."""

    ADDED = auto()
    REMOVED = auto()
    RENAMED = auto()
    """Within its folder; a file that is moved elsewhere is REMOVED and ADDED."""
    CONTENT = auto()
    METADATA = auto()
    """Times, attributes, permissions, extended attributes: nobody says which."""
    MOVED = auto()
    """A folder whose place is another now. Changes of its names are reported besides."""
    LOST = auto()
    """More happened than could be kept: whoever needs to know has to list the folder."""


@dataclass(slots=True, frozen=True)
class Change:
    r"""One change. Names are those of the storage, ``a\b``, from the share's root on.

    `old_name` is for RENAMED and MOVED; LOST has no name.
    """

    kind: ChangeKind
    name: str = ""
    is_directory: bool = False
    old_name: str = ""


class ChangeSource(Protocol):
    """A source of changes in the folders of one storage.

    Its methods are for one thread, and return soon. What takes longer is done by the iterators that
    some of them return, a little in every step; they may be exhausted on another thread. In a
    folder on which a step is still to be taken, changes go unnoticed.
    """

    @property
    def behind(self) -> bool:
        """Whether the last `read` has left something for the next one."""

    @property
    def incomplete(self) -> bool:
        """Whether `read` keeps half of a move, which a further one will complete or give up."""

    def fileno(self) -> int:
        """Return a descriptor that is readable as soon as there is something to `read`."""

    def cover(self, folder: str, *, recursive: bool) -> Iterator[None]:
        """Report changes in `folder` from now on, and with `recursive` in all below it.

        The steps take in the folders below. What cannot be watched, because of rights or of limits,
        is left out.
        """

    def uncover(self, folder: str, *, recursive: bool) -> Iterator[None]:
        """End one `cover`. The steps give up what nobody else has covered."""

    def moved(self, old_name: str, new_name: str) -> None:
        """Record that a folder has another name now."""

    def read(self, *, final: bool = False) -> list[Change]:
        """Return what has happened since the last call, or the first part of it; never waits.

        With `final`, and nothing left, half a move is no longer kept for the other half.
        """

    def follow(self) -> Iterator[None]:
        """Take in what is below the folders that have come by a move, as `read` has found."""

    def close(self) -> None:
        """Stop reporting changes."""
