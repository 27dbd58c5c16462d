"""Files and folders whose paths match a pattern, as of pathlib's `glob`."""

import re
from collections.abc import AsyncGenerator
from fnmatch import translate

from smbquic.client.files import ShareFiles
from smbquic.client.names import join
from smbquic.client.stat import Stat
from smbquic.client.walk import ListedAhead
from smbquic.errors import PathError, StatusError
from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus
from smbquic.storage.names import fold

_ANY_FOLDERS = "**"
_WILDCARDS = re.compile(r"[*?[]")
_WILDCARD = re.compile(r"(?:\[!?\]?[^]]*\]|[*?])+")
_OF_SERVERS = frozenset('<>"')
"""Characters that a server takes for wildcards of DOS, and a pattern for themselves."""
EVERYTHING = "*"

_NO_FOLDER = frozenset(
    {
        NtStatus.OBJECT_NAME_NOT_FOUND,
        NtStatus.OBJECT_PATH_NOT_FOUND,
        NtStatus.NO_SUCH_FILE,
        NtStatus.NOT_A_DIRECTORY,
        NtStatus.STOPPED_ON_SYMLINK,
    }
)


class Pattern:
    """A pattern with its parts; those of a path match one by one."""

    def __init__(self, pattern: str) -> None:
        parts = [part for part in pattern.replace("\\", "/").split("/") if part not in ("", ".")]
        if not parts:
            raise ValueError(f"{pattern!r} is no pattern: write * for all that is in a folder")
        if ".." in parts:
            raise PathError(f"{pattern!r} leads out of a folder: a pattern has no ..")
        self.folders_only = pattern.endswith(("/", "\\"))
        self.end = len(parts)
        self._parts = parts
        self._expressions = [re.compile(translate(fold(part))) for part in parts]

    def literal(self, index: int) -> bool:
        """Return whether a part is a name, and not a pattern."""
        return not _WILDCARDS.search(self._parts[index])

    def part(self, index: int) -> str:
        """Return one part."""
        return self._parts[index]

    def closed(self, states: frozenset[int]) -> frozenset[int]:
        """Add the states that can be reached because ``**`` may stand for no folder at all."""
        found = set(states)
        for state in sorted(states):
            while state < self.end and self._parts[state] == _ANY_FOLDERS:
                state += 1
                found.add(state)
        return frozenset(found)

    def after(self, states: frozenset[int], name: str, *, folder: bool) -> frozenset[int]:
        """Return the states after an entry: how much of the pattern its path may be."""
        folded = fold(name)
        found = set()
        for state in states:
            if state == self.end:
                continue
            if self._parts[state] == _ANY_FOLDERS:
                if folder or state == self.end - 1:
                    found.add(state)
            elif self._expressions[state].match(folded):
                found.add(state + 1)
        return self.closed(frozenset(found))

    def on_server(self, states: frozenset[int]) -> str:
        """Return a pattern for the server, which lists at least what may match.

        Every wildcard becomes ``*``: servers do not know sets, and count characters otherwise.
        """
        states -= {self.end}
        if len(states) != 1:
            return EVERYTHING
        [state] = states
        part = self._parts[state]
        if part == _ANY_FOLDERS or _OF_SERVERS & set(part):
            return EVERYTHING
        return _WILDCARD.sub(EVERYTHING, part)


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder, and how much of the pattern its path may be."""

    path: str
    states: frozenset[int]


async def glob(share: ShareFiles, text: str) -> AsyncGenerator[tuple[str, Stat], None]:
    """See `Share.glob`."""
    pattern = Pattern(text)

    async def listed(place: _Place) -> list[Stat]:
        wanted = pattern.on_server(place.states)
        try:
            return [entry async for entry in share.scandir(place.path, wanted)]
        except StatusError as error:
            if error.status in _NO_FOLDER:
                return []  # a name of the pattern, which need not be there
            raise

    first = _below(pattern, "", pattern.closed(frozenset({0})))
    if pattern.end in first.states and first.path and await share.exists(first.path):
        yield first.path, await share.stat(first.path)
    async with ListedAhead.of(listed, first) as ahead:
        while ahead:
            place, entries = await ahead.pop()
            below: list[_Place] = []
            for entry in entries:
                inner = join(place.path, entry.name)
                enters = entry.is_directory and not entry.is_link
                states = pattern.after(place.states, entry.name, folder=enters)
                if pattern.end in states and (entry.is_directory or not pattern.folders_only):
                    yield inner, entry
                if enters and states - {pattern.end}:
                    below.append(_below(pattern, inner, states))
            ahead.push(below)


def _below(pattern: Pattern, path: str, states: frozenset[int]) -> _Place:
    """Return the folder that is to be listed: names in the pattern lead there without a listing."""
    while len(states) == 1:
        [state] = states
        if state >= pattern.end - 1 or not pattern.literal(state):
            break
        path = join(path, pattern.part(state))
        states = pattern.closed(frozenset({state + 1}))
    return _Place(path, states)
