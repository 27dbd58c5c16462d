"""QUERY_INFO: what is known of a file or its volume. [MS-SMB2] 2.2.37, 2.2.38"""

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import ClassVar, Self

from smbquic.wire.cursor import HEADER_SIZE, Buffer, part, unpack_body
from smbquic.wire.file_id import FileId
from smbquic.wire.flags import Flags
from smbquic.wire.header import Command
from smbquic.wire.message import Message
from smbquic.wire.output_response import OutputResponse

_REQUEST = Struct("<HBBIHHIIIQQ")
_REQUEST_SIZE = 41
_INPUT_OFFSET = HEADER_SIZE + _REQUEST.size


class InfoType(IntEnum):
    """What is asked about or set, without the 0_INFO_ prefix. [MS-SMB2] 2.2.37"""

    FILE = 0x01
    FILESYSTEM = 0x02
    SECURITY = 0x03
    QUOTA = 0x04


class QueryInfoFlags(Flags):
    """How to go through extended attributes. [MS-SMB2] 2.2.37"""

    SL_RESTART_SCAN = 0x00000001
    SL_RETURN_SINGLE_ENTRY = 0x00000002
    SL_INDEX_SPECIFIED = 0x00000004


@dataclass(slots=True)
class QueryInfoRequest(Message):
    """SMB2_QUERY_INFO Request. [MS-SMB2] 2.2.37

    `info_type` compares with `InfoType`, `file_info_class` with `FileInformationClass` or
    `FileSystemInformationClass`, and for security `additional_information` with
    `SecurityInformation`. What `decode` gives as `input_buffer` is a slice of the message, not a
    copy.
    """

    command: ClassVar[Command] = Command.QUERY_INFO
    info_type: int
    file_info_class: int
    output_buffer_length: int
    file_id: FileId
    additional_information: int = 0
    flags: int = 0
    input_buffer: Buffer = b""

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        (
            _,
            info_type,
            info_class,
            output_buffer_length,
            input_offset,
            _,
            input_length,
            additional_information,
            flags,
            persistent,
            volatile,
        ) = unpack_body(_REQUEST, message, _REQUEST_SIZE, cls.__name__)
        return cls(
            info_type,
            info_class,
            output_buffer_length,
            FileId(persistent, volatile),
            additional_information,
            flags,
            part(message, input_offset, input_length, cls.__name__),
        )

    def encode(self) -> bytes:
        """The body, with offsets that count from a 64-byte header before it."""
        size = len(self.input_buffer)
        fixed = _REQUEST.pack(
            _REQUEST_SIZE,
            self.info_type,
            self.file_info_class,
            self.output_buffer_length,
            _INPUT_OFFSET if size else 0,
            0,
            size,
            self.additional_information,
            self.flags,
            *self.file_id,
        )
        return b"".join((fixed, self.input_buffer))


@dataclass(slots=True)
class QueryInfoResponse(OutputResponse):
    """SMB2_QUERY_INFO Response. [MS-SMB2] 2.2.38"""

    command: ClassVar[Command] = Command.QUERY_INFO
