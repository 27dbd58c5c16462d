"""WRITE: data into a file. [MS-SMB2] 2.2.21, 2.2.22"""

from dataclasses import dataclass
from struct import Struct
from typing import ClassVar, Self

from smbquic.wire.cursor import HEADER_SIZE, Buffer, part, unpack_body
from smbquic.wire.file_id import FileId
from smbquic.wire.flags import Flags
from smbquic.wire.header import Command
from smbquic.wire.message import Message

_REQUEST = Struct("<HHIQQQIIHHI")
_REQUEST_SIZE = 49
_DATA_OFFSET = HEADER_SIZE + _REQUEST.size
_RESPONSE = Struct("<HHIIHH")
_RESPONSE_PADDED = Struct("<HHIIHHx")
_RESPONSE_SIZE = 17


class WriteFlags(Flags):
    """How to write, without the WRITEFLAG_ prefix. [MS-SMB2] 2.2.21"""

    WRITE_THROUGH = 0x00000001
    WRITE_UNBUFFERED = 0x00000002


@dataclass(slots=True)
class WriteRequest(Message):
    """SMB2_WRITE Request. [MS-SMB2] 2.2.21

    `offset` is bytes into the file. `flags` compares with `WriteFlags`, `channel` with `Channel`;
    the channel information itself (RDMA) is not looked at. What `decode` gives as `data` is a
    slice of the message, not a copy.
    """

    command: ClassVar[Command] = Command.WRITE
    offset: int
    file_id: FileId
    data: Buffer
    flags: int = 0
    channel: int = 0
    remaining_bytes: int = 0

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        _, data_offset, length, offset, persistent, volatile, channel, remaining, _, _, flags = (
            unpack_body(_REQUEST, message, _REQUEST_SIZE, cls.__name__)
        )
        return cls(
            offset,
            FileId(persistent, volatile),
            part(message, data_offset, length, cls.__name__),
            flags,
            channel,
            remaining,
        )

    def encode(self) -> bytes:
        """The body, with the data copied into it."""
        return b"".join(self.buffers())

    def buffers(self) -> list[Buffer]:
        """The fixed part, then the data as it is (one zero byte if there is none)."""
        data = self.data
        fixed = _REQUEST.pack(
            _REQUEST_SIZE,
            _DATA_OFFSET,
            len(data),
            self.offset,
            *self.file_id,
            self.channel,
            self.remaining_bytes,
            0,
            0,
            self.flags,
        )
        return [fixed, data or b"\0"]


@dataclass(slots=True)
class WriteResponse(Message):
    """SMB2_WRITE Response: how many bytes were written. [MS-SMB2] 2.2.22"""

    command: ClassVar[Command] = Command.WRITE
    count: int

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        return cls(unpack_body(_RESPONSE, message, _RESPONSE_SIZE, cls.__name__)[2])

    def encode(self) -> bytes:
        """The 17 bytes of the body."""
        return _RESPONSE_PADDED.pack(_RESPONSE_SIZE, 0, self.count, 0, 0, 0)
