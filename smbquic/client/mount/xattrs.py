"""Extended attributes of programs (``user.NAME``) and of SMB (NAME)."""

import errno

from smbquic.client.mount.errors import os_error
from smbquic.client.share import Share

PREFIX = "user."
CREATE = 1
REPLACE = 2
"""The flags of setxattr(2)."""


def attribute_name(name: str) -> str:
    """Return the name that SMB has for an attribute. Raises `OSError` for other kinds.

    The kernel asks for ``security.`` and ``system.``, and a share has no such.
    """
    if not name.startswith(PREFIX) or name == PREFIX:
        raise os_error(errno.ENOTSUP)
    return name.removeprefix(PREFIX)


async def write(share: Share, path: str, name: str, value: bytes, flags: int) -> None:
    """Set an attribute; with CREATE only a new one, with REPLACE only one that is there."""
    if flags & (CREATE | REPLACE):
        known = await _has(share, path, name)
        if known and flags & CREATE:
            raise os_error(errno.EEXIST)
        if not known and flags & REPLACE:
            raise os_error(errno.ENODATA)
    await share.setxattr(path, name, value)


async def remove(share: Share, path: str, name: str) -> None:
    """Remove an attribute that is there."""
    if not await _has(share, path, name):
        raise os_error(errno.ENODATA)
    await share.removexattr(path, name)


async def _has(share: Share, path: str, name: str) -> bool:
    return name.upper() in {each.upper() for each in await share.listxattr(path)}
