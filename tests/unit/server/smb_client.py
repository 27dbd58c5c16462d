"""A server on a temporary folder, and a client that talks to it without a socket."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack, cast

from smbquic.auth.identity import Identity
from smbquic.auth.spnego.initiator import Initiator
from smbquic.crypto.keys import derive_channel_signing_key
from smbquic.crypto.signing import Signer
from smbquic.errors import AuthenticationError, ConnectionClosed
from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.protocol.client import ClientProtocol
from smbquic.protocol.client_session import ClientSession
from smbquic.protocol.message import UNSOLICITED
from smbquic.protocol.response import Response
from smbquic.protocol.session_state import SessionEvent
from smbquic.protocol.settings import DIALECTS, ClientSettings, ServerSettings
from smbquic.protocol.transform import OutgoingElement
from smbquic.server.access import AccessPolicy
from smbquic.server.server import CAPABILITIES, Server
from smbquic.server.share import ServedShare
from smbquic.storage.local import LocalStorage
from smbquic.transport.base import Flow, PathStatistics, Peer
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import (
    CreateDisposition,
    CreateOptions,
    CreateRequest,
    ImpersonationLevel,
    OplockLevel,
    ShareAccess,
)
from smbquic.wire.create_context import CreateContext
from smbquic.wire.cursor import Buffer
from smbquic.wire.echo import EchoRequest
from smbquic.wire.file_id import FileId
from smbquic.wire.header import Header, HeaderFlags
from smbquic.wire.message import Message
from smbquic.wire.negotiate import GlobalCapabilities, SecurityMode
from smbquic.wire.session_setup import SessionSetupFlags, SessionSetupRequest
from smbquic.wire.tree_connect import TreeConnectRequest
from tests.random_bytes import RandomBytes

SHARE_ALL = (
    ShareAccess.FILE_SHARE_READ | ShareAccess.FILE_SHARE_WRITE | ShareAccess.FILE_SHARE_DELETE
)
QUICK = Limits(failed_logon_delay=0.0, interim_delay=30.0)


class OneStepAcceptor:
    """Takes `user:secret` in one step."""

    session_key = b"K" * 16

    def __init__(self) -> None:
        self.complete = False
        self.identity = Identity("", "")

    def step(self, token: bytes) -> bytes:
        user, _, password = token.decode().partition(":")
        if password != "secret":
            raise AuthenticationError("wrong password")
        groups = ("staff",) if user == "bob" else ()
        self.identity = Identity(user, "", guest=user == "guest", groups=groups)
        self.complete = True
        return b"welcome"


class OneStepAuthenticator:
    def hint(self) -> bytes:
        return b"hint"

    def new_acceptor(self) -> OneStepAcceptor:
        return OneStepAcceptor()

    def for_connection(self, watch: object, binding: object) -> "OneStepAuthenticator":
        return self


@dataclass
class OneStepInitiator:
    token: bytes
    session_key: bytes = b"K" * 16
    complete: bool = False

    def step(self, token: bytes | None) -> bytes:
        self.complete = True
        return self.token


def initiator(token: str) -> Initiator:
    """An initiator that is done after one token."""
    return cast(Initiator, OneStepInitiator(token.encode()))


class MemoryTransport:
    """The server's end of a pair of queues."""

    def __init__(self, kind: Literal["quic", "tcp"] = "tcp") -> None:
        self.peer = Peer(kind, ("127.0.0.1", 445), ("127.0.0.1", 50000))
        self.keep_alive = False
        self.max_message_size = 1 << 24
        self.to_server: asyncio.Queue[bytes | Exception] = asyncio.Queue()
        self.to_client: asyncio.Queue[memoryview] = asyncio.Queue()
        self.writable = asyncio.Event()
        self.writable.set()
        self.over = asyncio.Event()
        self.closed = ""
        self.waits = Flow(
            sent=0, untaken=0, kept=0, received=0, unfetched=0, messages=0, unfinished=False
        )

    def authenticated(self) -> None:
        """See `MessageTransport`."""

    def send_now(self, *buffers: Buffer) -> bool:
        return False

    async def send(self, *buffers: Buffer) -> None:
        await self.writable.wait()
        if self.closed:
            raise ConnectionClosed(self.closed)
        self.to_client.put_nowait(memoryview(bytearray(b"".join(buffers))))

    async def receive(self) -> memoryview:
        message = await self.to_server.get()
        if isinstance(message, Exception):
            raise message
        return memoryview(bytearray(message))

    def close(self, reason: str = "", *, answered: bool = False) -> None:
        if not self.closed:
            self.closed = reason or "closed"
            self.over.set()
            self.to_server.put_nowait(ConnectionClosed(self.closed))

    def statistics(self) -> PathStatistics:
        return PathStatistics()

    def drop(self, reason: str) -> None:
        self.close(reason)
        self.writable.set()

    def flow(self) -> Flow:
        return self.waits

    async def wait_closed(self) -> None:
        await self.over.wait()


