"""IOCTL: control codes, for what has no command of its own. [MS-SMB2] 3.3.5.15"""

from collections.abc import Callable, Sequence
from struct import Struct

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.request import Request
from smbquic.server.context import Context
from smbquic.server.handlers import pipe
from smbquic.server.handlers.fsctl import reparse_points, server_side_copy, sparse
from smbquic.server.handlers.fsctl.network_interfaces import reachable, system_interfaces
from smbquic.server.handlers.fsctl.reply import ioctl_reply
from smbquic.server.notify.notifier import Notifier
from smbquic.server.opens.open import Open
from smbquic.server.outcome import Pending, Reply
from smbquic.server.rpc.services import PipeServices
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.fscc.fsctl_payloads import CompressionState
from smbquic.wire.ioctl import (
    IoctlFlags,
    IoctlRequest,
    ValidateNegotiateInfoRequest,
)
from smbquic.wire.ioctl_payloads import SrvSnapshotArray, encode_network_interfaces
from smbquic.wire.negotiate import GlobalCapabilities

_OBJECT_ID = Struct("<QQ16x16x16x")
_SNAPSHOTS_SIZE = 16

Query = Callable[[Context, Open, IoctlRequest], Reply | Pending]
Change = Callable[[Context, Open, IoctlRequest, Notifier], Reply | Pending]


def handle(
    context: Context,
    request: Request,
    *,
    notifier: Notifier,
    pipes: PipeServices,
    listeners: Sequence[str],
) -> Reply | Pending:
    """Do what a control code says, if it is a known one."""
    body: IoctlRequest = request.body
    if body.flags != IoctlFlags.IS_FSCTL:
        raise StatusError(NtStatus.NOT_SUPPORTED, "IOCTL")
    longest = max(len(body.input), body.max_input_response, body.max_output_response)
    if longest > context.max_size:
        raise StatusError(NtStatus.INVALID_PARAMETER, "IOCTL")
    if body.ctl_code in _UNBOUND:
        if body.file_id != FileId.RELATED:
            raise StatusError(NtStatus.INVALID_PARAMETER, "IOCTL")
        return _handle_unbound(context, body, pipes, listeners)
    if context.tree.share is None:
        return pipe.control(context, body)
    entry = context.open(body.file_id)
    change = _CHANGES.get(body.ctl_code)
    if change is not None:
        return change(context, entry, body, notifier)
    query = _QUERIES.get(body.ctl_code)
    if query is None:
        raise StatusError(NtStatus.INVALID_DEVICE_REQUEST, "IOCTL")
    return query(context, entry, body)


def _handle_unbound(
    context: Context, body: IoctlRequest, pipes: PipeServices, listeners: Sequence[str]
) -> Reply:
    """Do a control code that goes without an open file."""
    if body.ctl_code == Fsctl.VALIDATE_NEGOTIATE_INFO:
        return _validate_negotiate(context, body)
    if body.ctl_code == Fsctl.QUERY_NETWORK_INTERFACE_INFO:
        return _network_interfaces(context, body, listeners)
    if body.ctl_code == Fsctl.PIPE_WAIT:
        return pipe.wait(context, body, pipes)
    # There is no DFS namespace.
    raise StatusError(NtStatus.NOT_FOUND, "IOCTL")


def _validate_negotiate(context: Context, body: IoctlRequest) -> Reply:
    info = ValidateNegotiateInfoRequest.decode(memoryview(body.input))
    answer = context.connection.protocol.validate_negotiate(info)
    return ioctl_reply(body, body.file_id, answer.encode())


def _object_id(context: Context, entry: Open, body: IoctlRequest) -> Reply:
    """Return an object id made of the file's number and its volume's; nobody can set one."""
    object_id = _OBJECT_ID.pack(entry.file.stat().file_id, entry.storage.volume().serial)
    if body.max_output_response < len(object_id):
        raise StatusError(NtStatus.BUFFER_TOO_SMALL, "IOCTL")
    return ioctl_reply(body, entry.file_id, object_id)


