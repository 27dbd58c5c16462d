"""Datagrams through a real socket, and through one that refuses."""

import asyncio
import errno
import socket
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.transport import socket_options
from smbquic.transport.addresses import Address
from smbquic.transport.quic import packet_info, udp
from smbquic.transport.quic.interfaces import largest_payload
from smbquic.transport.quic.udp import Path, SegmentBatch, UdpEndpoint, single_datagrams
from smbquic.wire.cursor import Buffer
from tests.unit.transport.option_socket import OptionSocket

# The numbers themselves, so that a change of one of them is noticed.
MAX_SEGMENTS = 60
MAX_SEGMENTED = 64_000

pytestmark = pytest.mark.skipif(not socket_options.LINUX, reason="what it tests is Linux'")

LOOPBACK = Address(socket.AF_INET, ("127.0.0.1", 0))


class FakeReceiver:
    """Records what an endpoint receives."""

    def __init__(self) -> None:
        self.datagrams: list[bytes] = []
        self.paths: list[Path] = []
        self.codepoints: list[int] = []
        self.batches = 0
        self.errors: list[OSError] = []
        self.news = asyncio.Event()

    def datagram_received(self, datagram: bytes, path: Path, now: float, ecn: int = 0) -> None:
        self.datagrams.append(datagram)
        self.paths.append(path)
        self.codepoints.append(ecn)

    def segments_received(
        self, segments: bytes, size: int, path: Path, now: float, ecn: int = 0
    ) -> None:
        for start in range(0, len(segments), size):
            self.datagram_received(segments[start : start + size], path, now, ecn)

    def batch_received(self, now: float) -> None:
        self.batches += 1
        self.news.set()

    def error_received(self, error: OSError) -> None:
        self.errors.append(error)
        self.news.set()

    async def receives(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.datagrams) < count:
                self.news.clear()
                await self.news.wait()


Open = Callable[..., UdpEndpoint]


@pytest.fixture
async def open_endpoint() -> AsyncIterator[Open]:
    endpoints: list[UdpEndpoint] = []

    def make(
        receiver: FakeReceiver, local: Address | None = None, remote: Address | None = None
    ) -> UdpEndpoint:
        endpoints.append(UdpEndpoint(receiver, local=local, remote=remote))
        return endpoints[-1]

    yield make
    for endpoint in endpoints:
        endpoint.close()


def at(endpoint: UdpEndpoint) -> Address:
    return Address(socket.AF_INET, endpoint.local)


async def test_datagrams_keep_their_bounds_and_their_order(open_endpoint: Open) -> None:
    receiver = FakeReceiver()
    server = open_endpoint(receiver, local=LOOPBACK)
    client = open_endpoint(FakeReceiver(), remote=at(server))
    path = (server.local, b"")
    sizes = [1200] * 100 + [700] + [8900] * 20 + [1] + [1200, 1300, 1200, 1200] + [16000] * 3
    datagrams = [bytes([index % 251]) * size for index, size in enumerate(sizes)]
    client.send(datagrams, path)
    await receiver.receives(len(datagrams))

    assert receiver.datagrams == datagrams
    assert receiver.batches < 20
    assert set(receiver.paths) == {(client.local, b"")}


async def test_answers_find_their_way(open_endpoint: Open) -> None:
    server_ear, ears = FakeReceiver(), [FakeReceiver(), FakeReceiver()]
    server = open_endpoint(server_ear, local=LOOPBACK)
    clients = [open_endpoint(receiver, remote=at(server)) for receiver in ears]
    for index, client in enumerate(clients):
        client.send([b"%d" % index * 1200], (server.local, b""))
    await server_ear.receives(2)
    for datagram, path in zip(server_ear.datagrams, server_ear.paths, strict=True):
        server.send([datagram] * 3, path)
    for index, receiver in enumerate(ears):
        await receiver.receives(3)
        assert receiver.datagrams == [b"%d" % index * 1200] * 3
        assert set(receiver.paths) == {(server.local, b"")}


@given(
    st.lists(st.integers(1, 3000), min_size=1, max_size=200),
    st.booleans(),
)
def test_runs_are_what_the_kernel_takes(sizes: list[int], segmentation: bool) -> None:
    endpoint = object.__new__(UdpEndpoint)
    endpoint._segmentation = segmentation
    datagrams = list(map(bytes, sizes))
    start = 0
    while start < len(datagrams):
        segments = endpoint._batch(datagrams, start)
        assert segmentation or len(segments) == 1
        assert len(set(map(len, segments[:-1]))) <= 1
        assert len(segments[-1]) <= len(segments[0])
        assert 1 <= len(segments) <= MAX_SEGMENTS
        assert sum(map(len, segments)) <= MAX_SEGMENTED
        assert segments == datagrams[start : start + len(segments)]
        start += len(segments)


