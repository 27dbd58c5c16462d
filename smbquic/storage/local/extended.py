"""The extended attributes of clients, each in one of the disk's of the same name.

Samba does the same (``ea support``), so that a folder can move between the two. Clients find their
attributes in any case and see neither what a server keeps for itself nor names that they could
not spell: ASCII without controls and a few signs.
"""

from collections.abc import Sequence
from typing import Final

from smbquic.storage import extended_attributes
from smbquic.storage.errors import NameInvalid
from smbquic.storage.local import xattrs

MAX_NAME: Final = min(extended_attributes.MAX_NAME, xattrs.MAX_NAME - len(xattrs.PREFIX))
"""Characters of a name."""


def read_all(file: int) -> list[tuple[str, bytes]]:
    """Return all names and values."""
    found = []
    for name in _names(file):
        value = xattrs.get(file, xattrs.PREFIX + name)
        # An empty value is no attribute for a client, and what was removed since is none either.
        if value:
            found.append((name, value))
    return found


def write_all(file: int, changes: Sequence[tuple[str, bytes]]) -> None:
    """Set what is given, or nothing; an empty value removes.

    Raises NameInvalid, PermissionError and `OSError` as `StorageFile.set_extended_attributes`.
    """
    existing = {name.lower(): name for name in _names(file)}
    before: list[tuple[str, bytes | None]] = []
    wanted = []
    for name, value in changes:
        _check(name)
        wanted.append((xattrs.PREFIX + existing.setdefault(name.lower(), name), value))
    try:
        for full_name, value in wanted:
            before.append((full_name, xattrs.get(file, full_name)))
            _write(file, full_name, value)
    except OSError:
        for full_name, old in reversed(before):
            _write(file, full_name, old)
        raise


def remove_all(file: int, names: Sequence[str]) -> None:
    """Remove those of the disk's attributes `names` that are clients'."""
    for name in names:
        if _is_visible(name):
            xattrs.remove(file, name)


def _names(file: int) -> list[str]:
    prefix = len(xattrs.PREFIX)
    return sorted(name[prefix:] for name in xattrs.names(file) if _is_visible(name))


def _is_visible(full_name: str) -> bool:
    return (
        full_name.startswith(xattrs.PREFIX)
        and not xattrs.is_own(full_name)
        and extended_attributes.is_name(full_name[len(xattrs.PREFIX) :])
    )


def _check(name: str) -> None:
    extended_attributes.check_name(name)
    if len(name) > MAX_NAME:
        raise NameInvalid("an extended attribute's name of that length", name)
    if xattrs.is_own(xattrs.PREFIX + name):
        raise PermissionError(1, "the server keeps that attribute for itself", name)


def _write(file: int, full_name: str, value: bytes | None) -> None:
    if value:
        xattrs.put(file, full_name, value)
    else:
        xattrs.remove(file, full_name)
