"""Named pipes in IPC$: opened, written, read, and refused over QUIC."""

from types import SimpleNamespace
from typing import Any

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.protocol.response import Response
from smbquic.server.server import Server
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.change_notify import ChangeNotifyRequest
from smbquic.wire.close import CloseFlags, CloseRequest
from smbquic.wire.echo import EchoRequest
from smbquic.wire.file_id import FileId
from smbquic.wire.flush import FlushRequest
from smbquic.wire.fscc.file_information import FileInformationClass, StandardInformation
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.fscc.fsctl_payloads import PipePeekReply, PipeWaitRequest
from smbquic.wire.fscc.pipe_information import (
    PipeInformation,
    PipeLocalInformation,
    PipeState,
)
from smbquic.wire.ioctl import IoctlRequest
from smbquic.wire.lock import LockElement, LockFlags, LockRequest
from smbquic.wire.logoff import LogoffRequest
from smbquic.wire.message import Message
from smbquic.wire.negotiate import Dialect
from smbquic.wire.query_info import InfoType, QueryInfoRequest
from smbquic.wire.read import ReadRequest
from smbquic.wire.rpc.pdu import (
    Bind,
    BindAck,
    PduHeader,
    PduType,
    PresentationContext,
    RpcRequest,
    RpcResponse,
)
from smbquic.wire.rpc.srvsvc import (
    SRVSVC,
    NetrShareEnumRequest,
    NetrShareEnumResponse,
    SrvsvcOpnum,
)
from smbquic.wire.rpc.syntax import NDR
from smbquic.wire.set_info import SetInfoRequest
from smbquic.wire.tree_disconnect import TreeDisconnectRequest
from smbquic.wire.write import WriteRequest
from tests.unit.server.smb_client import Client, Connect, CreateRequestOf, ServerWith

BIND = Bind(1, [PresentationContext(0, SRVSVC, [NDR])]).encode()
LISTING = RpcRequest(2, SrvsvcOpnum.NetrShareEnum, NetrShareEnumRequest(1).encode()).encode()


@pytest.fixture
async def client(connect: Connect) -> Client:
    return await connect(share="IPC$")


@pytest.fixture
async def pipe(client: Client) -> FileId:
    file_id: FileId = await client.open("srvsvc")
    return file_id


def write(pipe: FileId, data: bytes) -> WriteRequest:
    return WriteRequest(offset=0, file_id=pipe, data=data)


def read(pipe: FileId, length: int = 4096) -> ReadRequest:
    return ReadRequest(length=length, offset=0, file_id=pipe)


def transceive(pipe: FileId, data: bytes, room: int = 4096) -> IoctlRequest:
    return IoctlRequest(Fsctl.PIPE_TRANSCEIVE, pipe, 0, room, input=data)


def set_mode(pipe: FileId, read_mode: int, completion_mode: int) -> SetInfoRequest:
    return SetInfoRequest(
        info_type=InfoType.FILE,
        file_info_class=FileInformationClass.FilePipeInformation,
        additional_information=0,
        file_id=pipe,
        buffer=PipeInformation(read_mode, completion_mode).encode(),
    )


async def waiting(client: Client, body: Message) -> int:
    message_id: int = client.send(body)
    while message_id not in client.pending:
        await client.fetch()
    return message_id


async def test_a_listing_of_shares(client: Client, pipe: FileId) -> None:
    response = await client.call(transceive(pipe, BIND))
    assert BindAck.decode(response.body.output).results[0].result == 0
    assert (await client.call(write(pipe, LISTING))).body.count == len(LISTING)
    data = (await client.call(read(pipe))).body.data
    listing = NetrShareEnumResponse.decode(RpcResponse.decode(bytes(data)).stub)
    assert [share.netname for share in listing.shares] == ["data", "ro", "IPC$"]


async def test_two_pipes_are_two_conversations(client: Client, pipe: FileId) -> None:
    other = await client.open("srvsvc")
    await client.call(transceive(pipe, BIND))
    response = await client.call(transceive(other, LISTING))
    assert PduHeader.decode(response.body.output).pdu_type == PduType.FAULT


