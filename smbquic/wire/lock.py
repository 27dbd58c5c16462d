"""LOCK: byte-range locks. [MS-SMB2] 2.2.26, 2.2.27"""

from dataclasses import dataclass
from struct import Struct
from typing import ClassVar, Self

from smbquic.wire.cursor import HEADER_SIZE, Reader, unpack_body
from smbquic.wire.file_id import FileId
from smbquic.wire.flags import Flags
from smbquic.wire.header import Command
from smbquic.wire.message import EmptyMessage, Message

_REQUEST = Struct("<HHIQQ")
_REQUEST_SIZE = 48
_ELEMENT = Struct("<QQII")


class LockFlags(Flags):
    """What to do with a range, without the LOCKFLAG_ prefix. [MS-SMB2] 2.2.26.1"""

    SHARED_LOCK = 0x00000001
    EXCLUSIVE_LOCK = 0x00000002
    UNLOCK = 0x00000004
    FAIL_IMMEDIATELY = 0x00000010


@dataclass(slots=True)
class LockElement:
    """SMB2_LOCK_ELEMENT: a range of bytes; `flags` compares with `LockFlags`.

    [MS-SMB2] 2.2.26.1
    """

    offset: int
    length: int
    flags: int


@dataclass(slots=True)
class LockRequest(Message):
    """SMB2_LOCK Request. [MS-SMB2] 2.2.26

    `lock_sequence` holds LockSequenceNumber in its lowest four bits and LockSequenceIndex above.
    """

    command: ClassVar[Command] = Command.LOCK
    lock_sequence: int
    file_id: FileId
    locks: list[LockElement]

    @property
    def lock_sequence_number(self) -> int:
        """LockSequenceNumber, 0 to 15."""
        return self.lock_sequence & 0xF

    @property
    def lock_sequence_index(self) -> int:
        """LockSequenceIndex; 0 is reserved."""
        return self.lock_sequence >> 4

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        _, count, lock_sequence, persistent, volatile = unpack_body(
            _REQUEST, message, _REQUEST_SIZE, cls.__name__
        )
        elements = Reader(message, HEADER_SIZE + _REQUEST.size).take(count * _ELEMENT.size)
        return cls(
            lock_sequence,
            FileId(persistent, volatile),
            [
                LockElement(offset, length, flags)
                for offset, length, flags, _ in _ELEMENT.iter_unpack(elements)
            ],
        )

    def encode(self) -> bytes:
        """The body, with offsets that count from a 64-byte header before it."""
        fixed = _REQUEST.pack(_REQUEST_SIZE, len(self.locks), self.lock_sequence, *self.file_id)
        return fixed + b"".join(
            _ELEMENT.pack(lock.offset, lock.length, lock.flags, 0) for lock in self.locks
        )


@dataclass(slots=True)
class LockResponse(EmptyMessage):
    """SMB2_LOCK Response. [MS-SMB2] 2.2.27"""

    command: ClassVar[Command] = Command.LOCK
