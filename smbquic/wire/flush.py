"""FLUSH: written data onto the disk. [MS-SMB2] 2.2.17, 2.2.18"""

from dataclasses import dataclass
from struct import Struct
from typing import ClassVar, Self

from smbquic.wire.cursor import unpack_body
from smbquic.wire.file_id import FileId
from smbquic.wire.header import Command
from smbquic.wire.message import EmptyMessage, Message

_REQUEST = Struct("<HHIQQ")
_REQUEST_SIZE = 24


@dataclass(slots=True)
class FlushRequest(Message):
    """SMB2_FLUSH Request. [MS-SMB2] 2.2.17"""

    command: ClassVar[Command] = Command.FLUSH
    file_id: FileId

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        _, _, _, persistent, volatile = unpack_body(_REQUEST, message, _REQUEST_SIZE, cls.__name__)
        return cls(FileId(persistent, volatile))

    def encode(self) -> bytes:
        """The 24 bytes of the body."""
        return _REQUEST.pack(_REQUEST_SIZE, 0, 0, *self.file_id)


@dataclass(slots=True)
class FlushResponse(EmptyMessage):
    """SMB2_FLUSH Response. [MS-SMB2] 2.2.18"""

    command: ClassVar[Command] = Command.FLUSH
