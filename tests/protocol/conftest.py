"""Both ends of the protocol joined without a socket: what one sends, the other receives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from smbquic.auth.identity import Identity
from smbquic.errors import AuthenticationError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.client import ClientProtocol, Sent
from smbquic.protocol.client_session import ClientSession
from smbquic.protocol.logon import SessionSetupOutcome
from smbquic.protocol.request import Request
from smbquic.protocol.response import Response
from smbquic.protocol.server import ServerProtocol
from smbquic.protocol.session import SessionTable
from smbquic.protocol.settings import DIALECTS, ClientSettings, ServerSettings
from smbquic.wire.cursor import Buffer
from smbquic.wire.message import Message
from tests.random_bytes import RandomBytes

GUID = bytes(range(16))
ALICE = Identity("alice", "")


@dataclass
class TwoStepAcceptor:
    """Wants the password in the second message and gives both ends the same key."""

    identity: Identity
    session_key: bytes = b"K" * 16
    steps: int = 0
    complete: bool = False

    def step(self, token: bytes) -> bytes:
        self.steps += 1
        if self.steps == 1:
            return b"challenge"
        if token != b"secret":
            raise AuthenticationError("wrong password")
        self.complete = True
        return b"welcome"


@dataclass
class TwoStepAuthenticator:
    identity: Identity = ALICE

    def hint(self) -> bytes:
        return b"hint"

    def new_acceptor(self) -> TwoStepAcceptor:
        return TwoStepAcceptor(self.identity)


@dataclass
class TwoStepInitiator:
    password: bytes = b"secret"
    session_key: bytes = b"K" * 16
    tokens: list[bytes | None] = field(default_factory=list)

    def step(self, token: bytes | None) -> bytes:
        self.tokens.append(token)
        return b"hello" if len(self.tokens) == 1 else self.password

    @property
    def complete(self) -> bool:
        return len(self.tokens) >= 2


def join(buffers: Sequence[Buffer]) -> memoryview:
    return memoryview(bytearray(b"".join(buffers)))


class ProtocolPair:
    """A client and a server. `tamper` sees, and may change, every message on the way."""

    def __init__(
        self, client: ClientSettings, server: ServerSettings, *, quic: bool, identity: Identity
    ) -> None:
        self.random = RandomBytes()
        self.table = SessionTable(self.random)
        self.authenticator = TwoStepAuthenticator(identity)
        self.server = ServerProtocol(
            server,
            self.table,
            self.authenticator,  # type: ignore[arg-type]
            quic=quic,
            random=self.random,
        )
        self.client = ClientProtocol(
            client, quic=quic, server_name="fs.example", random=self.random
        )
        self.to_server: list[bytes] = []
        self.to_client: list[bytes] = []
        self.tamper: Callable[[memoryview], None] = lambda message: None

    def deliver(self, buffers: Sequence[Buffer]) -> list[Request]:
        """Client to server."""
        message = join(buffers)
        self.to_server.append(bytes(message))
        self.tamper(message)
        return self.server.receive(message)

    def take(self, buffers: Sequence[Buffer] | None) -> list[Response]:
        """Server to client."""
        assert buffers is not None
        message = join(buffers)
        self.to_client.append(bytes(message))
        self.tamper(message)
        return self.client.receive(message)

    def negotiate(self) -> None:
        [request] = self.deliver(self.client.negotiate().buffers)
        assert request.failure is None
        [response] = self.take(
            self.server.respond(request, self.server.negotiate(request, system_time=1))
        )
        self.client.receive_negotiate_response(response)

    def log_on(
        self,
        password: bytes = b"secret",
        previous_session_id: int = 0,
        session_key: bytes = b"K" * 16,
    ) -> tuple[ClientSession, SessionSetupOutcome]:
        initiator = TwoStepInitiator(password, session_key)
        session, sent = self.client.session_setup(
            initiator,  # type: ignore[arg-type]
            previous_session_id=previous_session_id,
        )
        return session, self.go_on(session, sent)

    def go_on(self, session: ClientSession, sent: Sent) -> SessionSetupOutcome:
        """The rest of a logon whose first message is `sent`."""
        while True:
            [request] = self.deliver(sent.buffers)
            assert request.failure is None
            outcome = self.server.session_setup(request, now=1.0)
            [response] = self.take(self.server.respond(request, outcome.response, outcome.status))
            answer = self.client.receive_session_setup_response(session, response)
            if answer is None:
                return outcome
            sent = answer

    def ask(self, body: Message, session: ClientSession, tree_id: int = 0) -> Request:
        """One request, up to where the server would handle it."""
        sent = self.client.request(body, session=session, tree_id=tree_id)
        [request] = self.deliver(sent.buffers)
        return request

    def answer(self, request: Request, body: Message) -> Response:
        [response] = self.take(self.server.respond(request, body))
        return response

    def refuse(self, request: Request, status: NtStatus) -> Response:
        [response] = self.take(self.server.fail(request, status))
        return response


MakePair = Callable[..., ProtocolPair]


@pytest.fixture
def make_pair() -> MakePair:
    """A pair that has not negotiated yet; settings by keyword with client_ and server_ before."""

    def make(
        quic: bool = False, identity: Identity | None = None, **settings: object
    ) -> ProtocolPair:
        def of(prefix: str) -> dict[str, object]:
            return {
                name.removeprefix(prefix): value
                for name, value in settings.items()
                if name.startswith(prefix)
            }

        client = ClientSettings(**{"client_guid": GUID, **of("client_")})  # type: ignore[arg-type]
        offered = {"dialects": DIALECTS, **of("server_")}
        server = ServerSettings(guid=GUID[::-1], **offered)  # type: ignore[arg-type]
        return ProtocolPair(client, server, quic=quic, identity=identity or ALICE)

    return make


@pytest.fixture
def make_session(make_pair: MakePair) -> Callable[..., tuple[ProtocolPair, ClientSession]]:
    """The same, negotiated and logged on."""

    def make(**settings: object) -> tuple[ProtocolPair, ClientSession]:
        pair = make_pair(**settings)
        pair.negotiate()
        session, _ = pair.log_on()
        return pair, session

    return make
