"""Completion of a line of the shell: verbs, names on the share, names on this machine.

Nothing is completed in a command for `sh`: a name there would need other quotes. A name with
characters that are not printable is not offered.
"""

import os
from collections.abc import Iterable
from contextlib import aclosing, suppress
from itertools import islice

from smbquic.cli.remote_names import soon
from smbquic.cli.shell.grammar import QUOTE, SPECIAL, last_command
from smbquic.cli.shell.masks import has_wildcard, on_server
from smbquic.cli.shell.state import Shell
from smbquic.cli.shell.verb import Argument, ArgumentKind, VerbError
from smbquic.cli.shell.worker import Worker
from smbquic.client.names import to_local
from smbquic.errors import SmbError
from smbquic.storage.names import fold

MOST_NAMES = 10_000
"""Names of a folder that are looked through."""

_REMOTE = (ArgumentKind.REMOTE, ArgumentKind.REMOTE_FOLDER)
_FOLDERS = (ArgumentKind.REMOTE_FOLDER, ArgumentKind.LOCAL_FOLDER)

Names = list[tuple[str, bool]]
"""Names, each with whether it is a folder."""


class Completer:
    """Completes lines. Whatever fails, there are no completions."""

    def __init__(self, shell: Shell, worker: Worker) -> None:
        self._shell = shell
        self._worker = worker

    def __call__(self, line: str, part: str) -> list[str]:
        """Return what may be in the place of `part`, with which the line ends."""
        command = last_command(line)
        if command.local:
            return []
        begun = command.last or ""
        if not command.words:
            return _beginning(begun.lower(), self._shell.verbs.names())
        argument = self._argument(command.words)
        if argument is None:
            return []
        if argument.kind is ArgumentKind.VERB or argument.choices:
            return _beginning(begun, argument.choices or self._shell.verbs.names())
        if argument.kind is ArgumentKind.TEXT:
            return []
        names = self._names(argument.kind, begun)
        last = begun.replace("\\", "/").rpartition("/")[2]
        return replacements(names, last, part, quoted=command.quoted)

    def _argument(self, words: list[str]) -> Argument | None:
        with suppress(VerbError):
            return self._shell.verbs.find(words[0]).argument(len(words) - 1)
        return None

    def _names(self, kind: ArgumentKind, begun: str) -> Names:
        """Return the names that a path which has been begun may end with."""
        folder, slash, last = begun.replace("\\", "/").rpartition("/")
        if has_wildcard(last):
            return []
        found: Names | None
        try:
            if kind in _REMOTE:
                found = self._worker.run(soon(self._listed(folder + slash, last)))
            else:
                found = self._listed_here(begun, last)
        except (SmbError, OSError, ValueError):
            return []
        return [
            (name, is_folder)
            for name, is_folder in found or []
            if fold(name).startswith(fold(last))
            and name.isprintable()
            and (is_folder or kind not in _FOLDERS)
        ]

    async def _listed(self, folder: str, last: str) -> Names:
        found: Names = []
        path = self._shell.remote(folder)
        listing = self._shell.share.scandir(path, on_server(f"{last}*"))
        async with aclosing(listing) as entries:
            async for entry in entries:
                found.append((to_local(entry.name), entry.is_directory))
                if len(found) == MOST_NAMES:
                    break
        return found

    def _listed_here(self, begun: str, last: str) -> Names:
        folder = self._shell.local(begun.removesuffix(last) or ".")
        with os.scandir(folder) as entries:
            return [(entry.name, entry.is_dir()) for entry in islice(entries, MOST_NAMES)]


def _beginning(begun: str, known: Iterable[str]) -> list[str]:
    return [f"{name} " for name in sorted(known) if name.startswith(begun)]


def replacements(names: Names, last: str, part: str, *, quoted: bool) -> list[str]:
    """Return names as they have to be typed, in the place of `part`.

    `last` is the name so far, of which `part` is the end as it was typed, as spaces are parts of a
    name. `quoted` says that a quotation mark is open at the end.
    """
    marks = part.replace(2 * QUOTE, "").count(QUOTE)
    if marks % 2 and not quoted:
        return []  # it ends quotes that were opened before it
    # What the part covers of the name: two quotation marks are one character, others are none.
    covered = len(part.replace(2 * QUOTE, "x").replace(QUOTE, ""))
    rests = [(name[max(len(last) - covered, 0) :], is_folder) for name, is_folder in names]
    opened_before = quoted and not marks % 2
    # All of them have quotes if one needs them: so what they have in common has them, too.
    needed = quoted or any(SPECIAL & set(rest) for rest, _ in rests)
    opening = QUOTE if needed and not opened_before else ""
    found = []
    for rest, is_folder in sorted(rests):
        text = rest.replace(QUOTE, 2 * QUOTE) if needed else rest
        # A folder leaves the quotation mark open, for the names below it.
        found.append(f"{opening}{text}/" if is_folder else f"{opening}{text}{QUOTE * needed} ")
    return found
