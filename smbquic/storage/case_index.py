"""Finding a name in a folder without regard to case.

A disk that tells case apart can only be asked for all its names. That is dear in a folder with
thousands of entries, and every file that a client adds needs it, to be sure that no other case of
the name is there. So the names are kept for a moment. What is kept is believed while the folder's
change time stands still, or moves by what this storage itself did there, and never for longer
than `LIFETIME`: a local process's change that hides behind one of ours is missed until then.
"""

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NamedTuple

from smbquic.storage.descriptor import open_directory
from smbquic.storage.names import fold, from_disk

LIFETIME: Final = 1.0
"""Seconds that a folder's names are believed at most."""
CAPACITY: Final = 200_000
"""Names that are kept at most, of all folders together (some 40 MB)."""


class Stamp(NamedTuple):
    """Which folder, and when it last changed."""

    folder: tuple[int, int]
    changed: int

    @classmethod
    def of(cls, directory: int) -> "Stamp":
        """Of the folder behind a descriptor, now."""
        status = os.fstat(directory)
        return cls((status.st_dev, status.st_ino), status.st_ctime_ns)


@dataclass(slots=True)
class _Listing:
    changed: int
    expires: float
    names: dict[str, tuple[bytes, ...]]
    size: int


class CaseIndex:
    """The names of the folders that were last searched. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._listings: OrderedDict[tuple[int, int], _Listing] = OrderedDict()
        self._size = 0

    def find(self, directory: int, name: str) -> tuple[bytes, os.stat_result] | None:
        """An entry whose name is `name` but for its case: its name on the disk and its status.

        Of several, the first in byte order. A folder that may not be listed has no matches.
        """
        folded = fold(name)
        for raw in self._candidates(directory, folded):
            with suppress(FileNotFoundError):
                return raw, os.stat(raw, dir_fd=directory, follow_symlinks=False)
        return None

    def update(self, directory: int, before: Stamp, added: bytes = b"") -> None:
        """Take note of what was just done to a folder whose stamp was `before` until then.

        What was removed needs no mention: `find` looks whether a name is still there.
        """
        changed = Stamp.of(directory).changed
        with self._lock:
            listing = self._listings.get(before.folder)
            if listing is None:
                return
            if listing.changed != before.changed:
                self._drop(before.folder)
                return
            listing.changed = changed
            if added:
                folded = fold(from_disk(added))
                listing.names[folded] = tuple(sorted({*listing.names.get(folded, ()), added}))
                listing.size += 1
                self._size += 1
                self._trim()

    def _candidates(self, directory: int, folded: str) -> tuple[bytes, ...]:
        before = Stamp.of(directory)
        now = self._clock()
        with self._lock:
            listing = self._listings.get(before.folder)
            if listing and listing.changed == before.changed and now < listing.expires:
                self._listings.move_to_end(before.folder)
                return listing.names.get(folded, ())
        names: dict[str, tuple[bytes, ...]] = {}
        size = 0
        found: list[bytes] = []
        # A folder that is gone, or that may be crossed but not listed, has nothing to find.
        with suppress(FileNotFoundError, PermissionError):
            listable = open_directory(b".", directory)
            try:
                with os.scandir(listable) as entries:
                    for entry in entries:
                        raw = os.fsencode(entry.name)
                        size += 1
                        key = fold(from_disk(raw))
                        if key == folded:
                            found.append(raw)
                        if size <= CAPACITY:
                            names[key] = (*names.get(key, ()), raw)
            finally:
                os.close(listable)
        found.sort()
        if size <= CAPACITY:
            self._keep(before, now, names, size)
        return tuple(found)

    def _keep(
        self, stamp: Stamp, now: float, names: dict[str, tuple[bytes, ...]], size: int
    ) -> None:
        with self._lock:
            self._drop(stamp.folder)
            self._listings[stamp.folder] = _Listing(stamp.changed, now + LIFETIME, names, size)
            self._size += size
            self._trim()

    def _trim(self) -> None:
        while self._size > CAPACITY:
            self._drop(next(iter(self._listings)))

    def _drop(self, folder: tuple[int, int]) -> None:
        listing = self._listings.pop(folder, None)
        if listing is not None:
            self._size -= listing.size
