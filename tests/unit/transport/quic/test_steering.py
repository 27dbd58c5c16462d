"""Datagrams come to the worker that their connection ID names, whatever address they come from."""

import errno
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from smbquic.transport.addresses import Address
from smbquic.transport.quic import steering
from smbquic.transport.quic.connection_ids import ConnectionIdFormat, ConnectionIdSource
from smbquic.transport.quic.packet import VERSIONS
from smbquic.transport.quic.steering import open_group
from smbquic.transport.quic.udp import SOL_UDP, UDP_GRO

LOOPBACK = Address(socket.AF_INET, ("127.0.0.1", 0))
LOOPBACK_6 = Address(socket.AF_INET6, ("::1", 0))


@contextmanager
def group(workers: int, address: Address = LOOPBACK) -> Iterator[list[socket.socket]]:
    sockets = open_group(address, workers)
    try:
        yield sockets
    finally:
        for each in sockets:
            each.close()


def receiver(sockets: list[socket.socket], datagram: bytes) -> int:
    """Send a datagram from a new port; return the number of the socket that it arrives at."""
    with socket.socket(sockets[0].family, socket.SOCK_DGRAM) as client:
        client.sendto(datagram, sockets[0].getsockname())
        [arrived] = select.select(sockets, [], [], 10)[0]
    assert arrived.recv(2000) == datagram
    return sockets.index(arrived)


def long_header(kind: int, version: int, connection_id: bytes) -> bytes:
    head = bytes([0xC0 | kind << 4]) + version.to_bytes(4, "big")
    return head + bytes([len(connection_id)]) + connection_id + b"\x06client" + bytes(1200)


def short_header(connection_id: bytes) -> bytes:
    return b"\x40" + connection_id + bytes(30)


@pytest.mark.parametrize("address", [LOOPBACK, LOOPBACK_6], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("workers", range(1, 6))
def test_each_worker_gets_the_datagrams_with_its_ids(workers: int, address: Address) -> None:
    with group(workers, address) as sockets:
        for worker in range(workers):
            ids = ConnectionIdSource(ConnectionIdFormat(worker=worker, workers=workers))
            for _ in range(8):
                connection_id = ids.new()
                for version in (*VERSIONS, 0x1A2A3A4A):
                    # Initial, 0-RTT and Handshake, and what has to be answered with versions.
                    for kind in range(3):
                        assert (
                            receiver(sockets, long_header(kind, version, connection_id)) == worker
                        )
                assert receiver(sockets, short_header(connection_id)) == worker


def test_groups_have_no_port_in_common() -> None:
    with group(2) as sockets:
        address = Address(socket.AF_INET, sockets[0].getsockname())
        for workers in (1, 2):
            with pytest.raises(OSError, match="in use"):
                open_group(address, workers)
    # Where port 0 picks one, the kernel gave 162 of 3,000 sockets one that another group had.
    with ExitStack() as stack:
        ports = [stack.enter_context(group(2))[0].getsockname()[1] for _ in range(200)]
    assert len(set(ports)) == len(ports)


@pytest.mark.parametrize("workers", [2, 3, 32])
def test_a_first_id_may_name_any_worker_and_always_names_the_same(workers: int) -> None:
    with group(workers) as sockets:
        for first in range(64):
            datagram = long_header(0, 1, bytes([first]) + b"a client")
            assert {receiver(sockets, datagram) for _ in range(2)} == {first % 32 % workers}


@pytest.mark.parametrize("workers", [2, 5])
@pytest.mark.parametrize(
    "datagram",
    [b"", b"\x40", b"\xc0", b"\xc0\0\0\0\1\0", b"\xff" * 6],
    ids=["empty", "short header", "first octet", "no ID", "longest ID"],
)
def test_what_ends_before_the_id_comes_to_the_first_worker(workers: int, datagram: bytes) -> None:
    with group(workers) as sockets:
        assert receiver(sockets, datagram) == 0


def test_an_id_of_length_zero_comes_to_one_worker() -> None:
    # The octet is then the length of the client's own ID.
    with group(4) as sockets:
        datagram = b"\xc0\0\0\0\1\0\x06client" + bytes(1200)
        assert [receiver(sockets, datagram) for _ in range(3)] == [6 % 4] * 3


def test_sockets_that_stay_open_keep_their_places() -> None:
    """The process that opened the group has a second descriptor of each worker's socket."""
    with group(3) as sockets:
        sockets[1].dup().close()
        assert [receiver(sockets, short_header(bytes([each]) * 8)) for each in range(3)] == [
            0,
            1,
            2,
        ]


def test_a_socket_is_configured_as_any_other() -> None:
    with group(2) as sockets:
        assert [each.getsockopt(SOL_UDP, UDP_GRO) for each in sockets] == [1, 1]
        assert not any(each.getblocking() for each in sockets)
        assert len({each.getsockname() for each in sockets}) == 1


def test_one_worker_shares_its_port_with_nobody() -> None:
    with group(1) as [sock]:
        host, port = sock.getsockname()
        with pytest.raises(OSError, match="in use") as caught:
            open_group(Address(socket.AF_INET, (host, port)), 1)
        assert caught.value.errno == errno.EADDRINUSE


def test_a_port_that_is_taken_leaves_no_socket_open() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        with pytest.raises(OSError, match="in use") as caught:
            open_group(Address(socket.AF_INET, other.getsockname()), 3)
    assert caught.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize("workers", [0, 33])
def test_how_many_workers_there_may_be(workers: int) -> None:
    with pytest.raises(ValueError, match="there are 1 to 32 workers"):
        open_group(LOOPBACK, workers)


def test_other_systems_have_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steering, "LINUX", False)
    with group(1) as sockets:
        assert len(sockets) == 1
    with pytest.raises(OSError, match="need Linux") as caught:
        open_group(LOOPBACK, 2)
    assert caught.value.errno == errno.ENOTSUP


def test_what_the_kernel_refuses_leaves_no_socket_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steering, "SO_ATTACH_REUSEPORT_CBPF", 9999)
    with pytest.raises(OSError, match="not available"):
        open_group(LOOPBACK, 2)
