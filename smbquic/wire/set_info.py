"""SET_INFO: changes what is known of a file. [MS-SMB2] 2.2.39, 2.2.40"""

from dataclasses import dataclass
from struct import Struct
from typing import ClassVar, Self

from smbquic.wire.cursor import HEADER_SIZE, Buffer, part, unpack_body
from smbquic.wire.file_id import FileId
from smbquic.wire.header import Command
from smbquic.wire.message import Message

_REQUEST = Struct("<HBBIHHIQQ")
_REQUEST_SIZE = 33
_BUFFER_OFFSET = HEADER_SIZE + _REQUEST.size
_RESPONSE = Struct("<H")
_RESPONSE_SIZE = 2


@dataclass(slots=True)
class SetInfoRequest(Message):
    """SMB2_SET_INFO Request. [MS-SMB2] 2.2.39

    `info_type` compares with `InfoType`; `file_info_class` with `FileInformationClass`;
    `additional_information` with `SecurityInformation` for security. What `decode` gives as
    `buffer` is a slice of the message, not a copy.
    """

    command: ClassVar[Command] = Command.SET_INFO
    info_type: int
    file_info_class: int
    file_id: FileId
    buffer: Buffer
    additional_information: int = 0

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        _, info_type, info_class, length, offset, _, additional, persistent, volatile = unpack_body(
            _REQUEST, message, _REQUEST_SIZE, cls.__name__
        )
        return cls(
            info_type,
            info_class,
            FileId(persistent, volatile),
            part(message, offset, length, cls.__name__),
            additional,
        )

    def encode(self) -> bytes:
        """The body, with offsets that count from a 64-byte header before it."""
        fixed = _REQUEST.pack(
            _REQUEST_SIZE,
            self.info_type,
            self.file_info_class,
            len(self.buffer),
            _BUFFER_OFFSET,
            0,
            self.additional_information,
            *self.file_id,
        )
        return b"".join((fixed, self.buffer))


@dataclass(slots=True)
class SetInfoResponse(Message):
    """SMB2_SET_INFO Response. [MS-SMB2] 2.2.40"""

    command: ClassVar[Command] = Command.SET_INFO

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        unpack_body(_RESPONSE, message, _RESPONSE_SIZE, cls.__name__)
        return cls()

    def encode(self) -> bytes:
        """The two bytes of the body."""
        return _RESPONSE.pack(_RESPONSE_SIZE)
