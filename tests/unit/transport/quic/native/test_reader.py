"""Sockets that the native library reads in the event loop: what comes to Python all the same."""

import errno
import socket
from collections.abc import AsyncIterator, Callable

import pytest

from smbquic.pki import PkiDirectory
from smbquic.transport.addresses import Address
from smbquic.transport.quic.engine import Acceptance, DatagramSizes
from smbquic.transport.quic.native.engine import NativeEngine
from smbquic.transport.quic.native.plugin import NATIVE
from smbquic.transport.quic.native.reader import NativeReader
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.packet_info import own_address
from smbquic.transport.quic.registry import server_engine
from smbquic.transport.quic.tls import ServerTls
from smbquic.transport.quic.udp import READS_PER_WAKE_UP, UdpEndpoint
from smbquic.transport.socket_options import LINUX
from tests.polling import eventually
from tests.unit.transport.quic.harness import NoIds
from tests.unit.transport.quic.native.receiver import FakeReceiver

pytestmark = pytest.mark.skipif(not LINUX, reason="what it tests is Linux'")

ID_SIZE = 8


class Reading:
    """An endpoint that is read, and who receives."""

    def __init__(self, local: Address | None = None, remote: Address | None = None) -> None:
        self.receiver = FakeReceiver()
        self.endpoint = UdpEndpoint(self.receiver, local=local, remote=remote)
        self.reader = NativeReader(self.endpoint, self.receiver, ID_SIZE)
        assert self.reader.begin()

    def sender(self, host: str = "127.0.0.1") -> socket.socket:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.connect((host, self.endpoint.local[1]))
        return sock


Read = Callable[..., Reading]


@pytest.fixture
async def read() -> AsyncIterator[Read]:
    """Opens endpoints that the library reads."""
    made: list[Reading] = []

    def make(host: str = "127.0.0.1", *, remote: Address | None = None) -> Reading:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        made.append(Reading(None if remote else Address(family, (host, 0)), remote))
        return made[-1]

    yield make
    for each in made:
        each.endpoint.close()


@pytest.fixture
def engine(pki: PkiDirectory) -> NativeEngine:
    """A server's, whose client has sent nothing yet."""
    identity = ServerTls(pki.server.certificate, pki.server.key)
    _, make = server_engine(identity, QuicOptions(engine="native"))
    made = make(
        DatagramSizes(1200, 1200), NoIds(), Acceptance(original_id=bytes(8), first_datagram=1200)
    )
    assert isinstance(made, NativeEngine)
    return made


async def test_what_belongs_to_no_connection_comes_to_the_event_loop(read: Read) -> None:
    reading = read()
    with reading.sender() as sock:
        # A long header, an unknown connection ID, no ID at all.
        for datagram in (b"\xc0" + bytes(1199), b"\x40" + bytes(30), b"\x40"):
            sock.send(datagram)
        receiver = reading.receiver
        await eventually(lambda: sum(len(each[0]) for each in receiver.batches) == 1232)
        assert {path for _, _, path, _ in receiver.batches} == {(sock.getsockname(), b"")}
    assert receiver.given == []


@pytest.mark.parametrize(
    ("host", "asked"), [("0.0.0.0", "127.0.0.2"), ("::", "::1"), ("::1", "::1")]
)
async def test_it_is_told_where_a_datagram_was_sent_to(read: Read, host: str, asked: str) -> None:
    reading = read(host)
    with reading.sender(asked) as sock:
        sock.send(b"hello")
        await eventually(lambda: bool(reading.receiver.batches))
        ((_, _, (address, source), _),) = reading.receiver.batches
        assert address == sock.getsockname()
        own = socket.inet_pton(sock.family, asked) if host != asked else b""
        assert own_address(source) == own


async def test_the_codepoint_of_a_datagram_is_told(read: Read) -> None:
    reading = read()
    with reading.sender() as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 3)
        sock.send(b"marked")
        await eventually(lambda: bool(reading.receiver.batches))
    assert reading.receiver.batches[0][3] == 3


async def test_a_refused_port_is_reported(read: Read) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        unused = Address(socket.AF_INET, sock.getsockname())
    reading = read(remote=unused)
    reading.endpoint.send([b"hello"], (unused.socket_address, b""))
    await eventually(lambda: bool(reading.receiver.errors))
    assert [each.errno for each in reading.receiver.errors] == [errno.ECONNREFUSED]


