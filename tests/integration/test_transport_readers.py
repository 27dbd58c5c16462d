"""Connections whose datagrams the library reads by itself: they do all that they do without.

It reads them on I/O threads of a server, or in the event loop of either end.
"""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path as FilePath

import pytest

import smbquic
from smbquic.errors import ConnectionClosed, IdleTimeout
from smbquic.pki import PkiDirectory
from smbquic.transport import quic
from smbquic.transport.quic.engine import SEND_LIMIT
from smbquic.transport.quic.native import engine
from smbquic.transport.quic.transport import QuicTransport
from smbquic.transport.quic.udp import Path, SegmentBatch
from smbquic.transport.socket_options import LINUX
from tests.integration.handshaking import EchoServer, close
from tests.integration.internals import connections_of, engine_of, library_of, rebind
from tests.integration.pairing import Pairing
from tests.integration.test_transport_limits import StubLimiter
from tests.integration.test_transport_network import LossyNetwork
from tests.polling import eventually

pytestmark = [
    pytest.mark.engine("native"),
    pytest.mark.skipif(not LINUX, reason="what it tests is Linux'"),
]

MIB = 1 << 20


@pytest.fixture(params=[0, 2], ids=["event-loop", "threads"], autouse=True)
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """The number of I/O threads; without any, the library reads from the first messages on."""
    monkeypatch.setattr(engine, "DIRECT_AFTER", 1)
    count: int = request.param
    return count


@pytest.fixture(params=["native", "aioquic-native"])
def pairing(request: pytest.FixtureRequest) -> Pairing:
    return Pairing.parse(request.param)


@pytest.fixture
async def server(echo_server: EchoServer, identity: quic.ServerTls, threads: int) -> EchoServer:
    await echo_server.start(identity, options=quic.QuicOptions(io_threads=threads))
    return echo_server


@pytest.fixture
def trust(pki: PkiDirectory) -> quic.ClientTls:
    return quic.ClientTls(ca=pki.ca)


async def echoed(client: QuicTransport, message: bytes) -> None:
    await client.send(message)
    assert await asyncio.wait_for(client.receive(), 60) == message


def reads_by_itself(transport: object, threads: int) -> bool:
    """Whether a thread has the connection, or without threads the library reads for it."""
    assert isinstance(transport, QuicTransport)
    if threads:
        return type(library_of(transport)).__name__ == "ThreadedConnection"
    return vars(engine_of(transport))["_direct"] is not None


async def test_messages_of_all_sizes_arrive_both_ways(
    server: EchoServer, trust: quic.ClientTls, pairing: Pairing, threads: int
) -> None:
    client = await pairing.connect("127.0.0.1", server.port, trust=trust)
    for size in (0, 1, 100, 16 << 10, MIB, 8 * MIB):
        await echoed(client, random.Random(size).randbytes(size))
    assert reads_by_itself(await server.connection(), threads)
    assert pairing.client != "native" or reads_by_itself(client, 0)
    await close(client)


