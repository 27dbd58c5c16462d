"""SERVER_TO_CLIENT_NOTIFICATION: what a server sends unasked. [MS-SMB2] 2.2.44"""

from enum import IntEnum
from struct import Struct
from typing import ClassVar, Self

from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import HEADER_SIZE, unpack
from smbquic.wire.header import Command
from smbquic.wire.message import Message

_NOTIFICATION = Struct("<HHI")


class NotificationType(IntEnum):
    """Types of notifications. [MS-SMB2] 2.2.44.1"""

    SmbNotifySessionClosed = 0x0


@dataclass(slots=True)
class ServerToClientNotification(Message):
    """SMB2_SERVER_TO_CLIENT_NOTIFICATION. [MS-SMB2] 2.2.44.1

    `notification_type` compares with `NotificationType`. That a session was closed is said by
    four reserved bytes; which one, by the SMB2 header.
    """

    command: ClassVar[Command] = Command.SERVER_TO_CLIENT_NOTIFICATION
    notification_type: int
    notification: bytes = bytes(4)

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """Decode the body of `message`, which starts at the SMB2 header. Raises `WireError`.

        StructureSize is ignored: text and example of the specification contradict.
        """
        _, _, notification_type = unpack(_NOTIFICATION, message, HEADER_SIZE)
        return cls(notification_type, bytes(message[HEADER_SIZE + _NOTIFICATION.size :]))

    def encode(self) -> bytes:
        """Encode the body."""
        size = _NOTIFICATION.size + len(self.notification)
        return _NOTIFICATION.pack(size, 0, self.notification_type) + self.notification
