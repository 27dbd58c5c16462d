"""FLUSH: written data onto the disk. [MS-SMB2] 2.2.17, 2.2.18"""

from typing import ClassVar

from smbquic.lazy_dataclass import dataclass
from smbquic.wire.file_id import FileId
from smbquic.wire.header import Command
from smbquic.wire.layout import U16, U32, unused
from smbquic.wire.message import EmptyMessage, Message, message


@message(24)
class FlushRequest(Message):
    """SMB2_FLUSH Request. [MS-SMB2] 2.2.17"""

    command: ClassVar[Command] = Command.FLUSH
    reserved1: ClassVar = unused(U16)
    reserved2: ClassVar = unused(U32)
    file_id: FileId


@dataclass(slots=True)
class FlushResponse(EmptyMessage):
    """SMB2_FLUSH Response. [MS-SMB2] 2.2.18"""

    command: ClassVar[Command] = Command.FLUSH