class FailingSocket:
    """A socket that fails as the test says; what it takes, and what is set, is recorded."""

    def __init__(self, real: socket.socket, *failures: Exception | None) -> None:
        self.real = real
        self.failures = list(failures)
        self.refuses: OSError | None = None
        self.taken: list[list[bytes]] = []
        self.control: list[list[tuple[int, int, bytes]]] = []
        self.options: list[tuple[int, int, int]] = []

    def sendmsg(
        self, segments: list[bytes], control: list[tuple[int, int, bytes]], *rest: object
    ) -> None:
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        self.taken.append(list(segments))
        self.control.append(control)

    def setsockopt(self, level: int, option: int, value: int) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.options.append((level, option, value))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def failing(endpoint: UdpEndpoint, *failures: Exception | None) -> FailingSocket:
    sock = FailingSocket(endpoint._socket, *failures)
    endpoint._socket = sock  # type: ignore[assignment]
    return sock


@pytest.mark.parametrize("code", [errno.EIO, errno.EINVAL, errno.EMSGSIZE])
async def test_where_the_kernel_refuses_segment_batches_datagrams_go_one_by_one(
    open_endpoint: Open, code: int
) -> None:
    receiver = FakeReceiver()
    endpoint = open_endpoint(receiver, remote=Address(socket.AF_INET, ("127.0.0.1", 9)))
    sock = failing(endpoint, OSError(code, "no segmentation here"))
    path = (("127.0.0.1", 9), b"")
    endpoint.send([bytes(1200)] * 3, path)
    endpoint.send([bytes(1200)] * 2, path)

    assert sock.taken == [[bytes(1200)]] * 5
    assert receiver.errors == []


