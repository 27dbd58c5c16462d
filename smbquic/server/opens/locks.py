"""Byte-range locks of one file ([MS-FSA] 2.1.4.10, 2.1.5.8).

Clients choose how many locks they take, so every question here is answered in logarithmic time:
whether a range collides with locks is a matter of counting how many begin before its end and how
many end before its beginning.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import field
from typing import Protocol

from sortedcontainers import SortedList

from smbquic.errors import StatusError
from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus
from smbquic.overload.budget import LOCK, UserBudget


class LockOwner(Protocol):
    """An open."""

    @property
    def memory(self) -> UserBudget:
        """The budget of its user for what the server keeps."""


@dataclass(slots=True, frozen=True)
class ByteRange:
    """One lock: `length` may be 0, and `offset + length` at most 2**64."""

    owner: LockOwner
    offset: int
    length: int
    exclusive: bool


_NOTHING = SortedList()
"""What every set has until it is added to: most files are never locked, and each has some."""


class RangeSet:
    """A multiset of byte ranges, which counts those that overlap a given one."""

    __slots__ = ("_empty", "_firsts", "_lasts")

    def __init__(self) -> None:
        # The first bytes of all ranges that are not empty, and their last bytes; each sorted.
        self._firsts = _NOTHING
        self._lasts = _NOTHING
        # The offsets of the empty ranges, sorted.
        self._empty = _NOTHING

    def __len__(self) -> int:
        return len(self._firsts) + len(self._empty)

    @property
    def lowest(self) -> int | None:
        """The smallest offset of a range; None if there is none."""
        return min((each[0] for each in (self._firsts, self._empty) if each), default=None)

    def add(self, offset: int, length: int) -> None:
        """Add one range."""
        if length:
            if self._firsts is _NOTHING:
                self._firsts, self._lasts = SortedList(), SortedList()
            self._firsts.add(offset)
            self._lasts.add(offset + length - 1)
        else:
            if self._empty is _NOTHING:
                self._empty = SortedList()
            self._empty.add(offset)

    def remove(self, offset: int, length: int) -> None:
        """Remove one of the ranges that are equal to this one; ValueError if there is none."""
        if length:
            self._firsts.remove(offset)
            self._lasts.remove(offset + length - 1)
        else:
            self._empty.remove(offset)

    def count_overlapping(self, offset: int, length: int) -> int:
        """Return how many ranges share a byte with this one.

        An empty range overlaps what it is strictly inside of, and no other empty range.
        """
        if not length:
            # Those that begin before it, less those that also end before it.
            return int(self._firsts.bisect_left(offset) - self._lasts.bisect_left(offset))
        last = offset + length - 1
        # Those that begin up to its last byte, less those that end before its first one.
        touching = self._firsts.bisect_right(last) - self._lasts.bisect_left(offset)
        inside = self._empty.bisect_right(last) - self._empty.bisect_right(offset)
        return int(touching + inside)


@dataclass(slots=True)
class _OwnLocks:
    """The locks that one open holds: how many of each range, exclusive and shared."""

    exclusive: dict[tuple[int, int], int] = field(default_factory=dict)
    shared: dict[tuple[int, int], int] = field(default_factory=dict)
    exclusive_ranges: RangeSet = field(default_factory=RangeSet)
    count: int = 0


@dataclass(slots=True, eq=False)
class _LockWaiter:
    """A LOCK request that waits until another lock on the file is released."""

    owner: LockOwner
    woken: asyncio.Future[None]


class Locks:
    """Every byte-range lock on one file, and the requests that wait for one."""

    __slots__ = ("_exclusive", "_owners", "_shared", "waiters")

    def __init__(self) -> None:
        # Of all opens. Those of one open are counted apart, in `_OwnLocks`.
        self._exclusive = RangeSet()
        self._shared = RangeSet()
        self._owners: dict[LockOwner, _OwnLocks] = {}
        self.waiters: dict[_LockWaiter, None] = {}

    def __len__(self) -> int:
        return len(self._exclusive) + len(self._shared)

    @property
    def lowest_offset(self) -> int | None:
        """The offset of the first locked byte; None without locks."""
        lowest = (self._exclusive.lowest, self._shared.lowest)
        return min((offset for offset in lowest if offset is not None), default=None)

    def count_of(self, owner: LockOwner) -> int:
        """Return how many locks an open holds."""
        own = self._owners.get(owner)
        return own.count if own else 0

    def add(self, wanted: ByteRange) -> None:
        """Take a lock; StatusError LOCK_NOT_GRANTED if another one is in the way.

        StatusError INSUFFICIENT_RESOURCES if its user has too many already.
        """
        # [MS-FSA] 2.1.4.10. The locks are checked before the budget, so that a client which waits
        # for a lock is not refused for its number of locks first.
        offset, length = wanted.offset, wanted.length
        if self._foreign_exclusive(wanted.owner, offset, length) or (
            # An exclusive lock also excludes what its owner holds.
            wanted.exclusive
            and (
                self._exclusive.count_overlapping(offset, length)
                or self._shared.count_overlapping(offset, length)
            )
        ):
            raise StatusError.of(NtStatus.LOCK_NOT_GRANTED)
        memory = wanted.owner.memory
        if not memory.has_room(LOCK):
            raise StatusError.of(NtStatus.INSUFFICIENT_RESOURCES)
        memory.change(LOCK)
        # The same range may be locked several times, and takes as many unlocks.
        own = self._owners.setdefault(wanted.owner, _OwnLocks())
        own.count += 1
        key = (offset, length)
        if wanted.exclusive:
            own.exclusive[key] = own.exclusive.get(key, 0) + 1
            own.exclusive_ranges.add(offset, length)
            self._exclusive.add(offset, length)
        else:
            own.shared[key] = own.shared.get(key, 0) + 1
            self._shared.add(offset, length)

    def remove(self, owner: LockOwner, offset: int, length: int) -> None:
        """Release one lock of exactly this range; StatusError RANGE_NOT_LOCKED without one.

        Of several, an exclusive one goes first: it was taken first, as a shared one can be
        stacked on it but not the other way round.
        """
        # [MS-FSA] 2.1.5.9: the range has to be exactly one that was locked; parts of it are not.
        own = self._owners.get(owner)
        key = (offset, length)
        if own is None or (key not in own.exclusive and key not in own.shared):
            raise StatusError.of(NtStatus.RANGE_NOT_LOCKED)
        self._release(ByteRange(owner, offset, length, key in own.exclusive))
        self._wake()

    def undo(self, taken: Iterable[ByteRange]) -> None:
        """Release locks that have just been added."""
        for held in taken:
            self._release(held)
        self._wake()

    def remove_some(self, owner: LockOwner, most: int) -> bool:
        """Release up to `most` locks of an open; True once it holds none."""
        for _ in range(most):
            own = self._owners.get(owner)
            if own is None:
                break
            exclusive = bool(own.exclusive)
            offset, length = next(iter(own.exclusive or own.shared))
            self._release(ByteRange(owner, offset, length, exclusive))
        self._wake()
        return owner not in self._owners

    def remove_owner(self, owner: LockOwner) -> None:
        """Release everything that an open holds or waits for: it is being closed."""
        # Waiting requests first: a lock that is released below could be given to one of them.
        for waiter in [waiter for waiter in self.waiters if waiter.owner is owner]:
            del self.waiters[waiter]
            if not waiter.woken.done():
                waiter.woken.set_exception(StatusError.of(NtStatus.RANGE_NOT_LOCKED))
        own = self._owners.get(owner)
        if own is None:
            return
        if len(self._owners) == 1:
            # The usual case, and the one with the most locks: there is nothing to keep.
            self._exclusive, self._shared = RangeSet(), RangeSet()
            self._owners = {}
            owner.memory.change(-LOCK * own.count)
            self._wake()
        else:
            self.remove_some(owner, own.count)

    async def wait(self, owner: LockOwner) -> None:
        """Return when some lock on the file has been released."""
        waiter = _LockWaiter(owner, asyncio.get_running_loop().create_future())
        self.waiters[waiter] = None
        try:
            await waiter.woken
        finally:
            self.waiters.pop(waiter, None)

    def check_read(self, reader: LockOwner, offset: int, length: int) -> None:
        """Raise FILE_LOCK_CONFLICT if another open has an exclusive lock in the range."""
        if length and self._foreign_exclusive(reader, offset, length):
            raise StatusError.of(NtStatus.FILE_LOCK_CONFLICT)

    def check_write(self, writer: LockOwner, offset: int, length: int) -> None:
        """Raise FILE_LOCK_CONFLICT if a lock of another open, or a shared one, is in the range."""
        # A shared lock keeps its own owner from writing, too. [MS-FSA] 2.1.4.10
        if length and (
            self._foreign_exclusive(writer, offset, length)
            or self._shared.count_overlapping(offset, length)
        ):
            raise StatusError.of(NtStatus.FILE_LOCK_CONFLICT)

    def _foreign_exclusive(self, owner: LockOwner, offset: int, length: int) -> int:
        """Return how many exclusive locks of other opens overlap a range."""
        # All of them less one's own: two searches, where a list of the others' would take one for
        # each owner.
        count = self._exclusive.count_overlapping(offset, length)
        own = self._owners.get(owner)
        if count and own is not None:
            count -= own.exclusive_ranges.count_overlapping(offset, length)
        return count

    def _release(self, held: ByteRange) -> None:
        own = self._owners[held.owner]
        counts = own.exclusive if held.exclusive else own.shared
        key = (held.offset, held.length)
        counts[key] -= 1
        if not counts[key]:
            del counts[key]
        if held.exclusive:
            own.exclusive_ranges.remove(held.offset, held.length)
            self._exclusive.remove(held.offset, held.length)
        else:
            self._shared.remove(held.offset, held.length)
        own.count -= 1
        held.owner.memory.change(-LOCK)
        # Otherwise owners without locks would pile up as long as the file is open.
        if not own.count:
            del self._owners[held.owner]

    def _wake(self) -> None:
        # Each is woken once: requests with thousands of elements come here for every one of them.
        waiters, self.waiters = self.waiters, {}
        for waiter in waiters:
            if not waiter.woken.done():
                waiter.woken.set_result(None)
