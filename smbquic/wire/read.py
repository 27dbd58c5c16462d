"""READ: data out of a file. [MS-SMB2] 2.2.19, 2.2.20"""

from dataclasses import field
from enum import IntEnum
from typing import ClassVar

from smbquic.wire.file_id import FileId
from smbquic.wire.flags import Flags
from smbquic.wire.header import Command
from smbquic.wire.layout import (
    U8,
    U16,
    U32,
    U64,
    Payload,
    length_of,
    offset_of,
    unused,
)
from smbquic.wire.message import Message, message

_DATA_OFFSET = 0x50
"""Where the data of a response begins, from its header on."""


class RdmaChannel(IntEnum):
    """Channels for data that is not in the message (RDMA). [MS-SMB2] 2.2.19, 2.2.21"""

    NONE = 0x00000000
    RDMA_V1 = 0x00000001
    RDMA_V1_INVALIDATE = 0x00000002
    RDMA_TRANSFORM = 0x00000003


class ReadFlags(Flags):
    """Flags of a READ, without the READFLAG_ prefix. [MS-SMB2] 2.2.19"""

    READ_UNBUFFERED = 0x01
    REQUEST_COMPRESSED = 0x02


@message(49, at_least_one_byte=True)
class ReadRequest(Message):
    """SMB2_READ Request. [MS-SMB2] 2.2.19

    `length` and `offset` are bytes. `flags` compares with `ReadFlags`, `channel` with
    `RdmaChannel`. The channel information itself (RDMA) is ignored.
    """

    command: ClassVar[Command] = Command.READ
    padding: U8 = field(default=_DATA_OFFSET, kw_only=True)
    flags: U8 = field(default=0, kw_only=True)
    length: U32
    offset: U64
    file_id: FileId
    minimum_count: U32 = field(default=0, kw_only=True)
    channel: U32 = field(default=0, kw_only=True)
    remaining_bytes: U32 = field(default=0, kw_only=True)
    read_channel_info_offset: ClassVar = unused(U16)
    read_channel_info_length: ClassVar = unused(U16)


@message(17, at_least_one_byte=True)
class ReadResponse(Message):
    """SMB2_READ Response. [MS-SMB2] 2.2.20

    What `decode` gives as `data` is a slice of the message, not a copy.
    """

    command: ClassVar[Command] = Command.READ
    data_offset: ClassVar = offset_of("data", U8, always=True)
    reserved: ClassVar = unused(U8)
    data_length: ClassVar = length_of("data", U32)
    data_remaining: U32 = field(default=0, kw_only=True)
    flags: U32 = field(default=0, kw_only=True)
    data: Payload
