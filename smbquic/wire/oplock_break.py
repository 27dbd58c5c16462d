"""OPLOCK_BREAK: a client may cache less than before. [MS-SMB2] 2.2.23 to 2.2.25

The server notifies, the client acknowledges, the server responds; each message exists once for
oplocks and once for leases, and StructureSize tells which it is.
"""

from dataclasses import dataclass
from struct import Struct
from typing import ClassVar, Self

from smbquic.wire.cursor import HEADER_SIZE, unpack, unpack_body
from smbquic.wire.file_id import FileId
from smbquic.wire.flags import Flags
from smbquic.wire.header import Command
from smbquic.wire.message import Message

_OPLOCK = Struct("<HBBIQQ")
_OPLOCK_SIZE = 24
_NOTIFICATION = Struct("<HHI16sIIIII")
_NOTIFICATION_SIZE = 44
_LEASE = Struct("<HHI16sIQ")
_LEASE_SIZE = 36
_STRUCTURE_SIZE = Struct("<H")
_MESSAGE_ID = Struct("<Q")
_MESSAGE_ID_OFFSET = 24
_UNSOLICITED = 0xFFFFFFFFFFFFFFFF


@dataclass(slots=True)
class _OplockBreak(Message):
    command: ClassVar[Command] = Command.OPLOCK_BREAK
    oplock_level: int
    file_id: FileId

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        _, oplock_level, _, _, persistent, volatile = unpack_body(
            _OPLOCK, message, _OPLOCK_SIZE, cls.__name__
        )
        return cls(oplock_level, FileId(persistent, volatile))

    def encode(self) -> bytes:
        """The 24 bytes of the body."""
        return _OPLOCK.pack(_OPLOCK_SIZE, self.oplock_level, 0, 0, *self.file_id)


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
    """Whether to answer a break. [MS-SMB2] 2.2.23.2"""

    ACK_REQUIRED = 0x01


@dataclass(slots=True)
class LeaseBreakNotification(Message):
    """Lease Break Notification. [MS-SMB2] 2.2.23.2

    States compare with `LeaseState`, `flags` with `NotifyBreakLeaseFlags`.
    """

    command: ClassVar[Command] = Command.OPLOCK_BREAK
    new_epoch: int
    flags: int
    lease_key: bytes
    current_lease_state: int
    new_lease_state: int

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        _, new_epoch, flags, lease_key, current, new, *_ = unpack_body(
            _NOTIFICATION, message, _NOTIFICATION_SIZE, cls.__name__
        )
        return cls(new_epoch, flags, lease_key, current, new)

    def encode(self) -> bytes:
        """The 44 bytes of the body."""
        return _NOTIFICATION.pack(
            _NOTIFICATION_SIZE,
            self.new_epoch,
            self.flags,
            self.lease_key,
            self.current_lease_state,
            self.new_lease_state,
            0,
            0,
            0,
        )


@dataclass(slots=True)
class _LeaseBreak(Message):
    command: ClassVar[Command] = Command.OPLOCK_BREAK
    lease_key: bytes
    lease_state: int

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        _, _, _, lease_key, lease_state, _ = unpack_body(_LEASE, message, _LEASE_SIZE, cls.__name__)
        return cls(lease_key, lease_state)

    def encode(self) -> bytes:
        """The 36 bytes of the body."""
        return _LEASE.pack(_LEASE_SIZE, 0, 0, self.lease_key, self.lease_state, 0)


@dataclass(slots=True)
class LeaseBreakAcknowledgment(_LeaseBreak):
    """Lease Break Acknowledgment: the state that the client keeps. [MS-SMB2] 2.2.24.2"""


@dataclass(slots=True)
class LeaseBreakResponse(_LeaseBreak):
    """Lease Break Response: the state that is granted now. [MS-SMB2] 2.2.25.2"""


def decode_acknowledgment(
    message: memoryview,
) -> OplockBreakAcknowledgment | LeaseBreakAcknowledgment:
    """What a client sends with OPLOCK_BREAK. Raises `WireError`."""
    if _structure_size(message) == _LEASE_SIZE:
        return LeaseBreakAcknowledgment.decode(message)
    return OplockBreakAcknowledgment.decode(message)


def decode_break(
    message: memoryview,
) -> OplockBreakNotification | OplockBreakResponse | LeaseBreakNotification | LeaseBreakResponse:
    """What a server sends with OPLOCK_BREAK. Raises `WireError`.

    The message id of the header tells a notification from a response.
    """
    structure_size = _structure_size(message)
    if structure_size == _NOTIFICATION_SIZE:
        return LeaseBreakNotification.decode(message)
    if structure_size == _LEASE_SIZE:
        return LeaseBreakResponse.decode(message)
    (message_id,) = unpack(_MESSAGE_ID, message, _MESSAGE_ID_OFFSET)
    if message_id == _UNSOLICITED:
        return OplockBreakNotification.decode(message)
    return OplockBreakResponse.decode(message)


def _structure_size(message: memoryview) -> int:
    return int(unpack(_STRUCTURE_SIZE, message, HEADER_SIZE)[0])