class Protocol(ClientProtocol):
    """Counts channels, and marks requests as repeated, as it is told. [MS-SMB2] 3.2.4.1.9"""

    channel_sequence = 0
    replay = False

    def _element(self, header: Header, *rest: Any) -> OutgoingElement:
        header.status = self.channel_sequence
        if self.replay:
            header.flags |= HeaderFlags.REPLAY_OPERATION
        return super()._element(header, *rest)


class Client:
    """Speaks SMB to a `Server` through a `MemoryTransport`."""

    def __init__(
        self, server: Server, settings: ClientSettings, kind: Literal["quic", "tcp"] = "tcp"
    ) -> None:
        self.server = server
        self.transport = MemoryTransport(kind)
        self.protocol = Protocol(
            settings, quic=kind == "quic", server_name="fs.example", random=RandomBytes()
        )
        self.session: ClientSession | None = None
        self.tree_id = 0
        self.responses: dict[int, Response] = {}
        self.pending: dict[int, Response] = {}
        self.notices: list[Any] = []
        self.served = asyncio.create_task(server.serve(self.transport))

    @property
    def logged_on(self) -> ClientSession:
        """The session; the client is logged on."""
        assert self.session is not None, "the client is not logged on"
        return self.session

    def deliver(self, buffers: Sequence[Buffer]) -> None:
        self.transport.to_server.put_nowait(b"".join(buffers))

    async def fetch(self) -> list[Response]:
        """The responses in the server's next message."""
        message = await asyncio.wait_for(self.transport.to_client.get(), 60)
        responses = self.protocol.receive(message)
        for response in responses:
            if response.message_id == UNSOLICITED:
                self.notices.append(response.body)
                continue
            place = self.pending if response.pending else self.responses
            place[response.message_id] = response
        return responses

    async def notice(self) -> Any:
        """The next of what the server sends unasked, or has sent."""
        while not self.notices:
            await self.fetch()
        return self.notices.pop(0)

    async def interim(self, message_id: int) -> None:
        """Waits until a request has been said to take its time."""
        while message_id not in self.pending:
            await self.fetch()
        assert message_id not in self.responses

    async def is_quiet(self) -> bool:
        """Whether the server has told nothing unasked, all in all."""
        assert (await self.call(EchoRequest())).status == NtStatus.SUCCESS
        return not self.notices

    async def answer(self, message_id: int) -> Response:
        """The final response to a request; what comes before it is kept."""
        while message_id not in self.responses:
            await self.fetch()
        return self.responses.pop(message_id)

    def send(self, body: Message, **options: Unpack["SendOptions"]) -> int:
        """Sends a request; its message id."""
        options = {"session": self.session, "tree_id": self.tree_id, **options}
        sent = self.protocol.request(body, **options)
        self.deliver(sent.buffers)
        return sent.message_id

    async def call(self, body: Message, **options: Unpack["SendOptions"]) -> Response:
        return await self.answer(self.send(body, **options))

    async def compound(
        self, *bodies: Message, **options: Unpack["CompoundOptions"]
    ) -> list[Response]:
        options = {"session": self.session, "tree_id": self.tree_id, **options}
        sent = self.protocol.compound(bodies, **options)
        self.deliver(sent.buffers)
        return [await self.answer(message_id) for message_id in sent.message_ids]

    async def negotiate(self) -> None:
        sent = self.protocol.negotiate()
        self.deliver(sent.buffers)
        self.protocol.receive_negotiate_response(await self.answer(sent.message_id))

    async def log_on(self, token: str = "alice:secret", previous_session_id: int = 0) -> None:
        session, sent = self.protocol.session_setup(
            initiator(token),
            previous_session_id=previous_session_id,
        )
        self.deliver(sent.buffers)
        self.protocol.receive_session_setup_response(session, await self.answer(sent.message_id))
        self.session = session

    async def bind(self, other: "Client", token: str = "alice:secret") -> Response:
        """Makes the connection a further one of another one's session, tree included."""
        original = other.session
        assert original is not None
        assert original.protection is not None
        session = ClientSession(original.initiator, self.protocol._preauth.copy(), id=original.id)
        session.protection = original.protection
        session.signing_required = True
        body = SessionSetupRequest(
            flags=SessionSetupFlags.BINDING,
            security_mode=SecurityMode.SIGNING_ENABLED,
            capabilities=GlobalCapabilities(0),
            channel=0,
            previous_session_id=0,
            security_buffer=token.encode(),
        )
        sent = self.protocol.request(body, session=session)
        session.preauth.update(*sent.buffers)
        self.deliver(sent.buffers)
        response = await self.answer(sent.message_id)
        if response.status == NtStatus.SUCCESS:
            negotiated = self.protocol.negotiated
            assert negotiated is not None
            key = derive_channel_signing_key(
                negotiated.dialect, b"K" * 16, preauth_hash=session.preauth.value
            )
            signer = Signer(negotiated.signing_algorithm, key)
            session.protection = original.protection.for_channel(signer)
            session.change(SessionEvent.LOGGED_ON)
            session.encrypt_data = original.encrypt_data
            self.protocol._sessions[session.id] = session
            self.session, self.tree_id = session, other.tree_id
        return response

    async def connect(self, share: str = "data") -> Response:
        """Connects to a share and makes its tree the one that requests are for."""
        response = await self.call(TreeConnectRequest(rf"\\fs.example\{share}"), tree_id=0)
        if response.status == NtStatus.SUCCESS:
            self.tree_id = response.header.tree_id
        return response

    async def create(self, name: str, **fields: Unpack["CreateFields"]) -> Response:
        return await self.call(create(name, **fields))

    def begin(self, name: str, **fields: Unpack["CreateFields"]) -> int:
        """Sends a CREATE; its message id."""
        return self.send(create(name, **fields))

    async def open(self, name: str, **fields: Unpack["CreateFields"]) -> FileId:
        response = await self.create(name, **fields)
        assert response.status == NtStatus.SUCCESS, response.status.label
        file_id: FileId = response.body.file_id
        return file_id

    async def close(self) -> None:
        """Hangs up. Raises what the server failed with, or that somebody cancelled it."""
        self.transport.close()
        # Not by awaiting the task: its cancellation would be taken for the test's own.
        done, _ = await asyncio.wait([self.served], timeout=60)
        assert done, "the server goes on after its client has closed the connection"
        assert not self.served.cancelled(), "the server was cancelled"
        self.served.result()


