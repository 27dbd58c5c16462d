"""Refuse requests that are late, after the client has sent them again on another connection.

[MS-SMB2] 3.3.5.2.10, 3.3.5.14

A client that loses a channel increments its channel sequence, and sends the requests without a
response again on another channel. If a request of the lost channel is still on its way through the
server, it must not change the file after that.
"""

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.request import Request
from smbquic.server.opens.open import Open
from smbquic.wire.header import Command, HeaderFlags

_REPLAY = int(HeaderFlags.REPLAY_OPERATION)
_CHANGES = frozenset({Command.WRITE, Command.SET_INFO, Command.IOCTL})
_SEQUENCES = 1 << 16
_NEWER = 0x7FFF
_LOCK_SEQUENCES = 64


def is_ordinary(request: Request, entry: Open) -> bool:
    """Return whether there is nothing to check about a request; almost always."""
    header = request.header
    return not (
        entry.recovery.create
        or header.status & 0xFFFF != entry.recovery.sequence.number
        or header.flags & _REPLAY
    )


def check(request: Request, entry: Open) -> None:
    """Refuse what comes too late to change anything: StatusError FILE_NOT_AVAILABLE.

    [MS-SMB2] 3.3.5.2.10
    """
    header, sequence = request.header, entry.recovery.sequence
    number = header.channel_sequence
    if number != sequence.number:
        # The number has 16 bits and wraps around: a difference of more than half is negative.
        if (number - sequence.number) % _SEQUENCES > _NEWER:
            _refuse(request)
            return
        # The client has gone on to another channel. What is still outstanding came by the lost one.
        sequence.number = number
        sequence.changes += 1
        sequence.outstanding_before += sequence.outstanding
        sequence.outstanding = 0
    # A replay has to wait until what it may repeat is done: nobody can say yet what that did.
    if header.flags & _REPLAY and sequence.outstanding_before:
        _refuse(request)


def _refuse(request: Request) -> None:
    # A request that only reads does no harm if it is processed twice.
    if request.header.command in _CHANGES:
        raise StatusError(NtStatus.FILE_NOT_AVAILABLE)


class LockSequence:
    """The LockSequenceIndex and LockSequenceNumber of a LOCK request. [MS-SMB2] 3.3.5.14

    Without `counts`, clients of the connection do not count their LOCK requests.
    """

    __slots__ = ("_entry", "_index", "_number")

    def __init__(self, entry: Open, lock_sequence: int, *, counts: bool) -> None:
        self._entry = entry
        self._number = lock_sequence & 0xF
        # Index 0 means that the client does not count. The array has 64 entries; beyond it the
        # request is processed as any other. [MS-SMB2] 3.3.5.14
        index = lock_sequence >> 4
        self._index = index if counts and 0 < index <= _LOCK_SEQUENCES else 0

    def is_done(self) -> bool:
        """Return whether the request was successful already; if not, it may take the place."""
        if not self._index:
            return False
        locks = self._entry.recovery.sequence.locks
        if locks.get(self._index) == self._number:
            return True
        # Another number is a new request. The entry of the former one is not valid any more,
        # whether this one succeeds or not. [MS-SMB2] 3.3.5.14
        locks.pop(self._index, None)
        return False

    def record_success(self) -> None:
        """Remember that the request was successful."""
        if self._index:
            self._entry.recovery.sequence.locks[self._index] = self._number