async def test_other_callbacks_get_their_turn(read: Read) -> None:
    reading = read()
    most = READS_PER_WAKE_UP
    with reading.sender() as sock:
        for number in range(2 * most + 10):
            # Of another size each, so that the kernel makes no batches of them.
            sock.send(bytes(1 + number))
        await eventually(lambda: len(reading.receiver.batches) == 2 * most + 10)
    assert reading.receiver.rounds[:3] == [most, 2 * most, 2 * most + 10]


async def test_a_connection_gets_what_comes_from_where_it_is_expected(
    read: Read, engine: NativeEngine
) -> None:
    reading = read()
    first, second = b"8 bytes.", b"another."
    with reading.sender() as sock:
        engine._number_of((sock.getsockname(), b""))
        library = vars(engine)["_quic"]
        direct = reading.reader.adopt(library, [first], NoIds())
        receiver = reading.receiver

        async def sent(connection_id: bytes) -> tuple[int, int]:
            """Send a datagram; return how many were given to the connection, and to Python."""
            before = len(receiver.rounds)
            sock.send(b"\x40" + connection_id + bytes(20))
            await eventually(lambda: len(receiver.rounds) > before)
            return len(receiver.given), len(receiver.batches)

        # Before it expects anything, from an ID that is unknown, from another address.
        assert await sent(first) == (0, 1)
        library.expect(0, None)
        assert await sent(first) == (1, 1)
        assert await sent(second) == (1, 2)
        direct.issued(second)
        assert await sent(second) == (2, 2)
        # Python knows the connection by its first ID only.
        assert receiver.given == [first, first]
        direct.retired(second)
        assert await sent(second) == (2, 3)
        library.expect(0, "127.0.0.9")
        assert await sent(first) == (2, 4)
        library.expect(0, None)
        assert library.take(100, 100)[2] == (2 * 29, 2)
        direct.forget()
        assert await sent(first) == (2, 5)


async def test_an_engine_goes_on_where_the_library_cannot_read(
    engine: NativeEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = FakeReceiver()
    endpoint = UdpEndpoint(receiver, local=Address(socket.AF_INET, ("127.0.0.1", 0)))
    reader = NativeReader(endpoint, receiver, ID_SIZE)
    engine.reader = lambda: reader

    def fail(sock: socket.socket) -> None:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(reader, "start", fail)
    with caplog.at_level("INFO"):
        engine._become_direct((("127.0.0.1", 50000), b""))
    assert vars(engine)["_direct"] is None
    assert caplog.messages == [
        "the socket is read by the event loop: [Errno 24] too many open files"
    ]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"hello", endpoint.local)
        await eventually(lambda: bool(receiver.batches))
    endpoint.close()


@pytest.mark.parametrize(("threads", "reads"), [(0, True), (None, False)])
async def test_the_library_reads_for_a_server_from_the_beginning(
    threads: int | None, reads: bool
) -> None:
    receiver = FakeReceiver()
    endpoint = UdpEndpoint(receiver, local=Address(socket.AF_INET, ("127.0.0.1", 0)))
    assert NATIVE.reader is not None
    NATIVE.reader(endpoint, receiver, threads, ID_SIZE)
    assert (vars(endpoint)["_reader"] is not None) == reads
    endpoint.close()


async def test_a_server_is_there_where_the_library_cannot_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(reader: NativeReader, sock: socket.socket) -> None:
        raise OSError(errno.EAFNOSUPPORT, "the sandbox has no Unix sockets")

    monkeypatch.setattr(NativeReader, "start", fail)
    receiver = FakeReceiver()
    endpoint = UdpEndpoint(receiver, local=Address(socket.AF_INET, ("127.0.0.1", 0)))
    assert NATIVE.reader is not None
    NATIVE.reader(endpoint, receiver, 0, ID_SIZE)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"hello", endpoint.local)
        await eventually(lambda: bool(receiver.batches))
    endpoint.close()


async def test_a_closed_endpoint_has_no_port_any_more(read: Read) -> None:
    """The library has a descriptor of its own of the socket."""
    reading = read()
    address = reading.endpoint.local
    reading.endpoint.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(address)
        assert sock.getsockname() == address
