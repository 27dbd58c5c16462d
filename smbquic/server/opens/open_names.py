"""The names of everything that is open, in order, so that a folder's are found at once.

A rename of a folder asks whether something in it is open, while clients may have tens of thousands
of files open elsewhere.
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
        """Take a new open in."""
        key, storage, name = entry.file_id.persistent, entry.storage, entry.file.name
        self._opens[key] = storage, name, entry
        self._names.setdefault(storage, SortedList()).add((name, key))

    def remove(self, entry: Open) -> None:
        """Forget an open."""
        key = entry.file_id.persistent
        storage, name, _ = self._opens.pop(key)
        names = self._names[storage]
        names.remove((name, key))
        if not names:
            del self._names[storage]

    def renew(self, entry: Open) -> None:
        """Note the name that an open has now."""
        if self._opens[entry.file_id.persistent][1] != entry.file.name:
            self.remove(entry)
            self.add(entry)

    def find_below(self, storage: Storage, folder: str) -> Open | None:
        """Something that is open in a folder, at whatever depth."""
        names = self._names.get(storage)
        if names is None:
            return None
        prefix = folder + "\\"
        place = names.bisect_left((prefix,))
        if place == len(names):
            return None
        name, key = names[place]
        return self._opens[key][2] if name.startswith(prefix) else None
