"""A session's connection to a share ([MS-SMB2] 3.3.1.9)."""

from smbquic.errors import StatusError
from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus
from smbquic.overload.disk_monitor import DiskMonitor
from smbquic.server.security import access
from smbquic.server.share import ServedShare
from smbquic.storage import Storage


@dataclass(slots=True, eq=False)
class ServerTree:
    """One TREE_CONNECT of one session. `share` is None for IPC$, which has pipes and no files.

    `read_only` is what holds for this session on this share: a read-only share, a read-only
    storage or a guest.
    """

    tree_id: int
    share: ServedShare | None
    read_only: bool

    @property
    def encrypt(self) -> bool:
        """Whether its requests have to be encrypted. [MS-SMB2] 3.3.1.9, TreeConnect.Share"""
        return self.share is not None and self.share.encrypt

    @property
    def storage(self) -> Storage:
        """The storage of the share; StatusError INVALID_DEVICE_REQUEST for IPC$, which has none."""
        if self.share is None:
            raise StatusError.of(NtStatus.INVALID_DEVICE_REQUEST)
        return self.share.storage

    @property
    def disk(self) -> DiskMonitor:
        """The monitor of the disk under the share; raises as `storage`."""
        if self.share is None:
            raise StatusError.of(NtStatus.INVALID_DEVICE_REQUEST)
        return self.share.disk

    @property
    def maximal_access(self) -> int:
        """The most that any open of this tree can be granted."""
        return access.READ_ONLY if self.read_only else access.ALL
