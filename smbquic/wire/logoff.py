"""LOGOFF: the end of a session. [MS-SMB2] 2.2.7, 2.2.8"""

from typing import ClassVar

from smbquic.lazy_dataclass import dataclass
from smbquic.wire.header import Command
from smbquic.wire.message import EmptyMessage


@dataclass(slots=True)
class LogoffRequest(EmptyMessage):
    """SMB2_LOGOFF Request. [MS-SMB2] 2.2.7"""

    command: ClassVar[Command] = Command.LOGOFF


@dataclass(slots=True)
class LogoffResponse(EmptyMessage):
    """SMB2_LOGOFF Response. [MS-SMB2] 2.2.8"""

    command: ClassVar[Command] = Command.LOGOFF
