"""Listing shares through srvsvc, with a service that is ours and one that lies."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Literal

import pytest

from smbquic.client import pipes
from smbquic.client.pipes import ServicePipe
from smbquic.client.session import Session
from smbquic.client.stat import ShareEntry
from smbquic.errors import DeniedError, NotFoundError, NotListedError, RemoteProtocolError
from smbquic.ntstatus import NtStatus
from smbquic.server.rpc.association import Association, RpcInterface
from smbquic.transport.base import Peer
from smbquic.wire.cursor import Buffer
from smbquic.wire.error import ErrorResponse
from smbquic.wire.header import Command
from smbquic.wire.ioctl import IoctlResponse
from smbquic.wire.read import ReadResponse
from smbquic.wire.rpc.pdu import (
    WHOLE,
    BindAck,
    BindNak,
    ContextResult,
    RpcFault,
    RpcResponse,
)
from smbquic.wire.rpc.srvsvc import (
    SRVSVC,
    NetrShareEnumRequest,
    NetrShareEnumResponse,
    NetStatus,
    ShareInfo,
)
from smbquic.wire.rpc.syntax import NDR
from smbquic.wire.tree_connect import ShareCapabilities, ShareFlags, ShareType, TreeConnectResponse
from tests.unit.client.fakes import (
    Answer,
    FakeServer,
    FakeTransport,
    Received,
    connection_over,
    session_over,
)

ACK = BindAck(1, [ContextResult(0, 0, NDR.encode())]).encode()
DATA, HIDDEN = ShareInfo("data", 0, "All of it"), ShareInfo("IPC$", 0x80000003, None)


def listing(*shares: ShareInfo, status: int = 0, handle: int = 0) -> bytes:
    return NetrShareEnumResponse(1, list(shares), len(shares), handle, status).encode()


class Service:
    """The other end of the pipe: gives out messages in parts of `part` bytes."""

    def __init__(self, server: FakeServer, answer: Callable[[bytes], list[bytes]]) -> None:
        self.part = 1 << 16
        self.queue: list[bytes] = []
        self.answer = answer
        server.handlers[Command.TREE_CONNECT] = lambda request: TreeConnectResponse(
            ShareType.PIPE, ShareFlags(0), ShareCapabilities(0), 0x1F01FF
        )
        server.handlers[Command.IOCTL] = self.transceive
        server.handlers[Command.READ] = self.read

    def transceive(self, request: Received) -> Answer:
        body = request.body
        self.queue += self.answer(bytes(body.input))
        status, data = self.take(body.max_output_response)
        return status, IoctlResponse(body.ctl_code, body.file_id, b"", data)

    def read(self, request: Received) -> Answer:
        status, data = self.take(request.body.length)
        return status, ReadResponse(data)

    def take(self, length: int) -> tuple[NtStatus, bytes]:
        length = min(length, self.part)
        message = self.queue.pop(0) if self.queue else b""
        if len(message) > length:
            self.queue.insert(0, message[length:])
            return NtStatus.BUFFER_OVERFLOW, message[:length]
        return NtStatus.SUCCESS, message


@pytest.fixture
async def session(transport: FakeTransport, server: FakeServer) -> AsyncIterator[Session]:
    connection = connection_over(transport, credits=64)
    yield session_over(connection)
    await connection.close()


def serving(server: FakeServer, *stubs: bytes) -> Service:
    answers = list(stubs)
    association = Association("srvsvc", (RpcInterface(SRVSVC, {15: lambda _: answers.pop(0)}),))
    return Service(server, association.receive)


async def test_shares(session: Session, server: FakeServer, transport: FakeTransport) -> None:
    serving(server, listing(DATA, HIDDEN, ShareInfo("lp", 1, "")))
    assert await session.shares() == [
        ShareEntry("data", "disk", False, "All of it"),
        ShareEntry("IPC$", "pipe", True, ""),
        ShareEntry("lp", "printer", False, ""),
    ]
    assert server.commands() == [
        *("TREE_CONNECT", "CREATE", "IOCTL", "IOCTL", "CLOSE", "TREE_DISCONNECT")
    ]
    assert server.bodies(Command.TREE_CONNECT)[0].path == r"\\server\IPC$"
    assert server.opened_names() == ["srvsvc"]
    assert not transport.keep_alive
    [create] = server.bodies(Command.CREATE)
    assert (create.desired_access, create.create_disposition) == (0x100003, 1)
    for request in server.bodies(Command.IOCTL):
        assert (request.ctl_code, request.max_output_response) == (0x0011C017, 4280)
        assert request.file_id == (7, 7)


async def test_what_each_kind_of_share_is_called(session: Session, server: FakeServer) -> None:
    # [MS-SRVS] 2.2.2.4: two bits are the kind, others say that a share is special or temporary
    kinds = (0, 1, 2, 3, 0x80000000, 0x40000002)
    serving(server, listing(*(ShareInfo(f"{kind:x}", kind, None) for kind in kinds)))
    assert [(share.kind, share.special) for share in await session.shares()] == [
        ("disk", False),
        ("printer", False),
        ("device", False),
        ("pipe", False),
        ("disk", True),
        ("device", False),
    ]


@pytest.mark.parametrize("part", [1, 15, 16, 17, 100])
async def test_messages_in_parts(session: Session, server: FakeServer, part: int) -> None:
    serving(server, listing(DATA)).part = part
    assert [share.name for share in await session.shares()] == ["data"]


async def test_a_long_list(session: Session, server: FakeServer) -> None:
    names = [f"share {number}" for number in range(500)]
    serving(server, listing(*(ShareInfo(name, 0, "x" * 30) for name in names)))
    assert [share.name for share in await session.shares()] == names


async def test_a_list_in_pages(session: Session, server: FakeServer) -> None:
    more = NetStatus.ERROR_MORE_DATA
    asked: list[int | None] = []
    pages = [listing(DATA, status=more, handle=1), listing(HIDDEN, status=0)]

    def enumerate_shares(stub: Buffer) -> bytes:
        asked.append(NetrShareEnumRequest.decode(stub).resume_handle)
        return pages.pop(0)

    association = Association("srvsvc", (RpcInterface(SRVSVC, {15: enumerate_shares}),))
    Service(server, association.receive)
    assert [share.name for share in await session.shares()] == ["data", "IPC$"]
    assert asked == [0, 1]


@pytest.mark.parametrize(
    "page",
    [
        listing(DATA, status=NetStatus.ERROR_MORE_DATA, handle=0),
        listing(status=NetStatus.ERROR_MORE_DATA, handle=5),
        listing(DATA, status=NetStatus.ERROR_MORE_DATA, handle=5),
    ],
)
async def test_a_list_without_an_end(session: Session, server: FakeServer, page: bytes) -> None:
    serving(server, page, page)
    with pytest.raises(RemoteProtocolError, match="without an end"):
        await session.shares()
    assert server.commands()[-2:] == ["CLOSE", "TREE_DISCONNECT"]


@pytest.mark.parametrize(("limit", "refused"), [(3, False), (2, True)])
async def test_a_server_lists_only_so_many_shares(
    session: Session,
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
    refused: bool,
) -> None:
    monkeypatch.setattr(pipes, "MOST_SHARES", limit)
    serving(server, listing(DATA, DATA, status=NetStatus.ERROR_MORE_DATA, handle=1), listing(DATA))
    if refused:
        with pytest.raises(RemoteProtocolError, match="lists over 2 shares"):
            await session.shares()
    else:
        assert len(await session.shares()) == 3


async def test_a_server_that_says_no(session: Session, server: FakeServer) -> None:
    serving(server, listing(status=NetStatus.ERROR_ACCESS_DENIED))
    with pytest.raises(RemoteProtocolError, match="error 5"):
        await session.shares()


@pytest.mark.parametrize("kind", ["tcp", "quic"])
async def test_pipes_that_are_closed(
    session: Session, server: FakeServer, transport: FakeTransport, kind: Literal["quic", "tcp"]
) -> None:
    serving(server)
    transport.peer = Peer(kind, ("127.0.0.1", 1), ("127.0.0.1", 443))
    server.handlers[Command.CREATE] = lambda request: (NtStatus.ACCESS_DENIED, None)
    with pytest.raises(DeniedError) as caught:
        await session.shares()
    assert isinstance(caught.value, NotListedError) == (kind == "quic")
    assert ("over QUIC" in str(caught.value)) == (kind == "quic")
    assert server.commands()[-1] == "TREE_DISCONNECT"


async def test_a_server_without_the_service(session: Session, server: FakeServer) -> None:
    serving(server)
    server.handlers[Command.CREATE] = lambda request: (NtStatus.OBJECT_NAME_NOT_FOUND, None)
    with pytest.raises(NotFoundError):
        await session.shares()


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([BindNak(1, 4).encode()], "reason 4"),
        ([RpcResponse(1, b"").encode()], "in answer to a bind"),
        ([BindAck(1, [ContextResult(2, 1)]).encode()], "not known there"),
        ([BindAck(1, []).encode()], "not known there"),
        ([b""], "says nothing"),
        ([ACK[:20], b""], "says nothing"),
        ([ACK + b"\0"], "not a PDU"),
        ([ACK, RpcFault(2, 0x1C010002).encode()], "0x1c010002"),
        ([ACK, RpcResponse(9, b"").encode()], "no answer to call 15"),
        ([ACK, ACK], "no answer to call 15"),
    ],
)
async def test_services_that_lie(
    session: Session, server: FakeServer, answers: list[bytes], message: str
) -> None:
    queue = list(answers)
    Service(server, lambda _: [queue.pop(0)] if queue else [])
    with pytest.raises(RemoteProtocolError, match=message):
        await session.shares()
    assert server.commands()[-2:] == ["CLOSE", "TREE_DISCONNECT"]


async def test_more_of_an_error(session: Session, server: FakeServer) -> None:
    serving(server, listing(DATA))
    server.handlers[Command.IOCTL] = lambda request: (NtStatus.BUFFER_OVERFLOW, ErrorResponse())
    with pytest.raises(RemoteProtocolError, match="nothing of it"):
        await session.shares()


async def test_answers_are_not_taken_without_end(session: Session, server: FakeServer) -> None:
    part = RpcResponse(2, bytes(60_000), flags=WHOLE & ~2).encode()
    queue = [[ACK], [part] * 300]
    Service(server, lambda _: queue.pop(0))
    with pytest.raises(RemoteProtocolError, match="an answer of over"):
        await session.shares()


async def test_an_end_of_the_connection_meanwhile(
    session: Session, server: FakeServer, transport: FakeTransport
) -> None:
    serving(server, listing(DATA))
    tree = await session.tree("IPC$")
    async with ServicePipe(tree, "srvsvc", SRVSVC) as pipe:
        assert transport.keep_alive
        await session.connection.close()
    assert pipe is not None
    assert "CLOSE" not in server.commands()


async def test_a_close_that_fails_is_not_worth_an_error(
    session: Session, server: FakeServer
) -> None:
    serving(server, listing(DATA))
    server.handlers[Command.CLOSE] = lambda request: (NtStatus.FILE_CLOSED, None)
    assert len(await session.shares()) == 1
    await asyncio.sleep(0)
