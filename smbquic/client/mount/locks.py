"""Locks of fcntl(2) as locks of SMB. [MS-SMB2] 3.3.5.14

A lock of fcntl belongs to a process, is changed as a whole or in parts, and is gone with the first
close of the file. A lock of SMB belongs to an open of the file, and is released exactly as it was
taken. All processes here share one open of a file: what they may do to each other is decided here,
and what they hold is held on the server, too. There it keeps others from reading and writing.
"""

import asyncio
import errno
import logging
from collections.abc import Callable
from dataclasses import replace

from smbquic.client.file import File
from smbquic.client.mount.errors import os_error
from smbquic.client.retry import delays
from smbquic.errors import LockedError, SmbError
from smbquic.lazy_dataclass import dataclass

END = (1 << 63) - 1
"""Where a range ends that has no end."""
MOST = 4096
"""Ranges of one file that are locked at once: each is kept by the server."""
FIRST_DELAY = 0.02
LONGEST_DELAY = 0.5
"""Seconds between two attempts to lock what somebody else has locked, at first and at most."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LockedRange:
    """Bytes from `start` up to `end` that a process, the `owner`, has locked by an open `file`."""

    owner: int
    start: int
    end: int
    exclusive: bool
    file: File

    def overlaps(self, start: int, end: int) -> bool:
        """Return whether it has bytes in common with a range."""
        return self.start < end and start < self.end

    def without(self, start: int, end: int) -> "list[LockedRange]":
        """Return what is left when a range is taken out."""
        parts = (self.start, min(self.end, start)), (max(self.start, end), self.end)
        return [replace(self, start=begin, end=stop) for begin, stop in parts if begin < stop]


class RangeLocks:
    """The locked ranges of one file. `file` returns the open by which the next one is locked."""

    def __init__(self, file: Callable[[], File]) -> None:
        self._file = file
        self._held: list[LockedRange] = []
        self._changing = asyncio.Lock()

    def has(self, owner: int) -> bool:
        """Return whether a process holds any lock. Any thread may ask."""
        # Of a copy: one that is removed meanwhile would hide the one after it.
        return any(each.owner == owner for each in tuple(self._held))

    async def is_free(self, owner: int, start: int, end: int, *, exclusive: bool) -> bool:
        """Return whether a process could lock a range now."""
        async with self._changing:
            if self._conflicts(owner, start, end, exclusive):
                return False
            if any(each.overlaps(start, end) for each in self._held if each.owner == owner):
                return True  # the server cannot be asked: it would compare with these
            try:
                wanted = LockedRange(owner, start, end, exclusive, self._file())
                await self._take(wanted)
            except LockedError:
                return False
            await self._give(wanted)
            return True

    async def lock(
        self, owner: int, start: int, end: int, *, exclusive: bool, blocking: bool
    ) -> None:
        """Lock a range for a process. Raises `OSError` with EAGAIN if it is locked, and ENOLCK.

        With `blocking` it waits until the range is free, or it is cancelled.
        """
        pauses = delays(FIRST_DELAY, LONGEST_DELAY)
        while not await self._attempt(owner, start, end, exclusive):
            if not blocking:
                raise os_error(errno.EAGAIN)
            await asyncio.sleep(next(pauses))

    async def _attempt(self, owner: int, start: int, end: int, exclusive: bool) -> bool:
        async with self._changing:
            if self._conflicts(owner, start, end, exclusive):
                return False
            if len(self._held) >= MOST:
                raise os_error(errno.ENOLCK)
            wanted = LockedRange(owner, start, end, exclusive, self._file())
            mine = self._of(owner, start, end)
            if any(
                each.start <= start and end <= each.end and each.exclusive == exclusive
                for each in mine
            ):
                return True
            try:
                await self._replace(mine, [wanted], start, end)
            except LockedError:
                return False
            return True

    async def unlock(self, owner: int, start: int, end: int) -> None:
        """Release what a process has locked of a range."""
        async with self._changing:
            await self._replace(self._of(owner, start, end), [], start, end)

    def _of(self, owner: int, start: int, end: int) -> list[LockedRange]:
        return [each for each in self._held if each.owner == owner and each.overlaps(start, end)]

    def _conflicts(self, owner: int, start: int, end: int, exclusive: bool) -> bool:
        return any(
            each.owner != owner and each.overlaps(start, end) and (exclusive or each.exclusive)
            for each in self._held
        )

    async def _replace(
        self, before: list[LockedRange], wanted: list[LockedRange], start: int, end: int
    ) -> None:
        """Release ranges, and lock those that are wanted and what is left of the others.

        SMB changes no lock that is held: for a moment nothing is locked. If somebody else comes
        first, what was locked before is locked again.
        """
        for each in before:
            await self._give(each)
        rest = [part for each in before for part in each.without(start, end)]
        taken: list[LockedRange] = []
        try:
            for each in [*rest, *wanted]:
                await self._take(each)
                taken.append(each)
        except LockedError:
            for each in taken:
                await self._give(each)
            await self._restore(before)
            raise

    async def _restore(self, ranges: list[LockedRange]) -> None:
        for each in ranges:
            try:
                await self._take(each)
            except LockedError as error:
                log.warning("a lock was lost while it was changed: %s", error)

    async def _take(self, each: LockedRange) -> None:
        await each.file.lock(
            each.start, each.end - each.start, exclusive=each.exclusive, blocking=False
        )
        self._held.append(each)

    async def _give(self, each: LockedRange) -> None:
        self._held.remove(each)
        try:
            await each.file.unlock(each.start, each.end - each.start)
        except SmbError as error:
            # It went with its connection, or the file was closed.
            log.debug("a lock was gone when it was to be released: %s", error)