async def test_a_compound(client: Client, create_request: CreateRequestOf) -> None:
    created, answer, closed = await client.compound(
        create_request("srvsvc"), transceive(FileId.RELATED, BIND), CloseRequest(FileId.RELATED)
    )
    assert [r.status for r in (created, answer, closed)] == [NtStatus.SUCCESS] * 3
    assert created.body.file_attributes == 0x80
    assert PduHeader.decode(answer.body.output).pdu_type == PduType.BIND_ACK
    failed = await client.compound(create_request("nope"), read(FileId.RELATED))
    assert [r.status for r in failed] == [NtStatus.OBJECT_NAME_NOT_FOUND] * 2


@pytest.mark.parametrize("code", [None, Fsctl.PIPE_TRANSCEIVE])
async def test_a_message_in_parts(client: Client, pipe: FileId, code: int | None) -> None:
    if code is None:
        await client.call(write(pipe, BIND))
        first = await client.call(read(pipe, 10))
        part = bytes(first.body.data)
    else:
        first = await client.call(transceive(pipe, BIND, 10))
        part = bytes(first.body.output)
    assert first.status == NtStatus.BUFFER_OVERFLOW
    assert len(part) == 10
    none = await client.call(read(pipe, 0))
    assert (none.status, len(none.body.data)) == (NtStatus.BUFFER_OVERFLOW, 0)
    rest = await client.call(read(pipe))
    assert rest.status == NtStatus.SUCCESS
    assert BindAck.decode(part + bytes(rest.body.data)).call_id == 1


async def test_bytes_have_no_boundaries_to_be_told_of(client: Client, pipe: FileId) -> None:
    assert (await client.call(set_mode(pipe, 0, 0))).status == NtStatus.SUCCESS
    await client.call(write(pipe, BIND))
    assert (await client.call(read(pipe, 10))).status == NtStatus.SUCCESS
    response = await client.call(transceive(pipe, LISTING))
    assert response.status == NtStatus.INVALID_PIPE_STATE


@pytest.mark.parametrize("length", [0, 4096])
async def test_a_read_waits(client: Client, pipe: FileId, length: int) -> None:
    message_id = await waiting(client, read(pipe, length))
    await client.call(write(pipe, BIND))
    response = await client.answer(message_id)
    expected = NtStatus.SUCCESS if length else NtStatus.BUFFER_OVERFLOW
    assert (response.status, bool(len(response.body.data))) == (expected, bool(length))


async def test_reads_wait_in_turn(client: Client, pipe: FileId) -> None:
    first, second = await waiting(client, read(pipe)), await waiting(client, read(pipe))
    await client.call(write(pipe, BIND))
    assert (await client.answer(first)).status == NtStatus.SUCCESS
    await client.call(write(pipe, LISTING))
    assert (await client.answer(second)).status == NtStatus.SUCCESS


async def test_a_cancelled_read_takes_nothing(client: Client, pipe: FileId) -> None:
    cancelled, second = await waiting(client, read(pipe)), await waiting(client, read(pipe))
    client.deliver(client.protocol.cancel(cancelled))
    assert (await client.answer(cancelled)).status == NtStatus.CANCELLED
    await client.call(write(pipe, BIND))
    assert (await client.answer(second)).status == NtStatus.SUCCESS


async def test_a_transceive_of_a_part_waits_for_the_rest(client: Client, pipe: FileId) -> None:
    message_id = await waiting(client, transceive(pipe, BIND[:20]))
    await client.call(write(pipe, BIND[20:]))
    response = await client.answer(message_id)
    assert BindAck.decode(response.body.output).call_id == 1


