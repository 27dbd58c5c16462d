"""CANCEL: the end of a request that is not answered yet. [MS-SMB2] 2.2.30"""

from typing import ClassVar

from smbquic.lazy_dataclass import dataclass
from smbquic.wire.header import Command
from smbquic.wire.message import EmptyMessage


@dataclass(slots=True)
class CancelRequest(EmptyMessage):
    """SMB2_CANCEL Request, which has no response. [MS-SMB2] 2.2.30"""

    command: ClassVar[Command] = Command.CANCEL
