"""LOCK: byte-range locks. [MS-SMB2] 2.2.26, 2.2.27"""

from collections.abc import Sequence
from struct import Struct
from typing import Annotated, ClassVar

from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import Buffer
from smbquic.wire.file_id import FileId
from smbquic.wire.flags import Flags
from smbquic.wire.header import Command
from smbquic.wire.layout import U16, U32, Array, count_of
from smbquic.wire.message import EmptyMessage, Message, message

_ELEMENT = Struct("<QQI4x")


class LockFlags(Flags):
    """Flags of a byte range in a LOCK, without the LOCKFLAG_ prefix. [MS-SMB2] 2.2.26.1"""

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


def _decode_locks(data: Buffer) -> list[LockElement]:
    return [LockElement(*fields) for fields in _ELEMENT.iter_unpack(data)]


def _encode_locks(locks: Sequence[LockElement]) -> bytes:
    return b"".join(_ELEMENT.pack(lock.offset, lock.length, lock.flags) for lock in locks)


Locks = Annotated[
    list[LockElement], Array(_ELEMENT.size, _decode_locks, _encode_locks, counts_first=True)
]


@message(48)
class LockRequest(Message):
    """SMB2_LOCK Request. [MS-SMB2] 2.2.26

    `lock_sequence` holds LockSequenceNumber in its lowest four bits and LockSequenceIndex above.
    """

    command: ClassVar[Command] = Command.LOCK
    lock_count: ClassVar = count_of("locks", U16)
    lock_sequence: U32
    file_id: FileId
    locks: Locks

    @property
    def lock_sequence_number(self) -> int:
        """LockSequenceNumber, 0 to 15."""
        return self.lock_sequence & 0xF

    @property
    def lock_sequence_index(self) -> int:
        """LockSequenceIndex; 0 is reserved."""
        return self.lock_sequence >> 4


@dataclass(slots=True)
class LockResponse(EmptyMessage):
    """SMB2_LOCK Response. [MS-SMB2] 2.2.27"""

    command: ClassVar[Command] = Command.LOCK
