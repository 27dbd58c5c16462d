"""QUERY_DIRECTORY: what is in a folder. [MS-SMB2] 2.2.33, 2.2.34"""

from dataclasses import field
from typing import ClassVar

from smbquic.lazy_dataclass import dataclass
from smbquic.wire.file_id import FileId
from smbquic.wire.flags import Flags
from smbquic.wire.header import Command
from smbquic.wire.layout import U8, U16, U32, Text, length_of, offset_of
from smbquic.wire.message import Message, message
from smbquic.wire.output_response import OutputResponse


class QueryDirectoryFlags(Flags):
    """Flags of a QUERY_DIRECTORY. [MS-SMB2] 2.2.33"""

    RESTART_SCANS = 0x01
    RETURN_SINGLE_ENTRY = 0x02
    INDEX_SPECIFIED = 0x04
    REOPEN = 0x10


@message(33, at_least_one_byte=True)
class QueryDirectoryRequest(Message):
    """SMB2_QUERY_DIRECTORY Request. [MS-SMB2] 2.2.33

    `file_information_class` compares with `FileInformationClass`, `flags` with
    `QueryDirectoryFlags`; `file_name` is the search pattern, "" if there is none.
    """

    command: ClassVar[Command] = Command.QUERY_DIRECTORY
    file_information_class: U8
    flags: U8 = field(default=0, kw_only=True)
    file_index: U32 = field(default=0, kw_only=True)
    file_id: FileId
    file_name_offset: ClassVar = offset_of("file_name", U16)
    file_name_length: ClassVar = length_of("file_name", U16)
    file_name: Text
    output_buffer_length: U32


@dataclass(slots=True)
class QueryDirectoryResponse(OutputResponse):
    """SMB2_QUERY_DIRECTORY Response; `buffer` is for `decode_entries`. [MS-SMB2] 2.2.34"""

    command: ClassVar[Command] = Command.QUERY_DIRECTORY
