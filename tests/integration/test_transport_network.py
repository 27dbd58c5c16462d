"""QUIC over networks that lose, change and fall silent; and TCP peers that are none."""

import asyncio
import errno
import random
import socket
from collections.abc import AsyncIterator

import pytest

from smbquic.errors import ConnectError, ConnectionClosed, IdleTimeout, RemoteProtocolError
from smbquic.pki import PkiDirectory
from smbquic.transport import quic, tcp
from smbquic.transport.base import MessageTransport
from smbquic.transport.quic import network_errors, udp
from smbquic.transport.quic.engine import STATELESS_RESET
from smbquic.transport.quic.transport import QuicTransport
from tests.integration.handshaking import EchoServer
from tests.integration.internals import close_socket, library_of, local_port
from tests.integration.pairing import Pairing

MIB = 1 << 20


async def end(transport: MessageTransport) -> None:
    transport.close()
    await transport.wait_closed()


async def echo(transport: MessageTransport) -> None:
    while True:
        await transport.send(await transport.receive())


@pytest.fixture
async def server(echo_server: EchoServer, identity: quic.ServerTls) -> EchoServer:
    await echo_server.start(identity)
    return echo_server


class LossyNetwork:
    """A UDP relay in front of a server, which is what the client talks to."""

    def __init__(self, port: int, *, loss: float = 0, seed: int = 0) -> None:
        self.loop = asyncio.get_running_loop()
        self.random = random.Random(seed)
        self.loss = loss
        self.target = ("127.0.0.1", port)
        self.client: tuple[str, int]
        self.passed = 0
        self.inside = self._socket()
        self.inside.bind(("127.0.0.1", 0))
        self.outside = self._socket()
        self.loop.add_reader(self.inside, self._from_client)
        self.loop.add_reader(self.outside, self._from_server)

    @staticmethod
    def _socket() -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        return sock

    @property
    def port(self) -> int:
        port: int = self.inside.getsockname()[1]
        return port

    def _from_client(self) -> None:
        data, self.client = self.inside.recvfrom(65535)
        self._pass(self.outside, data, self.target)

    def _from_server(self) -> None:
        data = self.outside.recv(65535)
        self._pass(self.inside, data, self.client)

    def _pass(self, sock: socket.socket, data: bytes, to: tuple[str, int]) -> None:
        if self.random.random() >= self.loss:
            self.passed += 1
            sock.sendto(data, to)

    def change_address(self) -> None:
        """From now on the client's datagrams come from another port, as behind a NAT."""
        self.loop.remove_reader(self.outside)
        self.outside.close()
        self.outside = self._socket()
        self.loop.add_reader(self.outside, self._from_server)

    def close(self) -> None:
        for sock in (self.inside, self.outside):
            self.loop.remove_reader(sock)
            sock.close()


async def test_a_lossy_network_costs_time_and_nothing_else(
    server: EchoServer, pki: PkiDirectory, pairing: Pairing
) -> None:
    network = LossyNetwork(server.port, loss=0.05, seed=3)
    client = await pairing.connect("127.0.0.1", network.port, trust=quic.ClientTls(ca=pki.ca))
    message = random.Random(1).randbytes(2 * MIB)
    await client.send(message)

    assert await asyncio.wait_for(client.receive(), 60) == message
    network.loss = 0
    await end(client)
    network.close()


async def test_a_connection_survives_a_change_of_the_clients_address(
    server: EchoServer, pki: PkiDirectory, pairing: Pairing
) -> None:
    network = LossyNetwork(server.port)
    client = await pairing.connect("127.0.0.1", network.port, trust=quic.ClientTls(ca=pki.ca))
    for index in range(4):
        message = random.Random(index).randbytes(MIB)
        await client.send(message)
        assert await asyncio.wait_for(client.receive(), 20) == message
        network.change_address()
    await end(client)
    network.close()


async def test_a_client_may_go_on_from_another_port(
    server: EchoServer, pki: PkiDirectory, pairing: Pairing
) -> None:
    client = await pairing.connect("127.0.0.1", server.port, trust=quic.ClientTls(ca=pki.ca))
    accepted = await server.accepted.get()
    before = accepted.peer.remote[1]
    client.connection.rebind()
    await client.send(b"from elsewhere")

    assert bytes(await asyncio.wait_for(client.receive(), 20)) == b"from elsewhere"
    assert local_port(client) != before
    await end(client)


