"""Names on their way to the server, and names that a server sent.

A path in this API is separated by ``/`` (``\\`` is taken as well) and relative to the share.
What a server lists is data from a stranger: before any of it becomes part of a local path it goes
through `check_listed`, so that no name leads out of the folder that the caller chose.
"""

import os

from smbquic.errors import LocalProtocolError, SecurityError


class PathError(LocalProtocolError, ValueError):
    """A path that cannot name anything inside a share."""


def split_path(path: str) -> list[str]:
    r"""The components of a path in a share; ``.`` and empty ones vanish, ``..`` goes up.

    `PathError` when it leads out of the share or holds a NUL.
    """
    parts: list[str] = []
    if "\0" in path:
        raise PathError(f"{path!r} holds a NUL character")
    for part in path.replace("\\", "/").split("/"):
        if part in ("", "."):
            continue
        if part == "..":
            if not parts:
                raise PathError(f"{path!r} leads out of the share")
            parts.pop()
        else:
            parts.append(part)
    return parts


def to_wire(path: str) -> str:
    r"""The path as CREATE wants it: ``a\b``, no leading separator, "" for the share's root."""
    return "\\".join(split_path(path))


def join(folder: str, name: str) -> str:
    """The path of `name` in `folder`, in the API's ``/`` form."""
    return f"{folder}/{name}" if folder else name


def parent(path: str) -> str:
    """The folder that the path's last component is in; "" for one in the share's root."""
    return "/".join(split_path(path)[:-1])


def check_listed(name: str) -> str:
    """The name, if a server may list it; `SecurityError` for one that could lead elsewhere."""
    forbidden = "/\\\0:" if os.name == "nt" else "/\\\0"
    if name in ("", ".", "..") or any(character in name for character in forbidden):
        raise SecurityError(f"the server lists the name {name!r}, which no file can have")
    return name
