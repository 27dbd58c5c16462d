"""The TCP protocol object, driven as an event loop would, without a socket."""

import asyncio
import socket
import sys

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import ConnectError, ConnectionClosed, RemoteProtocolError
from smbquic.lazy_dataclass import dataclass
from smbquic.transport import framing, tcp
from smbquic.transport.base import MessageTransport, PathStatistics
from smbquic.transport.framing import prefix
from smbquic.transport.receive_buffers import ReceiveBuffers
from smbquic.transport.resolver import Resolution, Resolver, StaticResolver
from smbquic.transport.tcp import TcpTransport

# The numbers themselves, so that a change of one of them is noticed.
MESSAGE_COST = 256
BUFFER_SIZE = 64 << 10
FIRST_BUFFER = 4 << 10
QUEUE_LIMIT = 4 << 20
KEEP_ALIVE_IDLE = 10
SMALL_MESSAGE = 32 << 10


class Wire:
    """A transport in asyncio's place: takes what is written, gives what the test feeds."""

    def __init__(self, protocol: TcpTransport) -> None:
        self.protocol = protocol
        self.written: list[bytes] = []
        self.untaken = 0
        self.reading = True
        self.events: list[str] = []
        self.aborted = asyncio.Event()
        self.socket = socket.socket()
        self.protocol.connection_made(self)  # type: ignore[arg-type]

    def get_extra_info(self, name: str) -> socket.socket | tuple[str, int]:
        return self.socket if name == "socket" else ("192.0.2.1", 445)

    def writelines(self, buffers: list[bytes]) -> None:
        self.written.append(b"".join(buffers))

    def get_write_buffer_size(self) -> int:
        return self.untaken

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return bool(self.events)

    def close(self) -> None:
        self.events.append("close")

    def abort(self) -> None:
        self.events.append("abort")
        self.aborted.set()

    def feed(self, data: bytes) -> int:
        """Give the protocol as much of `data` as it takes at once; how much was left."""
        buffer = self.protocol.get_buffer(-1)
        count = min(len(data), len(buffer))
        buffer[:count] = data[:count]
        self.protocol.buffer_updated(count)
        return len(data) - count

    def feed_all(self, data: bytes) -> None:
        while data:
            data = data[len(data) - self.feed(data) :]

    def lose(self) -> None:
        self.protocol.connection_lost(None)
        self.socket.close()


@given(
    st.lists(st.one_of(st.binary(max_size=200), st.integers(0, 90_000)), max_size=8),
    st.lists(st.integers(1, 100_000), min_size=1, max_size=8),
)
def test_messages_survive_any_division(shapes: list[bytes | int], cuts: list[int]) -> None:
    messages = [bytes(shape) if isinstance(shape, int) else shape for shape in shapes]
    stream = b"".join(prefix(len(message)) + message for message in messages)

    async def run() -> list[bytes]:
        wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
        rest, turn = stream, 0
        while rest:
            cut = cuts[turn % len(cuts)]
            turn += 1
            wire.feed_all(rest[:cut])
            rest = rest[cut:]
        received = [bytes(await wire.protocol.receive()) for _ in messages]
        wire.lose()
        return received

    assert asyncio.run(run()) == messages


@pytest.mark.parametrize("size", [1000, 100_000])
async def test_how_far_messages_have_got(size: int) -> None:
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
    await wire.protocol.send(b"12345")
    wire.untaken = 7
    wire.feed_all(prefix(3) + b"abc" + prefix(size) + bytes(500))
    before = wire.protocol.flow()
    wire.feed_all(bytes(size - 500))
    await wire.protocol.receive()
    after = wire.protocol.flow()

    assert (before.sent, before.untaken, before.kept) == (9, 7, 9)
    assert (before.messages, before.unfinished) == (1, True)
    assert 503 <= before.received <= 503 + framing.PREFIX_SIZE
    assert (after.messages, after.unfinished, after.received) == (2, False, 3 + size)
    assert after.unfetched == size + MESSAGE_COST
    wire.lose()


