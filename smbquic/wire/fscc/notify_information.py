"""Changes in a folder, as CHANGE_NOTIFY reports them. [MS-FSCC] 2.7.1"""

from collections.abc import Iterable
from enum import IntEnum
from struct import Struct

from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import Buffer, utf16
from smbquic.wire.fscc.chain import encode_chain, iterate_chain

_NOTIFY = Struct("<III")
_AFTER_NEXT = Struct("<II")
_ALIGNMENT = 4


class NotifyAction(IntEnum):
    """Kinds of changes to a file. [MS-FSCC] 2.7.1"""

    FILE_ACTION_ADDED = 0x00000001
    FILE_ACTION_REMOVED = 0x00000002
    FILE_ACTION_MODIFIED = 0x00000003
    FILE_ACTION_RENAMED_OLD_NAME = 0x00000004
    FILE_ACTION_RENAMED_NEW_NAME = 0x00000005
    FILE_ACTION_ADDED_STREAM = 0x00000006
    FILE_ACTION_REMOVED_STREAM = 0x00000007
    FILE_ACTION_MODIFIED_STREAM = 0x00000008
    FILE_ACTION_REMOVED_BY_DELETE = 0x00000009
    FILE_ACTION_ID_NOT_TUNNELLED = 0x0000000A
    FILE_ACTION_TUNNELLED_ID_COLLISION = 0x0000000B


@dataclass(slots=True)
class NotifyInformation:
    """FILE_NOTIFY_INFORMATION; `action` compares with `NotifyAction`. [MS-FSCC] 2.7.1

    `file_name` is relative to the watched folder.
    """

    action: int
    file_name: str

    def encode(self) -> bytes:
        """Encode a single entry, with NextEntryOffset 0."""
        name = utf16(self.file_name)
        return _NOTIFY.pack(0, self.action, len(name)) + name


def encode_notifications(changes: Iterable[NotifyInformation]) -> bytes:
    """Encode the buffer of a CHANGE_NOTIFY response."""
    return encode_chain((change.encode() for change in changes), _ALIGNMENT)


def decode_notifications(data: Buffer) -> list[NotifyInformation]:
    """Decode all changes in the buffer of a CHANGE_NOTIFY response. Raises `WireError`."""
    changes = []
    for reader in iterate_chain(data, _NOTIFY.size):
        action, length = reader.unpack(_AFTER_NEXT)
        changes.append(NotifyInformation(action, reader.text(length)))
    return changes
