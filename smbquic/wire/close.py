"""CLOSE: the end of an open. [MS-SMB2] 2.2.15, 2.2.16"""

from dataclasses import dataclass
from struct import Struct
from typing import ClassVar, Self

from smbquic.wire.cursor import unpack_body
from smbquic.wire.file_id import FileId
from smbquic.wire.flags import Flags
from smbquic.wire.header import Command
from smbquic.wire.message import Message

_REQUEST = Struct("<HHIQQ")
_REQUEST_SIZE = 24
_RESPONSE = Struct("<HHIQQQQQQI")
_RESPONSE_SIZE = 60


class CloseFlags(Flags):
    """What to answer. [MS-SMB2] 2.2.15"""

    POSTQUERY_ATTRIB = 0x0001


@dataclass(slots=True)
class CloseRequest(Message):
    """SMB2_CLOSE Request; `flags` compares with `CloseFlags`. [MS-SMB2] 2.2.15"""

    command: ClassVar[Command] = Command.CLOSE
    file_id: FileId
    flags: int = 0

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        _, flags, _, persistent, volatile = unpack_body(
            _REQUEST, message, _REQUEST_SIZE, cls.__name__
        )
        return cls(FileId(persistent, volatile), flags)

    def encode(self) -> bytes:
        """The 24 bytes of the body."""
        return _REQUEST.pack(_REQUEST_SIZE, self.flags, 0, *self.file_id)


@dataclass(slots=True)
class CloseResponse(Message):
    """SMB2_CLOSE Response. [MS-SMB2] 2.2.16

    Without POSTQUERY_ATTRIB in `flags` everything else is zero. Times are FILETIMEs, sizes bytes;
    `file_attributes` compares with `FileAttributes`.
    """

    command: ClassVar[Command] = Command.CLOSE
    flags: int = 0
    creation_time: int = 0
    last_access_time: int = 0
    last_write_time: int = 0
    change_time: int = 0
    allocation_size: int = 0
    end_of_file: int = 0
    file_attributes: int = 0

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        _, flags, _, *attributes = unpack_body(_RESPONSE, message, _RESPONSE_SIZE, cls.__name__)
        return cls(flags, *attributes)

    def encode(self) -> bytes:
        """The 60 bytes of the body."""
        return _RESPONSE.pack(
            _RESPONSE_SIZE,
            self.flags,
            0,
            self.creation_time,
            self.last_access_time,
            self.last_write_time,
            self.change_time,
            self.allocation_size,
            self.end_of_file,
            self.file_attributes,
        )
