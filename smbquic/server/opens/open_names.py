"""The names of all opens, sorted, so that those below a folder are found at once.

A folder is renamed only if nothing below it is open, and clients may have tens of thousands of
files open elsewhere.
"""

from sortedcontainers import SortedList

from smbquic.server.opens.open import Open
from smbquic.storage import Storage


class OpenNames:
    """Every open by its storage and its name."""

    def __init__(self) -> None:
        self._names: dict[Storage, SortedList] = {}
        self._opens: dict[int, tuple[Storage, str, Open]] = {}

    def add(self, entry: Open) -> None:
        """Add a new open."""
        key, storage, name = entry.file_id.persistent, entry.storage, entry.file.name
        self._opens[key] = storage, name, entry
        names = self._names.get(storage)
        if names is None:
            names = self._names[storage] = SortedList()
        names.add((name, key))

    def remove(self, entry: Open) -> None:
        """Remove an open."""
        key = entry.file_id.persistent
        storage, name, _ = self._opens.pop(key)
        names = self._names[storage]
        names.remove((name, key))
        if not names:
            del self._names[storage]

    def renew(self, entry: Open) -> None:
        """Update the name of an open."""
        if self._opens[entry.file_id.persistent][1] != entry.file.name:
            self.remove(entry)
            self.add(entry)

    def find_below(self, storage: Storage, folder: str) -> Open | None:
        """Return something that is open below a folder; None if there is nothing."""
        names = self._names.get(storage)
        if names is None:
            return None
        prefix = folder + "\\"
        place = names.bisect_left((prefix,))
        if place == len(names):
            return None
        name, key = names[place]
        return self._opens[key][2] if name.startswith(prefix) else None