class CreateFields(TypedDict, total=False):
    """Fields of a CREATE that a test sets; see `CreateRequest`."""

    requested_oplock_level: int
    impersonation_level: int
    desired_access: int
    file_attributes: int
    share_access: int
    create_disposition: int
    create_options: int
    contexts: list[CreateContext]


class SendOptions(TypedDict, total=False):
    """Options of `ClientProtocol.request` that a test sets."""

    session: ClientSession | None
    tree_id: int
    encrypt: bool


class CompoundOptions(SendOptions, total=False):
    """Options of `ClientProtocol.compound` that a test sets."""

    related: bool


def create(name: str, **fields: Unpack[CreateFields]) -> CreateRequest:
    """A CREATE of a file that is made where it is missing, for all uses and open to all."""
    values: CreateFields = {
        "requested_oplock_level": OplockLevel.OPLOCK_LEVEL_NONE,
        "impersonation_level": ImpersonationLevel.Impersonation,
        "desired_access": AccessMask.MAXIMUM_ALLOWED,
        "file_attributes": 0,
        "share_access": SHARE_ALL,
        "create_disposition": CreateDisposition.FILE_OPEN_IF,
        "create_options": CreateOptions(0),
        "contexts": [],
    }
    values.update(fields)
    return CreateRequest(name=name, **values)


def make_server(root: Path, limits: Limits = QUICK, **settings: Any) -> Server:
    """A server with the shares `data`, and `ro` on the same folder."""
    storage = LocalStorage(root)
    return Server(
        [ServedShare("data", storage), ServedShare("ro", storage, read_only=True)],
        AccessPolicy(OneStepAuthenticator()),  # type: ignore[arg-type]
        ServerSettings(
            **{
                "guid": bytes(range(16)),
                "dialects": DIALECTS,
                "capabilities": CAPABILITIES,
                **settings,
            }
        ),
        limits=limits,
        random=RandomBytes(),
    )


def share_of(server: Server, name: str = "data") -> ServedShare:
    """Return a share that the server has."""
    share = server.share(name)
    assert share is not None, f"there is no share {name}"
    return share


async def close_server(server: Server) -> None:
    """Ends a server, and closes what its shares stand on."""
    await server.close()
    for share in server.shares.values():
        share.storage.close()


Connect = Callable[..., Awaitable[Client]]
"""Connects a client; see the fixture `connect`."""
ServerWith = Callable[..., Server]
"""Makes a server; see the fixture `server_with`."""
CreateRequestOf = Callable[..., CreateRequest]
"""Makes a CREATE; see the fixture `create_request`."""
Until = Callable[[Callable[[], bool]], Awaitable[None]]
"""Lets others run until something holds; see the fixture `until`."""


class Turns:
    """Counts how often the event loop gets around to others."""

    def __init__(self) -> None:
        self.count = 0
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            self.count += 1
            await asyncio.sleep(0)

    async def end(self) -> int:
        """How often it was until now."""
        self._task.cancel()
        await asyncio.wait([self._task])
        return self.count