async def test_a_network_that_is_gone_makes_the_client_try_another(
    server: EchoServer, pki: PkiDirectory, pairing: Pairing
) -> None:
    client = await pairing.connect("127.0.0.1", server.port, trust=quic.ClientTls(ca=pki.ca))
    before = local_port(client)
    client.connection.receiver.error_received(OSError(errno.ENETUNREACH, "Network is unreachable"))
    after = local_port(client)
    client.connection.receiver.error_received(OSError(errno.ENETUNREACH, "Network is unreachable"))
    client.connection.receiver.error_received(OSError(errno.EMSGSIZE, "Message too long"))
    await client.send(b"hello again")

    assert before != after == local_port(client)
    assert bytes(await asyncio.wait_for(client.receive(), 20)) == b"hello again"
    await end(client)


async def test_a_machine_without_a_network_keeps_the_connection_for_a_while(
    server: EchoServer, pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch, pairing: Pairing
) -> None:
    client = await pairing.connect("127.0.0.1", server.port, trust=quic.ClientTls(ca=pki.ca))

    def no_network(*_: object) -> socket.socket:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    with monkeypatch.context() as patch:
        patch.setattr(udp, "_open", no_network)
        client.connection.receiver.error_received(OSError(errno.ENETDOWN, "Network is down"))
    await client.send(b"back")

    assert bytes(await asyncio.wait_for(client.receive(), 20)) == b"back"
    await end(client)


async def test_silence_ends_a_connection(
    server: EchoServer, pki: PkiDirectory, pairing: Pairing
) -> None:
    network = LossyNetwork(server.port)
    options = quic.QuicOptions(idle_timeout=1)
    client = await pairing.connect(
        "127.0.0.1", network.port, trust=quic.ClientTls(ca=pki.ca), options=options
    )
    accepted = await server.accepted.get()
    network.loss = 1
    with pytest.raises(IdleTimeout, match=r"quic://127\.0\.0\.1:\d+ has sent nothing for"):
        await asyncio.wait_for(client.receive(), 20)
    await asyncio.wait_for(client.wait_closed(), 20)
    # The shorter time-out of the two counts for both.
    await asyncio.wait_for(accepted.wait_closed(), 20)
    network.close()


async def test_keep_alive_keeps_a_quiet_connection_up(
    server: EchoServer, pki: PkiDirectory, pairing: Pairing
) -> None:
    # On a machine that stands still for so long nobody says anything: then with more time.
    for idle_timeout in (1.5, 6.0, 24.0):
        if await stays_up(server, pki, pairing, idle_timeout):
            return
    pytest.fail("it was given up each time")


async def stays_up(
    server: EchoServer, pki: PkiDirectory, pairing: Pairing, idle_timeout: float
) -> bool:
    """A connection does for longer than its time-out; and not without signs of life."""
    network = LossyNetwork(server.port)
    options = quic.QuicOptions(idle_timeout=idle_timeout, keep_alive_interval=60)
    client = await pairing.connect(
        "127.0.0.1", network.port, trust=quic.ClientTls(ca=pki.ca), options=options
    )
    closed = asyncio.ensure_future(client.wait_closed())
    client.keep_alive = True
    passed = network.passed
    while network.passed < passed + 8 and not closed.done():
        await asyncio.wait({closed}, timeout=0.1)
    if stayed := not closed.done():
        await client.send(b"still up")
        assert bytes(await asyncio.wait_for(client.receive(), 20)) == b"still up"
        client.keep_alive = False
    with pytest.raises(IdleTimeout):
        await asyncio.wait_for(client.receive(), 60)
    await closed
    network.close()
    return stayed


async def test_a_server_that_was_killed_is_noticed_soon(
    server: EchoServer, pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch, pairing: Pairing
) -> None:
    monkeypatch.setattr(network_errors, "REFUSED_FOR", 0.1)
    client = await pairing.connect("127.0.0.1", server.port, trust=quic.ClientTls(ca=pki.ca))
    # The process died: nobody sends CONNECTION_CLOSE, and the kernel refuses what comes.
    close_socket(server.listener)
    await client.send(b"anybody there?")
    with pytest.raises(ConnectionClosed, match="has closed its UDP port"):
        await asyncio.wait_for(client.receive(), 20)


