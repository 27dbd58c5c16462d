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

_MOST_UNKNOWN = 1000
"""Names that changed since a listing, before the listing is given up."""
_SPECIAL = frozenset('~:*?<>"|')
"""What makes a name mean something else than what a listing shows: a short name (``LONGNA~1``), a
stream, a wildcard."""


class CachedEntry(NamedTuple):
    """What was known of a name at a time of the clock; `stat` is None if there was no such file."""

    name: str
    stat: Stat | None
    at: float


class CachedFolder(CacheLease):
    """The entries of a folder. It is open on the server for as long as it has the lease.

    `lost` is called once, when it has lost the lease. A result is only stored with the `version`
    that there was before the server was asked: what changes meanwhile raises it.
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
        self._is_closed = False
        self._limits = limits
        self._clock = clock
        self._lost = lost
        self._entries: dict[str, CachedEntry] = {}
        """By the name without its case; of names that only differ in case there is one."""
        self._unknown: set[str] = set()
        self._listed_at: float | None = None

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
        entry = self._entries.get(fold(name))
        if entry is None:
            return self._absent(name)
        # By another case of its name, a server may find the same file, another one, or none.
        return entry if entry.name == name and self._is_current(entry, exact_since) else None

    def _is_current(self, entry: CachedEntry, exact_since: float | None) -> bool:
        age = self._clock() - entry.at
        if not self.is_leased:
            return entry.stat is not None and age < self._limits.ttl
        if entry.stat is None or age < self._limits.listed_seconds:
            return True
        return exact_since is not None and exact_since <= entry.at

    def _absent(self, name: str) -> CachedEntry | None:
        """Return that there is no such file, if the listing shows it.

        The server may find a file by other names than those that it lists: in another case, by a
        short name, without dots and blanks at the end. Only plain names are sure.
        """
        if self._listed_at is None or not self.is_leased or fold(name) in self._unknown:
            return None
        plain = name.isascii() and not _SPECIAL & set(name) and name[-1] not in ". "
        return CachedEntry(name, None, self._listed_at) if plain else None

    def listing(self) -> list[Stat] | None:
        """Return all entries, if all of them are known."""
        if self._listed_at is None or self._unknown:
            return None
        found = [
            entry
            for folded, entry in self._entries.items()
            if entry.stat is not None and folded != ITSELF
        ]
        if self._clock() - self._listed_at >= self._limits.ttl and not self.is_leased:
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
        self._unknown.discard(folded)

    def store_listing(self, entries: Sequence[Stat], version: int) -> None:
        """Remember all entries."""
        if version != self.version or len(entries) > self._limits.entries:
            return
        now = self._clock()
        itself = self._entries.get(ITSELF)
        self._entries = {fold(stat.name): CachedEntry(stat.name, stat, now) for stat in entries}
        self._give_up_listing()
        if len(self._entries) == len(entries):  # no names that only differ in case
            self._listed_at = now
        if itself is not None:
            self._entries[ITSELF] = itself

    def forget(self, name: str) -> None:
        """Drop what is known of a name, as it changes."""
        self.version += 1
        folded = fold(name)
        self._entries.pop(folded, None)
        if name == ITSELF or self._listed_at is None:
            return
        self._unknown.add(folded)
        if len(self._unknown) > _MOST_UNKNOWN:
            self._give_up_listing()

    def _give_up_listing(self) -> None:
        self._listed_at = None
        self._unknown.clear()

    def opened(self, response: CreateResponse) -> None:
        """See `CacheLease`."""
        super().opened(response)
        self.leased_at = self._clock()

    def purge(self) -> None:
        """See `CacheLease`."""
        self.version += 1
        self.misses = 0
        self._entries = {}
        self._give_up_listing()

    def reduce(self, notification: LeaseBreakNotification) -> None:
        """See `CacheLease`. With less than the whole lease, the folder is not kept open."""
        super().reduce(notification)
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
