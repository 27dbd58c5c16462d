"""What clients may cache of a file, and how it is taken back from them.

[MS-FSA] 2.1.4.12, 2.1.5.18 and 2.1.5.19, [MS-SMB2] 3.3.1.4

Who may cache has a `CacheGrant`: an oplock, which belongs to one open, or a lease, which any number
of opens of one client share. Before something happens to a file that a grant has to know of,
`begin_breaks` tells the client; and where the client has to give something up first (write its
cache back, close what it only kept open), whoever is about to do it has to wait for that.

Only what goes through this server is seen. A local program changes a file behind the backs of
all grants; they go on believing their caches until they lose them for another reason.
"""

import asyncio
from collections.abc import Iterable

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.opens.cache_states import (
    ATTRIBUTES_ONLY,
    HANDLE,
    NOTHING,
    READ,
    WRITE,
    BreakCause,
    cause_of_open,
)
from smbquic.server.opens.grant_state import GrantState
from smbquic.server.opens.open import CacheGrant, FileState, Open
from smbquic.server.outcome import RetryAfter
from smbquic.wire.create import OplockLevel
from smbquic.wire.oplock_break import OplockBreakNotification

MAX_GRANTS = 128
"""Who may cache something of one file at a time. A change takes it from all of them at once, and
each takes 50 microseconds, in which nobody else has a turn."""

_LEVELS: dict[int, int] = {
    OplockLevel.OPLOCK_LEVEL_II: READ,
    OplockLevel.OPLOCK_LEVEL_EXCLUSIVE: READ | WRITE,
    OplockLevel.OPLOCK_LEVEL_BATCH: READ | WRITE | HANDLE,
}
_CACHING = {caching: level for level, caching in _LEVELS.items()}


class Oplock(CacheGrant):
    """An oplock: II lets its open cache reads, exclusive writes too, batch the open itself.

    `unasked` tells that the client was told that it has lost one of level II.
    """

    __slots__ = ("unasked",)

    def __init__(self, file_state: FileState, entry: Open, caching: int, seconds: float) -> None:
        super().__init__(file_state, entry, caching, seconds)
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
        return entry.owner.session is not None and entry.owner.session.notify(notification)

    def reduce(self, left: int, *, further: bool = False) -> bool:
        """Has the client give up everything but `left`; an oplock of nothing is none."""
        self.unasked = self.caching == READ
        told = super().reduce(left, further=further)
        self._remove_if_empty()
        return told

    def acknowledge(self, kept: int) -> None:
        """The client has given up everything but `kept`."""
        super().acknowledge(kept)
        self._remove_if_empty()

    def _time_out(self) -> None:
        super()._time_out()
        self._remove_if_empty()

    def _remove_if_empty(self) -> None:
        if not self.caching and self.state is not GrantState.NONE:
            self.remove()

    def drop(self, entry: Open) -> None:
        """Forgets the open."""
        self.caching = NOTHING
        self._remove_if_empty()


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
    """`begin_breaks` for all grants of a file; raises `RetryAfter` if that takes a while."""
    waits = begin_breaks(state.grants, cause, mine)
    if waits:
        raise RetryAfter(waits)


def break_others(entry: Open, cause: BreakCause) -> None:
    """Have others give up what they must not cache when an open does something to its file.

    Raises `RetryAfter` if that takes a while.
    """
    if entry.file_state.grants:
        break_grants(entry.file_state, cause, entry.cache.grant)


def break_for_open(
    state: FileState, wanted: int, share_access: int, *, overwrites: bool, mine: CacheGrant | None
) -> None:
    """Makes way for a further open of a file; `mine` is the lease that it will join.

    Raises `RetryAfter`, and StatusError DELETE_PENDING or SHARING_VIOLATION. [MS-FSA] 2.1.5.1.2
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
            raise RetryAfter(waits)
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
    if caching == READ and (
        _holds(entry.file_state.grants, HANDLE) or not can_cache(entry, caching)
    ):
        return OplockLevel.OPLOCK_LEVEL_NONE
    entry.cache.grant = Oplock(entry.file_state, entry, caching, seconds)
    return level


def can_cache(entry: Open, caching: int, mine: CacheGrant | None = None) -> bool:
    """Whether a file may be cached like that through an open, whatever others do with it.

    Nothing may be cached where too many do already.

    [MS-FSA] 2.1.5.18.1, 2.1.5.18.2
    """
    state = entry.file_state
    others = [grant for grant in state.grants if grant is not mine and grant.caching]
    if len(others) >= MAX_GRANTS:
        return False
    if caching & HANDLE and state.delete_pending:
        return False
    if caching & WRITE:
        return not others and not any(
            other is not entry
            and other.access.granted & ~ATTRIBUTES_ONLY
            and (mine is None or other.cache.grant is not mine)
            for other in state.opens
        )
    if _holds(others, WRITE) or (caching & HANDLE and any(map(_is_level_two, others))):
        return False
    lowest = state.locks.lowest_offset
    return lowest is None or lowest >= entry.file.stat().allocation_size


def _holds(grants: Iterable[CacheGrant], caching: int) -> bool:
    return any(grant.caching & caching for grant in grants)