async def test_a_lost_connection_close_is_repeated(
    server: EchoServer, pki: PkiDirectory, pairing: Pairing
) -> None:
    # It is for a tenth of a second, which may pass before a busy machine lets the client ask.
    for _ in range(5):
        network = LossyNetwork(server.port)
        client = await pairing.connect("127.0.0.1", network.port, trust=quic.ClientTls(ca=pki.ca))
        accepted = await server.accepted.get()
        await client.send(b"x")
        await client.receive()
        network.loss = 1
        accepted.close("goodbye")
        await asyncio.wait_for(accepted.wait_closed(), 20)
        network.loss = 0
        await client.send(b"are you there?")
        with pytest.raises(ConnectionClosed) as caught:
            await asyncio.wait_for(client.receive(), 20)
        network.close()
        if STATELESS_RESET not in str(caught.value):
            break
    assert "goodbye" in str(caught.value)


async def test_a_message_that_breaks_off_is_told(
    server: EchoServer, pki: PkiDirectory, pairing: Pairing
) -> None:
    client = await pairing.connect("127.0.0.1", server.port, trust=quic.ClientTls(ca=pki.ca))
    await client.send(b"x")
    await client.receive()
    accepted = await server.accepted.get()
    client.connection.write((b"\0\0\0\x05half",))
    client.close()
    await asyncio.wait_for(accepted.wait_closed(), 20)

    assert isinstance(accepted, QuicTransport)
    assert isinstance(accepted.connection.lifecycle.error, ConnectionClosed)
    assert "closed the connection in the middle of a message" in str(
        accepted.connection.lifecycle.error
    )


async def test_what_is_no_message_ends_a_quic_connection(
    server: EchoServer, pki: PkiDirectory, pairing: Pairing
) -> None:
    client = await pairing.connect("127.0.0.1", server.port, trust=quic.ClientTls(ca=pki.ca))
    await client.send(b"fine")
    assert bytes(await asyncio.wait_for(client.receive(), 20)) == b"fine"
    client.connection.write((b"GET / HTTP/1.1\r\n\r\n",))
    with pytest.raises(ConnectionClosed, match="not an SMB message"):
        await asyncio.wait_for(client.receive(), 20)


@pytest.mark.parametrize("pairing", ["aioquic", "aioquic-qh3"], indirect=True)
async def test_a_peer_that_breaks_quic_is_hung_up_on(pki: PkiDirectory, pairing: Pairing) -> None:
    accepted: asyncio.Queue[MessageTransport] = asyncio.Queue()

    async def serve(transport: MessageTransport) -> None:
        accepted.put_nowait(transport)
        await transport.wait_closed()

    window = 64 << 10
    listener = await pairing.listen(
        "127.0.0.1",
        0,
        serve,
        certificate=quic.ServerTls(pki.server.certificate, pki.server.key),
        options=quic.QuicOptions(window=window),
    )
    port = int(listener.url.rpartition(":")[2])
    client = await pairing.connect("127.0.0.1", port, trust=quic.ClientTls(ca=pki.ca))
    server = await accepted.get()
    await client.send(b"x")
    await server.receive()
    # aioquic keeps to the limits that the server has set, so they are raised here.
    engine = library_of(client)
    engine._remote_max_data = engine._streams[0].max_stream_data_remote = 1 << 40
    client.connection.write([b"\0\0\x40\0" + bytes(16 << 10)] * 20)
    with pytest.raises(ConnectionClosed, match=r"(?i)limit"):
        await asyncio.wait_for(client.receive(), 20)

    await asyncio.wait_for(server.wait_closed(), 20)
    assert isinstance(server, QuicTransport)
    assert isinstance(server.connection.lifecycle.error, RemoteProtocolError)
    assert "broke the QUIC protocol" in str(server.connection.lifecycle.error)
    await listener.close()


# TCP.


