"""Symbolic links that stay within their share, for shares that show them.

A link is shown by what it says; nothing here ever follows one. What a link says is a name relative
to the folder that it is in. One that starts at the disk's root, or that leads out of the share by
its ``..``, is not there for a client: not even what it says.
"""

import errno
import os
from dataclasses import replace
from typing import Final

from smbquic.storage.errors import NameInvalid
from smbquic.storage.local.descriptor import open_directory
from smbquic.storage.names import SEPARATOR, from_disk, to_disk
from smbquic.storage.types import NORMAL, REPARSE_POINT, FileStat

_RELATIVE: Final = frozenset((".", ".."))
_MAX_BYTES: Final = 4095
"""The longest target that a disk keeps."""
_MOST_ENTRIES: Final = 10_000
"""How many entries are checked below a folder that is moved upwards."""


def read(directory: int, raw: bytes, depth: int) -> str | None:
    """Return the target of the link `raw` in a folder, as clients spell it; None if it leads out.

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
    """Return the text of a link on the disk that leads to `target`; the opposite of `read`.

    PermissionError for one that leads out of the share; NameInvalid.
    """
    components = target.split(SEPARATOR)
    check(target, depth)
    raw = b"/".join(part.encode() if part in _RELATIVE else to_disk(part) for part in components)
    if len(raw) > _MAX_BYTES:
        raise NameInvalid("a target that is too long", target)
    return raw


def check(target: str, depth: int) -> None:
    """Raise PermissionError for a link, in a folder of this depth, that leads out of the share.

    That may be by way of other links: where one stands before a ``..``, that is about the folder
    which it leads to. So all of them have to come first.
    """
    components = target.split(SEPARATOR)
    names = [part for part in components if part != "."]
    climbs = names.count("..")
    if climbs > depth or ".." in names[climbs:]:
        raise PermissionError(errno.EACCES, "this leads out of the share", target)


def check_below(folder: int, depth: int) -> None:
    """Do the same for all links below a folder that is to have this depth.

    PermissionError also where there are too many entries to check while others wait, or a folder
    cannot be listed.
    """
    _check_entries(folder, b".", depth, _MOST_ENTRIES)


def _check_entries(above: int, raw: bytes, depth: int, most: int) -> int:
    """Check the links in and below a folder of `above`; return how many of `most` entries are left.

    Each folder is opened from the one above it, so that none is replaced by a link meanwhile.
    """
    folder = open_directory(raw, above)
    try:
        below = []
        with os.scandir(folder) as entries:
            for entry in entries:
                most -= 1
                if most < 0:
                    raise PermissionError(
                        errno.EACCES,
                        "it has too many entries to check for links that lead out of the share",
                    )
                if entry.is_symlink():
                    check(os.readlink(entry.name, dir_fd=folder).replace("/", SEPARATOR), depth)
                elif entry.is_dir(follow_symlinks=False):
                    below.append(os.fsencode(entry.name))
        # When the listing is closed, as it has a descriptor of its own.
        for each in below:
            most = _check_entries(folder, each, depth + 1, most)
    finally:
        os.close(folder)
    return most


def shown(found: FileStat, target: str) -> FileStat:
    """Return the properties of a link for clients, from those that it has on the disk."""
    attributes = found.attributes & ~NORMAL | REPARSE_POINT
    return replace(found, size=0, allocation_size=0, attributes=attributes, link=target)


def _stays(components: list[str], depth: int) -> bool:
    """Return whether a name never leads above the root of the share."""
    for component in components:
        if component == "..":
            depth -= 1
        elif component != ".":
            depth += 1
        if depth < 0:
            return False
    return True
