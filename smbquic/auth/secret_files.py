"""Checks that a file with a password or a key is not open to every user of the machine."""

import os
import stat
from pathlib import Path

_EXPOSED = stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP


def exposure(path: Path, what: str) -> str | None:
    """Return what is wrong with the permissions of a file that has a secret; None if nothing is.

    Others may neither read nor change it; its group may read it. Raises `OSError`.
    """
    if os.name == "nt" or not path.stat().st_mode & _EXPOSED:
        return None
    return f"{path}: others can read or change this {what}; run: chmod 600 {path}"
