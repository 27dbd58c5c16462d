"""Names in the mount and on the share, and where symbolic links may lead."""

import errno
import logging
from collections.abc import Callable

from smbquic.client.mount.errors import os_error
from smbquic.client.names import from_local, join, to_local
from smbquic.errors import SecurityError

LONGEST_NAME = 255
"""UTF-16 units of a name at most. [MS-FSCC] 2.1.5.2"""

log = logging.getLogger(__name__)


def share_path(root: str, path: str) -> str:
    """Return the path on the share of a path in the mount, whose root is the folder `root`.

    Raises `OSError` for a name that is too long.
    """
    parts = [from_local(part) for part in path.split("/") if part]
    if any(len(part) > LONGEST_NAME for part in parts):
        raise os_error(errno.ENAMETOOLONG)
    return join(root, "/".join(parts)) if parts else root


def mount_name(listed: str) -> str | None:
    """Return the name in the mount of a name that the server lists; None for one without.

    No name from a server leads out of its folder, and each has bytes that a program can open.
    """
    try:
        name = to_local(listed)
        name.encode("utf-8", "surrogateescape")
    except (SecurityError, UnicodeEncodeError):
        log.debug("left out of a folder: the name %r", listed)
        return None
    return name


def stays_inside(target: str, depth: int) -> bool:
    """Return whether a symbolic link leads to a place in the mount.

    `depth` is how many folders the link is below the root of the mount. Only at its beginning may a
    target go up: after a name, which can be a link itself, ".." leads to nobody knows where.
    """
    if not target or target.startswith("/"):
        return False
    names = False
    for part in target.split("/"):
        if part == "..":
            depth -= 1
            if names or depth < 0:
                return False
        elif part not in ("", "."):
            names = True
    return True


def link_target(target: str, convert: Callable[[str], str]) -> str:
    """Return the target of a link with each of its names converted."""
    parts = target.split("/")
    return "/".join(part if part in ("", ".", "..") else convert(part) for part in parts)
