"""The account for which a file is opened, and the checks of the server before that."""

from collections.abc import Callable

from smbquic.lazy_dataclass import dataclass
from smbquic.storage.file import StorageFile


def _allow(_: object) -> None:
    """Allow everything."""


@dataclass(frozen=True, slots=True)
class OpenPolicy:
    """The account for which `Storage.open` opens a file, and functions that may refuse.

    `account` (32 bits, 0 for none) is kept with what is made. `admit` is called with a file that
    existed already, before anything about it is changed. If it raises, nothing is changed, the
    file is closed and the caller gets the exception. `permit` is called with the name of the folder
    before something is made there, and stops it by raising.
    """

    account: int = 0
    admit: Callable[[StorageFile], None] = _allow
    permit: Callable[[str], None] = _allow
