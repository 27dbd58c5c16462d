"""READ: data out of a file. [MS-SMB2] 2.2.19, 2.2.20"""

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import ClassVar, Self

from smbquic.wire.cursor import HEADER_SIZE, Buffer, part, unpack_body
from smbquic.wire.file_id import FileId
from smbquic.wire.flags import Flags
from smbquic.wire.header import Command
from smbquic.wire.message import Message

# Both structures say that their Buffer has at least one byte; the x at the end is it.
_REQUEST = Struct("<HBBIQQQIIIHH")
_REQUEST_PADDED = Struct("<HBBIQQQIIIHHx")
_REQUEST_SIZE = 49
_RESPONSE = Struct("<HBBIII")
_RESPONSE_SIZE = 17
_DATA_OFFSET = HEADER_SIZE + _RESPONSE.size


class Channel(IntEnum):
    """How data goes if it is not in the message (RDMA). [MS-SMB2] 2.2.19, 2.2.21"""

    NONE = 0x00000000
    RDMA_V1 = 0x00000001
    RDMA_V1_INVALIDATE = 0x00000002
    RDMA_TRANSFORM = 0x00000003


class ReadFlags(Flags):
    """How to read, without the READFLAG_ prefix. [MS-SMB2] 2.2.19"""

    READ_UNBUFFERED = 0x01
    REQUEST_COMPRESSED = 0x02


@dataclass(slots=True)
class ReadRequest(Message):
    """SMB2_READ Request. [MS-SMB2] 2.2.19

    `length` and `offset` are bytes. `flags` compares with `ReadFlags`, `channel` with `Channel`;
    the channel information itself (RDMA) is not looked at.
    """

    command: ClassVar[Command] = Command.READ
    length: int
    offset: int
    file_id: FileId
    minimum_count: int = 0
    flags: int = 0
    padding: int = _DATA_OFFSET
    channel: int = 0
    remaining_bytes: int = 0

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        (
            _,
            padding,
            flags,
            length,
            offset,
            persistent,
            volatile,
            minimum_count,
            channel,
            remaining_bytes,
            _,
            _,
        ) = unpack_body(_REQUEST, message, _REQUEST_SIZE, cls.__name__)
        return cls(
            length,
            offset,
            FileId(persistent, volatile),
            minimum_count,
            flags,
            padding,
            channel,
            remaining_bytes,
        )

    def encode(self) -> bytes:
        """The 49 bytes of the body."""
        return _REQUEST_PADDED.pack(
            _REQUEST_SIZE,
            self.padding,
            self.flags,
            self.length,
            self.offset,
            *self.file_id,
            self.minimum_count,
            self.channel,
            self.remaining_bytes,
            0,
            0,
        )


@dataclass(slots=True)
class ReadResponse(Message):
    """SMB2_READ Response. [MS-SMB2] 2.2.20

    What `decode` gives as `data` is a slice of the message, not a copy.
    """

    command: ClassVar[Command] = Command.READ
    data: Buffer
    data_remaining: int = 0
    flags: int = 0

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        _, offset, _, length, remaining, flags = unpack_body(
            _RESPONSE, message, _RESPONSE_SIZE, cls.__name__
        )
        return cls(part(message, offset, length, cls.__name__), remaining, flags)

    def encode(self) -> bytes:
        """The body, with the data copied into it."""
        return b"".join(self.buffers())

    def buffers(self) -> list[Buffer]:
        """The fixed part, then the data as it is (one zero byte if there is none)."""
        data = self.data
        fixed = _RESPONSE.pack(
            _RESPONSE_SIZE, _DATA_OFFSET, 0, len(data), self.data_remaining, self.flags
        )
        return [fixed, data or b"\0"]
