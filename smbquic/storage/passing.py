"""What files are called that are not whole yet.

Whoever copies a whole file with this package writes it under a passing name beside the real one,
and keeps it open until it takes the real one or is deleted. So a file of such a name that no
program has open will never be whole: its writer was killed, or the server that had it open.
"""

import re
import secrets
from typing import Final

PREFIX: Final = ".smbquic-"
_NAME: Final = re.compile(r"\.smbquic-[0-9a-f]{16}\.part")


def passing_name() -> str:
    """A fresh one; short, so that it fits beside any name."""
    return f"{PREFIX}{secrets.token_hex(8)}.part"


def is_passing(component: str) -> bool:
    """Whether the last component of a name is one."""
    return _NAME.fullmatch(component) is not None