def sent_by_python(transport: QuicTransport, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return where the endpoint of a transport sends datagrams to from now on."""
    endpoint, paths = vars(transport.connection)["_endpoint"], []
    send = endpoint.send

    def record(datagrams: Sequence[bytes | SegmentBatch], path: Path) -> None:
        paths.append(path)
        send(datagrams, path)

    monkeypatch.setattr(endpoint, "send", record)
    return paths


@pytest.mark.parametrize("threads", [0], indirect=True)
@pytest.mark.parametrize("pairing", ["native"], indirect=True)
async def test_the_library_sends_as_far_as_the_kernel_takes_it(
    server: EchoServer,
    trust: quic.ClientTls,
    pairing: Pairing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = await pairing.connect("127.0.0.1", server.port, trust=trust)
    for _ in range(5):
        await echoed(client, b"hello")
    accepted = await server.connection()
    assert isinstance(accepted, QuicTransport)
    by_client, by_server = (sent_by_python(each, monkeypatch) for each in (client, accepted))
    message = random.Random(5).randbytes(MIB)
    await echoed(client, message)
    assert (by_client, by_server) == ([], [])
    for transport in (client, accepted):
        # This machine has no such address to send from.
        library_of(transport).expect(0, "192.0.2.1")
    await echoed(client, message)
    assert by_client
    assert by_server
    await close(client)


async def test_many_connections_share_the_threads(
    server: EchoServer, trust: quic.ClientTls, pairing: Pairing
) -> None:
    clients = await asyncio.gather(
        *(pairing.connect("127.0.0.1", server.port, trust=trust) for _ in range(12))
    )
    for size in (1000, MIB // 2):
        await asyncio.gather(
            *(
                echoed(client, random.Random(index).randbytes(size))
                for index, client in enumerate(clients)
            )
        )
    await asyncio.gather(*map(close, clients))


async def test_a_client_that_changes_its_address_in_a_transfer_is_found(
    server: EchoServer, trust: quic.ClientTls, pairing: Pairing
) -> None:
    client = await pairing.connect("127.0.0.1", server.port, trust=trust)
    ports: set[int] = set()
    for index in range(4):
        answered = asyncio.create_task(echoed(client, random.Random(index).randbytes(MIB)))
        # The message is on its way by then.
        await asyncio.sleep(0)
        rebind(client, ports)
        await answered
    assert len(ports) == 4
    await close(client)


@pytest.mark.parametrize("pairing", ["aioquic-native"], indirect=True)
async def test_a_client_that_retires_its_ids_gets_others(
    server: EchoServer, trust: quic.ClientTls, pairing: Pairing
) -> None:
    client = await pairing.connect("127.0.0.1", server.port, trust=trust)
    library = library_of(client)
    used = set()
    for _ in range(100):
        library.change_connection_id()
        used.add(library._peer_cid.cid)
        await echoed(client, b"hello")
    assert len(used) > 64
    (connection,) = connections_of(server.listener)
    issued = server.listener._ids[connection]._issued
    await eventually(lambda: library._peer_cid.cid in issued)
    assert len(issued) <= 66
    await close(client)


async def test_losses_are_made_good(
    server: EchoServer, trust: quic.ClientTls, pairing: Pairing
) -> None:
    network = LossyNetwork(server.port, loss=0.03, seed=5)
    client = await pairing.connect("127.0.0.1", network.port, trust=trust)
    await echoed(client, random.Random(1).randbytes(MIB))
    network.loss = 0
    await close(client)
    network.close()


async def test_what_was_sent_before_the_end_arrives_with_its_reason(
    server: EchoServer, trust: quic.ClientTls, pairing: Pairing
) -> None:
    client = await pairing.connect("127.0.0.1", server.port, trust=trust)
    await echoed(client, b"hello")
    accepted = await server.connection()
    message = random.Random(2).randbytes(4 * MIB)
    await accepted.send(message)
    accepted.close("maintenance")
    assert await asyncio.wait_for(client.receive(), 20) == message
    with pytest.raises(ConnectionClosed, match="closed the connection: maintenance"):
        await asyncio.wait_for(client.receive(), 20)
    await asyncio.wait_for(accepted.wait_closed(), 20)
    await eventually(lambda: not connections_of(server.listener))


async def test_the_reason_of_a_client_is_told(
    server: EchoServer, trust: quic.ClientTls, pairing: Pairing
) -> None:
    client = await pairing.connect("127.0.0.1", server.port, trust=trust)
    await echoed(client, b"hello")
    accepted = await server.connection()
    client.close("going home")
    await asyncio.wait_for(accepted.wait_closed(), 20)
    assert isinstance(accepted, QuicTransport)
    assert str(accepted.connection.lifecycle.error).endswith("closed the connection: going home")
    await client.wait_closed()
    await eventually(lambda: not connections_of(server.listener))


async def test_silence_ends_a_connection(
    echo_server: EchoServer,
    identity: quic.ServerTls,
    trust: quic.ClientTls,
    pairing: Pairing,
    threads: int,
) -> None:
    await echo_server.start(identity, options=quic.QuicOptions(io_threads=threads, idle_timeout=1))
    network = LossyNetwork(echo_server.port)
    client = await pairing.connect("127.0.0.1", network.port, trust=trust)
    await echoed(client, b"hello")
    accepted = await echo_server.connection()
    network.loss = 1
    await asyncio.wait_for(accepted.wait_closed(), 20)
    assert isinstance(accepted, QuicTransport)
    assert isinstance(accepted.connection.lifecycle.error, IdleTimeout)
    await client.wait_closed()
    network.close()


async def test_a_client_that_fetches_nothing_holds_the_server_back(
    server: EchoServer, trust: quic.ClientTls, pairing: Pairing
) -> None:
    """The messages of both directions arrive in order once they are fetched."""
    client = await pairing.connect("127.0.0.1", server.port, trust=trust)
    await echoed(client, b"hello")
    accepted = await server.connection()
    count, size = 80, MIB
    sent = 0

    async def flood() -> None:
        nonlocal sent
        for index in range(count):
            await accepted.send(index.to_bytes(4, "big"), bytes(size - 4))
            sent += 1

    flooding = asyncio.create_task(flood())
    assert isinstance(accepted, QuicTransport)
    await eventually(lambda: accepted.connection.flow_control.blocked)
    assert accepted.flow().untaken < SEND_LIMIT + 40 * MIB
    for index in range(count):
        message = await asyncio.wait_for(client.receive(), 20)
        assert (int.from_bytes(message[:4], "big"), len(message)) == (index, size)
    await flooding
    await close(client)


async def test_a_server_that_fetches_nothing_holds_its_client_back(
    identity: quic.ServerTls, trust: quic.ClientTls, pairing: Pairing, threads: int
) -> None:
    go_on = asyncio.Event()
    total = 0
    accepted: asyncio.Queue[QuicTransport] = asyncio.Queue()

    async def serve(transport: object) -> None:
        nonlocal total
        assert isinstance(transport, QuicTransport)
        accepted.put_nowait(transport)
        await go_on.wait()
        while True:
            message = await transport.receive()
            assert int.from_bytes(message[:4], "big") == total
            total += 1

    window = 2 * MIB
    options = quic.QuicOptions(io_threads=threads, window=window)
    listener = await pairing.listen("127.0.0.1", 0, serve, certificate=identity, options=options)
    client = await pairing.connect("127.0.0.1", int(listener.url.rpartition(":")[2]), trust=trust)
    count, size = 40, MIB // 4
    sending = asyncio.create_task(
        _send_numbered(client, count, size),
    )
    transport = await accepted.get()
    capacity = engine_of(transport).capacity
    # It reads until as much waits as may.
    await eventually(lambda: transport.flow().unfetched >= capacity - size)
    # What was read, and what the peer may send besides.
    assert transport.flow().unfetched <= capacity + window
    go_on.set()
    await sending
    await eventually(lambda: total == count)
    await close(client)
    await listener.close()


async def _send_numbered(client: QuicTransport, count: int, size: int) -> None:
    for index in range(count):
        await client.send(index.to_bytes(4, "big"), bytes(size - 4))


@pytest.mark.parametrize(("host", "asked"), [("0.0.0.0", "127.0.0.2"), ("::1", "::1")])
async def test_a_client_is_answered_from_the_address_that_it_has_asked(
    echo_server: EchoServer,
    identity: quic.ServerTls,
    trust: quic.ClientTls,
    pairing: Pairing,
    threads: int,
    host: str,
    asked: str,
) -> None:
    await echo_server.start(identity, host, options=quic.QuicOptions(io_threads=threads))
    client = await pairing.connect(asked, echo_server.port, trust=trust, server_name="localhost")
    await echoed(client, random.Random(3).randbytes(MIB))
    await close(client)


async def test_a_server_that_stops_tells_its_clients(
    server: EchoServer, trust: quic.ClientTls, pairing: Pairing
) -> None:
    client = await pairing.connect("127.0.0.1", server.port, trust=trust)
    await echoed(client, b"hello")
    await asyncio.gather(server.listener.close(), _closed(client))


async def _closed(client: QuicTransport) -> None:
    with pytest.raises(ConnectionClosed, match="closed the connection"):
        await asyncio.wait_for(client.receive(), 20)


async def test_a_client_is_not_read_for_before_it_logs_on(
    echo_server: EchoServer,
    identity: quic.ServerTls,
    trust: quic.ClientTls,
    pairing: Pairing,
    threads: int,
) -> None:
    options = quic.QuicOptions(io_threads=threads)
    await echo_server.start(identity, options=options, limiter=StubLimiter())
    client = await pairing.connect("127.0.0.1", echo_server.port, trust=trust)
    accepted = await echo_server.connection()
    for _ in range(5):
        await echoed(client, b"nothing that logs on")
    assert not reads_by_itself(accepted, threads)
    accepted.authenticated()
    for _ in range(5):
        await echoed(client, b"logged on")
    assert reads_by_itself(accepted, threads)
    await close(client)


async def test_a_client_that_logs_on_is_read_for(
    pki: PkiDirectory, tmp_path: FilePath, pairing: Pairing, threads: int
) -> None:
    """Until then the limits for strangers hold, which are in the event loop."""
    folder = tmp_path / "root"
    folder.mkdir()
    content = random.Random(4).randbytes(5 * MIB)
    async with (
        smbquic.serve(
            {"data": folder},
            {"alice": "word"},
            ["quic://127.0.0.1:0"],
            certificate=pki.server.certificate,
            key=pki.server.key,
            engine="native",
            io_threads=threads,
        ) as serving,
        smbquic.connect(
            f"smb+quic://alice:word@{serving.listeners[0].removeprefix('quic://')}/data",
            ca=pki.ca,
            engine=pairing.client,
        ) as share,
    ):
        await share.write_bytes("file", content)
        assert (folder / "file").read_bytes() == content
        assert await share.read_bytes("file") == content
