"""Symbolic links that stay within their share, for shares that show them.

A link is shown by what it says; nothing here ever follows one. What a link says is a name relative
to the folder that it is in. One that starts at the disk's root, or that leads out of the share by
its ``..``, is not there for a client: not even what it says.
"""

import errno
import os
from dataclasses import replace
from typing import Final

from smbquic.storage.base import NORMAL, REPARSE_POINT, FileStat, NameInvalid
from smbquic.storage.names import SEPARATOR, from_disk, to_disk

_RELATIVE: Final = frozenset((".", ".."))
_MAX_BYTES: Final = 4095
"""The longest target that a disk keeps."""


def read(directory: int, raw: bytes, depth: int) -> str | None:
    """Where the link `raw` in a folder leads, in the spelling of the wire; None if it leads out.

    `depth` is how many folders of the share the folder is below its root. `OSError` if the link
    has gone.
    """
    target = os.readlink(raw, dir_fd=directory)
    components = [
        part.decode() if part in (b".", b"..") else from_disk(part)
        for part in target.split(b"/")
        if part
    ]
    if not components or target.startswith(b"/") or not _stays(components, depth):
        return None
    return SEPARATOR.join(components)


def spell(target: str, depth: int) -> bytes:
    """What a link on the disk has to say to lead to `target`; the opposite of `read`.

    PermissionError for one that leads out of the share; NameInvalid.
    """
    components = target.split(SEPARATOR)
    if not _stays(components, depth):
        raise PermissionError(errno.EACCES, "this leads out of the share", target)
    raw = b"/".join(part.encode() if part in _RELATIVE else to_disk(part) for part in components)
    if len(raw) > _MAX_BYTES:
        raise NameInvalid("a target that is too long", target)
    return raw


def shown(stat: FileStat, target: str) -> FileStat:
    """What a client sees of a link, by what the disk tells of it."""
    attributes = stat.attributes & ~NORMAL | REPARSE_POINT
    return replace(stat, size=0, allocation_size=0, attributes=attributes, link=target)


def _stays(components: list[str], depth: int) -> bool:
    """Whether a name never climbs above the root of the share."""
    for component in components:
        if component == "..":
            depth -= 1
        elif component != ".":
            depth += 1
        if depth < 0:
            return False
    return True
