"""QUERY_DIRECTORY: what is in a folder. [MS-SMB2] 2.2.33, 2.2.34"""

from dataclasses import dataclass
from struct import Struct
from typing import ClassVar, Self

from smbquic.wire.cursor import HEADER_SIZE, part, text, unpack_body, utf16
from smbquic.wire.file_id import FileId
from smbquic.wire.flags import Flags
from smbquic.wire.header import Command
from smbquic.wire.message import Message
from smbquic.wire.output_response import OutputResponse

_REQUEST = Struct("<HBBIQQHHI")
_REQUEST_SIZE = 33
_NAME_OFFSET = HEADER_SIZE + _REQUEST.size


class QueryDirectoryFlags(Flags):
    """How to go through the folder. [MS-SMB2] 2.2.33"""

    RESTART_SCANS = 0x01
    RETURN_SINGLE_ENTRY = 0x02
    INDEX_SPECIFIED = 0x04
    REOPEN = 0x10


@dataclass(slots=True)
class QueryDirectoryRequest(Message):
    """SMB2_QUERY_DIRECTORY Request. [MS-SMB2] 2.2.33

    `file_information_class` compares with `FileInformationClass`, `flags` with
    `QueryDirectoryFlags`; `file_name` is the search pattern, "" if there is none.
    """

    command: ClassVar[Command] = Command.QUERY_DIRECTORY
    file_information_class: int
    file_id: FileId
    file_name: str
    output_buffer_length: int
    flags: int = 0
    file_index: int = 0

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        (
            _,
            information_class,
            flags,
            file_index,
            persistent,
            volatile,
            name_offset,
            name_length,
            output_buffer_length,
        ) = unpack_body(_REQUEST, message, _REQUEST_SIZE, cls.__name__)
        return cls(
            information_class,
            FileId(persistent, volatile),
            text(part(message, name_offset, name_length, cls.__name__)),
            output_buffer_length,
            flags,
            file_index,
        )

    def encode(self) -> bytes:
        """The body, with offsets that count from a 64-byte header before it."""
        name = utf16(self.file_name)
        fixed = _REQUEST.pack(
            _REQUEST_SIZE,
            self.file_information_class,
            self.flags,
            self.file_index,
            *self.file_id,
            _NAME_OFFSET if name else 0,
            len(name),
            self.output_buffer_length,
        )
        return fixed + (name or b"\0")


@dataclass(slots=True)
class QueryDirectoryResponse(OutputResponse):
    """SMB2_QUERY_DIRECTORY Response; `buffer` is for `decode_entries`. [MS-SMB2] 2.2.34"""

    command: ClassVar[Command] = Command.QUERY_DIRECTORY
