"""What clients may cache of a file, and how it is taken back from them.

[MS-FSA] 2.1.4.12, 2.1.5.18 and 2.1.5.19, [MS-SMB2] 3.3.1.4

Who may cache has a `CacheGrant`: an oplock, which belongs to one open, or a lease, which any number
of opens of one client share. Before something happens to a file that a grant has to know of,
`begin_breaks` tells the client; and where the client has to give something up first (write its
cache back, close what it only kept open), whoever is about to do it has to wait for that.

Only what goes through this server is seen. A local program changes a file behind the backs of
all grants; they go on believing their caches until they lose them for another reason.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.context import Wait
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import OplockLevel
from smbquic.wire.create_contexts import LeaseState
from smbquic.wire.oplock_break import OplockBreakNotification

if TYPE_CHECKING:
    from smbquic.server.opens.file_table import FileState
    from smbquic.server.opens.open import Open

_log = logging.getLogger(__name__)

NOTHING = 0
READ = int(LeaseState.READ_CACHING)
HANDLE = int(LeaseState.HANDLE_CACHING)
WRITE = int(LeaseState.WRITE_CACHING)

MAX_GRANTS = 128
"""Who may cache something of one file at a time. A change takes it from all of them at once, and
each takes 50 microseconds, in which nobody else has a turn."""

_LEVELS: dict[int, int] = {
    OplockLevel.OPLOCK_LEVEL_II: READ,
    OplockLevel.OPLOCK_LEVEL_EXCLUSIVE: READ | WRITE,
    OplockLevel.OPLOCK_LEVEL_BATCH: READ | WRITE | HANDLE,
}
_CACHING = {caching: level for level, caching in _LEVELS.items()}
_LOOKS = int(
    AccessMask.FILE_READ_ATTRIBUTES | AccessMask.FILE_WRITE_ATTRIBUTES | AccessMask.SYNCHRONIZE
)
_LOOKS_OR_READS_CONTROL = _LOOKS | int(AccessMask.READ_CONTROL)


class BreakCause(Enum):
    """What is about to happen to a file."""

    INSPECT = auto()
    """It is opened for its security descriptor, which concerns oplocks and no leases."""
    OPEN = auto()
    """It is opened for more than its attributes."""
    OVERWRITE = auto()
    """It is opened, and what was in it goes."""
    SHARING = auto()
    """It would be opened, if what others have open were not in the way."""
    CHANGE = auto()
    """Its content, size or byte-range locks change."""
    MOVE = auto()
    """It gets another name, or one more."""
    DELETE = auto()
    """It is to be deleted, or who may open it changes."""
    ENTRY = auto()
    """It is a folder, and what is in it changes."""


def cause_of_open(wanted: int, *, overwrites: bool) -> BreakCause | None:
    """Why an open with this access concerns grants; None if it does not."""
    if overwrites:
        return BreakCause.OVERWRITE
    if wanted & ~_LOOKS_OR_READS_CONTROL:
        return BreakCause.OPEN
    return BreakCause.INSPECT if wanted & ~_LOOKS else None


@dataclass(slots=True, eq=False)
class Break:
    """A client was told to give something up, and has not acknowledged it yet.

    It was asked for `asked`; meanwhile it may have become necessary that it keeps no more than
    `required`. `done` is set when it is over, however it ended.
    """

    asked: int
    required: int
    timer: asyncio.TimerHandle
    done: asyncio.Future[None]


class CacheGrant(ABC):
    """Whoever may cache something of a file: `caching` are the bits of `LeaseState`.

    `opens` are those that it serves; while `breaking`, `caching` is what it was before.
    """

    __slots__ = ("breaking", "caching", "opens", "seconds", "state")

    def __init__(self, state: FileState, entry: Open, caching: int, seconds: float) -> None:
        self.state = state
        self.opens = [entry]
        self.caching = caching
        self.seconds = seconds
        self.breaking: Break | None = None
        state.grants.append(self)

    @property
    @abstractmethod
    def level(self) -> int:
        """How a response to CREATE calls it."""

    @abstractmethod
    def left_after(self, cause: BreakCause) -> int:
        """What the grant may still cache when that has happened."""

    @abstractmethod
    def must_wait(self, cause: BreakCause) -> bool:
        """Whether that has to wait until the client has given up what it loses."""

    @abstractmethod
    def notify(self, left: int, *, acknowledge: bool, further: bool) -> bool:
        """Tells the client what it is left with; `further` if it has just acknowledged more.

        False if there is no connection to tell it on.
        """

    @abstractmethod
    def must_acknowledge(self) -> bool:
        """Whether the client has something to do before it can give up what it has."""

    def reduce(self, left: int, *, further: bool = False) -> bool:
        """Has the client give up everything but `left`.

        Where it cannot be asked, what it has open waits for its return, and is closed instead;
        then this is false.
        """
        if self.breaking is not None:
            self.breaking.required &= left
            return True
        acknowledge = self.must_acknowledge()
        told = self.notify(left, acknowledge=acknowledge, further=further)
        if not told:
            for entry in list(self.opens):
                entry.close()
        elif acknowledge:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(self.seconds, self._give_up_waiting)
            self.breaking = Break(left, left, timer, loop.create_future())
        else:
            self.caching = left
        return told

    def acknowledge(self, kept: int) -> None:
        """The client has given up everything but `kept`, which is at most what it was asked for.

        If that is more than what is possible by now, it is asked again, step by step: it is left
        with READ at first if that spares it from losing all at once.
        """
        last = self.breaking
        assert last is not None
        self.caching = kept
        if not kept & ~last.required:
            self._finish()
            return
        last.timer.cancel()
        self.breaking = None
        step = kept & READ if kept & ~READ else NOTHING
        self.reduce(last.required | step, further=True)
        following: Break | None = self.breaking
        if following is None:
            last.done.set_result(None)
        else:
            following.required, following.done = last.required, last.done

    def _give_up_waiting(self) -> None:
        _log.info("a client did not acknowledge a break within %g s", self.seconds)
        self.caching = NOTHING
        self._finish()

    def _finish(self) -> None:
        """Ends a break, and lets those go on who wait for it."""
        if self.breaking is not None:
            self.breaking.timer.cancel()
            self.breaking.done.set_result(None)
            self.breaking = None

    def drop(self, entry: Open) -> None:
        """Forgets an open; with the last one the grant goes, whatever it still had."""
        self.opens.remove(entry)
        if not self.opens:
            self.remove()

    def remove(self) -> None:
        """The grant has nothing any more."""
        self.caching = NOTHING
        self._finish()
        self.state.grants.remove(self)


class Oplock(CacheGrant):
    """An oplock: II lets its open cache reads, exclusive writes too, batch the open itself.

    `unasked` tells that the client was told that it has lost one of level II.
    """

    __slots__ = ("unasked",)

    def __init__(self, state: FileState, entry: Open, caching: int, seconds: float) -> None:
        super().__init__(state, entry, caching, seconds)
        self.unasked = False

    @property
    def level(self) -> int:
        """What it was granted as, or what is left of that."""
        return _CACHING.get(self.caching, OplockLevel.OPLOCK_LEVEL_NONE)

    def left_after(self, cause: BreakCause) -> int:
        """An exclusive or batch oplock becomes one of level II, or goes altogether."""
        if cause in (BreakCause.OVERWRITE, BreakCause.CHANGE):
            return NOTHING
        if cause in (BreakCause.OPEN, BreakCause.INSPECT):
            return READ
        return NOTHING if cause is BreakCause.MOVE and self.caching & HANDLE else self.caching

    def must_wait(self, cause: BreakCause) -> bool:
        """For exclusive and batch oplocks."""
        return self.must_acknowledge()

    def must_acknowledge(self) -> bool:
        """For exclusive and batch oplocks."""
        return bool(self.caching & WRITE)

    def notify(self, left: int, *, acknowledge: bool, further: bool) -> bool:
        """Oplock Break Notification. [MS-SMB2] 3.3.4.6"""
        entry = self.opens[0]
        level = OplockLevel.OPLOCK_LEVEL_II if left else OplockLevel.OPLOCK_LEVEL_NONE
        notification = OplockBreakNotification(level, entry.file_id)
        return entry.session is not None and entry.session.notify(notification)

    def reduce(self, left: int, *, further: bool = False) -> bool:
        """Has the client give up everything but `left`; an oplock of nothing is none."""
        self.unasked = self.caching == READ
        told = super().reduce(left, further=further)
        self._forget_nothing()
        return told

    def acknowledge(self, kept: int) -> None:
        """The client has given up everything but `kept`."""
        super().acknowledge(kept)
        self._forget_nothing()

    def _give_up_waiting(self) -> None:
        super()._give_up_waiting()
        self._forget_nothing()

    def _forget_nothing(self) -> None:
        if not self.caching and self in self.state.grants:
            self.remove()

    def drop(self, entry: Open) -> None:
        """Forgets the open."""
        self.caching = NOTHING
        self._forget_nothing()


def begin_breaks(
    grants: Iterable[CacheGrant], cause: BreakCause, mine: CacheGrant | None = None
) -> list[asyncio.Future[None]]:
    """Tells the grants what is about to happen; what has to be waited for before it may.

    `mine` is the grant on whose behalf it happens. It is spared; but not an oplock of level II
    whose own open changes the file, as no other open knows that it does.
    """
    waits = []
    for grant in tuple(grants):
        if grant is mine and not (cause is BreakCause.CHANGE and _is_level_two(grant)):
            continue
        left = grant.left_after(cause)
        if grant.caching & ~left:
            waited_for = grant.must_wait(cause)
            if not grant.reduce(left):
                # What was closed may have been the last of a file that is gone now.
                waits.append(_over())
            elif waited_for and grant.breaking is not None:
                waits.append(grant.breaking.done)
    return waits


def _over() -> asyncio.Future[None]:
    future = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future


def break_grants(state: FileState, cause: BreakCause, mine: CacheGrant | None = None) -> None:
    """`begin_breaks` from all who hold something of a file; raises `Wait` if that takes a while."""
    waits = begin_breaks(state.grants, cause, mine)
    if waits:
        raise Wait(waits)


def break_for_open(
    state: FileState, wanted: int, share_access: int, *, overwrites: bool, mine: CacheGrant | None
) -> None:
    """Makes way for a further open of a file; `mine` is the lease that it will join.

    Raises `Wait`, and StatusError DELETE_PENDING or SHARING_VIOLATION. [MS-FSA] 2.1.5.1.2
    """
    if not state.grants or state.delete_pending:
        state.check_open(wanted, share_access)
        return
    cause = cause_of_open(wanted, overwrites=overwrites)
    if cause is not None:
        # Who is asked to give up a batch oplock may close what stands in the way.
        batch = [grant for grant in state.grants if _is_batch(grant)]
        waits = begin_breaks(batch, cause, mine)
        if waits:
            raise Wait(waits)
    try:
        state.check_open(wanted, share_access)
    except StatusError as error:
        if error.status is NtStatus.SHARING_VIOLATION:
            break_grants(state, BreakCause.SHARING, mine)
        raise
    if cause is not None:
        break_grants(state, cause, mine)


def _is_batch(grant: CacheGrant) -> bool:
    return isinstance(grant, Oplock) and bool(grant.caching & HANDLE)


def _is_level_two(grant: CacheGrant) -> bool:
    return isinstance(grant, Oplock) and grant.caching == READ


def level_of(grant: CacheGrant | None, asked: int) -> int:
    """What is left of what was asked for as `asked`."""
    if not isinstance(grant, Oplock):
        return OplockLevel.OPLOCK_LEVEL_NONE if grant is None else grant.level
    return _CACHING.get(grant.caching & _LEVELS.get(asked, NOTHING), OplockLevel.OPLOCK_LEVEL_NONE)


def grant_oplock(entry: Open, level: int, seconds: float) -> int:
    """Gives a new open the oplock that it asks for, or a lesser one; the level that it got.

    `seconds` is how long the client may take to give it up.
    """
    caching = _LEVELS.get(level, NOTHING)
    if entry.is_directory or not caching:
        return OplockLevel.OPLOCK_LEVEL_NONE
    if caching & WRITE and not can_cache(entry, caching):
        level, caching = OplockLevel.OPLOCK_LEVEL_II, READ
    if caching == READ and (_holds(entry.state.grants, HANDLE) or not can_cache(entry, caching)):
        return OplockLevel.OPLOCK_LEVEL_NONE
    entry.grant = Oplock(entry.state, entry, caching, seconds)
    return level


def can_cache(entry: Open, caching: int, mine: CacheGrant | None = None) -> bool:
    """Whether a file may be cached like that through an open, whatever others do with it.

    Nothing may be cached where too many do already.

    [MS-FSA] 2.1.5.18.1, 2.1.5.18.2
    """
    state = entry.state
    others = [grant for grant in state.grants if grant is not mine and grant.caching]
    if len(others) >= MAX_GRANTS:
        return False
    if caching & HANDLE and state.delete_pending:
        return False
    if caching & WRITE:
        return not others and not any(
            other is not entry
            and other.granted_access & ~_LOOKS
            and (mine is None or other.grant is not mine)
            for other in state.opens
        )
    if _holds(others, WRITE) or (caching & HANDLE and any(map(_is_level_two, others))):
        return False
    lowest = state.locks.lowest_offset
    return lowest is None or lowest >= entry.file.stat().allocation_size


def _holds(grants: Iterable[CacheGrant], caching: int) -> bool:
    return any(grant.caching & caching for grant in grants)
