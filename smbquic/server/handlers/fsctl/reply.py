"""The reply to a control code. [MS-SMB2] 2.2.32"""

from smbquic.ntstatus import NtStatus
from smbquic.server.outcome import Reply
from smbquic.wire.cursor import Buffer
from smbquic.wire.file_id import FileId
from smbquic.wire.ioctl import IoctlRequest, IoctlResponse


def ioctl_reply(
    body: IoctlRequest, file_id: FileId, output: Buffer = b"", status: NtStatus = NtStatus.SUCCESS
) -> Reply:
    """Return the reply to a request about an open, with what the control code gives."""
    return Reply(IoctlResponse(body.ctl_code, file_id, b"", output), status)
