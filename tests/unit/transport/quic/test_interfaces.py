import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from smbquic.transport.quic import interfaces
from smbquic.transport.quic.interfaces import (
    Routes,
    ethernet_payload,
    largest_payload,
    payload_to_peer,
)
from smbquic.transport.socket_options import LINUX

ENDS = [("127.0.0.1", 28), ("::1", 48)]
each_family = pytest.mark.parametrize(("host", "headers"), ENDS)
needs_linux = pytest.mark.skipif(not LINUX, reason="only Linux says it")


@pytest.fixture
def loopback_mtu(host: str) -> int:
    mtu = int(Path("/sys/class/net/lo/mtu").read_text())
    # The length of an IPv4 packet has 16 bits.
    return mtu if ":" in host else min(mtu, 0xFFFF)


@pytest.fixture
def routes(host: str) -> Iterator[Routes]:
    with closing(Routes((host, 1))) as routes:
        yield routes


@each_family
def test_an_ethernet(host: str, headers: int) -> None:
    assert ethernet_payload((host, 9)) == 1500 - headers


@needs_linux
@each_family
def test_what_an_interface_carries(
    routes: Routes, host: str, headers: int, loopback_mtu: int
) -> None:
    # It is asked for several addresses, one after the other.
    for port in (9, 10):
        assert routes.largest_payload((host, port)) == loopback_mtu - headers
    assert largest_payload((host, 9)) == loopback_mtu - headers


@needs_linux
@each_family
def test_a_connected_socket_says_it_too(host: str, headers: int, loopback_mtu: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        assert payload_to_peer(sock, (host, 9)) == 1500 - headers
        sock.connect((host, 9))
        assert payload_to_peer(sock, (host, 9)) == loopback_mtu - headers


@each_family
def test_where_the_system_does_not_say_it_is_taken_for_an_ethernet(
    routes: Routes, host: str, headers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interfaces, "LINUX", False)
    assert routes.largest_payload((host, 9)) == 1500 - headers


def test_an_address_without_a_route_and_no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Routes(("127.0.0.1", 1))) as routes:
        # An IPv4 socket has no route to it.
        assert routes.largest_payload(("::1", 9)) == 1452

    def no_more(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(socket, "socket", no_more)
    assert largest_payload(("127.0.0.1", 9)) == 1472
