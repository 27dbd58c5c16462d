import pytest

from smbquic.client.connection import ClientConnection
from smbquic.client.session import Session
from smbquic.errors import NotFoundError, SecurityError
from smbquic.ntstatus import NtStatus
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
