"""A transport and a server that do what a test tells them, without keys and sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from smbquic.client.connection import ClientConnection
from smbquic.client.lease_breaks import LeaseBreaks
from smbquic.client.response_waiters import Target
from smbquic.client.session import Session
from smbquic.client.share import Share
from smbquic.client.tree_connect import TreeConnect
from smbquic.crypto.preauth import PreauthHash
from smbquic.errors import ConnectionClosed
from smbquic.ntstatus import NtStatus
from smbquic.protocol.client import ClientProtocol
from smbquic.protocol.client_session import ClientSession
from smbquic.protocol.message import elements
from smbquic.protocol.negotiation import Negotiated
from smbquic.protocol.settings import ClientSettings
from smbquic.transport.base import Flow, PathStatistics, Peer
from smbquic.wire.cancel import CancelRequest
from smbquic.wire.close import CloseResponse
from smbquic.wire.create import CreateRequest, CreateResponse
from smbquic.wire.cursor import Buffer, padding
from smbquic.wire.echo import EchoResponse
from smbquic.wire.error import ErrorResponse
from smbquic.wire.file_id import FileId
from smbquic.wire.flush import FlushResponse
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.header import Command, Header, HeaderFlags
from smbquic.wire.logoff import LogoffResponse
from smbquic.wire.message import Message
from smbquic.wire.messages import decode_request
from smbquic.wire.negotiate import Dialect, GlobalCapabilities
from smbquic.wire.negotiate_contexts import SigningAlgorithm
from smbquic.wire.set_info import SetInfoResponse
from smbquic.wire.tree_connect import ShareCapabilities, ShareFlags, ShareType, TreeConnectResponse
from smbquic.wire.tree_disconnect import TreeDisconnectResponse
from smbquic.wire.write import WriteRequest, WriteResponse


@dataclass(slots=True)
class Received:
    """A request as the server sees it. `body` is of the class that the header's command says."""

    header: Header
    body: Any

    @property
    def id(self) -> int:
        return self.header.message_id


class FakeTransport:
    """A `MessageTransport` whose other end is the test."""

    def __init__(self) -> None:
        self.peer = Peer("tcp", ("127.0.0.1", 1), ("127.0.0.1", 445))
        self.keep_alive = False
        self.max_message_size = 8 << 20
        self.arrived: asyncio.Queue[list[Received]] = asyncio.Queue()
        self.closed_with: str | None = None
        self.closed_answered = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.sent = self.untaken = self.received = 0
        self._inbox: asyncio.Queue[memoryview | Exception] = asyncio.Queue()

    def authenticated(self) -> None:
        """See `MessageTransport`."""

    def send_now(self, *buffers: Buffer) -> bool:
        if not self.gate.is_set():
            return False
        self._take(*buffers)
        return True

    async def send(self, *buffers: Buffer) -> None:
        await self.gate.wait()
        self._take(*buffers)

    def _take(self, *buffers: Buffer) -> None:
        message = memoryview(b"".join(buffers))
        self.arrived.put_nowait(
            [
                Received(header, decode_request(header.command, raw))
                for header, raw in elements(message)
            ]
        )

    async def receive(self) -> memoryview:
        item = await self._inbox.get()
        if isinstance(item, Exception):
            raise item
        return item

    def close(self, reason: str = "", *, answered: bool = False) -> None:
        self.closed_with = reason
        self.closed_answered = answered
        self.fail(ConnectionClosed(reason))

    def statistics(self) -> PathStatistics:
        return PathStatistics()

    async def wait_closed(self) -> None:
        assert self.closed_with is not None

    def drop(self, reason: str) -> None:
        self.close(reason)

    def flow(self) -> Flow:
        return Flow(
            sent=self.sent,
            untaken=self.untaken,
            kept=0,
            received=self.received,
            unfetched=0,
            messages=0,
            unfinished=False,
        )

    def fail(self, error: Exception) -> None:
        """Let `receive` raise."""
        self._inbox.put_nowait(error)

    def deliver(self, message: bytes) -> None:
        """Let `receive` give a message."""
        self._inbox.put_nowait(memoryview(bytearray(message)))

    async def next(self) -> Received:
        """The next message, which is a single request."""
        [received] = await self.arrived.get()
        return received

    def reply(
        self,
        received: Received,
        body: Message | None = None,
        status: NtStatus = NtStatus.SUCCESS,
        *,
        credits: int = 1,
        async_id: int = 0,
        more: int = 0,
    ) -> None:
        """Answer a request."""
        self.deliver(response(received, body or EchoResponse(), status, credits, async_id))


