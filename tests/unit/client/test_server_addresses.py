"""Which addresses of a server are used."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from smbquic.client.server_addresses import MOST_ADDRESSES, choose_addresses, server_addresses
from smbquic.client.session import Session
from smbquic.errors import ConnectionClosed
from smbquic.ntstatus import NtStatus
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.header import Command
from smbquic.wire.ioctl import IoctlResponse
from smbquic.wire.ioctl_payloads import NetworkInterfaceInfo, encode_network_interfaces
from tests.unit.client.fakes import (
    TREE_CONNECTED,
    FakeServer,
    FakeTransport,
    connection_over,
    session_over,
)


def interface(address: str, speed: int = 1, index: int = 1) -> NetworkInterfaceInfo:
    return NetworkInterfaceInfo(index, 0, speed, ip_address(address))


def test_the_one_in_use_comes_first_and_then_the_fastest() -> None:
    offered = [
        interface("10.0.0.3", 1),
        interface("10.0.0.1", 100),
        interface("10.0.0.2", 10),
        interface("10.0.0.3", 5),
    ]
    assert choose_addresses("10.0.0.1", offered) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]


@pytest.mark.parametrize(
    ("used", "offered", "accepted"),
    [
        ("10.0.0.1", "10.0.0.2", True),
        ("10.0.0.1", "192.168.1.1", True),
        ("10.0.0.1", "9.9.9.9", True),
        ("10.0.0.1", "127.0.0.1", False),
        ("10.0.0.1", "169.254.1.1", False),
        ("10.0.0.1", "224.0.0.1", False),
        ("10.0.0.1", "0.0.0.0", False),
        ("9.9.9.9", "8.8.8.8", True),
        ("9.9.9.9", "10.0.0.2", False),
        ("9.9.9.9", "127.0.0.1", False),
        ("9.9.9.9", "2620:fe::fe", True),
        ("9.9.9.9", "fd00::1", False),
        ("127.0.0.1", "::1", True),
        ("127.0.0.1", "10.0.0.2", False),
        ("127.0.0.1", "9.9.9.9", False),
        ("fe80::1%eth0", "fe80::2", False),
        ("fe80::1%eth0", "10.0.0.2", True),
        ("fe80::1%eth0", "fe80::1", False),
    ],
)
def test_a_server_cannot_lead_just_anywhere(used: str, offered: str, accepted: bool) -> None:
    expected = [used, offered] if accepted else [used]
    assert choose_addresses(used, [interface(offered)]) == expected


def test_not_more_than_can_be_used() -> None:
    offered = [interface(f"10.0.{high}.{low}") for high in range(4) for low in range(250)]
    assert len(choose_addresses("10.0.9.9", offered)) == MOST_ADDRESSES


@pytest.fixture
async def session(transport: FakeTransport, server: FakeServer) -> Session:
    server.handlers[Command.TREE_CONNECT] = lambda request: TREE_CONNECTED
    transport.peer = replace(transport.peer, remote=("10.0.0.1", 445))
    return session_over(connection_over(transport, credits=8))


async def test_the_server_is_asked(session: Session, server: FakeServer) -> None:
    output = encode_network_interfaces([interface("10.0.0.1"), interface("10.0.0.2")])
    server.handlers[Command.IOCTL] = lambda request: IoctlResponse(
        request.body.ctl_code, request.body.file_id, output=output
    )
    assert await server_addresses(session) == ["10.0.0.1", "10.0.0.2"]
    assert server.commands() == ["TREE_CONNECT", "IOCTL", "TREE_DISCONNECT"]
    [query] = server.bodies(Command.IOCTL)
    assert query.ctl_code == Fsctl.QUERY_NETWORK_INTERFACE_INFO
    assert query.file_id == FileId.RELATED
    assert server.bodies(Command.TREE_CONNECT)[0].path == r"\\server\IPC$"
    await session.connection.close()


@pytest.mark.parametrize("command", [Command.IOCTL, Command.TREE_CONNECT])
async def test_a_server_that_does_not_say(
    session: Session, server: FakeServer, command: Command
) -> None:
    server.handlers[command] = lambda request: (NtStatus.ACCESS_DENIED, None)
    assert await server_addresses(session) == ["10.0.0.1"]
    await session.connection.close()


async def test_an_answer_that_cannot_be_read(session: Session, server: FakeServer) -> None:
    server.handlers[Command.IOCTL] = lambda request: IoctlResponse(
        request.body.ctl_code, request.body.file_id, output=b"nonsense"
    )
    assert await server_addresses(session) == ["10.0.0.1"]
    await session.connection.close()


async def test_a_connection_that_ends_meanwhile(
    session: Session, server: FakeServer, transport: FakeTransport
) -> None:
    transport.fail(ConnectionClosed("lost"))
    assert await server_addresses(session) == ["10.0.0.1"]
    await session.connection.close()
