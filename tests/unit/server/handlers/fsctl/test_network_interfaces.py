"""Where else a client can connect. [MS-SMB2] 3.3.5.15.11"""

from ipaddress import ip_address
from pathlib import Path

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.protocol import client_negotiation
from smbquic.server.handlers.fsctl import network_interfaces
from smbquic.server.handlers.fsctl.network_interfaces import (
    NetworkInterface,
    reachable,
    system_interfaces,
)
from smbquic.server.server import Server
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.ioctl import IoctlFlags, IoctlRequest
from smbquic.wire.ioctl_payloads import decode_network_interfaces
from smbquic.wire.negotiate import GlobalCapabilities
from tests.unit.server.smb_client import Client, Connect

LOOPBACK, LAN, LAN6, LINK_LOCAL, WIFI = (
    NetworkInterface(1, ip_address("127.0.0.1")),
    NetworkInterface(2, ip_address("192.0.2.2"), 10_000_000_000),
    NetworkInterface(2, ip_address("2001:db8::2"), 10_000_000_000),
    NetworkInterface(2, ip_address("fe80::2")),
    NetworkInterface(3, ip_address("198.51.100.3")),
)
ALL = [LOOPBACK, LAN, LAN6, LINK_LOCAL, WIFI]


@pytest.mark.parametrize(
    ("listeners", "kind", "local", "expected"),
    [
        (["tcp://0.0.0.0:445"], "tcp", "192.0.2.2", [LAN, WIFI]),
        (["tcp://0.0.0.0:445"], "tcp", "127.0.0.1", [LOOPBACK]),
        (["tcp://0.0.0.0:445"], "quic", "192.0.2.2", []),
        (["quic://[::]:443"], "quic", "2001:db8::2", [LAN6]),
        (["quic://[::]:443"], "quic", "fe80::2%eth0", [LAN6]),
        (["tcp://192.0.2.2:445", "quic://[::]:443"], "tcp", "192.0.2.2", [LAN]),
        (["tcp://192.0.2.2:445", "tcp://[::]:445"], "tcp", "192.0.2.2", [LAN, LAN6]),
        ([], "tcp", "192.0.2.2", []),
        # Who came from the internet learns nothing of the networks behind.
        (["tcp://0.0.0.0:445"], "tcp", "9.9.9.9", []),
    ],
)
def test_what_is_listened_on_and_can_be_reached(
    listeners: list[str], kind: str, local: str, expected: list[NetworkInterface]
) -> None:
    found = reachable(listeners, kind, local, ALL)
    assert [info.address for info in found] == [interface.address for interface in expected]
    assert [info.if_index for info in found] == [interface.index for interface in expected]
    assert [info.link_speed for info in found] == [interface.speed for interface in expected]
    assert not any(info.capability for info in found)


def test_this_machine_has_interfaces() -> None:
    found = system_interfaces()
    assert ip_address("127.0.0.1") in [interface.address for interface in found]
    assert all(interface.index > 0 and interface.speed > 0 for interface in found)


@pytest.mark.parametrize(
    ("text", "speed"),
    [("10000\n", 10**10), ("-1\n", 10**9), ("what\n", 10**9), (None, 10**9)],
)
def test_speeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, speed: int
) -> None:
    if text is not None:
        (tmp_path / "eth0").mkdir()
        (tmp_path / "eth0" / "speed").write_text(text)
    monkeypatch.setattr(network_interfaces, "_SPEEDS", tmp_path)
    assert network_interfaces._speed("eth0") == speed


def query(size: int = 65536) -> IoctlRequest:
    return IoctlRequest(
        ctl_code=Fsctl.QUERY_NETWORK_INTERFACE_INFO,
        file_id=FileId.RELATED,
        max_input_response=0,
        max_output_response=size,
        flags=IoctlFlags.IS_FSCTL,
        input=b"",
    )


@pytest.fixture
def multi_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has clients say that they know what it is."""
    capabilities = GlobalCapabilities.LARGE_MTU | GlobalCapabilities.MULTI_CHANNEL
    monkeypatch.setattr(client_negotiation, "client_capabilities", lambda settings: capabilities)


@pytest.mark.usefixtures("multi_channel")
async def test_a_client_asks(connect: Connect, server: Server) -> None:
    client = await connect()
    assert (await client.call(query())).status == NtStatus.NOT_SUPPORTED
    server.listeners.append("tcp://127.0.0.1:445")
    response = await client.call(query())
    assert response.status == NtStatus.SUCCESS
    [info] = decode_network_interfaces(response.body.output)
    assert info.address == ip_address("127.0.0.1")
    assert (await client.call(query(16))).status == NtStatus.BUFFER_TOO_SMALL


@pytest.mark.usefixtures("multi_channel")
async def test_a_guest_is_told_nothing(connect: Connect, server: Server) -> None:
    client = await connect(token="guest:secret", signing_required=False, guest_allowed=True)
    server.listeners.append("tcp://127.0.0.1:445")
    assert (await client.call(query())).status == NtStatus.NOT_SUPPORTED


async def test_who_knows_one_connection_is_told_of_no_others(
    client: Client, server: Server
) -> None:
    server.listeners.append("tcp://127.0.0.1:445")
    assert (await client.call(query())).status == NtStatus.NOT_SUPPORTED
