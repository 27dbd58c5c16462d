"""ECHO: asks whether the server still answers. [MS-SMB2] 2.2.28, 2.2.29"""

from typing import ClassVar

from smbquic.lazy_dataclass import dataclass
from smbquic.wire.header import Command
from smbquic.wire.message import EmptyMessage


@dataclass(slots=True)
class EchoRequest(EmptyMessage):
    """SMB2_ECHO Request. [MS-SMB2] 2.2.28"""

    command: ClassVar[Command] = Command.ECHO


@dataclass(slots=True)
class EchoResponse(EmptyMessage):
    """SMB2_ECHO Response. [MS-SMB2] 2.2.29"""

    command: ClassVar[Command] = Command.ECHO
