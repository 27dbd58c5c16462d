"""Commands in a tree of IPC$, where there are pipes and no files. [MS-SMB2] 3.3.5"""

import logging
from collections.abc import Callable

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.overload.budget import PIPE
from smbquic.protocol.request import Request
from smbquic.server.batches import Steps, begin, finish, in_batches
from smbquic.server.context import Context
from smbquic.server.handlers.fsctl.reply import ioctl_reply
from smbquic.server.outcome import Pending, PendingKind, Reply
from smbquic.server.rpc.pipe import Pipe
from smbquic.server.rpc.services import PipeServices
from smbquic.server.security import access
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.close import CloseRequest, CloseResponse
from smbquic.wire.create import CreateAction, CreateRequest, CreateResponse, OplockLevel
from smbquic.wire.file_id import FileId
from smbquic.wire.flush import FlushRequest, FlushResponse
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.file_information import FileInformationClass, StandardInformation
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.fscc.fsctl_payloads import PipePeekReply, PipeWaitRequest
from smbquic.wire.fscc.pipe_information import (
    PipeConfiguration,
    PipeInformation,
    PipeLocalInformation,
    PipeMode,
    PipeState,
)
from smbquic.wire.ioctl import IoctlRequest
from smbquic.wire.query_info import InfoType, QueryInfoRequest, QueryInfoResponse
from smbquic.wire.read import ReadRequest, ReadResponse
from smbquic.wire.set_info import SetInfoRequest, SetInfoResponse
from smbquic.wire.write import WriteRequest, WriteResponse

_log = logging.getLogger(__name__)
_READ, _WRITE = int(AccessMask.FILE_READ_DATA), int(AccessMask.FILE_WRITE_DATA)
_ALLOCATION = 4096
_UNLIMITED = 0xFFFF_FFFF
_PEEK_SIZE = 16


def require_pipes(context: Context, pipes: PipeServices, command: str) -> None:
    """Raise ACCESS_DENIED over QUIC, unless the option `pipes_over_quic` allows pipes.

    Without it, clients on the internet cannot list the shares. [MS-SMB2] 3.3.5.9
    """
    if not pipes.allows(context.connection.transport.peer):
        _log.info(
            "%s: named pipes, such as the list of shares, are refused over QUIC;"
            " pipes_over_quic allows them",
            context.connection.name,
        )
        raise StatusError(NtStatus.ACCESS_DENIED, command)


def create(
    context: Context, request: Request, *, pipes: PipeServices, next_file_id: Callable[[], FileId]
) -> Reply:
    """Open a pipe, with a service of its own at the other end."""
    body: CreateRequest = request.body
    # Related requests are about what this one opens, and fail if it does. [MS-SMB2] 3.3.5.2.7.2
    context.file_id = None
    require_pipes(context, pipes, "CREATE")
    session, limits = context.session, context.limits
    granted = access.map_generic(body.desired_access)
    if granted & AccessMask.MAXIMUM_ALLOWED:
        granted |= int(access.ALL)
    if not granted & access.ALL:
        raise StatusError(NtStatus.ACCESS_DENIED, "CREATE", body.name)
    association = pipes.associate(body.name)
    if association is None:
        raise StatusError(NtStatus.OBJECT_NAME_NOT_FOUND, "CREATE", body.name)
    if len(session.pipes) >= limits.pipes or not session.memory.has_room(PIPE):
        raise StatusError(NtStatus.INSUFFICIENT_RESOURCES, "CREATE", body.name)
    quota = limits.pipe_bytes
    pipe = Pipe(
        next_file_id(), context.tree, body.name, association, granted, quota, session.memory
    )
    session.pipes[pipe.file_id.volatile] = pipe
    context.file_id = pipe.file_id
    response = CreateResponse(
        oplock_level=OplockLevel.OPLOCK_LEVEL_NONE,
        flags=0,
        create_action=CreateAction.FILE_OPENED,
        creation_time=0,
        last_access_time=0,
        last_write_time=0,
        change_time=0,
        allocation_size=_ALLOCATION,
        end_of_file=0,
        file_attributes=FileAttributes.NORMAL,
        file_id=pipe.file_id,
        contexts=[],
    )
    return Reply(response)


