"""Where else a client can connect. [MS-SMB2] 3.3.5.15.11"""

import ctypes
import socket
import sys
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace

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


def test_what_the_internet_reaches_is_for_all() -> None:
    public = NetworkInterface(4, ip_address("8.8.8.8"))
    for local in ("9.9.9.9", "192.0.2.2"):
        found = reachable(["tcp://0.0.0.0:445"], "tcp", local, [LAN, public])
        assert [info.if_index for info in found] == ([4] if local == "9.9.9.9" else [2, 4])


def socket_address(family: int, *parts: bytes) -> ctypes.c_char_p:
    return ctypes.c_char_p(family.to_bytes(2, sys.byteorder) + b"".join(parts))


@pytest.mark.skipif(sys.platform != "linux", reason="addresses look otherwise elsewhere")
def test_what_the_system_says_of_its_interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    up, running = 0x1, 0x40
    v4, v6 = ip_address("192.0.2.7"), ip_address("2001:db8::7")
    addresses = [
        (up | running, socket_address(socket.AF_INET, bytes(2), v4.packed, bytes(8))),
        (running, socket_address(socket.AF_INET, bytes(2), v4.packed, bytes(8))),
        (up, None),
        (up, socket_address(socket.AF_PACKET, bytes(30))),
        (up, socket_address(socket.AF_INET6, bytes(6), v6.packed, bytes(4))),
    ]
    chain = ctypes.POINTER(network_interfaces._InterfaceAddress)()
    for flags, address in reversed(addresses):
        place = None if address is None else ctypes.cast(address, ctypes.c_void_p)
        entry = network_interfaces._InterfaceAddress(chain, b"lo", flags, place)
        chain = ctypes.pointer(entry)
    monkeypatch.setattr(network_interfaces, "_speed", lambda name: 7 if name == "lo" else 0)

    found = list(network_interfaces._interfaces(chain))

    index = socket.if_nametoindex("lo")
    assert found == [NetworkInterface(index, v4, 7), NetworkInterface(index, v6, 7)]


def test_what_the_system_has_told_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    freed: list[object] = []

    def library(result: int) -> object:
        return lambda *_, **__: SimpleNamespace(
            getifaddrs=lambda place: result, freeifaddrs=freed.append
        )

    monkeypatch.setattr(ctypes, "CDLL", library(0))
    assert system_interfaces() == []
    assert len(freed) == 1
    monkeypatch.setattr(ctypes, "CDLL", library(-1))
    with pytest.raises(OSError, match="getifaddrs"):
        system_interfaces()
    assert len(freed) == 1


def test_this_machine_has_interfaces() -> None:
    found = system_interfaces()
    assert ip_address("127.0.0.1") in [interface.address for interface in found]
    assert all(interface.index > 0 and interface.speed > 0 for interface in found)


@pytest.mark.parametrize(
    ("text", "speed"),
    [
        ("10000\n", 10**10),
        ("1\n", 10**6),
        ("0\n", 10**9),
        ("-1\n", 10**9),
        ("what\n", 10**9),
        (None, 10**9),
    ],
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
    size = len(response.body.output)
    assert (await client.call(query(size - 1))).status == NtStatus.BUFFER_TOO_SMALL
    assert (await client.call(query(size))).status == NtStatus.SUCCESS


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
