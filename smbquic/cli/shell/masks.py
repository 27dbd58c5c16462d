"""Masks: names with the wildcards of DOS, ``*`` and ``?``, as smbclient takes them."""

import re
from collections.abc import Callable
from fnmatch import translate

from smbquic.cli.output import shown
from smbquic.client.names import join
from smbquic.client.share import Share
from smbquic.client.stat import Stat
from smbquic.errors import NotFoundError
from smbquic.ntstatus import NtStatus
from smbquic.storage.names import escape, fold
from smbquic.storage.partial import is_unfinished

EVERYTHING = ("*", "*.*")
"""Masks that match every name; in the second one the point is a remnant of DOS."""

_WILDCARDS = re.compile(r"([*?]+)")


def has_wildcard(text: str) -> bool:
    """Return whether a text is a mask, and not a name."""
    return "*" in text or "?" in text


def matcher(mask: str) -> Callable[[str], bool]:
    """Return a function that says whether a name of the share matches. Case is ignored."""
    if mask in EVERYTHING:
        return lambda name: True
    # Brackets are ordinary characters, other than for fnmatch.
    expression = re.compile(translate(fold(mask).replace("[", "[[]")))
    return lambda name: expression.match(fold(shown(name))) is not None


def on_server(mask: str) -> str:
    """Return a pattern for the server, which lists at least what matches a mask.

    Servers count characters otherwise, so that every wildcard becomes ``*``.
    """
    if mask in EVERYTHING or mask.endswith((".", " ")):
        return "*"
    parts = _WILDCARDS.split(mask)
    return "".join("*" if has_wildcard(part) else _escaped(part) for part in parts)


def _escaped(part: str) -> str:
    """Return a part of a name as it is on the wire; its last character need not be the name's."""
    return escape(f"{part}x")[:-1]


async def find(share: Share, folder: str, mask: str) -> list[tuple[str, Stat]]:
    """Return what is in a folder and matches, with its path, sorted by name.

    A name without wildcards is only looked up. The temporary files of transfers are left out.
    Raises `NotFoundError` if nothing matches.
    """
    if not has_wildcard(mask):
        path = join(folder, mask)
        return [(path, await share.stat(path))]
    match = matcher(mask)
    # What the server finds is checked: by its short names, Windows finds more than asked for.
    found = [
        (join(folder, entry.name), entry)
        async for entry in share.scandir(folder, on_server(mask))
        if match(entry.name) and not is_unfinished(entry.name)
    ]
    if not found and mask not in EVERYTHING:
        raise NotFoundError(NtStatus.NO_SUCH_FILE, "QUERY_DIRECTORY", join(folder, mask))
    return sorted(found, key=lambda pair: fold(pair[1].name))