async def test_an_interface_that_carries_less_by_now_is_no_reason_for_that(
    open_endpoint: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(udp, "largest_payload", lambda address: 1272)
    receiver = FakeReceiver()
    endpoint = open_endpoint(receiver, remote=Address(socket.AF_INET, ("127.0.0.1", 9)))
    sock = failing(endpoint, OSError(errno.EINVAL, "more than the MTU"))
    path = (("127.0.0.1", 9), b"")
    endpoint.send([bytes(1472), bytes(1472), bytes(40)], path)
    endpoint.send([bytes(1200)] * 2, path)

    assert [error.errno for error in receiver.errors] == [errno.EMSGSIZE]
    assert sock.taken == [[bytes(40)], [bytes(1200)] * 2]


NOBODY = Address(socket.AF_INET, ("127.0.0.1", 9))
TO_NOBODY = (("127.0.0.1", 9), b"")


@pytest.mark.parametrize("source", [bytes, bytearray, memoryview])
async def test_what_is_contiguous_leaves_in_one_system_call(
    open_endpoint: Open, source: Callable[[bytes], Buffer]
) -> None:
    receiver = FakeReceiver()
    server = open_endpoint(receiver, local=LOOPBACK)
    client = open_endpoint(FakeReceiver(), remote=at(server))
    sock = failing(client)
    data = b"".join(bytes([number]) * 1200 for number in range(5)) + b"short"
    client.send([SegmentBatch(source(data), 1200)], (server.local, b""))
    assert sock.taken == [[data]]
    assert sock.control == [[(17, 103, b"\xb0\x04")]]

    client._socket = sock.real
    client.send([b"first", SegmentBatch(source(data), 1200), b"last"], (server.local, b""))
    await receiver.receives(8)
    assert b"".join(receiver.datagrams) == b"first" + data + b"last"
    assert list(map(len, receiver.datagrams)) == [5, *[1200] * 5, 5, 4]


@pytest.mark.parametrize(
    ("size", "length", "parts"),
    [
        (1200, 1200, [1200]),
        (1200, 700, [700]),
        (1200, 100_000, [63_600, 36_400]),
        (100, 13_000, [6000, 6000, 1000]),
        (32_000, 65_000, [64_000, 1000]),
        (33_000, 66_000, [33_000, 33_000]),
        (65_000, 66_000, [65_000, 1000]),
        (1200, 0, []),
    ],
)
async def test_a_batch_is_cut_where_a_segment_ends(
    open_endpoint: Open, size: int, length: int, parts: list[int]
) -> None:
    endpoint = open_endpoint(FakeReceiver(), remote=NOBODY)
    sock = failing(endpoint)
    data = bytes(range(256)) * 400
    endpoint.send([SegmentBatch(data[:length], size)], TO_NOBODY)

    assert [len(part) for [part] in sock.taken] == parts
    assert b"".join(part for [part] in sock.taken) == data[:length]
    for [part], control in zip(sock.taken, sock.control, strict=True):
        segment = [(17, 103, struct.pack("=H", size))]
        assert control == (segment if len(part) > size else [])


async def test_the_rest_of_a_contiguous_batch_is_sent_later(open_endpoint: Open) -> None:
    endpoint = open_endpoint(FakeReceiver(), remote=NOBODY)
    sock = failing(endpoint, None, BlockingIOError(), BlockingIOError())
    data = bytes(range(250)) * 400
    endpoint.send([SegmentBatch(data, 1000, 2), b"last"], TO_NOBODY)
    assert (sock.taken, endpoint.blocked) == ([[data[:60_000]]], True)
    endpoint._writable()
    assert (len(sock.taken), endpoint.blocked) == (1, True)
    endpoint._writable()

    assert not endpoint.blocked
    assert sock.taken == [[data[:60_000]], [data[60_000:]], [b"last"]]
    assert [len(each) for each in sock.control] == [1, 1, 0]
    assert [ecn for _, _, ecn in sock.options] == [2, 0]


@pytest.mark.parametrize("code", [errno.EIO, errno.EINVAL, errno.EMSGSIZE])
async def test_where_the_kernel_refuses_segments_a_batch_leaves_one_by_one(
    open_endpoint: Open, code: int
) -> None:
    receiver = FakeReceiver()
    endpoint = open_endpoint(receiver, remote=NOBODY)
    sock = failing(endpoint, None, OSError(code, "no segmentation here"))
    data = bytes(range(256)) * 258 + bytes(52)
    endpoint.send([SegmentBatch(data, 1200), SegmentBatch(data[:2500], 1200), b"last"], TO_NOBODY)

    taken = [part for [part] in sock.taken]
    assert list(map(len, taken)) == [63_600, 1200, 1200, 100, 1200, 1200, 100, 4]
    assert b"".join(taken) == data + data[:2500] + b"last"
    assert receiver.errors == []


@pytest.mark.parametrize(("last", "taken"), [(40, [[bytes(40)]]), (1472, [])])
async def test_segments_that_an_interface_does_not_carry_any_more_are_lost(
    open_endpoint: Open, monkeypatch: pytest.MonkeyPatch, last: int, taken: list[list[bytes]]
) -> None:
    monkeypatch.setattr(udp, "largest_payload", lambda address: 1272)
    receiver = FakeReceiver()
    endpoint = open_endpoint(receiver, remote=NOBODY)
    sock = failing(endpoint, OSError(errno.EINVAL, "more than the MTU"))
    endpoint.send([SegmentBatch(bytes(2 * 1472 + last), 1472)], TO_NOBODY)
    assert [error.errno for error in receiver.errors] == [errno.EMSGSIZE]
    endpoint.send([SegmentBatch(bytes(2400), 1200)], TO_NOBODY)

    assert sock.taken == [*taken, [bytes(2400)]]


async def test_a_contiguous_batch_that_fails_is_lost_and_reported(open_endpoint: Open) -> None:
    receiver = FakeReceiver()
    endpoint = open_endpoint(receiver, remote=NOBODY)
    error = OSError(errno.ENETUNREACH, "no network")
    sock = failing(endpoint, error)
    endpoint.send([SegmentBatch(bytes(100_000), 1000), b"last"], TO_NOBODY)

    assert receiver.errors == [error]
    assert sock.taken == [[bytes(40_000)], [b"last"]]


@pytest.mark.parametrize(
    ("family", "host", "option"),
    [(socket.AF_INET, "127.0.0.1", (0, 1)), (socket.AF_INET6, "::1", (41, 67))],
)
async def test_the_codepoint_of_a_batch_is_set_where_it_changes(
    open_endpoint: Open, family: socket.AddressFamily, host: str, option: tuple[int, int]
) -> None:
    endpoint = open_endpoint(FakeReceiver(), remote=Address(family, (host, 9)))
    sock = failing(endpoint)
    for ecn in (0, 2, 2, 0, 0, 2):
        endpoint.send([SegmentBatch(bytes(10), 10, ecn)], ((host, 9), b""))
    endpoint.send([bytes(10)], ((host, 9), b""))

    assert sock.options == [(*option, ecn) for ecn in (2, 0, 2, 0)]
    assert sock.control == [[]] * 7


async def test_another_socket_has_no_codepoint_yet(open_endpoint: Open) -> None:
    receiver = FakeReceiver()
    server = open_endpoint(receiver, local=LOOPBACK)
    client = open_endpoint(FakeReceiver(), remote=Address(socket.AF_INET, server.local))
    for _ in range(2):
        client.send([SegmentBatch(b"marked", 6, 2)], (server.local, b""))
        client.rebind()
    await receiver.receives(2)

    assert receiver.codepoints == [2, 2]


@pytest.mark.parametrize(
    ("family", "host"),
    [
        (socket.AF_INET, "127.0.0.1"),
        (socket.AF_INET, "0.0.0.0"),
        (socket.AF_INET6, "::1"),
        (socket.AF_INET6, "::"),
    ],
)
async def test_codepoints_arrive_as_they_were_sent(
    open_endpoint: Open, family: socket.AddressFamily, host: str
) -> None:
    receiver, back = FakeReceiver(), FakeReceiver()
    server = open_endpoint(receiver, local=Address(family, (host, 0)))
    one = "127.0.0.1" if family == socket.AF_INET else "::1"
    remote = Address(family, (one, server.local[1]))
    client = open_endpoint(back, remote=remote)
    for ecn in range(4):
        client.send([SegmentBatch(bytes(3000), 1000, ecn), b"none"], (remote.socket_address, b""))
    await receiver.receives(16)
    assert receiver.codepoints == [0, 0, 0, 0, 1, 1, 1, 0, 2, 2, 2, 0, 3, 3, 3, 0]
    server.send([SegmentBatch(bytes(3000), 1000, 2)], receiver.paths[0])
    await back.receives(3)

    assert back.codepoints == [2, 2, 2]


async def test_a_kernel_that_refuses_codepoints_gets_none(open_endpoint: Open) -> None:
    receiver = FakeReceiver()
    endpoint = open_endpoint(receiver, remote=NOBODY)
    sock = failing(endpoint)
    sock.refuses = OSError(errno.EINVAL, "no such option")
    endpoint.send([SegmentBatch(bytes(10), 10, 2)], TO_NOBODY)
    sock.refuses = None
    endpoint.send([SegmentBatch(bytes(10), 10, 1)], TO_NOBODY)

    assert (sock.taken, receiver.errors) == ([[bytes(10)]] * 2, [])
    assert sock.options == []


@given(
    st.lists(
        st.one_of(st.binary(min_size=1), st.builds(SegmentBatch, st.binary(), st.integers(1, 9)))
    )
)
def test_a_batch_has_single_datagrams(batch: list[bytes | SegmentBatch]) -> None:
    datagrams = list(single_datagrams(batch))
    assert b"".join(datagrams) == b"".join(
        bytes(each.data) if isinstance(each, SegmentBatch) else each for each in batch
    )
    for each in batch:
        if isinstance(each, SegmentBatch):
            sizes = list(map(len, single_datagrams([each])))
            assert all(size == each.size for size in sizes[:-1])
            assert all(0 < size <= each.size for size in sizes[-1:])


async def test_a_datagram_that_fails_is_lost_and_reported(open_endpoint: Open) -> None:
    receiver = FakeReceiver()
    endpoint = open_endpoint(receiver, remote=Address(socket.AF_INET, ("127.0.0.1", 9)))
    error = OSError(errno.EMSGSIZE, "too long")
    sock = failing(endpoint, error)
    path = (("127.0.0.1", 9), b"")
    endpoint.send([b"long", b"longer"], path)

    assert receiver.errors == [error]
    assert sock.taken == [[b"longer"]]


async def test_what_the_kernel_does_not_take_is_sent_later(open_endpoint: Open) -> None:
    endpoint = open_endpoint(FakeReceiver(), remote=Address(socket.AF_INET, ("127.0.0.1", 9)))
    sock = failing(endpoint, None, BlockingIOError(), None, BlockingIOError())
    path = (("127.0.0.1", 9), b"")
    called = asyncio.Event()
    endpoint.send([b"a", b"bb", b"ccc"], path)
    assert endpoint.blocked
    endpoint.send([b"dddd"], path)
    endpoint.when_writable(called.set)
    endpoint.when_writable(called.set)
    assert sock.taken == [[b"a"]]
    async with asyncio.timeout(20):
        await called.wait()

    assert not endpoint.blocked
    # Nobody is told any more that the socket is writable, which it nearly always is.
    assert not asyncio.get_running_loop().remove_writer(endpoint._socket.fileno())
    assert [datagram for segments in sock.taken for datagram in segments] == [
        b"a",
        b"bb",
        b"ccc",
        b"dddd",
    ]


async def test_a_closed_endpoint_sends_nothing(open_endpoint: Open) -> None:
    endpoint = open_endpoint(FakeReceiver(), remote=Address(socket.AF_INET, ("127.0.0.1", 9)))
    sock = failing(endpoint, BlockingIOError())
    path = (("127.0.0.1", 9), b"")
    endpoint.send([b"a"], path)
    endpoint.close()
    endpoint.close()
    endpoint.send([b"b"], path)

    assert not endpoint.blocked
    assert sock.taken == []


async def test_a_refused_port_is_reported(open_endpoint: Open) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = Address(socket.AF_INET, nobody.getsockname())
    receiver = FakeReceiver()
    endpoint = open_endpoint(receiver, remote=address)
    endpoint.send([b"anybody?"], (address.socket_address, b""))
    async with asyncio.timeout(20):
        await receiver.news.wait()

    assert [error.errno for error in receiver.errors] == [errno.ECONNREFUSED]


async def test_a_receiver_may_close_its_endpoint(open_endpoint: Open) -> None:
    receiver = FakeReceiver()
    server = open_endpoint(receiver, local=LOOPBACK)
    client = open_endpoint(FakeReceiver(), remote=at(server))
    received = receiver.datagram_received

    def close_at_once(datagram: bytes, path: Path, now: float, ecn: int = 0) -> None:
        received(datagram, path, now, ecn)
        server.close()
        receiver.news.set()

    receiver.datagram_received = close_at_once  # type: ignore[method-assign]
    client.send([b"a"], (server.local, b""))
    await receiver.receives(1)

    assert receiver.batches == 0


async def test_rebinding_changes_the_port_and_nothing_else(open_endpoint: Open) -> None:
    server_ear, receiver = FakeReceiver(), FakeReceiver()
    server = open_endpoint(server_ear, local=LOOPBACK)
    client = open_endpoint(receiver, remote=at(server))
    before = client.local
    client.rebind()
    client.send([b"it is me"], (server.local, b""))
    await server_ear.receives(1)
    server.send([b"welcome"], server_ear.paths[0])
    await receiver.receives(1)

    assert client.local != before
    assert server_ear.paths == [(client.local, b"")]
    assert receiver.datagrams == [b"welcome"]


async def test_what_waits_is_sent_from_the_new_port(open_endpoint: Open) -> None:
    receiver = FakeReceiver()
    server = open_endpoint(receiver, local=LOOPBACK)
    client = open_endpoint(FakeReceiver(), remote=at(server))
    sock = failing(client, BlockingIOError())
    client.send([b"it is me"], (server.local, b""))
    assert (sock.taken, client.blocked) == ([], True)
    client.rebind()
    await receiver.receives(1)

    assert receiver.datagrams == [b"it is me"]
    assert receiver.paths == [(client.local, b"")]
    assert not client.blocked


async def test_no_call_of_a_socket_waits(open_endpoint: Open) -> None:
    server = open_endpoint(FakeReceiver(), local=LOOPBACK)
    client = open_endpoint(FakeReceiver(), remote=at(server))

    assert not server._socket.getblocking()
    assert not client._socket.getblocking()
    client.rebind()
    assert not client._socket.getblocking()


async def test_a_port_in_use_is_an_os_error(open_endpoint: Open) -> None:
    endpoint = open_endpoint(FakeReceiver(), local=LOOPBACK)
    with pytest.raises(OSError, match="in use"):
        open_endpoint(FakeReceiver(), local=at(endpoint))


@pytest.mark.parametrize(
    ("family", "any_", "one"),
    [(socket.AF_INET, "0.0.0.0", "127.0.0.3"), (socket.AF_INET6, "::", "::1")],
)
async def test_an_answer_leaves_from_where_it_was_asked(
    open_endpoint: Open, family: socket.AddressFamily, any_: str, one: str
) -> None:
    server_ear, receiver = FakeReceiver(), FakeReceiver()
    server = open_endpoint(server_ear, local=Address(family, (any_, 0)))
    remote = Address(family, (one, server.local[1]))
    client = open_endpoint(receiver, remote=remote)
    client.send([b"hello"], (remote.socket_address, b""))
    await server_ear.receives(1)
    path = server_ear.paths[0]
    server.send([bytes(1200)] * 2, path)
    await receiver.receives(2)

    assert path[1]
    assert receiver.datagrams == [bytes(1200)] * 2


class FakeReader:
    """Threads that read a socket, if there may be some."""

    def __init__(self, *, fails: bool = False) -> None:
        self.sockets: list[socket.socket] = []
        self.closed = False
        self.fails = fails

    def start(self, sock: socket.socket) -> None:
        if self.fails:
            raise OSError(errno.EMFILE, "too many open files")
        self.sockets.append(sock)

    def close(self) -> None:
        # What they were told to do is done on the socket.
        assert self.sockets[-1].fileno() >= 0
        self.closed = True


async def test_a_socket_that_threads_read_is_sent_on_and_closed_after_them() -> None:
    reader, receiver = FakeReader(), FakeReceiver()
    server = UdpEndpoint(receiver, local=LOOPBACK)
    server.read_by(reader)
    ear = FakeReceiver()
    client = UdpEndpoint(ear, remote=at(server))
    client.send([b"unread"], (server.local, b""))
    server.send([b"sent"], (client.local, b""))
    await ear.receives(1)
    assert (ear.datagrams, receiver.datagrams) == ([b"sent"], [])
    client.close()
    server.close()
    assert reader.closed
    assert reader.sockets[0].fileno() == -1


async def test_a_socket_that_nobody_else_can_read_is_read_as_before() -> None:
    receiver, ear = FakeReceiver(), FakeReceiver()
    server = UdpEndpoint(receiver, local=LOOPBACK)
    with pytest.raises(OSError, match="too many open files"):
        server.read_by(FakeReader(fails=True))
    client = UdpEndpoint(ear, remote=at(server))
    client.send([b"read"], (server.local, b""))
    await receiver.receives(1)
    assert receiver.datagrams == [b"read"]
    client.close()
    server.close()


async def test_a_new_socket_that_nobody_else_can_read_is_read_as_before() -> None:
    reader, receiver, ear = FakeReader(), FakeReceiver(), FakeReceiver()
    server = UdpEndpoint(ear, local=LOOPBACK)
    client = UdpEndpoint(receiver, remote=at(server))
    client.read_by(reader)
    client.rebind()
    assert len(reader.sockets) == 2
    reader.fails = True
    client.rebind()
    client.send([b"from the third port"], (server.local, b""))
    await ear.receives(1)
    server.send([b"read"], ear.paths[0])
    await receiver.receives(1)
    assert receiver.datagrams == [b"read"]
    client.close()
    server.close()


async def test_elsewhere_than_on_linux_it_is_plain(
    open_endpoint: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (udp, packet_info):
        monkeypatch.setattr(module, "LINUX", False)
    receiver = FakeReceiver()
    server = open_endpoint(receiver, local=Address(socket.AF_INET, ("0.0.0.0", 0)))
    remote = Address(socket.AF_INET, ("127.0.0.1", server.local[1]))
    client = open_endpoint(FakeReceiver(), remote=remote)
    client.send([bytes(1200)] * 5, (remote.socket_address, b""))
    await receiver.receives(5)

    assert receiver.datagrams == [bytes(1200)] * 5
    assert {path[1] for path in receiver.paths} == {b""}


async def test_options_the_kernel_does_not_know_are_done_without(
    open_endpoint: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(udp, "UDP_GRO", 9999)
    monkeypatch.setattr(socket_options, "SO_RCVBUFFORCE", 9999)
    receiver = FakeReceiver()
    server = open_endpoint(receiver, local=LOOPBACK)
    client = open_endpoint(FakeReceiver(), remote=at(server))
    client.send([bytes(1200)] * 5, (server.local, b""))
    await receiver.receives(5)

    assert receiver.datagrams == [bytes(1200)] * 5


@pytest.mark.parametrize(("where", "level"), [("local", "WARNING"), ("remote", "INFO")])
async def test_small_buffers_are_explained_once(
    open_endpoint: Open,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    where: str,
    level: str,
) -> None:
    udp._advise.cache_clear()
    caplog.set_level("INFO", udp.__name__)
    # More than Linux gives to anybody, and a request that takes it at its limit.
    monkeypatch.setattr(udp, "SOCKET_BUFFER", 1 << 29)
    monkeypatch.setattr(socket_options, "SO_RCVBUFFORCE", 9999)
    monkeypatch.setattr(socket_options, "SO_SNDBUFFORCE", 9999)
    address = Address(socket.AF_INET, ("127.0.0.1", 0 if where == "local" else 9))
    for _ in range(2):
        open_endpoint(FakeReceiver(), **{where: address})

    assert [record.levelname for record in caplog.records] == [level, level]
    receive, send = (record.getMessage() for record in caplog.records)
    assert f"sysctl -w net.core.rmem_max={1 << 29}" in receive
    assert f"sysctl -w net.core.wmem_max={1 << 29}" in send


async def test_large_buffers_need_no_word(
    open_endpoint: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    udp._advise.cache_clear()
    caplog.set_level("INFO", udp.__name__)
    monkeypatch.setattr(udp, "SOCKET_BUFFER", 32 << 10)
    open_endpoint(FakeReceiver(), local=LOOPBACK)

    assert caplog.records == []


@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
async def test_the_largest_payload_is_what_the_interface_carries_in_one_packet(
    open_endpoint: Open,
    family: socket.AddressFamily,
    host: str,
) -> None:
    largest = largest_payload((host, 9))
    receiver, sender_ear = FakeReceiver(), FakeReceiver()
    server = open_endpoint(receiver, local=Address(family, (host, 0)))
    client = open_endpoint(sender_ear, remote=Address(family, server.local))
    assert client.largest_payload(server.local) == largest
    client.send([bytes(largest), bytes(largest + 1)], (server.local, b""))
    await receiver.receives(1)

    assert list(map(len, receiver.datagrams)) == [largest]
    # The kernel may report it twice: as the result of the call, and as an error of the socket.
    assert {error.errno for error in sender_ear.errors} == {errno.EMSGSIZE}


async def test_ipv4_leaves_without_fragments_and_comes_in_batches(open_endpoint: Open) -> None:
    sock = open_endpoint(FakeReceiver(), local=LOOPBACK)._socket

    assert sock.getsockopt(socket.IPPROTO_IP, udp.IP_MTU_DISCOVER) == udp.IP_PMTUDISC_PROBE
    assert sock.getsockopt(udp.SOL_UDP, udp.UDP_GRO) == 1


async def test_ipv6_leaves_without_fragments_and_is_no_ipv4(open_endpoint: Open) -> None:
    # Of a socket with one address, the kernel says so in any case.
    sock = open_endpoint(FakeReceiver(), local=Address(socket.AF_INET6, ("::", 0)))._socket

    assert sock.getsockopt(socket.IPPROTO_IPV6, udp.IPV6_MTU_DISCOVER) == udp.IPV6_PMTUDISC_PROBE
    assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1


# <asm-generic/socket.h>, <linux/udp.h>, <linux/in.h>, <linux/in6.h>
FORCED = [(socket.SOL_SOCKET, 33, 4 << 20), (socket.SOL_SOCKET, 32, 4 << 20)]
PLAIN = [
    (socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20),
    (socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20),
]
GRO = (17, 104, 1)


@pytest.mark.parametrize(
    ("family", "linux", "unknown", "options"),
    [
        (socket.AF_INET, True, (), [*FORCED, GRO, (0, 10, 3), (0, 13, 1)]),
        (socket.AF_INET, True, (32, 33), [*PLAIN, GRO, (0, 10, 3), (0, 13, 1)]),
        (socket.AF_INET, True, (33,), [PLAIN[0], FORCED[1], GRO, (0, 10, 3), (0, 13, 1)]),
        (socket.AF_INET6, True, (), [*FORCED, GRO, (41, 23, 3), (41, 66, 1)]),
        (socket.AF_INET6, False, (), PLAIN),
        (socket.AF_INET, False, (), PLAIN),
    ],
)
def test_a_socket_gets_the_options_that_it_can_have(
    monkeypatch: pytest.MonkeyPatch,
    family: socket.AddressFamily,
    linux: bool,
    unknown: tuple[int, ...],
    options: list[tuple[int, int, int]],
) -> None:
    monkeypatch.setattr(udp, "LINUX", linux)
    monkeypatch.setattr(socket_options, "LINUX", linux)
    sock: Any = OptionSocket(*unknown)
    udp._configure(sock, family)

    assert sock.options == options


def batch_ends(sizes: list[int], *, segmentation: bool = True) -> list[int]:
    """Return where the segment batches of datagrams of these sizes end."""
    endpoint = object.__new__(UdpEndpoint)
    endpoint._segmentation = segmentation
    datagrams = list(map(bytes, sizes))
    ends = [0]
    while ends[-1] < len(datagrams):
        ends.append(ends[-1] + len(endpoint._batch(datagrams, ends[-1])))
    return ends[1:]


@pytest.mark.parametrize(
    ("sizes", "ends"),
    [
        ([1200], [1]),
        ([1200, 1200, 1200], [3]),
        ([1200, 700, 700], [2, 3]),
        ([1200, 1300, 1300], [1, 3]),
        ([1200] * 130, [53, 106, 130]),
        ([100] * 130, [60, 120, 130]),
        ([33_000, 33_000], [1, 2]),
        ([32_000, 32_000, 32_000], [2, 3]),
        ([65_000, 65_000], [1, 2]),
    ],
)
def test_a_segment_batch_is_as_long_as_it_may_be(sizes: list[int], ends: list[int]) -> None:
    assert batch_ends(sizes) == ends
    assert batch_ends(sizes, segmentation=False) == list(range(1, len(sizes) + 1))


class ReadingSocket:
    """A socket that gives what the test says, and counts how often it is read."""

    def __init__(self, *results: Any) -> None:
        self.results = list(results)
        self.sizes: list[tuple[int, int]] = []

    def recvmsg(self, size: int, ancillary: int) -> Any:
        self.sizes.append((size, ancillary))
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    def poll(self, timeout: int) -> bool:
        assert timeout == 0  # nobody waits here
        return bool(self.results)


class SegmentReceiver(FakeReceiver):
    """Records segment batches as such."""

    def __init__(self) -> None:
        super().__init__()
        self.segments: list[tuple[bytes, int]] = []

    def segments_received(
        self, segments: bytes, size: int, path: Path, now: float, ecn: int = 0
    ) -> None:
        self.segments.append((segments, size))
        self.codepoints.append(ecn)


def gro(size: int) -> list[tuple[int, int, bytes]]:
    return [(17, 104, struct.pack("=i", size))]


ADDRESS = ("192.0.2.1", 443)


async def reading(open_endpoint: Open, *results: Any) -> tuple[SegmentReceiver, ReadingSocket]:
    """Have an endpoint read what is there."""
    receiver, sock = SegmentReceiver(), ReadingSocket(*results)
    endpoint = open_endpoint(receiver, local=LOOPBACK)
    real, endpoint._socket = endpoint._socket, sock  # type: ignore[assignment]
    poll, endpoint._incoming = endpoint._incoming, sock  # type: ignore[assignment]
    try:
        endpoint._readable()
    finally:
        endpoint._socket, endpoint._incoming = real, poll
    return receiver, sock


async def test_segment_batches_are_told_from_datagrams(open_endpoint: Open) -> None:
    receiver, sock = await reading(
        open_endpoint,
        (b"alone", [], 0, ADDRESS),
        (b"as large", gro(8), 0, ADDRESS),
        (b"two of a kind", gro(8), 0, ADDRESS),
    )

    assert receiver.datagrams == [b"alone", b"as large"]
    assert receiver.segments == [(b"two of a kind", 8)]
    assert receiver.paths == [(ADDRESS, b"")] * 2
    assert receiver.batches == 1
    assert sock.sizes == [(65_535, 128)] * 3


async def test_the_codepoint_is_told_from_the_rest_of_the_traffic_class(
    open_endpoint: Open,
) -> None:
    receiver, _ = await reading(
        open_endpoint,
        (b"none", [], 0, ADDRESS),
        (b"marked", [(0, 1, b"\xb9")], 0, ADDRESS),
        (b"two of a kind", [*gro(8), (0, 1, b"\x03")], 0, ADDRESS),
    )

    assert receiver.codepoints == [0, 1, 3]
    assert receiver.datagrams == [b"none", b"marked"]
    assert receiver.segments == [(b"two of a kind", 8)]


async def test_other_work_gets_its_turn_after_sixteen_reads(open_endpoint: Open) -> None:
    receiver, sock = await reading(open_endpoint, *[(b"x", [], 0, ADDRESS)] * 20)

    assert len(receiver.datagrams) == len(sock.sizes) == 16
    assert receiver.batches == 1


async def test_an_error_is_reported_with_what_came_before_it(open_endpoint: Open) -> None:
    error = OSError(errno.ECONNREFUSED, "Connection refused")
    receiver, sock = await reading(
        open_endpoint, (b"x", [], 0, ADDRESS), error, (b"later", [], 0, ADDRESS)
    )

    assert (receiver.datagrams, receiver.errors, receiver.batches) == ([b"x"], [error], 1)
    assert len(sock.results) == 1


async def test_nothing_to_read_is_no_error(open_endpoint: Open) -> None:
    receiver, sock = await reading(open_endpoint, BlockingIOError(), (b"x", [], 0, ADDRESS))

    assert (receiver.datagrams, receiver.errors, receiver.batches) == ([], [], 1)
    assert len(sock.results) == 1


async def test_a_rebind_that_fails_keeps_the_socket(
    open_endpoint: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = open_endpoint(FakeReceiver(), remote=Address(socket.AF_INET, ("127.0.0.1", 9)))
    before = endpoint.local

    def fail(*_: object) -> None:
        raise OSError(errno.EADDRNOTAVAIL, "no address")

    with monkeypatch.context() as patch:
        patch.setattr(udp, "_open", fail)
        with pytest.raises(OSError, match="no address"):
            endpoint.rebind()

    assert endpoint.local == before


async def test_what_waits_is_sent_to_its_own_path(open_endpoint: Open) -> None:
    endpoint = open_endpoint(FakeReceiver(), local=LOOPBACK)
    sock = failing(endpoint, BlockingIOError(), None, BlockingIOError())
    for name in (b"a", b"b", b"c"):
        endpoint.send([name], (("127.0.0.1", 9), b""))
    endpoint._writable()
    assert (sock.taken, endpoint.blocked) == ([[b"a"]], True)
    endpoint._writable()
    assert (sock.taken, endpoint.blocked) == ([[b"a"], [b"b"], [b"c"]], False)
