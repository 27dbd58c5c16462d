"""The address of this machine that a datagram was sent to."""

import socket
import struct
from ipaddress import ip_address
from typing import Any

import pytest

from smbquic.transport.quic import packet_info
from tests.unit.transport.option_socket import OptionSocket


@pytest.mark.parametrize(
    ("family", "linux", "options"),
    [
        (socket.AF_INET, True, [(0, 8, 1)]),
        (socket.AF_INET6, True, [(41, 49, 1)]),
        (socket.AF_INET, False, []),
        (socket.AF_INET6, False, []),
    ],
)
def test_only_linux_is_asked_for_the_address_of_each_datagram(
    monkeypatch: pytest.MonkeyPatch,
    family: socket.AddressFamily,
    linux: bool,
    options: list[tuple[int, int, int]],
) -> None:
    monkeypatch.setattr(packet_info, "LINUX", linux)
    sock: Any = OptionSocket()
    packet_info.report_own_address(sock, family)

    assert sock.options == options


def test_our_own_address_as_the_kernel_tells_it() -> None:
    told = struct.pack("=i4s4s", 3, b"\x7f\0\0\1", b"\xff" * 4)
    v6 = bytes(range(16)) + struct.pack("=i", 3)
    link_local = b"\xfe\x80" + bytes(14) + struct.pack("=i", 3)

    assert packet_info.source_in(socket.IPPROTO_IP, packet_info.IP_PKTINFO, told) == struct.pack(
        "=i4s4x", 0, b"\x7f\0\0\1"
    )
    assert packet_info.source_in(socket.IPPROTO_IPV6, packet_info.IPV6_PKTINFO, v6) == v6[
        :16
    ] + bytes(4)
    assert (
        packet_info.source_in(socket.IPPROTO_IPV6, packet_info.IPV6_PKTINFO, link_local)
        == link_local
    )
    assert packet_info.source_in(socket.IPPROTO_IP, 99, told) == b""


@pytest.mark.parametrize("own", ["127.0.0.1", "::1", "fe80::1"])
def test_our_own_address_is_found_again(own: str) -> None:
    packed = ip_address(own).packed
    assert packet_info.own_address(packet_info.source_of(packed, 3)) == packed
    assert packet_info.own_address(b"") == b""
