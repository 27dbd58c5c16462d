"""Oplocks, and the breaks of oplocks and leases before a file changes.

[MS-FSA] 2.1.4.12, 2.1.5.18 and 2.1.5.19, [MS-SMB2] 3.3.1.4

A client that may cache has a `CacheGrant`: an oplock, which belongs to one open, or a lease, which
any number of opens of one client share. Before something happens to a file that makes a cache
wrong, `begin_breaks` notifies the client. Where the client has to do something first (write its
cache back, close what it only kept open), the request that causes the break waits for its
acknowledgment.

Changes by local programs break nothing: the server does not know of them in time. A client that
caches the file goes on with what it has cached.
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
"""Oplocks and leases on one file. A change breaks all of them in one step of the event loop, and
each takes 50 microseconds, in which no other request is handled."""

_LEVELS: dict[int, int] = {
    OplockLevel.OPLOCK_LEVEL_II: READ,
    OplockLevel.OPLOCK_LEVEL_EXCLUSIVE: READ | WRITE,
    OplockLevel.OPLOCK_LEVEL_BATCH: READ | WRITE | HANDLE,
}
_CACHING = {caching: level for level, caching in _LEVELS.items()}


class Oplock(CacheGrant):
    """An oplock: II lets its open cache reads, exclusive writes too, batch the open itself.

    `level_two_broken` is whether level II was broken, for which no acknowledgment is asked.
    """

    __slots__ = ("level_two_broken",)

    def __init__(self, file_state: FileState, entry: Open, caching: int, seconds: float) -> None:
        super().__init__(file_state, entry, caching, seconds)
        self.level_two_broken = False

    @property
    def level(self) -> int:
        """The level that it was granted, or that is left of it."""
        return _CACHING.get(self.caching, OplockLevel.OPLOCK_LEVEL_NONE)

    def left_after(self, cause: BreakCause) -> int:
        """Return what may still be cached: reads (level II), or nothing. [MS-FSA] 2.1.4.12"""
        if cause in (BreakCause.OVERWRITE, BreakCause.CHANGE):
            # BreakToNone: what was read before is wrong after that.
            return NOTHING
        if cause in (BreakCause.OPEN, BreakCause.INSPECT):
            # BreakToTwo: there are two opens now, and both may cache reads as long as nobody
            # writes.
            return READ
        # Of the other causes only a new name matters: a batch oplock is about the name, too, since
        # its client opens the file again without asking the server.
        return NOTHING if cause is BreakCause.MOVE and self.caching & HANDLE else self.caching

    def must_wait(self, cause: BreakCause) -> bool:
        """Return whether it is an exclusive or batch oplock."""
        return self.must_acknowledge()

    def must_acknowledge(self) -> bool:
        """Return whether it is an exclusive or batch oplock."""
        # Level II has nothing to write back: its client is told, and nobody waits for it.
        return bool(self.caching & WRITE)

    def notify(self, left: int, *, acknowledge: bool, further: bool) -> bool:
        """Send an Oplock Break Notification. [MS-SMB2] 3.3.4.6"""
        # Any channel of the session will do. If none is left, the caller closes the open.
        # [MS-SMB2] 3.3.4.6
        entry = self.opens[0]
        level = OplockLevel.OPLOCK_LEVEL_II if left else OplockLevel.OPLOCK_LEVEL_NONE
        notification = OplockBreakNotification(level, entry.file_id)
        return entry.owner.session is not None and entry.owner.session.notify(notification)

    def reduce(self, left: int, *, further: bool = False) -> bool:
        """Break the oplock; one that allows nothing any more is removed."""
        # Some clients acknowledge this break, though they are not asked to. The error is another
        # one than for an acknowledgment without any break. [MS-SMB2] 3.3.5.22.1
        self.level_two_broken = self.caching == READ
        notified = super().reduce(left, further=further)
        self._remove_if_empty()
        return notified

    def acknowledge(self, kept: int) -> None:
        """End a break, see `CacheGrant`; an oplock that allows nothing any more is removed."""
        super().acknowledge(kept)
        self._remove_if_empty()

    def _time_out(self) -> None:
        super()._time_out()
        self._remove_if_empty()

    def _remove_if_empty(self) -> None:
        if not self.caching and self.state is not GrantState.NONE:
            self.remove()

    def drop(self, entry: Open) -> None:
        """Remove the oplock with its open."""
        # Unlike a lease, an oplock belongs to this open alone.
        self.caching = NOTHING
        self._remove_if_empty()


def begin_breaks(
    grants: Iterable[CacheGrant], cause: BreakCause, mine: CacheGrant | None = None
) -> list[asyncio.Future[None]]:
    """Break the grants that `cause` concerns; return the futures to wait for before it may happen.

    `mine` is the grant of the open that causes it, and is spared; but an oplock of level II breaks
    also when its own open changes the file. [MS-FSA] 2.1.4.12
    """
    waits = []
    # A copy, since an oplock that is left nothing removes itself from the file.
    for grant in tuple(grants):
        if grant is mine and not (cause is BreakCause.CHANGE and _is_level_two(grant)):
            continue
        left = grant.left_after(cause)
        if grant.caching & ~left:
            # Asked before `reduce`, which takes READ away at once.
            waited_for = grant.must_wait(cause)
            if not grant.reduce(left):
                # Its opens were closed, and with the last of them the file may be deleted: the
                # handler has to begin again.
                waits.append(_over())
            elif waited_for and grant.breaking is not None:
                waits.append(grant.breaking.done)
    return waits


def _over() -> asyncio.Future[None]:
    future = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future


def break_grants(state: FileState, cause: BreakCause, mine: CacheGrant | None = None) -> None:
    """Break all grants of a file that `cause` concerns; raises `RetryAfter` to wait for that."""
    waits = begin_breaks(state.grants, cause, mine)
    if waits:
        raise RetryAfter(waits)


def break_others(entry: Open, cause: BreakCause) -> None:
    """Break the grants of other clients before an open does something to its file.

    Raises `RetryAfter` to wait for that.
    """
    if entry.file_state.grants:
        break_grants(entry.file_state, cause, entry.cache.grant)


def break_for_open(
    state: FileState, wanted: int, share_access: int, *, overwrites: bool, mine: CacheGrant | None
) -> None:
    """Break the grants that a further open of a file concerns, and check the share modes.

    `mine` is the lease that the open will join.

    Raises `RetryAfter`, and StatusError DELETE_PENDING or SHARING_VIOLATION. [MS-FSA] 2.1.5.1.2
    """
    # A file that is about to be deleted cannot be opened, so nobody has to give up anything for it.
    if not state.grants or state.delete_pending:
        state.check_open(wanted, share_access)
        return
    cause = cause_of_open(wanted, overwrites=overwrites)
    if cause is not None:
        # Before the share modes are checked: the owner of a batch oplock may have closed the file
        # on its side, and closes the open that is in the way when the oplock breaks.
        batch = [grant for grant in state.grants if _is_batch(grant)]
        waits = begin_breaks(batch, cause, mine)
        if waits:
            raise RetryAfter(waits)
    try:
        state.check_open(wanted, share_access)
    except StatusError as error:
        if error.status is NtStatus.SHARING_VIOLATION:
            # The same with handle leases (OPEN_BREAK_H); if there are none, the violation stands.
            # The handler is called again after the breaks, and checks the share modes anew.
            break_grants(state, BreakCause.SHARING, mine)
        raise
    # The other caches last, as in [MS-FSA] 2.1.5.1.2.2: an open that fails for its share modes
    # leaves them as they are.
    if cause is not None:
        break_grants(state, cause, mine)


def _is_batch(grant: CacheGrant) -> bool:
    return isinstance(grant, Oplock) and bool(grant.caching & HANDLE)


def _is_level_two(grant: CacheGrant) -> bool:
    return isinstance(grant, Oplock) and grant.caching == READ


def level_of(grant: CacheGrant | None, asked: int) -> int:
    """Return the oplock level that a replayed CREATE gets, which asked for `asked`."""
    if not isinstance(grant, Oplock):
        return OplockLevel.OPLOCK_LEVEL_NONE if grant is None else grant.level
    return _CACHING.get(grant.caching & _LEVELS.get(asked, NOTHING), OplockLevel.OPLOCK_LEVEL_NONE)


def grant_oplock(entry: Open, level: int, seconds: float) -> int:
    """Give a new open the oplock that it asks for, or a lesser one; return the level.

    `seconds` is how long the client may take to give it up.
    """
    caching = _LEVELS.get(level, NOTHING)
    # Folders have leases only. [MS-FSA] 2.1.5.18
    if entry.is_directory or not caching:
        return OplockLevel.OPLOCK_LEVEL_NONE
    if caching & WRITE and not can_cache(entry, caching):
        level, caching = OplockLevel.OPLOCK_LEVEL_II, READ
    # Level II is tried if an exclusive or batch oplock is not granted ([MS-SMB2] 3.3.5.9, Oplock
    # Acquisition). It cannot exist beside handle leases ([MS-FSA] 2.1.5.18.2).
    if caching == READ and (
        _holds(entry.file_state.grants, HANDLE) or not can_cache(entry, caching)
    ):
        return OplockLevel.OPLOCK_LEVEL_NONE
    entry.cache.grant = Oplock(entry.file_state, entry, caching, seconds)
    return level


def can_cache(entry: Open, caching: int, mine: CacheGrant | None = None) -> bool:
    """Return whether an open may have a grant with these bits, beside all other opens.

    It may not if the file has `MAX_GRANTS` already.

    [MS-FSA] 2.1.5.18.1, 2.1.5.18.2
    """
    state = entry.file_state
    others = [grant for grant in state.grants if grant is not mine and grant.caching]
    if len(others) >= MAX_GRANTS:
        return False
    # A file that is marked for deletion is deleted only when all of its opens are closed.
    if caching & HANDLE and state.delete_pending:
        return False
    if caching & WRITE:
        # No other open sees cached writes, so there must be none ([MS-FSA] 2.1.5.18.1), except
        # those of the same lease and those for attributes alone, which would not break it either
        # ([MS-SMB2] 3.3.1.4).
        return not others and not any(
            other is not entry
            and other.access.granted & ~ATTRIBUTES_ONLY
            and (mine is None or other.cache.grant is not mine)
            for other in state.opens
        )
    # A client with WRITE may have changed in its cache what is to be cached. [MS-FSA] 2.1.5.18.2
    if _holds(others, WRITE) or (caching & HANDLE and any(map(_is_level_two, others))):
        return False
    # Reads of a locked range have to ask the server. Locks beyond the end of the file do no harm:
    # taking one breaks no oplock either. [MS-FSA] 2.1.5.8
    lowest = state.locks.lowest_offset
    return lowest is None or lowest >= entry.file.stat().allocation_size


def _holds(grants: Iterable[CacheGrant], caching: int) -> bool:
    return any(grant.caching & caching for grant in grants)
