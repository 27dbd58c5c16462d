"""A server that was restarted, and clients that were connected before."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smbquic.errors import ConnectionClosed
from smbquic.pki import PkiDirectory, init
from smbquic.transport import quic
from smbquic.transport.base import MessageTransport
from smbquic.transport.quic import keep_alive, udp
from smbquic.transport.quic.engine import STATELESS_RESET
from smbquic.transport.quic.stateless_reset import StatelessResets
from smbquic.transport.quic.transport import QuicTransport
from tests.integration.internals import close_socket, connections_of, engine_of, library_of
from tests.integration.pairing import PAIRINGS, Pairing

HOST = "127.0.0.1"
FOREVER = quic.QuicOptions(idle_timeout=600.0)
"""Longer than a test may take: whoever waits for the time-out does not pass."""


class LossyPath(asyncio.DatagramProtocol):
    """The path between one client and a server: while `up` is false it loses everything.

    Without it, clients would get an ICMP message from the port of a server that does not run.
    """

    def __init__(self) -> None:
        self.up = True
        self._left = 0
        self._enough = asyncio.Event()
        self.client: tuple[str, int]
        self.front: asyncio.DatagramTransport
        self.back: asyncio.DatagramTransport

    async def open(self, server_port: int) -> int:
        """Begin; the port to connect to."""
        loop, path = asyncio.get_running_loop(), self

        class Back(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
                if path.up:
                    path.front.sendto(data, path.client)

        self.back, _ = await loop.create_datagram_endpoint(Back, remote_addr=(HOST, server_port))
        self.front, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(HOST, 0))
        port: int = self.front.get_extra_info("sockname")[1]
        return port

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """From the client."""
        self.client = address
        if self.up:
            self.back.sendto(data)
        else:
            self._left -= 1
            if not self._left:
                self._enough.set()

    async def has_lost(self, count: int) -> None:
        """Return once so many datagrams more were lost."""
        self._left = count
        await self._enough.wait()

    def close(self) -> None:
        """End it."""
        self.front.close()
        self.back.close()


class RestartableServer:
    """A server that can be killed without a CONNECTION_CLOSE, and started again."""

    def __init__(self, pairing: Pairing, pki: PkiDirectory) -> None:
        self.pairing = pairing
        self.pki = pki
        self.port = 0
        self.listeners: list[quic.QuicListener] = []
        self.clients: list[QuicTransport] = []

    async def serve(self, transport: MessageTransport) -> None:
        while True:
            await transport.send(await transport.receive())

    async def start(self, pki: PkiDirectory | None = None) -> quic.QuicListener:
        own = (pki or self.pki).server
        listener: quic.QuicListener = await self.pairing.listen(
            HOST,
            self.port,
            self.serve,
            certificate=quic.ServerTls(own.certificate, own.key),
            options=FOREVER,
        )
        self.port = int(listener.url.rpartition(":")[2])
        self.listeners.append(listener)
        return listener

    def kill(self) -> None:
        """End without a word to the clients, as a process that is killed."""
        listener = self.listeners[-1]
        close_socket(listener)
        for connection in connections_of(listener):
            connection.abort(ConnectionClosed("killed"))

    async def connect(self, port: int = 0) -> QuicTransport:
        """A client that has been served once."""
        transport = await self.pairing.connect(
            HOST, port or self.port, trust=quic.ClientTls(ca=self.pki.ca), options=FOREVER
        )
        await transport.send(b"\xfeSMB")
        await asyncio.wait_for(transport.receive(), 20)
        self.clients.append(transport)
        return transport


@pytest.fixture
async def restartable(pairing: Pairing, pki: PkiDirectory) -> AsyncIterator[RestartableServer]:
    made = RestartableServer(pairing, pki)
    yield made
    for client in made.clients:
        client.connection.abort(ConnectionClosed("the test is over"))
    for listener in made.listeners:
        await listener.close()


async def test_a_restarted_server_ends_the_connections_it_does_not_know(
    restartable: RestartableServer,
) -> None:
    await restartable.start()
    client = await restartable.connect()
    restartable.kill()
    await restartable.start()
    await client.send(b"\xfeSMB are you there?")

    with pytest.raises(ConnectionClosed, match=STATELESS_RESET):
        await asyncio.wait_for(client.receive(), 20)
    await asyncio.wait_for(client.wait_closed(), 20)


async def test_a_client_that_only_waits_hears_of_it_with_its_next_sign_of_life(
    restartable: RestartableServer,
) -> None:
    await restartable.start()
    client = await restartable.connect()
    waiting = asyncio.create_task(client.receive())
    restartable.kill()
    await restartable.start()
    client.connection.keep_alive.ping()

    with pytest.raises(ConnectionClosed, match=STATELESS_RESET):
        await asyncio.wait_for(waiting, 20)


@pytest.mark.parametrize(
    ("pairing", "size"),
    [
        *((each, 100) for each in PAIRINGS),
        # quinn-proto sends no PING beyond a full congestion window: a client that has sent more
        # than that finds out by its idle timeout.
        *((each, 4_000_000) for each in PAIRINGS if each.partition("-")[0] != "native"),
    ],
    indirect=["pairing"],
)
async def test_a_client_in_the_middle_of_something_goes_on_asking(
    restartable: RestartableServer, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """However long the server was away: time-outs that double would have it wait for good."""
    monkeypatch.setattr(keep_alive, "SILENCE", 0.01)
    await restartable.start()
    path = LossyPath()
    client = await restartable.connect(await path.open(restartable.port))
    path.up = False
    restartable.kill()
    sending = asyncio.create_task(client.send(b"\xfeSMB" + bytes(size)))
    await asyncio.wait_for(path.has_lost(100), 60)
    await restartable.start()
    path.up = True

    with pytest.raises(ConnectionClosed, match=STATELESS_RESET):
        await asyncio.wait_for(client.receive(), 20)
    await asyncio.gather(sending, return_exceptions=True)
    path.close()


async def test_a_new_address_does_not_hide_it(restartable: RestartableServer) -> None:
    await restartable.start()
    client = await restartable.connect()
    client.connection.rebind()
    await client.send(b"\xfeSMB")
    await asyncio.wait_for(client.receive(), 20)
    restartable.kill()
    await restartable.start()
    await client.send(b"\xfeSMB")

    with pytest.raises(ConnectionClosed, match=STATELESS_RESET):
        await asyncio.wait_for(client.receive(), 20)


@pytest.mark.parametrize(
    "pairing", ["aioquic", "qh3-aioquic", "aioquic-native", "qh3-native"], indirect=True
)
async def test_a_new_connection_id_does_not_hide_it(restartable: RestartableServer) -> None:
    """Not for servers on qh3, whose core makes up the tokens for all ids but the first."""
    await restartable.start()
    client = await restartable.connect()
    library_of(client).change_connection_id()
    await client.send(b"\xfeSMB")
    await asyncio.wait_for(client.receive(), 20)
    restartable.kill()
    await restartable.start()
    await client.send(b"\xfeSMB")

    with pytest.raises(ConnectionClosed, match=STATELESS_RESET):
        await asyncio.wait_for(client.receive(), 20)


async def test_the_next_connection_is_served(restartable: RestartableServer) -> None:
    await restartable.start()
    await restartable.connect()
    restartable.kill()
    await restartable.start()
    again = await restartable.connect()

    again.close()
    await asyncio.wait_for(again.wait_closed(), 20)


async def test_nobody_else_can_end_a_connection(
    restartable: RestartableServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server with another key on the same port is not believed."""
    await restartable.start()
    client = await restartable.connect()
    restartable.kill()
    await restartable.start(init(tmp_path / "other"))
    received = asyncio.Event()
    take = client.connection.unmatched_received

    def note(datagram: bytes, path: udp.Path, now: float) -> None:
        take(datagram, path, now)
        received.set()

    monkeypatch.setattr(client.connection, "unmatched_received", note)
    await client.send(b"\xfeSMB")
    await asyncio.wait_for(received.wait(), 20)

    assert engine_of(client).close_reason is None


async def test_noise_is_answered_with_less_of_it(restartable: RestartableServer) -> None:
    listener = await restartable.start()
    loop = asyncio.get_running_loop()
    noise = b"\x40" + bytes(range(8)) + bytes(60)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.connect((HOST, restartable.port))
        await loop.sock_sendall(sock, noise)
        answer = await asyncio.wait_for(loop.sock_recv(sock, 2048), 20)

        assert len(answer) < len(noise)
        own = restartable.pki.server.key.read_bytes()
        assert answer.endswith(StatelessResets(own, listener.url).token(bytes(range(8))))

        # Two ends that have forgotten each other fall silent: each answer is smaller.
        exchanged = 0
        while len(answer) > 21:
            await loop.sock_sendall(sock, answer)
            answer, former = await asyncio.wait_for(loop.sock_recv(sock, 2048), 20), answer
            assert len(answer) < len(former)
            exchanged += 1
        assert exchanged <= len(noise)