async def test_whoever_is_dropped_is_not_waited_for() -> None:
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
    wire.protocol.pause_writing()
    sending = asyncio.create_task(wire.protocol.send(b"never"))
    await asyncio.sleep(0)
    wire.protocol.drop("enough")
    with pytest.raises(ConnectionClosed, match="enough"):
        await sending

    assert wire.events == ["abort"]
    assert wire.written == []
    wire.lose()


async def test_announced_messages_cost_little_before_they_arrive() -> None:
    wires = [Wire(TcpTransport(framing.MAX_MESSAGE_SIZE)) for _ in range(100)]
    for wire in wires:
        wire.feed(prefix(8 << 20) + b"and then silence")
        assert len(wire.protocol._message or b"") <= BUFFER_SIZE
        assert len(wire.protocol._buffer) <= FIRST_BUFFER
    for wire in wires:
        wire.lose()


async def test_a_big_message_never_holds_more_than_four_times_what_arrived() -> None:
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
    size, arrived = 8 << 20, 0
    wire.feed(prefix(size))
    while arrived < size:
        buffer = wire.protocol.get_buffer(-1)
        held = len(wire.protocol._message or b"")
        assert held <= max(BUFFER_SIZE, 4 * arrived)
        count = min(len(buffer), 50_000)
        buffer[:count] = b"x" * count
        wire.protocol.buffer_updated(count)
        arrived += count

    assert await wire.protocol.receive() == b"x" * size
    wire.lose()


async def test_the_receive_buffer_grows_once_it_was_filled() -> None:
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
    assert len(wire.protocol.get_buffer(-1)) == FIRST_BUFFER
    messages = [bytes([n]) * 1000 for n in range(200)]
    wire.feed_all(b"".join(prefix(1000) + message for message in messages))

    assert [bytes(await wire.protocol.receive()) for _ in messages] == messages
    assert len(wire.protocol._buffer) == BUFFER_SIZE
    wire.lose()


async def test_reading_stops_and_goes_on() -> None:
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
    size = QUEUE_LIMIT // 4 - MESSAGE_COST
    for _ in range(5):
        assert wire.reading
        wire.feed_all(prefix(size) + bytes(size))
    assert not wire.reading
    for _ in range(3):
        await wire.protocol.receive()
    assert not wire.reading
    await wire.protocol.receive()

    assert wire.reading
    wire.lose()


async def test_fetching_after_the_end_does_not_touch_the_transport() -> None:
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
    for _ in range(5):
        wire.feed_all(prefix(1 << 20) + bytes(1 << 20))
    wire.lose()
    for _ in range(5):
        await wire.protocol.receive()

    assert not wire.reading


async def test_send_waits_while_the_network_takes_nothing() -> None:
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
    protocol = wire.protocol
    await protocol.send(b"one", b"two")
    protocol.pause_writing()
    waiting = [asyncio.create_task(protocol.send(b"%d" % n)) for n in range(2)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    assert wire.written == [b"\0\0\0\6onetwo"]
    protocol.resume_writing()
    protocol.resume_writing()
    await waiting[1]

    assert wire.written[1:] == [b"\0\0\0\1" + b"1"]
    wire.lose()


async def test_send_now_takes_what_needs_no_waiting() -> None:
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
    protocol = wire.protocol
    assert protocol.send_now(b"one", b"two")
    protocol.pause_writing()
    assert not protocol.send_now(b"three")
    protocol.resume_writing()
    assert protocol.send_now(b"four")
    wire.lose()
    assert not protocol.send_now(b"five")

    assert wire.written == [b"\0\0\0\6onetwo", b"\0\0\0\4four"]


async def test_send_waits_for_its_own_bytes() -> None:
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
    protocol = wire.protocol
    original = wire.writelines

    def full(buffers: list[bytes]) -> None:
        original(buffers)
        protocol.pause_writing()

    wire.writelines = full  # type: ignore[method-assign]
    sending = asyncio.create_task(protocol.send(b"much"))
    await asyncio.sleep(0)
    assert not sending.done()
    protocol.resume_writing()
    await sending
    wire.lose()


async def test_the_end_wakes_senders() -> None:
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
    wire.protocol.pause_writing()
    waiting = asyncio.create_task(wire.protocol.send(b"late"))
    await asyncio.sleep(0)
    wire.lose()
    with pytest.raises(ConnectionClosed, match="the connection was lost: closed"):
        await waiting


async def test_what_arrives_after_close_is_nobodys() -> None:
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
    wire.protocol.close("enough")
    wire.feed(prefix(1) + b"x")
    with pytest.raises(ConnectionClosed, match="enough"):
        await wire.protocol.receive()

    assert wire.events == ["close"]
    wire.lose()
    await wire.protocol.wait_closed()


async def test_a_peer_that_takes_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "FLUSH_TIMEOUT", 0)
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
    wire.protocol.close()
    await wire.aborted.wait()
    wire.lose()
    wire.protocol.connection_lost(None)

    assert wire.events == ["close", "abort"]


