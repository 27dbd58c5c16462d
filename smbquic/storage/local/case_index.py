"""Finding a name in a folder without regard to case.

A disk with case-sensitive names can only be asked for all its names. That is dear in a folder with
thousands of entries, and every file that a client adds needs it, to be sure that no other case of
the name is there. So the names are kept for a moment. What is kept is believed while the folder's
change time stands still, or moves by what this storage itself did there, and never for longer
than `LIFETIME`: a local process's change that hides behind one of ours is missed until then.

Nobody waits for the names of a large folder to be read: `find` raises `NotReady` then, and
whoever called reads them on a thread and calls again. Names that were read so are believed for
`GRACE` even if the folder has changed since. A folder that changes faster than it can be read could
not be searched otherwise.
"""

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import field
from itertools import islice
from typing import Final, NamedTuple

from smbquic.lazy_dataclass import dataclass
from smbquic.storage.errors import NotReady
from smbquic.storage.local.descriptor import SharedDescriptor, open_directory
from smbquic.storage.names import fold, from_disk

LIFETIME: Final = 1.0
"""Seconds that a folder's names are believed at most."""
GRACE: Final = 0.25
"""Seconds that they are believed after a scan on a thread, whatever has changed."""
AT_ONCE: Final = 500
"""Names that are read without a thread: about a millisecond."""
CAPACITY: Final = 128 << 20
"""Bytes that the kept names of all folders take at most: some four million names.

A larger folder is read again for each name that is searched."""

_BUCKETS: Final = 4096
_ENTRY: Final = 2
"""Separators of one name in a bucket."""
_BUCKET: Final = 128
"""Bytes that a bucket takes besides its names."""
_FOLDER: Final = 512
"""Bytes that a folder takes besides its buckets: without names, too, as a client may make many."""
_DROPPED: Final = 2
"""Folders that go, if they are of no use any more, for each one that comes."""


class Stamp(NamedTuple):
    """The identity of a folder, and the time of its last change."""

    folder: tuple[int, int]
    changed: int

    @classmethod
    def of(cls, directory: int) -> "Stamp":
        """Return the stamp that the folder of a descriptor has now."""
        status = os.fstat(directory)
        return cls((status.st_dev, status.st_ino), status.st_ctime_ns)


class NameTable:
    r"""Names on the disk by their folded names, in little memory.

    A bucket is a row of ``NUL folded / raw``, so that a name is found by one search for bytes;
    where both are the same, the second is left out. Neither NUL nor ``/`` is in any name. `size` is
    in bytes of memory, nearly, and `count` in names.
    """

    __slots__ = ("_buckets", "count", "size")

    def __init__(self) -> None:
        self._buckets: dict[int, bytearray] = {}
        self.count = 0
        self.size = 0

    def add(self, raw: bytes) -> None:
        """Add a name as it is on the disk."""
        folded = _encode(fold(from_disk(raw)))
        number = hash(folded) % _BUCKETS
        if number not in self._buckets:
            self._buckets[number] = bytearray()
            self.size += _BUCKET
        bucket = self._buckets[number]
        spelled = b"" if raw == folded else raw
        bucket += b"\0%b/%b" % (folded, spelled)
        self.count += 1
        self.size += len(folded) + len(spelled) + _ENTRY

    def find(self, folded: str) -> list[bytes]:
        """Return the names on the disk that fold to this one, in byte order and each once."""
        wanted = _encode(folded)
        bucket = self._buckets.get(hash(wanted) % _BUCKETS)
        if bucket is None:
            return []
        pattern = b"\0%b/" % wanted
        found = set()
        position = bucket.find(pattern)
        while position >= 0:
            begin = position + len(pattern)
            end = bucket.find(b"\0", begin)
            found.add(bytes(bucket[begin : end if end >= 0 else None]) or wanted)
            position = bucket.find(pattern, begin)
        return sorted(found)