def response(
    received: Received,
    body: Message,
    status: NtStatus = NtStatus.SUCCESS,
    credits: int = 1,
    async_id: int = 0,
    *,
    last: bool = True,
) -> bytes:
    """One element of a response message."""
    raw = b"".join(body.buffers())
    flags = HeaderFlags.SERVER_TO_REDIR
    if async_id:
        flags |= HeaderFlags.ASYNC_COMMAND
    filler = b"" if last else padding(64 + len(raw))
    header = Header(
        received.header.command,
        message_id=received.header.message_id,
        status=status,
        credits=credits,
        flags=flags,
        async_id=async_id,
        tree_id=received.header.tree_id,
        next_command=0 if last else 64 + len(raw) + len(filler),
    )
    return header.encode() + raw + filler


def negotiated(**changes: Any) -> Negotiated:
    values: dict[str, Any] = {
        "dialect": Dialect.SMB_3_1_1,
        "signing_algorithm": SigningAlgorithm.AES_GMAC,
        "signing_required": False,
        "multi_credit": True,
        "max_transact_size": 1 << 20,
        "max_read_size": 1 << 20,
        "max_write_size": 1 << 20,
    }
    return Negotiated(**{**values, **changes})


def connection_over(transport: FakeTransport, credits: int = 1, **changes: Any) -> ClientConnection:
    """A connection that has negotiated and holds so many credits; nothing is signed."""
    protocol = ClientProtocol(
        ClientSettings(client_guid=bytes(16), credits_wanted=64),
        quic=False,
        server_name="server",
        random=bytes,
    )
    protocol.negotiated = negotiated(**changes)
    protocol.credit_pool.grant(credits - 1)
    connection = ClientConnection(transport, protocol)
    connection.credits.limit = credits
    return connection


class Held:
    """Says that a request is not answered yet: the test does, by `FakeTransport.reply`."""


HELD = Held()
Answer = tuple[NtStatus, Message | None] | Message | Held | None
Handler = Callable[[Received], Answer]


