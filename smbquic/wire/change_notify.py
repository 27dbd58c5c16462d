"""CHANGE_NOTIFY: waits for changes in a folder. [MS-SMB2] 2.2.35, 2.2.36"""

from typing import ClassVar

from smbquic.lazy_dataclass import dataclass
from smbquic.wire.file_id import FileId
from smbquic.wire.flags import Flags
from smbquic.wire.header import Command
from smbquic.wire.layout import U16, U32, unused
from smbquic.wire.message import Message, message
from smbquic.wire.output_response import OutputResponse


class ChangeNotifyFlags(Flags):
    """Flags of a CHANGE_NOTIFY; WATCH_TREE includes all folders below. [MS-SMB2] 2.2.35"""

    WATCH_TREE = 0x0001


class CompletionFilter(Flags):
    """Kinds of changes that complete a CHANGE_NOTIFY. [MS-SMB2] 2.2.35"""

    FILE_NOTIFY_CHANGE_FILE_NAME = 0x00000001
    FILE_NOTIFY_CHANGE_DIR_NAME = 0x00000002
    FILE_NOTIFY_CHANGE_ATTRIBUTES = 0x00000004
    FILE_NOTIFY_CHANGE_SIZE = 0x00000008
    FILE_NOTIFY_CHANGE_LAST_WRITE = 0x00000010
    FILE_NOTIFY_CHANGE_LAST_ACCESS = 0x00000020
    FILE_NOTIFY_CHANGE_CREATION = 0x00000040
    FILE_NOTIFY_CHANGE_EA = 0x00000080
    FILE_NOTIFY_CHANGE_SECURITY = 0x00000100
    FILE_NOTIFY_CHANGE_STREAM_NAME = 0x00000200
    FILE_NOTIFY_CHANGE_STREAM_SIZE = 0x00000400
    FILE_NOTIFY_CHANGE_STREAM_WRITE = 0x00000800


@message(32)
class ChangeNotifyRequest(Message):
    """SMB2_CHANGE_NOTIFY Request. [MS-SMB2] 2.2.35

    `flags` compares with `ChangeNotifyFlags`, `completion_filter` with `CompletionFilter`.
    """

    command: ClassVar[Command] = Command.CHANGE_NOTIFY
    flags: U16
    output_buffer_length: U32
    file_id: FileId
    completion_filter: U32
    reserved: ClassVar = unused(U32)


@dataclass(slots=True)
class ChangeNotifyResponse(OutputResponse):
    """SMB2_CHANGE_NOTIFY Response; `buffer` is for `decode_notifications`.

    [MS-SMB2] 2.2.36
    """

    command: ClassVar[Command] = Command.CHANGE_NOTIFY
