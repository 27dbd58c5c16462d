"""IOCTL: whatever has no command of its own. [MS-SMB2] 3.3.5.15"""

from collections.abc import Callable
from struct import Struct

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.request import Request
from smbquic.server.context import Context
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.ioctl import (
    IoctlFlags,
    IoctlRequest,
    IoctlResponse,
    ValidateNegotiateInfoRequest,
)

_OBJECT_ID = Struct("<QQ16x16x16x")


def handle(context: Context, request: Request) -> IoctlResponse:
    """Does the few control codes that are known here."""
    body: IoctlRequest = request.body
    if body.flags != IoctlFlags.IS_FSCTL:
        raise StatusError(NtStatus.NOT_SUPPORTED, "IOCTL")
    longest = max(len(body.input), body.max_input_response, body.max_output_response)
    if longest > context.max_size:
        raise StatusError(NtStatus.INVALID_PARAMETER, "IOCTL")
    unbound = _UNBOUND.get(body.ctl_code)
    if unbound is not None:
        if body.file_id != FileId.RELATED:
            raise StatusError(NtStatus.INVALID_PARAMETER, "IOCTL")
        return unbound(context, body)
    entry = context.open(body.file_id)
    if body.ctl_code == Fsctl.CREATE_OR_GET_OBJECT_ID:
        object_id = _OBJECT_ID.pack(entry.file.stat().file_id, entry.tree.storage.volume().serial)
        if body.max_output_response < len(object_id):
            raise StatusError(NtStatus.BUFFER_TOO_SMALL, "IOCTL")
        return IoctlResponse(body.ctl_code, entry.file_id, b"", object_id)
    raise StatusError(NtStatus.INVALID_DEVICE_REQUEST, "IOCTL")


def _validate_negotiate(context: Context, body: IoctlRequest) -> IoctlResponse:
    info = ValidateNegotiateInfoRequest.decode(memoryview(body.input))
    answer = context.connection.protocol.validate_negotiate(info)
    return IoctlResponse(body.ctl_code, body.file_id, b"", answer.encode())


def _refuse(status: NtStatus) -> Callable[[Context, IoctlRequest], IoctlResponse]:
    def refuse(context: Context, body: IoctlRequest) -> IoctlResponse:
        raise StatusError(status, "IOCTL")

    return refuse


_UNBOUND: dict[int, Callable[[Context, IoctlRequest], IoctlResponse]] = {
    Fsctl.VALIDATE_NEGOTIATE_INFO: _validate_negotiate,
    Fsctl.QUERY_NETWORK_INTERFACE_INFO: _refuse(NtStatus.NOT_SUPPORTED),
    Fsctl.DFS_GET_REFERRALS: _refuse(NtStatus.NOT_FOUND),
    Fsctl.DFS_GET_REFERRALS_EX: _refuse(NtStatus.NOT_FOUND),
    Fsctl.PIPE_WAIT: _refuse(NtStatus.OBJECT_NAME_NOT_FOUND),
}
"""The control codes that go without an open file."""