def _encode(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


@dataclass(slots=True)
class _Listing:
    """The names of a folder as of its change time `changed`; the failure to read them, if any.

    Of a folder with too many it has only the names that fold to `only`.
    """

    changed: int
    expires: float
    table: NameTable = field(default_factory=NameTable)
    only: str | None = None
    believed_until: float = 0.0
    failure: OSError | None = None

    @property
    def size(self) -> int:
        """Bytes of memory that it takes, nearly."""
        return _FOLDER + self.table.size

    def is_expired(self, now: float) -> bool:
        """Return whether no search can use it any more."""
        return now >= max(self.expires, self.believed_until)

    def counts(self, stamp: Stamp, folded: str, now: float) -> bool:
        if self.only not in (None, folded):
            return False
        if now < self.believed_until:
            return True
        return self.changed == stamp.changed and now < self.expires


class CaseIndex:
    """The names of the folders that were last searched. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._listings: OrderedDict[tuple[int, int], _Listing] = OrderedDict()
        self._scanning: dict[tuple[int, int], tuple[threading.Lock, int]] = {}
        self._size = 0

    def find(self, directory: int, name: str) -> tuple[bytes, os.stat_result] | None:
        """Return the entry that `name` means in any case: its name on the disk and its status.

        Of several, the first in byte order. A folder that may not be listed has no matches. Raises
        `NotReady` for a large folder whose names are not known.
        """
        folded, stamp = fold(name), Stamp.of(directory)
        listing = self._known(stamp, folded)
        if listing is None and not self._is_large(stamp.folder):
            listing = self._scan(directory, stamp, folded, AT_ONCE)
        if listing is None:
            raise NotReady(_Preparation(self, directory, folded))
        if listing.failure is not None:
            raise listing.failure
        for raw in listing.table.find(folded):
            with suppress(FileNotFoundError):
                return raw, os.stat(raw, dir_fd=directory, follow_symlinks=False)
        return None

    def update(self, directory: int, before: Stamp, added: bytes = b"") -> None:
        """Apply a change that was just made to a folder whose stamp was `before` until then.

        What was removed needs no mention: `find` checks whether a name is still there.
        """
        changed = Stamp.of(directory).changed
        with self._lock:
            listing = self._listings.get(before.folder)
            if listing is None:
                return
            if listing.changed != before.changed and self._clock() >= listing.believed_until:
                self._drop(before.folder)
                return
            listing.changed = changed
            if added:
                size = listing.size
                listing.table.add(added)
                self._size += listing.size - size
                self._trim()

    def prepare(self, directory: int, folded: str) -> None:
        """Read a folder's names, on any thread, for a search that needs them."""
        stamp = Stamp.of(directory)
        with self._alone(stamp.folder):
            # Somebody else may have read them meanwhile.
            if self._known(stamp, folded) is None:
                self._scan(directory, stamp, folded, None)

    def _known(self, stamp: Stamp, folded: str) -> _Listing | None:
        with self._lock:
            listing = self._listings.get(stamp.folder)
            if listing is None or not listing.counts(stamp, folded, self._clock()):
                return None
            self._listings.move_to_end(stamp.folder)
            return listing

    def _is_large(self, folder: tuple[int, int]) -> bool:
        """Return whether a folder had too many names to be read at once when it was last read.

        Else each of many requests would begin to read it, in vain, until a thread has done so.
        """
        with self._lock:
            listing = self._listings.get(folder)
            return listing is not None and listing.table.count > AT_ONCE

    @contextmanager
    def _alone(self, folder: tuple[int, int]) -> Iterator[None]:
        """Hold a lock of one folder, so that only one thread at a time reads its names."""
        with self._lock:
            lock, waiting = self._scanning.get(folder, (threading.Lock(), 0))
            self._scanning[folder] = lock, waiting + 1
        try:
            with lock:
                yield
        finally:
            with self._lock:
                lock, waiting = self._scanning[folder]
                self._scanning[folder] = lock, waiting - 1
                if waiting == 1:
                    del self._scanning[folder]

    def _scan(self, directory: int, stamp: Stamp, folded: str, most: int | None) -> _Listing | None:
        """Read and keep a folder's names; None if there are more than `most`."""
        listing = _Listing(stamp.changed, self._clock() + LIFETIME)
        try:
            listable = open_directory(b".", directory)
            try:
                with os.scandir(listable) as entries:
                    for count, entry in enumerate(entries):
                        if count == most:
                            return None
                        _take_in(listing, os.fsencode(entry.name), folded)
            finally:
                os.close(listable)
        except (FileNotFoundError, PermissionError):
            # A folder that was deleted, or that may be crossed but not listed, has nothing to find.
            listing.table = NameTable()
        except OSError as error:
            listing.failure = error
        if most is None:
            done = self._clock()
            listing.expires, listing.believed_until = done + LIFETIME, done + GRACE
        self._keep(stamp.folder, listing)
        return listing

    def _keep(self, folder: tuple[int, int], listing: _Listing) -> None:
        with self._lock:
            self._drop(folder)
            self._drop_expired()
            self._listings[folder] = listing
            self._size += listing.size
            self._trim()

    def _drop_expired(self) -> None:
        """Drop what is of no use any more among the folders that were used the longest ago."""
        now = self._clock()
        for folder in list(islice(self._listings, _DROPPED)):
            listing = self._listings[folder]
            # That a folder is large is to be known until it is read again: see `_is_large`.
            if listing.is_expired(now) and listing.table.count <= AT_ONCE:
                self._drop(folder)

    def _trim(self) -> None:
        while self._size > CAPACITY:
            self._drop(next(iter(self._listings)))

    def _drop(self, folder: tuple[int, int]) -> None:
        listing = self._listings.pop(folder, None)
        if listing is not None:
            self._size -= listing.size


def _take_in(listing: _Listing, raw: bytes, folded: str) -> None:
    """Add a name to a listing, or only if it folds to `folded` once there are too many."""
    if listing.only is None:
        listing.table.add(raw)
        if listing.table.size > CAPACITY:
            everything, listing.table = listing.table, NameTable()
            for match in everything.find(folded):
                listing.table.add(match)
            listing.only = folded
    elif fold(from_disk(raw)) == folded:
        listing.table.add(raw)


class _Preparation:
    """A task that reads the names of a folder for a search, with a descriptor of its own."""

    __slots__ = ("_descriptor", "_folded", "_index")

    def __init__(self, index: CaseIndex, directory: int, folded: str) -> None:
        self._index = index
        self._folded = folded
        self._descriptor = SharedDescriptor(os.dup(directory))

    def __call__(self) -> None:
        with self._descriptor as directory:
            self._index.prepare(directory, self._folded)
        self._descriptor.close()

    def __del__(self) -> None:
        # Nobody may want it any more: a request is cancelled before a thread is free.
        self._descriptor.close()