def close(context: Context, request: Request) -> Reply:
    """Close a pipe; it has no attributes to return."""
    body: CloseRequest = request.body
    context.session.close_pipe(context.pipe(body.file_id))
    return Reply(CloseResponse())


def write(context: Context, request: Request) -> Reply | Pending:
    """Pass data on to the service."""
    body: WriteRequest = request.body
    pipe = context.pipe(body.file_id)
    pipe.require(_WRITE)
    if len(body.data) > context.max_size or body.channel:
        raise StatusError(NtStatus.INVALID_PARAMETER, "WRITE")
    return in_batches(pipe.write(body.data), Reply(WriteResponse(len(body.data))))


def read(context: Context, request: Request) -> Reply | Pending:
    """Read what the service has answered, or wait for it."""
    body: ReadRequest = request.body
    pipe = context.pipe(body.file_id)
    pipe.require(_READ)
    if body.length > context.max_size or body.channel:
        raise StatusError(NtStatus.INVALID_PARAMETER, "READ")
    found = pipe.read(body.length)
    if found is None:
        return Pending(_read_later(pipe, body.length), PendingKind.EVENT)
    return _read_reply(*found)


async def _read_later(pipe: Pipe, length: int) -> Reply:
    return _read_reply(*await pipe.read_later(length))


def _read_reply(data: memoryview, more: bool) -> Reply:
    return Reply(ReadResponse(data), _status(more))


def _status(more: bool) -> NtStatus:
    """Return the status of a reply; `more` says that a part of the message is left to read."""
    return NtStatus.BUFFER_OVERFLOW if more else NtStatus.SUCCESS


def flush(context: Context, request: Request) -> Reply:
    """Do nothing: the service has taken everything already."""
    body: FlushRequest = request.body
    context.pipe(body.file_id)
    return Reply(FlushResponse())


def wait(context: Context, body: IoctlRequest, pipes: PipeServices) -> Reply:
    """Say at once that a pipe is free: each takes another client at any time."""
    require_pipes(context, pipes, "IOCTL")
    if pipes.associate(PipeWaitRequest.decode(body.input).name) is None:
        raise StatusError(NtStatus.OBJECT_NAME_NOT_FOUND, "IOCTL")
    return ioctl_reply(body, body.file_id)


def control(context: Context, body: IoctlRequest) -> Reply | Pending:
    """Do what a control code says to an open pipe."""
    pipe = context.pipe(body.file_id)
    if body.ctl_code == Fsctl.PIPE_TRANSCEIVE:
        return _transceive(pipe, body)
    if body.ctl_code == Fsctl.PIPE_PEEK:
        return _peek(pipe, body)
    # As Samba; on a pipe a code may be for a driver that Windows could load.
    raise StatusError(NtStatus.FS_DRIVER_REQUIRED, "IOCTL")


def _transceive(pipe: Pipe, body: IoctlRequest) -> Reply | Pending:
    """Write a message and read the answer. [MS-SMB2] 3.3.5.15.3"""
    pipe.require(_READ | _WRITE)
    if pipe.read_mode != PipeMode.MESSAGE:
        raise StatusError(NtStatus.INVALID_PIPE_STATE, "IOCTL")
    if pipe.available:
        raise StatusError(NtStatus.PIPE_BUSY, "IOCTL")
    steps = pipe.write(body.input)
    complete = begin(steps)
    if complete:
        found = pipe.read(body.max_output_response)
        if found is not None:
            return _output(pipe, body, *found)
    work = _transceive_later(pipe, body, None if complete else steps)
    return Pending(work, PendingKind.EVENT)


