"""LOCK: byte ranges are locked and unlocked. [MS-SMB2] 3.3.5.14"""

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.request import Request
from smbquic.server.batches import BATCH, Steps, in_batches
from smbquic.server.context import Context
from smbquic.server.opens.cache_states import BreakCause
from smbquic.server.opens.channel_sequence import LockSequence
from smbquic.server.opens.locks import ByteRange
from smbquic.server.opens.open import Open
from smbquic.server.opens.open_state import OpenState
from smbquic.server.opens.oplocks import break_others
from smbquic.server.outcome import Pending, PendingKind, Reply
from smbquic.server.security import access
from smbquic.wire.lock import LockElement, LockFlags, LockRequest, LockResponse
from smbquic.wire.negotiate import Dialect, GlobalCapabilities

_SHARED = int(LockFlags.SHARED_LOCK)
_EXCLUSIVE = int(LockFlags.EXCLUSIVE_LOCK)
_UNLOCK = int(LockFlags.UNLOCK)
_IMMEDIATELY = int(LockFlags.FAIL_IMMEDIATELY)
_KINDS = (_SHARED, _EXCLUSIVE, _SHARED | _IMMEDIATELY, _EXCLUSIVE | _IMMEDIATELY)
_REPLY = Reply(LockResponse())
_END = 1 << 64


def handle(context: Context, request: Request) -> Reply | Pending:
    """Lock or unlock every range, as the first element says; a single lock may wait."""
    body: LockRequest = request.body
    entry = context.open(body.file_id)
    if entry.is_directory or not body.locks:
        raise StatusError(NtStatus.INVALID_PARAMETER, "LOCK")
    entry.require_any(access.READS_DATA | access.MODIFIES_DATA)
    sequence = LockSequence(entry, body.lock_sequence, counts=_counts(context, entry))
    if sequence.is_done():
        # The client repeats a request whose response it did not get: it has these locks.
        return _REPLY
    if body.locks[0].flags == _UNLOCK:
        return in_batches(_unlocking(entry, body.locks, sequence), _REPLY)
    waits = _check(body.locks)
    ranges = [_range(entry, element) for element in body.locks]
    most = context.limits.locks
    if entry.file_state.locks.count_of(entry) + len(ranges) > most:
        raise StatusError(NtStatus.INSUFFICIENT_RESOURCES, "LOCK")
    # Who caches the file would go on reading and writing what is locked now.
    break_others(entry, BreakCause.CHANGE)
    try:
        return in_batches(_locking(entry, ranges, sequence, most), _REPLY)
    except StatusError as error:
        if waits and error.status is NtStatus.LOCK_NOT_GRANTED:
            return Pending(_wait(entry, ranges[0], sequence, most), PendingKind.EVENT)
        raise


def _counts(context: Context, entry: Open) -> bool:
    """Return whether LockSequenceIndex counts for this open. [MS-SMB2] 3.3.5.14"""
    protocol = context.connection.protocol
    if protocol.response is None or protocol.dialect == Dialect.SMB_2_0_2:
        return False
    if entry.recovery.durable is not None:
        return True
    return bool(protocol.response.capabilities & GlobalCapabilities.MULTI_CHANNEL)


def _locking(entry: Open, ranges: list[ByteRange], sequence: LockSequence, most: int) -> Steps:
    """Take all of the locks, or raise StatusError and take none.

    Others may see the first of many before the last is taken.
    """
    locks = entry.file_state.locks
    taken = 0
    try:
        for wanted in ranges:
            _add(entry, wanted, most)
            taken += 1
            if not taken % BATCH and taken < len(ranges):
                yield
                _check_open(entry)
    except StatusError:
        # Undone in batches, too, from the last one on: giving back is no faster than taking. An
        # open that was closed meanwhile has lost all of its locks with that.
        while taken and entry.state is not OpenState.CLOSED:
            first = (taken - 1) // BATCH * BATCH
            locks.undo(ranges[first:taken])
            taken = first
            if taken:
                yield
        raise
    except GeneratorExit:
        # The request was cancelled.
        if entry.state is not OpenState.CLOSED:
            locks.undo(ranges[:taken])
        raise
    sequence.record_success()


def _unlocking(entry: Open, elements: list[LockElement], sequence: LockSequence) -> Steps:
    """Unlock up to the first range that cannot be; those before it stay unlocked."""
    for number, element in enumerate(elements, 1):
        if element.flags != _UNLOCK:
            raise StatusError(NtStatus.INVALID_PARAMETER, "LOCK")
        entry.file_state.locks.remove(entry, element.offset, element.length)
        if not number % BATCH and number < len(elements):
            yield
            _check_open(entry)
    sequence.record_success()


def _add(entry: Open, wanted: ByteRange, most: int) -> None:
    """Take a lock; StatusError INSUFFICIENT_RESOURCES if its open has too many.

    Requests that came before may have taken more since this one was checked.
    """
    if entry.file_state.locks.count_of(entry) >= most:
        raise StatusError(NtStatus.INSUFFICIENT_RESOURCES, "LOCK")
    entry.file_state.locks.add(wanted)


def _check_open(entry: Open) -> None:
    """Raise RANGE_NOT_LOCKED if the open was closed between two batches."""
    if entry.state is OpenState.CLOSED:
        raise StatusError(NtStatus.RANGE_NOT_LOCKED, "LOCK")


def _check(elements: list[LockElement]) -> bool:
    """Check the elements; return whether the lock may wait, which only a single one may."""
    if any(element.flags not in _KINDS for element in elements):
        raise StatusError(NtStatus.INVALID_PARAMETER, "LOCK")
    # One of several that waits would keep the others from everybody for as long.
    waits = not all(element.flags & _IMMEDIATELY for element in elements)
    if waits and len(elements) > 1:
        raise StatusError(NtStatus.INVALID_PARAMETER, "LOCK")
    return waits


def _range(entry: Open, element: LockElement) -> ByteRange:
    if element.offset + element.length > _END:
        raise StatusError(NtStatus.INVALID_LOCK_RANGE, "LOCK")
    exclusive = bool(element.flags & _EXCLUSIVE)
    return ByteRange(entry, element.offset, element.length, exclusive)


async def _wait(entry: Open, wanted: ByteRange, sequence: LockSequence, most: int) -> Reply:
    """Try again whenever a lock of the file is released, until the open is closed."""
    locks = entry.file_state.locks
    while True:
        _check_open(entry)
        try:
            _add(entry, wanted, most)
        except StatusError as error:
            if error.status is not NtStatus.LOCK_NOT_GRANTED:
                raise
            await locks.wait(entry)
        else:
            sequence.record_success()
            return _REPLY
