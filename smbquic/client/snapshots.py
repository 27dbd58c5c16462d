"""Previous versions of files, where a server has some. [MS-SMB2] 3.2.4.20.1, 2.2.13.2.7"""

from datetime import UTC, datetime
from functools import partial

from smbquic.client import requests
from smbquic.client.files import ShareFiles
from smbquic.client.names import to_wire
from smbquic.client.reopening import open_file
from smbquic.errors import RemoteProtocolError
from smbquic.ntstatus import NtStatus
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.ioctl import IoctlRequest
from smbquic.wire.ioctl_payloads import SrvSnapshotArray

_HEAD = 16
"""Bytes of an answer that has only the size of the next."""
MOST_BYTES = 1 << 20
"""Bytes of the list: at 50 bytes each, twenty thousand snapshots."""
_FORMAT = "@GMT-%Y.%m.%d-%H.%M.%S"
_CANNOT = frozenset({NtStatus.NOT_SUPPORTED, NtStatus.INVALID_DEVICE_REQUEST})


async def snapshots(share: ShareFiles, path: str) -> list[datetime]:
    """See `Share.snapshots`."""
    access = AccessMask.FILE_READ_DATA | requests.STAT
    opening = requests.create(to_wire(path), access)
    opened, _ = await open_file(share.share_tree, path, lambda: opening)
    async with opened:
        size = _HEAD
        while True:
            response = await opened.request(partial(_enumerate, size), _CANNOT)
            if response.status in _CANNOT:
                return []
            found = SrvSnapshotArray.decode(response.body.output)
            if len(found.snap_shots) == found.number_of_snap_shots:
                return sorted((_parsed(token) for token in found.snap_shots), reverse=True)
            needed = _HEAD + found.snap_shot_array_size
            if not size < needed <= MOST_BYTES:
                raise RemoteProtocolError(
                    f"{path or 'the share'}: a list of snapshots in {needed} bytes"
                )
            size = needed


def _enumerate(size: int, file_id: FileId) -> IoctlRequest:
    return requests.ioctl(Fsctl.SRV_ENUMERATE_SNAPSHOTS, file_id, b"", size)


def _parsed(token: str) -> datetime:
    try:
        return datetime.strptime(token, _FORMAT).replace(tzinfo=UTC)
    except ValueError as error:
        raise RemoteProtocolError(f"the server lists the snapshot {token!r}") from error
