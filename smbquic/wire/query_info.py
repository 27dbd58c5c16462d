"""QUERY_INFO: what is known of a file or its volume. [MS-SMB2] 2.2.37, 2.2.38"""

from dataclasses import field
from enum import IntEnum
from typing import ClassVar

from smbquic.lazy_dataclass import dataclass
from smbquic.wire.file_id import FileId
from smbquic.wire.flags import Flags
from smbquic.wire.header import Command
from smbquic.wire.layout import U8, U16, U32, Payload, length_of, offset_of, unused
from smbquic.wire.message import Message, message
from smbquic.wire.output_response import OutputResponse


class InfoType(IntEnum):
    """Types of information, without the 0_INFO_ prefix. [MS-SMB2] 2.2.37"""

    FILE = 0x01
    FILESYSTEM = 0x02
    SECURITY = 0x03
    QUOTA = 0x04


class QueryInfoFlags(Flags):
    """Flags for a query of extended attributes. [MS-SMB2] 2.2.37"""

    SL_RESTART_SCAN = 0x00000001
    SL_RETURN_SINGLE_ENTRY = 0x00000002
    SL_INDEX_SPECIFIED = 0x00000004


@message(41)
class QueryInfoRequest(Message):
    """SMB2_QUERY_INFO Request. [MS-SMB2] 2.2.37

    `info_type` compares with `InfoType`, `file_info_class` with `FileInformationClass` or
    `FileSystemInformationClass`, and for security `additional_information` with
    `SecurityInformation`. What `decode` gives as `input_buffer` is a slice of the message, not a
    copy.
    """

    command: ClassVar[Command] = Command.QUERY_INFO
    info_type: U8
    file_info_class: U8
    output_buffer_length: U32
    input_buffer_offset: ClassVar = offset_of("input_buffer", U16)
    reserved: ClassVar = unused(U16)
    input_buffer_length: ClassVar = length_of("input_buffer", U32)
    additional_information: U32 = field(default=0, kw_only=True)
    flags: U32 = field(default=0, kw_only=True)
    file_id: FileId
    input_buffer: Payload = b""


@dataclass(slots=True)
class QueryInfoResponse(OutputResponse):
    """SMB2_QUERY_INFO Response. [MS-SMB2] 2.2.38"""

    command: ClassVar[Command] = Command.QUERY_INFO
