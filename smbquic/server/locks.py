"""Byte-range locks of one file ([MS-FSA] 2.1.4.10, 2.1.5.8)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus

if TYPE_CHECKING:
    from smbquic.server.open import Open


@dataclass(slots=True, frozen=True, eq=False)
class ByteRange:
    """One lock: `length` may be 0, and `offset + length` at most 2**64."""

    owner: Open
    offset: int
    length: int
    exclusive: bool

    def overlaps(self, offset: int, length: int) -> bool:
        """Whether two ranges collide; an empty one collides strictly inside another."""
        if (offset == 0 and length == 0) or (self.offset == 0 and self.length == 0):
            return False
        return self.offset <= offset + length - 1 and offset <= self.offset + self.length - 1


@dataclass(slots=True, eq=False)
class _Waiter:
    owner: Open
    woken: asyncio.Future[None]


@dataclass(slots=True, eq=False)
class Locks:
    """Every byte-range lock on one file, and who waits for one."""

    ranges: list[ByteRange] = field(default_factory=list)
    waiters: list[_Waiter] = field(default_factory=list)

    def add(self, wanted: ByteRange) -> None:
        """Takes a lock; StatusError LOCK_NOT_GRANTED if another one is in the way."""
        if any(_excludes(held, wanted) for held in self.ranges):
            raise StatusError.of(NtStatus.LOCK_NOT_GRANTED)
        self.ranges.append(wanted)

    def remove(self, owner: Open, offset: int, length: int) -> None:
        """Gives up one lock of exactly this range; StatusError RANGE_NOT_LOCKED if there is none.

        Of several, an exclusive one goes first: it was taken first, as a shared one can be
        stacked on it but not the other way round.
        """
        for held in self.ranges:
            if held.owner is owner and held.offset == offset and held.length == length:
                self.ranges.remove(held)
                self._wake()
                return
        raise StatusError.of(NtStatus.RANGE_NOT_LOCKED)

    def undo(self, taken: list[ByteRange]) -> None:
        """Gives up locks that have just been added."""
        for held in taken:
            self.ranges.remove(held)
        if taken:
            self._wake()

    def is_owner(self, entry: Open) -> bool:
        """Whether an open holds a lock."""
        return any(held.owner is entry for held in self.ranges)

    def remove_owner(self, owner: Open) -> None:
        """Gives up everything that an open holds or waits for: it is being closed."""
        for waiter in [waiter for waiter in self.waiters if waiter.owner is owner]:
            self.waiters.remove(waiter)
            if not waiter.woken.done():
                waiter.woken.set_exception(StatusError.of(NtStatus.RANGE_NOT_LOCKED))
        kept = [held for held in self.ranges if held.owner is not owner]
        if len(kept) != len(self.ranges):
            self.ranges = kept
            self._wake()

    async def wait(self, owner: Open) -> None:
        """Returns when some lock on the file has been given up."""
        waiter = _Waiter(owner, asyncio.get_running_loop().create_future())
        self.waiters.append(waiter)
        try:
            await waiter.woken
        finally:
            if waiter in self.waiters:
                self.waiters.remove(waiter)

    def check_read(self, reader: Open, offset: int, length: int) -> None:
        """StatusError FILE_LOCK_CONFLICT if another open has an exclusive lock in the range."""
        if length and any(
            held.exclusive and held.owner is not reader and held.overlaps(offset, length)
            for held in self.ranges
        ):
            raise StatusError.of(NtStatus.FILE_LOCK_CONFLICT)

    def check_write(self, writer: Open, offset: int, length: int) -> None:
        """StatusError FILE_LOCK_CONFLICT if a lock forbids it; its owner can write under it only
        if it is exclusive."""
        if length and any(
            not (held.exclusive and held.owner is writer) and held.overlaps(offset, length)
            for held in self.ranges
        ):
            raise StatusError.of(NtStatus.FILE_LOCK_CONFLICT)

    def _wake(self) -> None:
        for waiter in self.waiters:
            if not waiter.woken.done():
                waiter.woken.set_result(None)


def _excludes(held: ByteRange, wanted: ByteRange) -> bool:
    if not wanted.exclusive and (not held.exclusive or held.owner is wanted.owner):
        return False
    return held.overlaps(wanted.offset, wanted.length)
