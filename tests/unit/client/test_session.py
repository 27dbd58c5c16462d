import asyncio
from dataclasses import replace
from typing import cast

import pytest

from smbquic.auth.credentials import Credentials
from smbquic.auth.spnego.initiator import Initiator
from smbquic.client import session as module
from smbquic.client.connection import ClientConnection
from smbquic.client.response_waiters import Target
from smbquic.client.session import Session
from smbquic.crypto.preauth import PreauthHash
from smbquic.errors import DeniedError, NotFoundError, SecurityError
from smbquic.ntstatus import NtStatus
from smbquic.pki import channel
from smbquic.protocol.client_session import ClientSession
from smbquic.wire.echo import EchoRequest
from smbquic.wire.header import Command
from smbquic.wire.ioctl import IoctlResponse, ValidateNegotiateInfoResponse
from smbquic.wire.negotiate import Dialect, GlobalCapabilities, NegotiateResponse, SecurityMode
from smbquic.wire.tree_connect import ShareCapabilities, ShareFlags, ShareType, TreeConnectResponse
from tests.unit.client.fakes import (
    TREE_CONNECTED,
    FakeServer,
    FakeTransport,
    connection_over,
    session_over,
)


@pytest.fixture
async def session(transport: FakeTransport, server: FakeServer) -> Session:
    connection = connection_over(transport, credits=8)
    return session_over(connection)


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("server", r"\\server\data"),
        ("::1", r"\\--1.ipv6-literal.net\data"),
        ("fe80::1%eth0", r"\\fe80--1seth0.ipv6-literal.net\data"),
    ],
)
async def test_connecting_to_a_share(
    session: Session, server: FakeServer, host: str, path: str
) -> None:
    server.handlers[Command.TREE_CONNECT] = lambda request: TREE_CONNECTED
    session.host = host
    tree = await session.tree("data")
    assert server.bodies(Command.TREE_CONNECT)[0].path == path
    assert tree.name == "data"
    assert tree.properties is not None
    assert not tree.target.encrypt
    await session.connection.close()


async def test_a_share_that_wants_to_be_encrypted(session: Session, server: FakeServer) -> None:
    server.handlers[Command.TREE_CONNECT] = lambda request: TreeConnectResponse(
        ShareType.DISK, ShareFlags.ENCRYPT_DATA, ShareCapabilities(0), 0
    )
    assert (await session.tree("data")).target.encrypt
    await session.connection.close()


async def test_a_share_that_is_not_there(session: Session, server: FakeServer) -> None:
    server.handlers[Command.TREE_CONNECT] = lambda request: (NtStatus.BAD_NETWORK_NAME, None)
    with pytest.raises(NotFoundError, match=r"\\\\server\\nope"):
        await session.tree("nope")
    await session.connection.close()


@pytest.mark.parametrize("dialect", [Dialect.SMB_3_0_2, Dialect.SMB_2_1])
async def test_below_3_1_1_the_negotiation_is_validated_once(
    transport: FakeTransport, server: FakeServer, dialect: Dialect
) -> None:
    connection = await _old_connection(transport, dialect)
    session = session_over(connection)
    server.handlers[Command.TREE_CONNECT] = lambda request: TREE_CONNECTED
    answer = ValidateNegotiateInfoResponse(
        GlobalCapabilities.LARGE_MTU, bytes(16), SecurityMode.SIGNING_ENABLED, dialect
    )
    server.handlers[Command.IOCTL] = lambda request: IoctlResponse(
        request.body.ctl_code, request.body.file_id, output=answer.encode()
    )
    await session.tree("data")
    await session.tree("data")
    assert server.commands() == ["TREE_CONNECT", "IOCTL", "TREE_CONNECT"]
    await connection.close()


async def test_a_changed_negotiation_is_noticed(
    transport: FakeTransport, server: FakeServer
) -> None:
    connection = await _old_connection(transport, Dialect.SMB_2_1)
    session = session_over(connection)
    server.handlers[Command.TREE_CONNECT] = lambda request: TREE_CONNECTED
    answer = ValidateNegotiateInfoResponse(
        GlobalCapabilities.LARGE_MTU, bytes(16), SecurityMode.SIGNING_ENABLED, Dialect.SMB_3_0_2
    )
    server.handlers[Command.IOCTL] = lambda request: IoctlResponse(
        request.body.ctl_code, request.body.file_id, output=answer.encode()
    )
    with pytest.raises(SecurityError, match="man in the middle"):
        await session.tree("data")
    await connection.close()


async def _old_connection(transport: FakeTransport, dialect: Dialect) -> ClientConnection:
    """A connection that has agreed on a dialect before 3.1.1."""
    connection = connection_over(transport, credits=8, dialect=dialect)
    protocol = connection.protocol
    protocol.negotiate()  # its answer would be the following
    protocol._outstanding.clear()
    protocol.server = NegotiateResponse(
        security_mode=SecurityMode.SIGNING_ENABLED,
        dialect_revision=dialect,
        server_guid=bytes(16),
        capabilities=GlobalCapabilities.LARGE_MTU,
        max_transact_size=1 << 20,
        max_read_size=1 << 20,
        max_write_size=1 << 20,
        system_time=0,
        server_start_time=0,
        security_buffer=b"",
        contexts=[],
    )
    return connection


