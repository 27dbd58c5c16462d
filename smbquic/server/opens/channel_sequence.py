"""What keeps a request from being done twice when a client sends it again on another connection.

[MS-SMB2] 3.3.5.2.10, 3.3.5.14

A client that loses a channel counts its channel sequence up, and repeats on another channel what
was not answered. A straggler of before must not change the file behind the back of that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.wire.header import Command, HeaderFlags
from smbquic.wire.negotiate import Capabilities, Dialect

if TYPE_CHECKING:
    from smbquic.protocol.request import Request
    from smbquic.server.context import Context
    from smbquic.server.opens.open import Open

_REPLAY = int(HeaderFlags.REPLAY_OPERATION)
_CHANGES = frozenset({Command.WRITE, Command.SET_INFO, Command.IOCTL})
_SEQUENCES = 1 << 16
_NEWER = 0x7FFF
_LOCK_SEQUENCES = 64


def is_ordinary(request: Request, entry: Open) -> bool:
    """Whether there is nothing to check about a request; almost always."""
    header = request.header
    return not (
        entry.creation or header.status & 0xFFFF != entry.channel_sequence or header.flags & _REPLAY
    )


def check(context: Context, request: Request, entry: Open) -> None:
    """Refuses what comes too late to change anything: StatusError FILE_NOT_AVAILABLE.

    Whatever is done through an open, its CREATE has been answered. [MS-SMB2] 3.3.5.2.10
    """
    if entry.creation is not None:
        context.server.create_replays.remove(entry)
    negotiated = context.connection.protocol.negotiated
    assert negotiated is not None
    if not negotiated.is_smb3:
        return
    header = request.header
    sequence = header.channel_sequence
    if sequence != entry.channel_sequence:
        if (sequence - entry.channel_sequence) % _SEQUENCES > _NEWER:
            _refuse(request)
            return
        entry.channel_sequence = sequence
        entry.sequence_changes += 1
        entry.outstanding_before += entry.outstanding
        entry.outstanding = 0
    if header.flags & _REPLAY and entry.outstanding_before:
        _refuse(request)


def _refuse(request: Request) -> None:
    if request.header.command in _CHANGES:
        raise StatusError(NtStatus.FILE_NOT_AVAILABLE)


class LockSequence:
    """The place of a LOCK request in its open's sequences. [MS-SMB2] 3.3.5.14"""

    __slots__ = ("_entry", "_index", "_number")

    def __init__(self, context: Context, entry: Open, lock_sequence: int) -> None:
        self._entry = entry
        self._number = lock_sequence & 0xF
        index = lock_sequence >> 4
        counts = 0 < index <= _LOCK_SEQUENCES and _counts_locks(context, entry)
        self._index = index if counts else 0

    def is_done(self) -> bool:
        """Whether the request was successful already; if not, another one may have its place."""
        if not self._index:
            return False
        if self._entry.lock_sequences.get(self._index) == self._number:
            return True
        self._entry.lock_sequences.pop(self._index, None)
        return False

    def note(self) -> None:
        """The request was successful."""
        if self._index:
            self._entry.lock_sequences[self._index] = self._number


def _counts_locks(context: Context, entry: Open) -> bool:
    protocol = context.connection.protocol
    if protocol.response is None or protocol.dialect == Dialect.SMB_2_0_2:
        return False
    if entry.durable is not None:
        return True
    return bool(protocol.response.capabilities & Capabilities.MULTI_CHANNEL)
