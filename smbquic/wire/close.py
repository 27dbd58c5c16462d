"""CLOSE: the end of an open. [MS-SMB2] 2.2.15, 2.2.16"""

from dataclasses import field
from typing import ClassVar

from smbquic.wire.file_id import FileId
from smbquic.wire.flags import Flags
from smbquic.wire.header import Command
from smbquic.wire.layout import U16, U32, U64, unused
from smbquic.wire.message import Message, message


class CloseFlags(Flags):
    """Flags of a CLOSE; POSTQUERY_ATTRIB asks for the file's attributes. [MS-SMB2] 2.2.15"""

    POSTQUERY_ATTRIB = 0x0001


@message(24)
class CloseRequest(Message):
    """SMB2_CLOSE Request; `flags` compares with `CloseFlags`. [MS-SMB2] 2.2.15"""

    command: ClassVar[Command] = Command.CLOSE
    flags: U16 = field(default=0, kw_only=True)
    reserved: ClassVar = unused(U32)
    file_id: FileId


@message(60)
class CloseResponse(Message):
    """SMB2_CLOSE Response. [MS-SMB2] 2.2.16

    Without POSTQUERY_ATTRIB in `flags` everything else is zero. Times are FILETIMEs, sizes bytes;
    `file_attributes` compares with `FileAttributes`.
    """

    command: ClassVar[Command] = Command.CLOSE
    flags: U16 = 0
    reserved: ClassVar = unused(U32)
    creation_time: U64 = 0
    last_access_time: U64 = 0
    last_write_time: U64 = 0
    change_time: U64 = 0
    allocation_size: U64 = 0
    end_of_file: U64 = 0
    file_attributes: U32 = 0