async def test_a_lost_connection_says_why() -> None:
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
    wire.protocol.connection_lost(OSError("reset by peer"))
    with pytest.raises(ConnectionClosed, match="reset by peer"):
        await wire.protocol.receive()
    wire.socket.close()


async def test_keep_alive_is_a_socket_option(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
    wire.protocol.keep_alive = True
    assert wire.socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert wire.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == KEEP_ALIVE_IDLE
    wire.protocol.keep_alive = False
    assert wire.socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0
    monkeypatch.delattr(socket, "TCP_KEEPIDLE")
    wire.protocol.keep_alive = True

    assert wire.socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    wire.protocol.close()
    wire.protocol.keep_alive = False
    assert wire.socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    wire.lose()


async def test_a_connection_is_described_and_sends_small_messages_at_once() -> None:
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
    peer = wire.protocol.peer

    assert (peer.kind, peer.local, peer.remote) == ("tcp", ("192.0.2.1", 445), ("192.0.2.1", 445))
    assert not peer.encrypted
    assert wire.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
    wire.lose()


async def test_what_is_no_message_ends_the_connection_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
    wire.feed(prefix(2) + b"ok" + b"GET / HTTP/1.1")

    assert wire.events == ["abort"]
    assert caplog.messages == [
        "192.0.2.1:445: the peer does not frame its messages as SMB does (first byte 0x47)"
    ]
    assert bytes(await wire.protocol.receive()) == b"ok"
    with pytest.raises(RemoteProtocolError, match="first byte 0x47"):
        await wire.protocol.receive()
    wire.lose()


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"", "the peer closed the connection"),
        (prefix(0), "the peer closed the connection"),
        (b"\0", "the peer closed the connection in the middle of a message"),
        (prefix(100_000), "the peer closed the connection in the middle of a message"),
    ],
)
async def test_the_peers_end_says_whether_it_was_in_a_message(sent: bytes, words: str) -> None:
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
    wire.feed_all(sent)
    wire.protocol.eof_received()
    if sent == prefix(0):
        await wire.protocol.receive()
    with pytest.raises(ConnectionClosed, match=f"^{words}$"):
        await wire.protocol.receive()
    wire.lose()


async def test_a_connection_that_is_gone_is_not_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "FLUSH_TIMEOUT", 0)
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
    wire.protocol.close()
    wire.lose()
    await wire.protocol.wait_closed()
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert wire.events == ["close"]


async def test_nothing_is_written_after_a_reset() -> None:
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
    wire.events.append("reset")

    assert wire.protocol.send_now(b"late")
    assert wire.written == []
    wire.lose()


async def test_memory_is_got_for_four_times_what_has_arrived_of_a_large_message() -> None:
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
    wire.feed_all(5 * (prefix(1000) + bytes(1000)))
    assert len(wire.protocol.get_buffer(-1)) == BUFFER_SIZE
    wire.feed(prefix(1_000_000) + bytes(BUFFER_SIZE - 4))
    arrived = BUFFER_SIZE - 4
    assert len(wire.protocol.get_buffer(-1)) == 3 * arrived
    wire.feed(bytes(3 * arrived))
    arrived *= 4
    # Not more than the message has.
    assert len(wire.protocol.get_buffer(-1)) == 1_000_000 - arrived
    wire.lose()


