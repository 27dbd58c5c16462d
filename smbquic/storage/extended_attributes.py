"""Names of extended attributes, and their size as clients count it."""

import re
from collections.abc import Sequence
from typing import Final

from smbquic.storage.errors import NameInvalid

MAX_NAME: Final = 254
"""Characters of a name."""

_INVALID: Final = re.compile(r'[\x00-\x1f"*+,/:;<=>?\[\\\]|\x7f-\U0010ffff]')
_HEADER: Final = 4
_ENTRY: Final = 5


def is_name(name: str) -> bool:
    """Return whether clients could spell the name: ASCII without controls and a few signs."""
    return 0 < len(name) <= MAX_NAME and not _INVALID.search(name)


def check_name(name: str) -> None:
    """Raise NameInvalid for what no extended attribute can be called."""
    if not 0 < len(name) <= MAX_NAME:
        raise NameInvalid("an extended attribute's name of that length", name)
    if _INVALID.search(name):
        raise NameInvalid("a character that no extended attribute may have in its name", name)


def size(attributes: Sequence[tuple[str, bytes]]) -> int:
    """Return what clients call the size of them all: as OS/2 would pack them, 0 for none."""
    if not attributes:
        return 0
    return _HEADER + sum(_ENTRY + len(name) + len(value) for name, value in attributes)
