"""OPLOCK_BREAK: the acknowledgment of a break that this server never sends. [MS-SMB2] 3.3.5.22"""

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.request import Request
from smbquic.server.context import Context
from smbquic.wire.oplock_break import OplockBreakAcknowledgment


def handle(context: Context, request: Request) -> None:
    """Refuses, as no oplock and no lease was granted."""
    if isinstance(request.body, OplockBreakAcknowledgment):
        context.open(request.body.file_id)
        raise StatusError(NtStatus.INVALID_DEVICE_STATE, "OPLOCK_BREAK")
    raise StatusError(NtStatus.OBJECT_NAME_NOT_FOUND, "OPLOCK_BREAK")
