"""On whose behalf a file is opened, and who decides whether that may be."""

from collections.abc import Callable
from dataclasses import dataclass

from smbquic.storage.file import StorageFile


def _allow(_: object) -> None:
    """Nobody objects."""


@dataclass(frozen=True, slots=True)
class OpenPolicy:
    """What `Storage.open` is told by the server about who opens.

    `account` (32 bits, 0 for none) is kept with what is made. `admit` is called with a file that
    existed already before anything about it is changed; if it raises, nothing is, the file is
    closed and the exception goes on to the caller. `permit` is called with the name of the folder
    before something is made there, and stops it by raising.
    """

    account: int = 0
    admit: Callable[[StorageFile], None] = _allow
    permit: Callable[[str], None] = _allow
