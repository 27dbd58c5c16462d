"""What is known of the entries of one folder, under a lease of it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from smbquic.client.cache.limits import CacheLimits
from smbquic.client.leases import HANDLE, READ, CacheLease
from smbquic.client.stat import Stat
from smbquic.client.tree_connect import TreeConnect
from smbquic.storage.names import fold
from smbquic.wire.create import CreateResponse
from smbquic.wire.file_id import FileId
from smbquic.wire.negotiate import GlobalCapabilities
from smbquic.wire.oplock_break import LeaseBreakNotification

ITSELF = "."
"""The name of the share's root among its own entries."""

_MOST_CHANGED = 1000
"""Names that changed since a listing, before the listing is given up."""
_SPECIAL = frozenset('~:*?<>"|')
"""What makes a name mean something else than what a listing shows: a short name (``LONGNA~1``), a
stream, a wildcard."""


class CachedEntry(NamedTuple):
    """What was known of a name at a time of the clock; `stat` is None if there was no such file."""

    name: str
    stat: Stat | None
    at: float


class _Listing:
    """When all entries were listed, by the clock, and the names that have changed since."""

    __slots__ = ("at", "changed")

    def __init__(self, at: float) -> None:
        self.at = at
        self.changed: set[str] = set()


class CachedFolder(CacheLease):
    """The entries of a folder. It is open on the server for as long as it has the lease.

    `lost` is called once, when it has lost the lease. A result is only stored with the `version`
    that there was before the server was asked: what changes meanwhile raises it.

    `find` may run on any thread while the event loop changes what is known. So the listing, which
    shows what is not there, ends before entries go, and begins after they have come.
    """

    capability = GlobalCapabilities.DIRECTORY_LEASING

    def __init__(
        self,
        path: str,
        limits: CacheLimits,
        clock: Callable[[], float],
        lost: Callable[["CachedFolder"], None],
    ) -> None:
        super().__init__(READ | HANDLE)
        self.path = path
        self.handle: tuple[TreeConnect, FileId] | None = None
        self.version = 0
        self.misses = 0
        """Entries that were asked for and not known."""
        self.leased_at = 0.0
        self.is_broken = False
        """Whether its lease was broken, which may happen before the CREATE is answered."""
        self._is_closed = False
        self._limits = limits
        self._clock = clock
        self._lost = lost
        self._entries: dict[str, CachedEntry] = {}
        """By the name without its case; of names that only differ in case there is one."""
        self._listing: _Listing | None = None

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def is_leased(self) -> bool:
        """Whether others cannot change an entry without a word."""
        return self.state & (READ | HANDLE) == READ | HANDLE

    def find(self, name: str, exact_since: float | None = None) -> CachedEntry | None:
        """Return what is known of a name; None if the server has to be asked.

        `exact_since` is when the file got a lease of its own: since then, nothing of it changed.
        """
        listing, version, folded = self._listing, self.version, fold(name)
        listed_at = None if listing is None or folded in listing.changed else listing.at
        entry = self._entries.get(folded)
        if entry is None:
            # What has changed meanwhile may have hidden an entry from the search.
            is_same = self._listing is listing and self.version == version
            return self._absent(name, listed_at) if listed_at is not None and is_same else None
        # By another case of its name, a server may find the same file, another one, or none.
        return entry if entry.name == name and self._is_current(entry, exact_since) else None

    def _is_current(self, entry: CachedEntry, exact_since: float | None) -> bool:
        age = self._clock() - entry.at
        if not self.is_leased:
            return entry.stat is not None and age < self._limits.ttl
        if entry.stat is None or age < self._limits.listed_seconds:
            return True
        return exact_since is not None and exact_since <= entry.at

    def _absent(self, name: str, listed_at: float) -> CachedEntry | None:
        """Return that there is no such file, as the listing does not have it.

        The server may find a file by other names than those that it lists: in another case, by a
        short name, without dots and blanks at the end. Only plain names are sure.
        """
        plain = name.isascii() and not _SPECIAL & set(name) and name[-1] not in ". "
        return CachedEntry(name, None, listed_at) if plain and self.is_leased else None

    def listing(self) -> list[Stat] | None:
        """Return all entries, if all of them are known."""
        listing = self._listing
        if listing is None or listing.changed:
            return None
        found = [
            entry
            for folded, entry in self._entries.items()
            if entry.stat is not None and folded != ITSELF
        ]
        if self._clock() - listing.at >= self._limits.ttl and not self.is_leased:
            return None
        if not all(self._is_current(entry, None) for entry in found):
            return None
        return [entry.stat for entry in found if entry.stat is not None]

    def store(self, name: str, stat: Stat | None, version: int) -> None:
        """Remember what the server says of one name."""
        if version != self.version or (stat is None and not self.is_leased):
            return
        if len(self._entries) >= self._limits.entries:
            self.purge()
        folded = fold(name)
        known = self._entries.get(folded)
        if known is not None and known.stat is not None and known.name != name:
            return  # the name as it is listed stays
        self._entries[folded] = CachedEntry(name, stat, self._clock())
        if self._listing is not None:
            self._listing.changed.discard(folded)

    def store_listing(self, entries: Sequence[Stat], version: int) -> None:
        """Remember all entries."""
        if version != self.version or len(entries) > self._limits.entries:
            return
        now = self._clock()
        known = {fold(stat.name): CachedEntry(stat.name, stat, now) for stat in entries}
        is_whole = len(known) == len(entries)  # no names that only differ in case
        itself = self._entries.get(ITSELF)
        if itself is not None:
            known[ITSELF] = itself
        self._listing = None
        self._entries = known
        self._listing = _Listing(now) if is_whole else None

    def forget(self, name: str) -> None:
        """Drop what is known of a name, as it changes."""
        self.version += 1
        folded = fold(name)
        listing = self._listing
        if listing is not None and name != ITSELF:
            listing.changed.add(folded)
            if len(listing.changed) > _MOST_CHANGED:
                self._listing = None
        self._entries.pop(folded, None)

    def opened(self, response: CreateResponse) -> None:
        """See `CacheLease`."""
        super().opened(response)
        self.leased_at = self._clock()

    def purge(self) -> None:
        """See `CacheLease`."""
        self.version += 1
        self.misses = 0
        self._listing = None
        self._entries = {}

    def reduce(self, notification: LeaseBreakNotification) -> None:
        """See `CacheLease`. With less than the whole lease, the folder is not kept open."""
        super().reduce(notification)
        self.is_broken = True
        if self.handle is not None and not self.is_leased:
            self._lost(self)

    async def give_back(self) -> bool:
        """See `CacheLease`: to close it is enough, and `lost` does that."""
        return not self._is_closed

    async def close(self) -> None:
        """Close it on the server."""
        self._is_closed = True
        if self.handle is None:
            return
        (tree, file_id), self.handle = self.handle, None
        self.end()
        await tree.close(file_id, self.path)