def opened(
    size: int = 0, attributes: FileAttributes = FileAttributes.ARCHIVE, file_id: int = 7
) -> CreateResponse:
    """A CREATE response."""
    return CreateResponse(
        oplock_level=0,
        flags=0,
        create_action=1,
        creation_time=116444736000000000,
        last_access_time=116444736000000000,
        last_write_time=116444736000000010,
        change_time=116444736000000000,
        allocation_size=max(-(-size // 4096), 1) * 4096,
        end_of_file=size,
        file_attributes=attributes,
        file_id=FileId(file_id, file_id),
    )


DEFAULTS: dict[int, Callable[[Any], Message]] = {
    Command.CREATE: lambda body: opened(),
    Command.CLOSE: lambda body: CloseResponse(),
    Command.FLUSH: lambda body: FlushResponse(),
    Command.ECHO: lambda body: EchoResponse(),
    Command.LOGOFF: lambda body: LogoffResponse(),
    Command.SET_INFO: lambda body: SetInfoResponse(),
    Command.TREE_DISCONNECT: lambda body: TreeDisconnectResponse(),
    Command.WRITE: lambda body: WriteResponse(len(body.data)),
}


@dataclass
class FakeServer:
    """Answers every request: as `handlers` say for its command, else as `DEFAULTS` do.

    A handler gives a body, or a status with or without one, or None for the default answer.
    `seen` has all requests in the order in which they came.
    """

    transport: FakeTransport
    handlers: dict[int, Handler] = field(default_factory=dict)
    seen: list[Received] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    credits: int = 64
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        try:
            await self._serve()
        except Exception as error:
            self.transport.fail(error)  # so that the test does not wait for ever
            raise

    async def _serve(self) -> None:
        while True:
            requests = await self.transport.arrived.get()
            if isinstance(requests[0].body, CancelRequest):
                self.cancelled.append(requests[0].id)
                self.arrived.set()
                continue
            parts = []
            for index, request in enumerate(requests):
                self.seen.append(request)
                self.arrived.set()
                status, body = self._answer(request)
                if isinstance(body, Held):
                    continue
                last = index == len(requests) - 1
                parts.append(response(request, body, status, self.credits, last=last))
            if parts:
                self.transport.deliver(b"".join(parts))

    def _answer(self, request: Received) -> tuple[NtStatus, Message | Held]:
        handler = self.handlers.get(request.header.command)
        answer = handler(request) if handler else None
        if isinstance(answer, tuple):
            status, body = answer
            return status, ErrorResponse() if body is None else body
        if answer is None and request.header.command not in DEFAULTS:
            return NtStatus.NOT_SUPPORTED, ErrorResponse()
        if answer is None:
            answer = DEFAULTS[request.header.command](request.body)
        return NtStatus.SUCCESS, answer

    async def until(self, arrived: Callable[[], bool]) -> None:
        """Wait until something is true of the requests that have arrived."""
        while not arrived():
            self.arrived.clear()
            await self.arrived.wait()

    def commands(self) -> list[str]:
        """The names of the commands that came."""
        return [Command(request.header.command).name for request in self.seen]

    def bodies(self, command: Command) -> list[Any]:
        """The bodies of the requests of one command."""
        return [request.body for request in self.seen if request.header.command == command]

    def opened_names(self) -> list[str]:
        """The names that CREATE asked for."""
        bodies: list[CreateRequest] = self.bodies(Command.CREATE)
        return [body.name for body in bodies]

    def written(self) -> dict[int, bytes]:
        """Return what was written, by offset."""
        bodies: list[WriteRequest] = self.bodies(Command.WRITE)
        return {body.offset: bytes(body.data) for body in bodies}


@asynccontextmanager
async def serving(transport: FakeTransport) -> AsyncIterator[FakeServer]:
    """A server that answers whatever comes, in a task that ends with the block."""
    server = FakeServer(transport)
    task = asyncio.create_task(server.run())
    try:
        yield server
    finally:
        if task.done():
            task.result()
        task.cancel()
        await asyncio.wait([task])


TREE_CONNECTED = TreeConnectResponse(
    ShareType.DISK, ShareFlags(0), ShareCapabilities(0), 0x001F01FF
)


def tree_with_leases(
    dialect: Dialect | None = Dialect.SMB_3_1_1,
    capabilities: GlobalCapabilities = (
        GlobalCapabilities.LEASING | GlobalCapabilities.DIRECTORY_LEASING
    ),
) -> TreeConnect:
    """A share of a server with these capabilities, of which leases are noted, and nothing sent."""
    protocol = SimpleNamespace(server=SimpleNamespace(capabilities=capabilities), dialect=dialect)
    tree = SimpleNamespace(
        connection=SimpleNamespace(protocol=protocol, closed=False),
        channels=SimpleNamespace(lease_breaks=LeaseBreaks(cast(Any, None)), losses=0),
        target=Target(),
    )
    return cast(TreeConnect, tree)


def session_over(connection: ClientConnection) -> Session:
    """A session on a connection, without keys."""
    state = ClientSession(None, PreauthHash())  # type: ignore[arg-type]
    return Session(connection, state, "server")


def share_over(connection: ClientConnection) -> Share:
    """A share on a connection, as if it had logged on and connected."""
    session = session_over(connection)
    tree = TreeConnect(session.channels, session.compound, "data", Target(None, 5), TREE_CONNECTED)
    return Share(session, tree)
