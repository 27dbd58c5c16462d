"""LOCK: byte ranges are locked and unlocked. [MS-SMB2] 3.3.5.14"""

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.request import Request
from smbquic.server import access
from smbquic.server.context import Context, Endless
from smbquic.server.locks import ByteRange
from smbquic.server.open import Open
from smbquic.server.oplocks import Cause
from smbquic.server.replay import LockSequence
from smbquic.wire.lock import LockElement, LockFlags, LockRequest, LockResponse

_SHARED = int(LockFlags.SHARED_LOCK)
_EXCLUSIVE = int(LockFlags.EXCLUSIVE_LOCK)
_UNLOCK = int(LockFlags.UNLOCK)
_IMMEDIATELY = int(LockFlags.FAIL_IMMEDIATELY)
_KINDS = (_SHARED, _EXCLUSIVE, _SHARED | _IMMEDIATELY, _EXCLUSIVE | _IMMEDIATELY)
_RESPONSE = LockResponse()
_END = 1 << 64


def handle(context: Context, request: Request) -> LockResponse | Endless:
    """Unlocks or locks every range, as the first element says; a single lock may wait."""
    body: LockRequest = request.body
    entry = context.open(body.file_id)
    if entry.is_directory or not body.locks:
        raise StatusError(NtStatus.INVALID_PARAMETER, "LOCK")
    entry.require_any(access.READS_DATA | access.MODIFIES_DATA)
    sequence = LockSequence(context, entry, body.lock_sequence)
    if sequence.is_done():
        return _RESPONSE
    if body.locks[0].flags == _UNLOCK:
        _unlock(entry, body.locks)
        sequence.note()
        return _RESPONSE
    waits = _check(body.locks)
    ranges = [_range(entry, element) for element in body.locks]
    locks = entry.state.locks
    if len(locks.ranges) + len(ranges) > context.server.limits.locks:
        raise StatusError(NtStatus.INSUFFICIENT_RESOURCES, "LOCK")
    entry.make_way(Cause.CHANGE)
    taken: list[ByteRange] = []
    try:
        for wanted in ranges:
            locks.add(wanted)
            taken.append(wanted)
    except StatusError:
        locks.undo(taken)
        if waits:
            return Endless(_wait(entry, ranges[0], sequence))
        raise
    sequence.note()
    return _RESPONSE


def _unlock(entry: Open, elements: list[LockElement]) -> None:
    """Stops at the first range that cannot be unlocked; those before it stay unlocked."""
    for element in elements:
        if element.flags != _UNLOCK:
            raise StatusError(NtStatus.INVALID_PARAMETER, "LOCK")
        entry.state.locks.remove(entry, element.offset, element.length)


def _check(elements: list[LockElement]) -> bool:
    """Whether the lock may wait, which only a single one may."""
    if any(element.flags not in _KINDS for element in elements):
        raise StatusError(NtStatus.INVALID_PARAMETER, "LOCK")
    waits = not all(element.flags & _IMMEDIATELY for element in elements)
    if waits and len(elements) > 1:
        raise StatusError(NtStatus.INVALID_PARAMETER, "LOCK")
    return waits


def _range(entry: Open, element: LockElement) -> ByteRange:
    if element.length and element.offset + element.length > _END:
        raise StatusError(NtStatus.INVALID_LOCK_RANGE, "LOCK")
    exclusive = bool(element.flags & _EXCLUSIVE)
    return ByteRange(entry, element.offset, element.length, exclusive)


async def _wait(entry: Open, wanted: ByteRange, sequence: LockSequence) -> LockResponse:
    """Tries whenever some lock has gone, until the open goes itself."""
    locks = entry.state.locks
    while True:
        # Between two steps of a task, anything may have happened.
        if entry not in entry.state.opens:
            raise StatusError(NtStatus.RANGE_NOT_LOCKED, "LOCK")
        try:
            locks.add(wanted)
        except StatusError:
            await locks.wait(entry)
        else:
            sequence.note()
            return _RESPONSE