@pytest.mark.parametrize(("size", "own"), [(SMALL_MESSAGE, False), (SMALL_MESSAGE + 1, True)])
async def test_only_a_large_message_has_memory_of_its_own(size: int, own: bool) -> None:
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
    wire.feed(prefix(size) + b"begins")

    assert (wire.protocol._message is not None) is own
    wire.feed_all(bytes(size - 6))
    assert bytes(await wire.protocol.receive()) == b"begins" + bytes(size - 6)
    wire.lose()


async def test_a_message_that_is_taken_keeps_nothing_and_nothing_is_awaited_while_paused() -> None:
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
    await wire.protocol.send(bytes(1000))
    assert wire.protocol.flow().kept == 0
    wire.untaken = 2000
    assert wire.protocol.flow().kept == 2000
    wire.feed_all(prefix(QUEUE_LIMIT) + bytes(QUEUE_LIMIT))
    assert not wire.reading
    wire.feed(prefix(100_000) + b"begins")

    assert not wire.protocol.flow().unfinished
    assert wire.protocol.flow().unfetched == QUEUE_LIMIT + MESSAGE_COST + 6
    wire.lose()


async def test_closing_again_changes_nothing() -> None:
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
    wire.protocol.close("first")
    wire.protocol.close("second")

    assert wire.events == ["close"]
    with pytest.raises(ConnectionClosed, match=r"^first$"):
        await wire.protocol.receive()
    with pytest.raises(ConnectionClosed, match=r"^first$"):
        await wire.protocol.send(b"too late")
    wire.lose()


async def test_without_a_reason_the_connection_was_closed() -> None:
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
    wire.protocol.close()
    with pytest.raises(ConnectionClosed, match=r"^the connection was closed$"):
        await wire.protocol.receive()
    wire.lose()


# With sockets.


@dataclass(frozen=True, kw_only=True)
class SilentResolver(Resolver):
    """A resolver that never gets an answer."""

    async def resolve(self, host: str, port: int, kind: socket.SocketKind) -> Resolution:
        await asyncio.Event().wait()
        raise AssertionError


async def echo(transport: MessageTransport) -> None:
    while True:
        await transport.send(await transport.receive())


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


