"""TREE_DISCONNECT: the end of a tree connect. [MS-SMB2] 2.2.11, 2.2.12"""

from typing import ClassVar

from smbquic.lazy_dataclass import dataclass
from smbquic.wire.header import Command
from smbquic.wire.message import EmptyMessage


@dataclass(slots=True)
class TreeDisconnectRequest(EmptyMessage):
    """SMB2_TREE_DISCONNECT Request. [MS-SMB2] 2.2.11"""

    command: ClassVar[Command] = Command.TREE_DISCONNECT


@dataclass(slots=True)
class TreeDisconnectResponse(EmptyMessage):
    """SMB2_TREE_DISCONNECT Response. [MS-SMB2] 2.2.12"""

    command: ClassVar[Command] = Command.TREE_DISCONNECT
