"""SET_INFO: changes what is known of a file. [MS-SMB2] 2.2.39, 2.2.40"""

from dataclasses import field
from typing import ClassVar

from smbquic.wire.file_id import FileId
from smbquic.wire.header import Command
from smbquic.wire.layout import U8, U16, U32, Payload, length_of, offset_of, unused
from smbquic.wire.message import Message, message


@message(33)
class SetInfoRequest(Message):
    """SMB2_SET_INFO Request. [MS-SMB2] 2.2.39

    `info_type` compares with `InfoType`; `file_info_class` with `FileInformationClass`;
    `additional_information` with `SecurityInformation` for security. What `decode` gives as
    `buffer` is a slice of the message, not a copy.
    """

    command: ClassVar[Command] = Command.SET_INFO
    info_type: U8
    file_info_class: U8
    buffer_length: ClassVar = length_of("buffer", U32)
    buffer_offset: ClassVar = offset_of("buffer", U16, always=True)
    reserved: ClassVar = unused(U16)
    additional_information: U32 = field(default=0, kw_only=True)
    file_id: FileId
    buffer: Payload


@message(2)
class SetInfoResponse(Message):
    """SMB2_SET_INFO Response. [MS-SMB2] 2.2.40"""

    command: ClassVar[Command] = Command.SET_INFO
