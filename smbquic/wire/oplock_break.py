"""OPLOCK_BREAK: a client may cache less than before. [MS-SMB2] 2.2.23 to 2.2.25

The server notifies, the client acknowledges, the server responds; each message exists once for
oplocks and once for leases, which differ in StructureSize.
"""

from struct import Struct
from typing import ClassVar

from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import HEADER_SIZE, unpack
from smbquic.wire.file_id import FileId
from smbquic.wire.flags import Flags
from smbquic.wire.header import Command
from smbquic.wire.layout import U8, U16, U32, U64, Bytes16, unused
from smbquic.wire.message import Message, message

_STRUCTURE_SIZE = Struct("<H")
_MESSAGE_ID = Struct("<Q")
_MESSAGE_ID_OFFSET = 24
_UNSOLICITED = 0xFFFFFFFFFFFFFFFF


@message(24)
class _OplockBreak(Message):
    """The layout of all messages about the break of an oplock."""

    command: ClassVar[Command] = Command.OPLOCK_BREAK
    oplock_level: U8
    reserved: ClassVar = unused(U8)
    reserved2: ClassVar = unused(U32)
    file_id: FileId


@dataclass(slots=True)
class OplockBreakNotification(_OplockBreak):
    """Oplock Break Notification: the level that is left. [MS-SMB2] 2.2.23.1"""


@dataclass(slots=True)
class OplockBreakAcknowledgment(_OplockBreak):
    """Oplock Break Acknowledgment: the level that the client keeps. [MS-SMB2] 2.2.24.1"""


@dataclass(slots=True)
class OplockBreakResponse(_OplockBreak):
    """Oplock Break Response: the level that is granted now. [MS-SMB2] 2.2.25.1"""


class NotifyBreakLeaseFlags(Flags):
    """Flags of a lease break; ACK_REQUIRED asks for an acknowledgment. [MS-SMB2] 2.2.23.2"""

    ACK_REQUIRED = 0x01


@message(44)
class LeaseBreakNotification(Message):
    """Lease Break Notification. [MS-SMB2] 2.2.23.2

    States compare with `LeaseState`, `flags` with `NotifyBreakLeaseFlags`.
    """

    command: ClassVar[Command] = Command.OPLOCK_BREAK
    new_epoch: U16
    flags: U32
    lease_key: Bytes16
    current_lease_state: U32
    new_lease_state: U32
    break_reason: ClassVar = unused(U32)
    access_mask_hint: ClassVar = unused(U32)
    share_mask_hint: ClassVar = unused(U32)


@message(36)
class _LeaseBreak(Message):
    """The layout of the acknowledgment of a lease break, and of the response to it."""

    command: ClassVar[Command] = Command.OPLOCK_BREAK
    reserved: ClassVar = unused(U16)
    flags: ClassVar = unused(U32)
    lease_key: Bytes16
    lease_state: U32
    lease_duration: ClassVar = unused(U64)


@dataclass(slots=True)
class LeaseBreakAcknowledgment(_LeaseBreak):
    """Lease Break Acknowledgment: the state that the client keeps. [MS-SMB2] 2.2.24.2"""


@dataclass(slots=True)
class LeaseBreakResponse(_LeaseBreak):
    """Lease Break Response: the state that is granted now. [MS-SMB2] 2.2.25.2"""


def decode_acknowledgment(
    message: memoryview,
) -> OplockBreakAcknowledgment | LeaseBreakAcknowledgment:
    """Return what a client sends with OPLOCK_BREAK. Raises `WireError`."""
    if _structure_size(message) == LeaseBreakAcknowledgment.LAYOUT.structure_size:
        return LeaseBreakAcknowledgment.decode(message)
    return OplockBreakAcknowledgment.decode(message)


def decode_break(
    message: memoryview,
) -> OplockBreakNotification | OplockBreakResponse | LeaseBreakNotification | LeaseBreakResponse:
    """Return what a server sends with OPLOCK_BREAK. Raises `WireError`.

    A notification differs from a response in the message id of its header.
    """
    structure_size = _structure_size(message)
    if structure_size == LeaseBreakNotification.LAYOUT.structure_size:
        return LeaseBreakNotification.decode(message)
    if structure_size == LeaseBreakResponse.LAYOUT.structure_size:
        return LeaseBreakResponse.decode(message)
    (message_id,) = unpack(_MESSAGE_ID, message, _MESSAGE_ID_OFFSET)
    if message_id == _UNSOLICITED:
        return OplockBreakNotification.decode(message)
    return OplockBreakResponse.decode(message)


def _structure_size(message: memoryview) -> int:
    return int(unpack(_STRUCTURE_SIZE, message, HEADER_SIZE)[0])
