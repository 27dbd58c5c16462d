"""Names on their way to the server, and names that a server sent.

A path in this API is separated by ``/`` (``\\`` is taken as well) and relative to the share.
What a server lists is untrusted data: before any of it becomes part of a local path it goes
through `check_listed`, so that no name leads out of the folder that the caller chose.
"""

import os
import sys

from smbquic.errors import NameCollisionError, PathError, SecurityError
from smbquic.storage.names import escape, fold, unescape


def split_path(path: str) -> list[str]:
    r"""Return the components of a path in a share, with ``.`` and ``..`` resolved.

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
    r"""Return a path as CREATE needs it: ``a\b``, relative, "" for the share's root."""
    return "\\".join(split_path(path))


def join(folder: str, name: str) -> str:
    """Return the path of `name` in `folder`, in the API's ``/`` form."""
    return f"{folder}/{name}" if folder else name


def parent(path: str) -> str:
    """Return the folder of the path's last component; "" for one in the share's root."""
    return "/".join(split_path(path)[:-1])


def check_listed(name: str) -> str:
    """Return a name that a server may list; `SecurityError` for one that leads elsewhere."""
    forbidden = "/\\\0:" if os.name == "nt" else "/\\\0"
    if name in ("", ".", "..") or any(character in name for character in forbidden):
        raise SecurityError(f"the server lists the name {name!r}, which no file can have")
    return name


def from_local(name: str) -> str:
    """Return the name that a file or folder of this machine gets on a share.

    What no name may hold there is replaced as in docs/reference/names.md.
    """
    return name if sys.platform == "win32" or name in (".", "..") else escape(name)


def to_local(name: str) -> str:
    """Return the local name of a listed file or folder: the reverse of `from_local`.

    `SecurityError` for one that would lead out of its folder.
    """
    local = check_listed(name) if sys.platform == "win32" else unescape(check_listed(name))
    if local in (".", ".."):
        raise SecurityError(f"the server lists the name {name!r}, which stands for {local!r}")
    return local


class TargetNames:
    """The names in a folder of a share that one transfer has written to, none of them twice.

    Servers ignore the case of names: the second of two such files would replace the first.
    """

    def __init__(self) -> None:
        self._sources: dict[str, str] = {}

    def claim(self, name: str, source: str) -> None:
        """Take a name, or a path, for the copy of `source`. Raises `NameCollisionError`."""
        other = self._sources.setdefault(fold(name), source)
        if other is not source:
            raise NameCollisionError(
                f"left out, its name {unescape(name)!r} is taken by {other}, as servers ignore"
                " the case of names; rename one of the two"
            )
