"""Storages by their location: a folder, or ``SCHEME:REST`` for what a scheme stands for.

Other packages add schemes by entry points of the group ``smbquic.storage``: the name is the scheme,
and the object a `Factory`.
"""

import os
import re
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Final, Protocol, cast

from smbquic.storage.base import Storage

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

GROUP: Final = "smbquic.storage"

_OWN: Final = {
    "local": "smbquic.storage.local:open_local",
    "memory": "smbquic.storage.memory:open_memory",
}
# One letter is a drive.
_LOCATION: Final = re.compile(r"([a-z][a-z0-9+.-]+):(.*)", re.DOTALL)


class Factory(Protocol):
    """A function that opens the storages of one scheme."""

    def __call__(self, rest: str, *, read_only: bool, links: bool) -> Storage:
        """Open the storage at ``SCHEME:rest``.

        With `links`, symbolic links are to be shown. Raises ValueError for what is no location, or
        cannot be done, with a sentence for the user; `OSError` for what is not there.
        """


def schemes() -> list[str]:
    """Return the schemes that locations can have, in order."""
    return sorted({*_OWN, *_entry_points().names})


def resolve_location(location: str, base: Path) -> str | Path:
    """Return what `open_storage` takes for a location that a file in the folder `base` names.

    That is ``SCHEME:REST`` as it is, or the path of a folder, from `base` on. Raises ValueError for
    what is neither.
    """
    found = _LOCATION.fullmatch(location)
    if found is not None and found[1] == "local":
        location = found[2]
    elif found is not None and _factory(found[1]) is not None:
        return location
    folder = base / location
    if not folder.is_dir():
        if found is not None and found[1] != "local":
            raise _unknown_scheme(location, found[1])
        raise ValueError(f"{folder} is not a folder; make it, or name another one")
    return folder


def open_storage(
    location: str | os.PathLike[str], *, read_only: bool = False, links: bool = False
) -> Storage:
    """Open the storage at a location; see `Factory` for what is raised.

    A text that begins with no scheme that is known is the path of a folder, as any path is.
    """
    if isinstance(location, str):
        found = _LOCATION.fullmatch(location)
        factory = None if found is None else _factory(found[1])
        if found is not None and factory is not None:
            return factory(found[2], read_only=read_only, links=links)
        if found is not None and not os.path.lexists(location):
            raise _unknown_scheme(location, found[1])
    local = cast(Factory, resolve_name(_OWN["local"]))
    return local(os.fspath(location), read_only=read_only, links=links)


def _unknown_scheme(location: str, scheme: str) -> ValueError:
    return ValueError(
        f"{location!r} is neither a folder nor a storage: {scheme!r} is none of the schemes"
        f" {', '.join(schemes())}"
    )


def _factory(scheme: str) -> Factory | None:
    own = _OWN.get(scheme)
    if own is not None:
        return cast(Factory, resolve_name(own))
    for found in _entry_points().select(name=scheme):
        return cast(Factory, found.load())
    return None


def _entry_points() -> "EntryPoints":
    # It takes longer to import than all of this package's storages together.
    from importlib.metadata import entry_points

    return entry_points(group=GROUP)
