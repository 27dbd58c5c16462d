"""The I/O threads of the native engine: what they pass to the event loop, and what they bound."""

import array
import asyncio
import fcntl
import socket
import termios
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from smbquic.transport.addresses import Address
from smbquic.transport.quic.native.io_threads import NativeIoThreads, ThreadedIds
from smbquic.transport.quic.packet_info import own_address
from smbquic.transport.quic.udp import UdpEndpoint
from smbquic.transport.socket_options import LINUX
from tests.polling import eventually
from tests.unit.transport.quic.native.receiver import FakeReceiver

pytestmark = pytest.mark.skipif(not LINUX, reason="what it tests is Linux'")

MOST_WAITING = 4 << 20
"""Bytes of datagrams that wait for the event loop."""
ID_SIZE = 8

Open = Callable[..., tuple[UdpEndpoint, FakeReceiver]]


def threads() -> set[str]:
    """The names of this process's I/O threads."""
    names = (path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm"))
    return {name for name in names if name.startswith("smbquic-io-")}


@pytest.fixture
async def open_endpoint() -> AsyncIterator[Open]:
    """Opens endpoints that threads read."""
    endpoints: list[UdpEndpoint] = []
    receivers: list[FakeReceiver] = []

    def make(host: str = "127.0.0.1", count: int = 1) -> tuple[UdpEndpoint, FakeReceiver]:
        receiver = FakeReceiver()
        receivers.append(receiver)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        endpoints.append(UdpEndpoint(receiver, local=Address(family, (host, 0))))
        endpoints[-1].read_by(NativeIoThreads(receiver, count, ID_SIZE))
        return endpoints[-1], receiver

    yield make
    for endpoint in endpoints:
        endpoint.close()
    await eventually(lambda: not threads())
    # There is no connection.
    assert all((each.given, each.errors) == ([], []) for each in receivers)


def sender(endpoint: UdpEndpoint, host: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((host, endpoint.local[1]))
    return sock


async def test_what_belongs_to_no_connection_comes_to_the_event_loop(open_endpoint: Open) -> None:
    endpoint, receiver = open_endpoint()
    with sender(endpoint, "127.0.0.1") as sock:
        # A long header, an unknown connection ID, no ID at all.
        for datagram in (b"\xc0" + bytes(1199), b"\x40" + bytes(30), b"\x40"):
            sock.send(datagram)
        await eventually(lambda: len(receiver.received) == 1232)
        assert {path for _, _, path, _ in receiver.batches} == {(sock.getsockname(), b"")}
    assert receiver.rounds


@pytest.mark.parametrize(
    ("host", "asked"), [("0.0.0.0", "127.0.0.2"), ("::", "::1"), ("::1", "::1")]
)
async def test_it_is_told_where_a_datagram_was_sent_to(
    open_endpoint: Open, host: str, asked: str
) -> None:
    endpoint, receiver = open_endpoint(host)
    with sender(endpoint, asked) as sock:
        sock.send(b"hello")
        await eventually(lambda: bool(receiver.batches))
        ((_, _, (address, source), _),) = receiver.batches
        assert address == sock.getsockname()
        own = socket.inet_pton(sock.family, asked) if host != asked else b""
        assert own_address(source) == own
        # An answer comes from there: nobody else is heard on a socket that is connected.
        endpoint.send([b"answer"], (address, source))
        sock.settimeout(20)
        assert sock.recv(100) == b"answer"


async def test_the_codepoint_of_a_datagram_is_told(open_endpoint: Open) -> None:
    endpoint, receiver = open_endpoint()
    with sender(endpoint, "127.0.0.1") as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 3)
        sock.send(b"marked")
        await eventually(lambda: bool(receiver.batches))
    assert receiver.batches[0][3] == 3


@pytest.mark.parametrize("count", [1, 3])
async def test_a_stranger_can_make_only_so_much_wait(open_endpoint: Open, count: int) -> None:
    endpoint, receiver = open_endpoint(count=count)
    datagram = b"\x40" + bytes(999)
    with sender(endpoint, "127.0.0.1") as sock:
        # The event loop does nothing meanwhile. What the kernel drops never comes to the threads.
        for _ in range(3 * MOST_WAITING // len(datagram)):
            sock.send(datagram)
            _wait_until_read(endpoint)
    await asyncio.sleep(0)
    rounds = -1
    while rounds != len(receiver.rounds):
        rounds = len(receiver.rounds)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert MOST_WAITING // 2 < len(receiver.received) <= MOST_WAITING


def _wait_until_read(endpoint: UdpEndpoint) -> None:
    """Wait, without the event loop, until the threads have read what the socket has."""
    size = array.array("i", [1])
    while size[0]:
        fcntl.ioctl(endpoint._socket, termios.FIONREAD, size)


async def test_closing_ends_the_threads(open_endpoint: Open) -> None:
    endpoint, _ = open_endpoint(count=2)
    # A thread gives itself its name.
    await eventually(lambda: threads() == {"smbquic-io-0", "smbquic-io-1"})
    endpoint.close()
    await eventually(lambda: not threads())


class FakeConnection:
    """A connection of a thread, as far as its IDs go."""

    def __init__(self) -> None:
        self.ids: set[bytes] = set()

    def add_id(self, connection_id: bytes) -> None:
        self.ids.add(connection_id)

    def remove_id(self, connection_id: bytes) -> None:
        self.ids.remove(connection_id)


class FakeIds:
    """The table of the event loop."""

    def __init__(self) -> None:
        self.ids: set[bytes] = set()

    def issued(self, connection_id: bytes) -> None:
        self.ids.add(connection_id)

    def retired(self, connection_id: bytes) -> None:
        self.ids.remove(connection_id)


async def test_ids_that_a_thread_makes_come_to_the_event_loop_as_long_as_there_is_a_use() -> None:
    over = False
    table, connection = FakeIds(), FakeConnection()
    ids = ThreadedIds(table, connection, lambda: over)  # type: ignore[arg-type]

    def make() -> None:
        ids.issued(b"first")
        ids.issued(b"second")
        ids.retired(b"first")

    await asyncio.to_thread(make)
    assert connection.ids == {b"second"}
    await eventually(lambda: table.ids == {b"second"})
    over = True
    await asyncio.to_thread(ids.issued, b"late")
    await asyncio.sleep(0)
    assert connection.ids == {b"second", b"late"}
    assert table.ids == {b"second"}