def _get_compression(context: Context, entry: Open, body: IoctlRequest) -> Reply:
    """Say that the file is not compressed."""
    if body.max_output_response < CompressionState.SIZE:
        raise StatusError(NtStatus.INVALID_USER_BUFFER, "IOCTL")
    return ioctl_reply(body, entry.file_id, CompressionState(0).encode())


def _set_compression(context: Context, entry: Open, body: IoctlRequest) -> Reply:
    """Accept that a file is not to be compressed, and nothing else."""
    entry.require(AccessMask.FILE_WRITE_DATA)
    if CompressionState.decode(body.input).compression_state:
        raise StatusError(NtStatus.NOT_SUPPORTED, "IOCTL")
    return ioctl_reply(body, entry.file_id)


def _snapshots(context: Context, entry: Open, body: IoctlRequest) -> Reply:
    """Return an empty list of previous versions."""
    if body.max_output_response < _SNAPSHOTS_SIZE:
        raise StatusError(NtStatus.INVALID_PARAMETER, "IOCTL")
    array = SrvSnapshotArray.of([], body.max_output_response).encode()
    return ioctl_reply(body, entry.file_id, array)


def _network_interfaces(context: Context, body: IoctlRequest, listeners: Sequence[str]) -> Reply:
    """Return the addresses for further channels of a session. [MS-SMB2] 3.3.5.15.11

    A guest, whose session cannot have any, is not told.
    """
    connection = context.connection
    peer = connection.transport.peer
    response = connection.protocol.response
    found = []
    announced = response is not None and response.capabilities & GlobalCapabilities.MULTI_CHANNEL
    if announced and not context.session.session.is_guest_or_anonymous:
        found = reachable(listeners, peer.kind, peer.local[0], system_interfaces())
    if not found:
        raise StatusError(NtStatus.NOT_SUPPORTED, "IOCTL")
    output = encode_network_interfaces(found)
    if body.max_output_response < len(output):
        raise StatusError(NtStatus.BUFFER_TOO_SMALL, "IOCTL")
    return ioctl_reply(body, body.file_id, output)


_UNBOUND = frozenset(
    {
        Fsctl.VALIDATE_NEGOTIATE_INFO,
        Fsctl.QUERY_NETWORK_INTERFACE_INFO,
        Fsctl.DFS_GET_REFERRALS,
        Fsctl.DFS_GET_REFERRALS_EX,
        Fsctl.PIPE_WAIT,
    }
)
"""The control codes that need no open file."""

_CHANGES: dict[int, Change] = {
    Fsctl.SRV_COPYCHUNK: server_side_copy.copy_chunks,
    Fsctl.SRV_COPYCHUNK_WRITE: server_side_copy.copy_chunks,
    Fsctl.DUPLICATE_EXTENTS_TO_FILE: server_side_copy.duplicate_extents,
    Fsctl.SET_SPARSE: sparse.set_sparse,
    Fsctl.SET_ZERO_DATA: sparse.set_zero_data,
    Fsctl.FILE_LEVEL_TRIM: sparse.trim,
}
"""The control codes that change an open file, of which watches of its folder are notified."""

_QUERIES: dict[int, Query] = {
    Fsctl.SRV_REQUEST_RESUME_KEY: server_side_copy.resume_key,
    Fsctl.QUERY_ALLOCATED_RANGES: sparse.query_allocated_ranges,
    Fsctl.CREATE_OR_GET_OBJECT_ID: _object_id,
    Fsctl.GET_OBJECT_ID: _object_id,
    Fsctl.GET_COMPRESSION: _get_compression,
    Fsctl.SET_COMPRESSION: _set_compression,
    Fsctl.SRV_ENUMERATE_SNAPSHOTS: _snapshots,
    Fsctl.GET_REPARSE_POINT: reparse_points.get_reparse_point,
    Fsctl.SET_REPARSE_POINT: reparse_points.set_reparse_point,
    Fsctl.DELETE_REPARSE_POINT: reparse_points.delete_reparse_point,
}
"""The other control codes about an open file."""