@pytest.fixture
async def tcp_server() -> AsyncIterator[tuple[int, asyncio.Queue[MessageTransport]]]:
    accepted: asyncio.Queue[MessageTransport] = asyncio.Queue()

    async def serve(transport: MessageTransport) -> None:
        accepted.put_nowait(transport)
        await transport.wait_closed()

    listener = await tcp.listen("127.0.0.1", 0, serve)
    yield int(listener.url.rpartition(":")[2]), accepted
    await listener.close()


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", r"does not frame its messages as SMB does \(first byte 0x47"),
        (b"\x81\x00\x00\x44" + bytes(68), r"first byte 0x81"),
        (b"\x00\xff\xff\xff", r"16777215 bytes, more than the \d+ allowed"),
    ],
)
async def test_what_is_no_message_ends_a_tcp_connection(
    tcp_server: tuple[int, asyncio.Queue[MessageTransport]],
    sent: bytes,
    message: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    port, accepted = tcp_server
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    transport = await accepted.get()
    with pytest.raises(RemoteProtocolError, match=message):
        await asyncio.wait_for(transport.receive(), 20)
    with pytest.raises(ConnectionClosed):
        await transport.send(b"")
    writer.close()
    await asyncio.wait_for(transport.wait_closed(), 20)

    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"", "the peer closed the connection$"),
        (b"\0\0\0\4whol", "the peer closed the connection$"),
        (b"\0\0", "in the middle of a message"),
        (b"\0\0\0\5half", "in the middle of a message"),
        (b"\0\x01\0\0" + bytes(1000), "in the middle of a message"),
    ],
)
async def test_the_end_of_a_tcp_stream_is_the_end(
    tcp_server: tuple[int, asyncio.Queue[MessageTransport]], sent: bytes, message: str
) -> None:
    port, accepted = tcp_server
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    writer.write_eof()
    transport = await accepted.get()
    if sent.endswith(b"whol"):
        assert bytes(await asyncio.wait_for(transport.receive(), 20)) == b"whol"
    with pytest.raises(ConnectionClosed, match=message):
        await asyncio.wait_for(transport.receive(), 20)
    await asyncio.wait_for(transport.wait_closed(), 20)
    writer.close()


async def test_a_reset_is_the_end(tcp_server: tuple[int, asyncio.Queue[MessageTransport]]) -> None:
    port, accepted = tcp_server
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    transport = await accepted.get()
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(transport.receive(), 20)


async def test_who_is_sent_to_after_a_reset_does_not_harm_the_next_connection(
    tcp_server: tuple[int, asyncio.Queue[MessageTransport]],
) -> None:
    """asyncio's writelines() watched a descriptor that it was about to close, up to 3.13.5."""
    port, accepted = tcp_server
    with socket.create_connection(("127.0.0.1", port)) as sock:
        transport = await accepted.get()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    transport.send_now(b"the first finds out")
    transport.send_now(b"the second comes before the loop does")
    await asyncio.wait_for(transport.wait_closed(), 20)

    # Its two ends have the descriptors that the former connection had.
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    transport = await accepted.get()
    writer.write(b"\0\0\0\5whole")
    assert bytes(await asyncio.wait_for(transport.receive(), 20)) == b"whole"
    writer.close()
    await asyncio.wait_for(transport.wait_closed(), 20)


async def test_a_message_may_come_byte_by_byte(
    tcp_server: tuple[int, asyncio.Queue[MessageTransport]],
) -> None:
    port, accepted = tcp_server
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    transport = await accepted.get()
    for byte in b"\0\0\0\3abc\0\0\0\0\0\0\0\1d":
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0)

    assert [bytes(await asyncio.wait_for(transport.receive(), 20)) for _ in range(3)] == [
        b"abc",
        b"",
        b"d",
    ]
    writer.close()


async def test_nobody_listens_on_a_tcp_port() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with pytest.raises(ConnectError, match=rf"tcp://127\.0\.0\.1:{port}: .*refused|Connect call"):
        await tcp.connect("127.0.0.1", port)


async def test_a_tcp_port_in_use_is_an_os_error(
    tcp_server: tuple[int, asyncio.Queue[MessageTransport]],
) -> None:
    with pytest.raises(OSError, match="in use"):
        await tcp.listen("127.0.0.1", tcp_server[0], echo)


async def test_a_tcp_connect_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(tcp, "race", never)
    with pytest.raises(ConnectError, match=r"did not answer within 0\.05 s"):
        await tcp.connect("127.0.0.1", 1, timeout=0.05)


async def test_ipv6_over_tcp() -> None:
    listener = await tcp.listen("::1", 0, echo)
    port = int(listener.url.rpartition(":")[2])
    client = await tcp.connect("::1", port)
    await client.send(b"six")

    assert listener.url == f"tcp://[::1]:{port}"
    assert bytes(await asyncio.wait_for(client.receive(), 20)) == b"six"
    await end(client)
    await listener.close()


async def test_too_many_tcp_connections_are_turned_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    listener = await tcp.listen("127.0.0.1", 0, echo, max_connections=1)
    port = int(listener.url.rpartition(":")[2])
    first = await tcp.connect("127.0.0.1", port)
    second = await tcp.connect("127.0.0.1", port)
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(second.receive(), 20)
    await first.send(b"mine")

    assert bytes(await asyncio.wait_for(first.receive(), 20)) == b"mine"
    assert "was refused" in caplog.text
    await end(first)
    await end(second)
    await listener.close()