async def test_messages_go_both_ways_and_the_peer_is_described(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listener = await tcp.listen("127.0.0.1", 0, echo)
    port = port_of(listener.url)
    assert listener.url == f"tcp://127.0.0.1:{port}"
    times = iter([10.0, 12.5])
    with monkeypatch.context() as patch:
        patch.setattr(tcp, "monotonic", lambda: next(times))
        client = await tcp.connect("127.0.0.1", port, max_message_size=1 << 20)
    large = bytes(range(250)) * 1000
    async with asyncio.timeout(20):
        for message in (b"hello", large):
            await client.send(message)
            assert await client.receive() == message

    assert client.max_message_size == 1 << 20
    peer = client.peer
    assert (peer.handshake_seconds, peer.resolved_by) == (2.5, "system")
    assert peer.remote == ("127.0.0.1", port)
    client.close("enough")
    async with asyncio.timeout(20):
        await client.wait_closed()
        await listener.close()


async def test_the_limits_of_a_listener_are_those_of_its_connections(
    caplog: pytest.LogCaptureFixture,
) -> None:
    listener = await tcp.listen("127.0.0.1", 0, echo, max_message_size=10, max_connections=1)
    first = await tcp.connect("127.0.0.1", port_of(listener.url))
    second = await tcp.connect("127.0.0.1", port_of(listener.url))
    async with asyncio.timeout(20):
        await first.send(bytes(10))
        assert await first.receive() == bytes(10)
        with pytest.raises(ConnectionClosed):
            await second.receive()
        await first.send(bytes(11))
        with pytest.raises(ConnectionClosed):
            await first.receive()
        for each in (first, second):
            await each.wait_closed()
        await listener.close()

    assert "a message of 11 bytes, more than the 10 allowed" in caplog.text


async def test_a_closed_listener_accepts_nothing_and_has_ended_its_connections() -> None:
    listener = await tcp.listen("127.0.0.1", 0, echo)
    client = await tcp.connect("127.0.0.1", port_of(listener.url))
    async with asyncio.timeout(20):
        await client.send(b"x")
        await client.receive()
        await listener.close()
        with pytest.raises(ConnectionClosed, match="the peer closed the connection"):
            await client.receive()
        await client.wait_closed()
    with pytest.raises(ConnectError, match=rf"^{listener.url}: Connection refused$"):
        await tcp.connect("127.0.0.1", port_of(listener.url))


async def test_an_error_without_a_text_of_the_system_says_what_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise OSError("no luck")

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", fail)
    found = await Resolver().resolve("127.0.0.1", 9, socket.SOCK_STREAM)
    with pytest.raises(ConnectError, match=r"^tcp://127\.0\.0\.1:9: no luck$"):
        await tcp.connect("fs.example", 9, resolver=StaticResolver(found=found))


async def test_no_answer_in_time_is_a_connect_error() -> None:
    with pytest.raises(ConnectError, match=r"^fs\.example:445 did not answer within 0\.01 s: is"):
        await tcp.connect("fs.example", 445, timeout=0.01, resolver=SilentResolver())


@pytest.mark.parametrize("shared", [False, True])
async def test_a_preamble_comes_first_and_memory_is_kept(shared: bool) -> None:
    given = ReceiveBuffers() if shared else None
    received: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readexactly(5 + 4 + 3))
        writer.write(prefix(100_000) + bytes(100_000))
        await reader.read()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = await tcp.connect("127.0.0.1", port, preamble=b"PROXY", buffers=given)
    async with asyncio.timeout(20):
        await client.send(b"yes")
        assert len(await client.receive()) == 100_000
    assert received == [b"PROXY" + prefix(3) + b"yes"]
    buffers: ReceiveBuffers = given or vars(client)["_buffers"]
    assert buffers.size == 100_000
    client.close()
    async with asyncio.timeout(20):
        await client.wait_closed()
        server.close()
        await server.wait_closed()


async def test_no_preamble_writes_nothing() -> None:
    wire = Wire(TcpTransport(framing.MAX_MESSAGE_SIZE))
    wire.protocol.write_preamble(b"")

    assert wire.written == []
    wire.lose()


# --- what the kernel tells --------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
async def test_statistics_count_what_is_not_acknowledged() -> None:
    wire = Wire(TcpTransport(1 << 20))

    class Kernel:
        def fileno(self) -> int:
            return 7

        def getsockopt(self, level: int, option: int, size: int) -> bytes:
            assert (level, option) == (socket.IPPROTO_TCP, socket.TCP_INFO)
            return bytes([1, 4, 3, 2, 99, 99])[:size]

    assert wire.protocol.statistics() == PathStatistics(timeouts=0)
    ours, wire.socket = wire.socket, Kernel()  # type: ignore[assignment]
    assert wire.protocol.statistics() == PathStatistics(timeouts=5)
    wire.socket = ours
    wire.lose()
    assert wire.protocol.statistics() == PathStatistics()


def test_elsewhere_it_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with socket.socket() as sock:
        assert tcp._timeouts(sock) is None


def test_a_closed_socket_of_uvloop_has_no_timeouts() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        _, transport = await loop.create_connection(
            lambda: TcpTransport(1 << 20), *server.sockets[0].getsockname()
        )
        assert transport.statistics().timeouts == 0
        transport.drop("the test is over")
        await transport.wait_closed()
        assert transport.statistics().timeouts is None
        server.close()
        await server.wait_closed()

    uvloop.run(main())
