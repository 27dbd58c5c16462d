"""The bodies of requests and responses by their command."""

from struct import Struct

from smbquic.errors import WireError
from smbquic.ntstatus import NtStatus
from smbquic.wire.cancel import CancelRequest
from smbquic.wire.change_notify import ChangeNotifyRequest, ChangeNotifyResponse
from smbquic.wire.close import CloseRequest, CloseResponse
from smbquic.wire.create import CreateRequest, CreateResponse
from smbquic.wire.cursor import HEADER_SIZE, unpack
from smbquic.wire.echo import EchoRequest, EchoResponse
from smbquic.wire.error import ErrorResponse
from smbquic.wire.flush import FlushRequest, FlushResponse
from smbquic.wire.header import Command
from smbquic.wire.ioctl import IoctlRequest, IoctlResponse
from smbquic.wire.lock import LockRequest, LockResponse
from smbquic.wire.logoff import LogoffRequest, LogoffResponse
from smbquic.wire.message import Message
from smbquic.wire.negotiate import NegotiateRequest, NegotiateResponse
from smbquic.wire.notification import ServerToClientNotification
from smbquic.wire.oplock_break import (
    OplockBreakAcknowledgment,
    OplockBreakResponse,
    decode_acknowledgment,
    decode_break,
)
from smbquic.wire.query_directory import QueryDirectoryRequest, QueryDirectoryResponse
from smbquic.wire.query_info import QueryInfoRequest, QueryInfoResponse
from smbquic.wire.read import ReadRequest, ReadResponse
from smbquic.wire.session_setup import SessionSetupRequest, SessionSetupResponse
from smbquic.wire.set_info import SetInfoRequest, SetInfoResponse
from smbquic.wire.tree_connect import TreeConnectRequest, TreeConnectResponse
from smbquic.wire.tree_disconnect import TreeDisconnectRequest, TreeDisconnectResponse
from smbquic.wire.write import WriteRequest, WriteResponse

__all__ = [
    "REQUESTS",
    "RESPONSES",
    "ErrorResponse",
    "Message",
    "decode_request",
    "decode_response",
]

REQUESTS: dict[int, type[Message]] = {
    body.command: body
    for body in (
        NegotiateRequest,
        SessionSetupRequest,
        LogoffRequest,
        TreeConnectRequest,
        TreeDisconnectRequest,
        CreateRequest,
        CloseRequest,
        FlushRequest,
        ReadRequest,
        WriteRequest,
        LockRequest,
        IoctlRequest,
        CancelRequest,
        EchoRequest,
        QueryDirectoryRequest,
        ChangeNotifyRequest,
        QueryInfoRequest,
        SetInfoRequest,
        OplockBreakAcknowledgment,
    )
}
"""The request of each command; OPLOCK_BREAK has a second one, `LeaseBreakAcknowledgment`."""

RESPONSES: dict[int, type[Message]] = {
    body.command: body
    for body in (
        NegotiateResponse,
        SessionSetupResponse,
        LogoffResponse,
        TreeConnectResponse,
        TreeDisconnectResponse,
        CreateResponse,
        CloseResponse,
        FlushResponse,
        ReadResponse,
        WriteResponse,
        LockResponse,
        IoctlResponse,
        EchoResponse,
        QueryDirectoryResponse,
        ChangeNotifyResponse,
        QueryInfoResponse,
        SetInfoResponse,
        OplockBreakResponse,
        ServerToClientNotification,
    )
}
"""The response of each command; for those of OPLOCK_BREAK see `decode_break`."""

_STATUS_OFFSET = 8
_STATUS = Struct("<I")
_STRUCTURE_SIZE = Struct("<H")
_ERROR_SIZE = 9

# Responses that are no errors though their status is not success. They have the StructureSize of an
# error, 9, as well ([MS-SMB2] 3.3.4.4).
_NOT_ERRORS = frozenset(
    {
        (Command.SESSION_SETUP, NtStatus.MORE_PROCESSING_REQUIRED),
        (Command.QUERY_INFO, NtStatus.BUFFER_OVERFLOW),
        (Command.QUERY_DIRECTORY, NtStatus.BUFFER_OVERFLOW),
        (Command.CHANGE_NOTIFY, NtStatus.NOTIFY_ENUM_DIR),
    }
)


def decode_request(command: int, message: memoryview) -> Message:
    """Decode the body of the request `message`, which starts at its header. Raises `WireError`."""
    body = REQUESTS.get(command)
    if body is None:
        raise WireError(f"there is no request with the command {command:#x}")
    if body is OplockBreakAcknowledgment:
        return decode_acknowledgment(message)
    return body.decode(message)


def decode_response(command: int, message: memoryview) -> Message:
    """Decode the body of the response `message`, which starts at its header. Raises `WireError`.

    It is an `ErrorResponse` if the status in the header says so; an interim response
    (STATUS_PENDING) is one, too.
    """
    (status,) = unpack(_STATUS, message, _STATUS_OFFSET)
    if status and (command, status) not in _NOT_ERRORS:
        (structure_size,) = unpack(_STRUCTURE_SIZE, message, HEADER_SIZE)
        if structure_size == _ERROR_SIZE:
            return ErrorResponse.decode(message)
    body = RESPONSES.get(command)
    if body is None:
        raise WireError(f"there is no response with the command {command:#x}")
    if body is OplockBreakResponse:
        return decode_break(message)
    return body.decode(message)
