"""WRITE: data into a file. [MS-SMB2] 2.2.21, 2.2.22"""

from dataclasses import field
from typing import ClassVar

from smbquic.wire.file_id import FileId
from smbquic.wire.flags import Flags
from smbquic.wire.header import Command
from smbquic.wire.layout import U16, U32, U64, Payload, length_of, offset_of, unused
from smbquic.wire.message import Message, message


class WriteFlags(Flags):
    """Flags of a WRITE, without the WRITEFLAG_ prefix. [MS-SMB2] 2.2.21"""

    WRITE_THROUGH = 0x00000001
    WRITE_UNBUFFERED = 0x00000002


@message(49, at_least_one_byte=True)
class WriteRequest(Message):
    """SMB2_WRITE Request. [MS-SMB2] 2.2.21

    `offset` is bytes into the file. `flags` compares with `WriteFlags`, `channel` with `Channel`;
    the channel information itself (RDMA) is ignored. What `decode` gives as `data` is a
    slice of the message, not a copy.
    """

    command: ClassVar[Command] = Command.WRITE
    data_offset: ClassVar = offset_of("data", U16, always=True)
    data_length: ClassVar = length_of("data", U32)
    offset: U64
    file_id: FileId
    channel: U32 = field(default=0, kw_only=True)
    remaining_bytes: U32 = field(default=0, kw_only=True)
    write_channel_info_offset: ClassVar = unused(U16)
    write_channel_info_length: ClassVar = unused(U16)
    flags: U32 = field(default=0, kw_only=True)
    data: Payload


@message(17, at_least_one_byte=True)
class WriteResponse(Message):
    """SMB2_WRITE Response: how many bytes were written. [MS-SMB2] 2.2.22"""

    command: ClassVar[Command] = Command.WRITE
    reserved: ClassVar = unused(U16)
    count: U32
    remaining: ClassVar = unused(U32)
    write_channel_info_offset: ClassVar = unused(U16)
    write_channel_info_length: ClassVar = unused(U16)