async def _transceive_later(pipe: Pipe, body: IoctlRequest, steps: Steps | None) -> Reply:
    # A generator, for a coroutine would have to be awaited even if this is cancelled before.
    if steps is not None:
        await finish(steps)
    return _output(pipe, body, *await pipe.read_later(body.max_output_response))


def _output(pipe: Pipe, body: IoctlRequest, data: memoryview, more: bool) -> Reply:
    return ioctl_reply(body, pipe.file_id, data, _status(more))


def _peek(pipe: Pipe, body: IoctlRequest) -> Reply:
    """Return what could be read, without reading it."""
    pipe.require(_READ)
    room = body.max_output_response - _PEEK_SIZE
    if room < 0:
        raise StatusError(NtStatus.INFO_LENGTH_MISMATCH, "IOCTL")
    messages = pipe.messages
    first = messages[0] if messages else memoryview(b"")
    closing = pipe.association.failed
    state = PipeState.CLOSING_STATE if closing else PipeState.CONNECTED_STATE
    reply = PipePeekReply(state, pipe.available, len(messages), len(first), first[:room])
    return _output(pipe, body, memoryview(reply.encode()), len(first) > room)


def query_info(context: Context, request: Request) -> Reply:
    """Return information about a pipe. [MS-FSA] 2.1.5.12"""
    body: QueryInfoRequest = request.body
    pipe = context.pipe(body.file_id)
    if body.info_type != InfoType.FILE:
        raise StatusError(NtStatus.NOT_SUPPORTED, "QUERY_INFO")
    if body.file_info_class == FileInformationClass.FileStandardInformation:
        answer = StandardInformation(
            allocation_size=_ALLOCATION,
            end_of_file=pipe.available,
            number_of_links=1,
            delete_pending=True,
            directory=False,
        ).encode()
    elif body.file_info_class == FileInformationClass.FilePipeInformation:
        answer = PipeInformation(pipe.read_mode, pipe.completion_mode).encode()
    elif body.file_info_class == FileInformationClass.FilePipeLocalInformation:
        answer = PipeLocalInformation(
            named_pipe_type=PipeMode.MESSAGE,
            named_pipe_configuration=PipeConfiguration.FULL_DUPLEX,
            maximum_instances=_UNLIMITED,
            current_instances=1,
            inbound_quota=pipe.quota,
            read_data_available=pipe.available,
            outbound_quota=pipe.quota,
            write_quota_available=pipe.quota,
            named_pipe_state=PipeState.CONNECTED_STATE,
            named_pipe_end=0,
        ).encode()
    else:
        raise StatusError(NtStatus.INVALID_INFO_CLASS, "QUERY_INFO")
    if body.output_buffer_length < len(answer):
        raise StatusError(NtStatus.INFO_LENGTH_MISMATCH, "QUERY_INFO")
    return Reply(QueryInfoResponse(answer))


def set_info(context: Context, request: Request) -> Reply:
    """Set how a pipe is read, which is all that can be set."""
    body: SetInfoRequest = request.body
    pipe = context.pipe(body.file_id)
    if (body.info_type, body.file_info_class) != (
        InfoType.FILE,
        FileInformationClass.FilePipeInformation,
    ):
        raise StatusError(NtStatus.NOT_SUPPORTED, "SET_INFO")
    if len(body.buffer) < PipeInformation.SIZE:
        raise StatusError(NtStatus.INFO_LENGTH_MISMATCH, "SET_INFO")
    wanted = PipeInformation.decode(body.buffer)
    if wanted.read_mode > PipeMode.MESSAGE or wanted.completion_mode > 1:
        raise StatusError(NtStatus.INVALID_PARAMETER, "SET_INFO")
    pipe.read_mode, pipe.completion_mode = wanted.read_mode, wanted.completion_mode
    return Reply(SetInfoResponse())


def refuse(context: Context, request: Request) -> Reply:
    """Refuse a command that makes no sense for a pipe."""
    raise StatusError.of(NtStatus.INVALID_DEVICE_REQUEST)