# --- logons ---------------------------------------------------------------------------------------


class Logons:
    """Logs on without a password, and notes how."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[tuple[object, object, int]] = []
        self.state = ClientSession(cast(Initiator, None), PreauthHash())

        async def logon(
            connection: ClientConnection,
            initiator: object,
            session: ClientSession | None = None,
            *,
            previous_session_id: int = 0,
        ) -> ClientSession:
            self.seen.append((initiator, session, previous_session_id))
            await asyncio.sleep(0)
            return self.state

        monkeypatch.setattr(ClientConnection, "logon", logon)


@pytest.fixture
def logons(monkeypatch: pytest.MonkeyPatch) -> Logons:
    return Logons(monkeypatch)


async def test_a_session_that_has_expired_is_logged_on_again_once(
    transport: FakeTransport, server: FakeServer, logons: Logons
) -> None:
    connection = connection_over(transport, credits=8)
    session = Session(connection, logons.state, "server", lambda _: cast(Initiator, "again"))
    expired = NtStatus.NETWORK_SESSION_EXPIRED
    server.handlers[Command.ECHO] = lambda _: None if logons.seen else (expired, None)
    answers = await asyncio.gather(
        *(session.compound([EchoRequest()], Target(logons.state)) for _ in range(3))
    )
    assert [answer.status for [answer] in answers] == [NtStatus.SUCCESS] * 3
    assert logons.seen == [("again", logons.state, 0)]
    assert len(server.seen) == 6
    server.handlers[Command.ECHO] = lambda _: (expired, None) if len(logons.seen) < 2 else None
    [answer] = await session.compound([EchoRequest()], Target(logons.state))
    assert answer.status == NtStatus.SUCCESS
    assert len(logons.seen) == 2
    await connection.close()


async def test_a_session_that_cannot_log_on_again_has_expired(
    session: Session, server: FakeServer, logons: Logons
) -> None:
    expired = NtStatus.NETWORK_SESSION_EXPIRED
    server.handlers[Command.ECHO] = lambda _: (expired, None)
    [answer] = await session.compound([EchoRequest()], Target(session.state))
    assert answer.status == expired
    assert (logons.seen, len(server.seen)) == ([], 1)
    await session.connection.close()


@pytest.mark.parametrize(
    ("host", "name"), [("fs.example", "fs.example"), ("10.0.0.9", "10.0.0.1"), ("::1", "10.0.0.1")]
)
async def test_the_password_is_for_the_server_that_is_connected(
    transport: FakeTransport,
    server: FakeServer,
    logons: Logons,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    name: str,
) -> None:
    made: list[tuple[object, str, bytes]] = []

    def make(credentials: object, *, host: str, end_point: bytes) -> str:
        made.append((credentials, host, end_point))
        return "initiator"

    monkeypatch.setattr(module, "new_initiator", make)
    monkeypatch.setattr(channel, "server_end_point", lambda leaf: b"of " + leaf)
    connection = connection_over(transport, credits=8)
    user = Credentials("alice", "secret")
    transport.peer = replace(transport.peer, remote=("10.0.0.1", 445))
    session = await Session.logon(connection, user, host=host, previous_session_id=9)
    assert session.host == host
    assert session.state is logons.state
    assert session.connection is connection
    transport.peer = replace(transport.peer, leaf=b"leaf")
    await Session.logon(connection, user, host=host)
    assert made == [(user, name, b""), (user, name, b"of leaf")]
    assert logons.seen == [("initiator", None, 9), ("initiator", None, 0)]
    await connection.close()


async def test_logging_off(session: Session, server: FakeServer) -> None:
    protocol, forgotten = session.connection.protocol, list[ClientSession]()
    protocol.forget = forgotten.append  # type: ignore[assignment,method-assign]
    await session.logoff()
    assert server.commands() == ["LOGOFF"]
    assert forgotten == [session.state]
    server.handlers[Command.LOGOFF] = lambda _: (NtStatus.ACCESS_DENIED, None)
    with pytest.raises(DeniedError):
        await session.logoff()
    await session.connection.close()


@pytest.mark.parametrize("kind", [ShareType.DISK, ShareType.PIPE])
async def test_a_tree_of_pipes(session: Session, server: FakeServer, kind: ShareType) -> None:
    server.handlers[Command.TREE_CONNECT] = lambda request: TreeConnectResponse(
        kind, ShareFlags(0), ShareCapabilities(0), 0
    )
    tree = await session.tree("data")
    assert tree.target.pipes is (kind == ShareType.PIPE)
    assert tree.target.session is session.state
    await session.connection.close()