async def test_a_transceive_that_may_not_wait_leaves_nothing_behind(
    client: Client, pipe: FileId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smbquic.server.rpc.pipe.TIME_SLICE", 0.0)
    refused, _ = await client.compound(transceive(pipe, BIND), EchoRequest())
    assert refused.status == NtStatus.INTERNAL_ERROR


async def test_what_waits_to_be_read_keeps_others_from_asking(client: Client, pipe: FileId) -> None:
    await client.call(write(pipe, BIND))
    assert (await client.call(transceive(pipe, LISTING))).status == NtStatus.PIPE_BUSY


async def test_who_never_reads_is_not_served_for_ever(
    server_with: ServerWith, connect: Connect
) -> None:
    served = []
    for limit in (1 << 10, 1 << 14):
        client = await connect(to=server_with(Limits(pipe_bytes=limit)), share="IPC$")
        pipe = await client.open("srvsvc")
        await client.call(write(pipe, BIND))
        served.append(0)
        while (status := (await client.call(write(pipe, LISTING))).status) == NtStatus.SUCCESS:
            served[-1] += 1
            assert served[-1] < limit
        assert status == NtStatus.INSUFFICIENT_RESOURCES
    assert 0 < served[0] < served[1]


async def test_who_breaks_the_protocol_is_hung_up_on(client: Client, pipe: FileId) -> None:
    waits = await waiting(client, read(pipe))
    await client.call(write(pipe, BIND))
    await client.answer(waits)
    await client.call(write(pipe, b"\0" * 16))
    assert (await client.call(write(pipe, BIND))).status == NtStatus.PIPE_DISCONNECTED
    assert (await client.call(read(pipe))).status == NtStatus.PIPE_DISCONNECTED
    response = await client.call(IoctlRequest(Fsctl.PIPE_PEEK, pipe, 0, 64))
    assert PipePeekReply.decode(response.body.output).named_pipe_state == PipeState.CLOSING_STATE


async def test_nothing_blocks_if_nothing_is_to(client: Client, pipe: FileId) -> None:
    assert (await client.call(set_mode(pipe, 1, 1))).status == NtStatus.SUCCESS
    assert (await client.call(read(pipe))).status == NtStatus.PIPE_EMPTY


async def test_peeking(client: Client, pipe: FileId) -> None:
    async def peek(room: int) -> tuple[NtStatus, PipePeekReply]:
        response = await client.call(IoctlRequest(Fsctl.PIPE_PEEK, pipe, 0, room))
        return response.status, PipePeekReply.decode(response.body.output)

    connected = PipeState.CONNECTED_STATE
    assert await peek(64) == (NtStatus.SUCCESS, PipePeekReply(connected, 0, 0, 0, b""))
    await client.call(write(pipe, BIND))
    await client.call(write(pipe, LISTING))
    status, reply = await peek(4096)
    assert (status, reply.number_of_messages) == (NtStatus.SUCCESS, 2)
    assert reply.read_data_available > reply.message_length == len(reply.data)
    for room, expected in (
        (16, NtStatus.BUFFER_OVERFLOW),
        (20, NtStatus.BUFFER_OVERFLOW),
        (15 + reply.message_length, NtStatus.BUFFER_OVERFLOW),
        (16 + reply.message_length, NtStatus.SUCCESS),
    ):
        status, short = await peek(room)
        assert (status, len(short.data)) == (expected, room - 16)
    response = await client.call(IoctlRequest(Fsctl.PIPE_PEEK, pipe, 0, 15))
    assert response.status == NtStatus.INFO_LENGTH_MISMATCH
    assert bytes((await client.call(read(pipe))).body.data) == bytes(reply.data)


@pytest.mark.parametrize("end", ["close", "tree", "session"])
async def test_reads_end_with_their_pipe(client: Client, pipe: FileId, end: str) -> None:
    message_id = await waiting(client, read(pipe))
    ends: dict[str, Any] = {
        "close": CloseRequest(pipe, flags=CloseFlags.POSTQUERY_ATTRIB),
        "tree": TreeDisconnectRequest(),
        "session": LogoffRequest(),
    }
    assert (await client.call(ends[end])).status == NtStatus.SUCCESS
    assert (await client.answer(message_id)).status == NtStatus.PIPE_BROKEN


async def test_a_pipe_closed_before_its_read_was_pending(client: Client, pipe: FileId) -> None:
    message_id = client.send(read(pipe))
    client.send(CloseRequest(pipe))
    assert (await client.answer(message_id)).status == NtStatus.PIPE_BROKEN


async def test_access(client: Client) -> None:
    reads = await client.open("srvsvc", desired_access=AccessMask.FILE_READ_DATA)
    writes = await client.open("srvsvc", desired_access=AccessMask.GENERIC_WRITE)
    assert (await client.call(write(reads, BIND))).status == NtStatus.ACCESS_DENIED
    assert (await client.call(transceive(reads, BIND))).status == NtStatus.ACCESS_DENIED
    assert (await client.call(write(writes, BIND))).status == NtStatus.SUCCESS
    assert (await client.call(read(writes))).status == NtStatus.ACCESS_DENIED
    peek = IoctlRequest(Fsctl.PIPE_PEEK, writes, 0, 64)
    assert (await client.call(peek)).status == NtStatus.ACCESS_DENIED
    # Nothing at all, or bits that stand for nothing
    for access in (0, 1 << 9, 1 << 26):
        response = await client.create("srvsvc", desired_access=access)
        assert response.status == NtStatus.ACCESS_DENIED


async def test_parameters(client: Client, pipe: FileId) -> None:
    too_long = (8 << 20) + 1
    for body, status in (
        (read(pipe, too_long), NtStatus.INVALID_PARAMETER),
        (ReadRequest(length=1, offset=0, file_id=pipe, channel=1), NtStatus.INVALID_PARAMETER),
        (read(FileId(99, 99)), NtStatus.FILE_CLOSED),
        (read(FileId(pipe.persistent + 1, pipe.volatile)), NtStatus.FILE_CLOSED),
        (IoctlRequest(Fsctl.GET_OBJECT_ID, pipe, 0, 64), NtStatus.FS_DRIVER_REQUIRED),
        (set_mode(pipe, 2, 0), NtStatus.INVALID_PARAMETER),
        (set_mode(pipe, 1, 2), NtStatus.INVALID_PARAMETER),
        (FlushRequest(pipe), NtStatus.SUCCESS),
        (ChangeNotifyRequest(0, 64, pipe, 1), NtStatus.INVALID_DEVICE_REQUEST),
        (
            LockRequest(0, pipe, [LockElement(0, 1, LockFlags.SHARED_LOCK)]),
            NtStatus.INVALID_DEVICE_REQUEST,
        ),
    ):
        assert (await client.call(body)).status == status, body
    unchannelled = write(pipe, BIND)
    unchannelled.channel = 1
    assert (await client.call(unchannelled)).status == NtStatus.INVALID_PARAMETER
    short = set_mode(pipe, 1, 0)
    short.buffer = b"\0" * 7
    assert (await client.call(short)).status == NtStatus.INFO_LENGTH_MISMATCH
    other = set_mode(pipe, 1, 0)
    other.file_info_class = FileInformationClass.FileBasicInformation
    assert (await client.call(other)).status == NtStatus.NOT_SUPPORTED


async def test_what_is_known_of_a_pipe(client: Client, pipe: FileId) -> None:
    async def ask(information_class: int, size: int = 64, kind: int = InfoType.FILE) -> Response:
        return await client.call(
            QueryInfoRequest(
                info_type=kind,
                file_info_class=information_class,
                output_buffer_length=size,
                additional_information=0,
                flags=0,
                file_id=pipe,
            )
        )

    await client.call(write(pipe, BIND))
    local = await ask(FileInformationClass.FilePipeLocalInformation)
    available = len((await client.call(peek_all(pipe))).body.output) - 16
    assert available > 0
    # A pipe of messages, in both directions, with any number of instances, seen by its client.
    assert PipeLocalInformation.decode(local.body.buffer) == PipeLocalInformation(
        named_pipe_type=1,
        named_pipe_configuration=2,
        maximum_instances=0xFFFF_FFFF,
        current_instances=1,
        inbound_quota=Limits().pipe_bytes,
        read_data_available=available,
        outbound_quota=Limits().pipe_bytes,
        write_quota_available=Limits().pipe_bytes,
        named_pipe_state=3,
        named_pipe_end=0,
    )
    standard = await ask(FileInformationClass.FileStandardInformation)
    assert StandardInformation.decode(standard.body.buffer) == StandardInformation(
        4096, available, 1, delete_pending=True, directory=False
    )
    modes = await ask(FileInformationClass.FilePipeInformation, 8)
    assert PipeInformation.decode(modes.body.buffer) == PipeInformation(1, 0)
    for response, status in (
        (await ask(FileInformationClass.FilePipeInformation, 7), NtStatus.INFO_LENGTH_MISMATCH),
        (await ask(FileInformationClass.FileBasicInformation), NtStatus.INVALID_INFO_CLASS),
        (await ask(1, kind=InfoType.FILESYSTEM), NtStatus.NOT_SUPPORTED),
    ):
        assert response.status == status


def peek_all(pipe: FileId) -> IoctlRequest:
    return IoctlRequest(Fsctl.PIPE_PEEK, pipe, 0, 4096)


async def test_an_open_pipe_is_told_as_a_file(client: Client) -> None:
    response = await client.create("srvsvc")
    body = response.body
    assert (body.oplock_level, body.flags, body.create_action) == (0, 0, 1)
    times = (body.creation_time, body.last_access_time, body.last_write_time, body.change_time)
    assert times == (0, 0, 0, 0)
    assert (body.allocation_size, body.end_of_file, body.file_attributes) == (4096, 0, 0x80)
    assert body.contexts == []


async def test_all_that_is_allowed_is_to_read_and_write(client: Client) -> None:
    pipe = await client.open("srvsvc", desired_access=AccessMask.MAXIMUM_ALLOWED)
    assert (await client.call(transceive(pipe, BIND))).status == NtStatus.SUCCESS


@pytest.mark.parametrize(("size", "allowed"), [(65536, True), (65537, False)])
async def test_no_more_than_was_negotiated(connect: Connect, size: int, allowed: bool) -> None:
    client = await connect(share="IPC$", dialects=(Dialect.SMB_2_0_2,))
    pipe = await client.open("srvsvc")
    await client.call(write(pipe, BIND))
    response = await client.call(read(pipe, size))
    assert response.status == (NtStatus.SUCCESS if allowed else NtStatus.INVALID_PARAMETER)
    response = await client.call(write(pipe, bytes(size)))
    assert response.status == (NtStatus.SUCCESS if allowed else NtStatus.INVALID_PARAMETER)


async def wait_for(client: Client, name: str) -> NtStatus:
    data = PipeWaitRequest(0, False, name).encode()
    response = await client.call(IoctlRequest(Fsctl.PIPE_WAIT, FileId.RELATED, 0, 0, input=data))
    status: NtStatus = response.status
    return status


async def test_waiting_for_a_pipe(client: Client) -> None:
    assert await wait_for(client, "srvsvc") == NtStatus.SUCCESS
    assert await wait_for(client, "nope") == NtStatus.OBJECT_NAME_NOT_FOUND


async def test_there_are_not_more_pipes_than_allowed(
    server_with: ServerWith, connect: Connect
) -> None:
    client = await connect(to=server_with(Limits(pipes=1)), share="IPC$")
    pipe = await client.open("srvsvc")
    assert (await client.create("srvsvc")).status == NtStatus.INSUFFICIENT_RESOURCES
    await client.call(CloseRequest(pipe))
    await client.open("srvsvc")


async def test_clients_over_quic_see_no_pipes(
    connect: Connect, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    client = await connect(kind="quic", share="IPC$")
    with caplog.at_level("INFO"):
        assert (await client.create("srvsvc")).status == NtStatus.ACCESS_DENIED
    assert any("the list of shares, are refused over QUIC" in line for line in caplog.messages)
    assert await wait_for(client, "srvsvc") == NtStatus.ACCESS_DENIED
    server.access.pipes_over_quic = True
    assert (await client.create("srvsvc")).status == NtStatus.SUCCESS
    assert await wait_for(client, "srvsvc") == NtStatus.SUCCESS


@pytest.mark.parametrize("allowed", [True, False])
async def test_the_name_asked_for_knows_better(
    connect: Connect, server: Server, allowed: bool
) -> None:
    server.access.pipes_over_quic = not allowed
    known: Any = SimpleNamespace(allows_pipes=lambda name: allowed)
    status = NtStatus.SUCCESS if allowed else NtStatus.ACCESS_DENIED
    client = await connect(kind="quic", share="IPC$")
    server.access.certificates = known
    assert (await client.create("srvsvc")).status == status
    assert await wait_for(client, "srvsvc") == status


async def test_a_pipe_is_no_file_of_another_tree(client: Client, pipe: FileId) -> None:
    await client.connect("data")
    assert (await client.call(read(pipe))).status == NtStatus.FILE_CLOSED
