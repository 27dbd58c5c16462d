"""Limits of a QUIC listener: half-open handshakes, unauthenticated clients, connections."""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection

from smbquic.errors import ConnectionClosed
from smbquic.overload.refusals import ServerRefusal
from smbquic.pki import PkiDirectory
from smbquic.transport import quic
from smbquic.transport.base import MessageTransport
from smbquic.transport.quic import half_open
from smbquic.transport.refusals import ListenerRefusal, Refusal, Refusals
from tests.integration.aioquic_client import aioquic_configuration, first_datagram
from tests.integration.handshaking import (
    EchoServer,
    close,
    one_server,
)
from tests.integration.internals import handshakes_of, refusals_of

INITIAL, RETRY = 0xC, 0xF
"""The first four bits of these packets. [RFC 9000] 17.2"""


@one_server
async def test_the_server_gives_up_on_half_open_handshakes(
    echo_server: EchoServer,
    identity: quic.ServerTls,
    pki: PkiDirectory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await echo_server.start(identity, options=quic.QuicOptions(handshake_timeout=0.2))
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        caplog.at_level(logging.INFO, "smbquic"),
    ):
        sock.connect(("127.0.0.1", echo_server.port))
        sock.setblocking(False)
        sock.send(first_datagram(pki))
        loop = asyncio.get_running_loop()
        while "did not complete the handshake" not in caplog.text:
            await asyncio.wait_for(loop.sock_recv(sock, 2000), 20)
    # The next client completes its handshake, for which a busy machine may need longer.
    patient = replace(echo_server.listener._options, handshake_timeout=60)
    echo_server.listener._options = patient
    client = await echo_server.connect(quic.ClientTls(ca=pki.ca))
    await close(client)


async def refused(
    echo_server: EchoServer, pki: PkiDirectory, refusals: Refusals, why: Refusal
) -> None:
    """Connect a client, which is refused for that reason and goes on waiting for an answer."""
    patient = quic.QuicOptions(handshake_timeout=600)
    connecting = asyncio.create_task(
        echo_server.connect(quic.ClientTls(ca=pki.ca), timeout=600, options=patient)
    )
    try:
        async with asyncio.timeout(60):
            while not refusals.counts[why] and not connecting.done():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert not connecting.done()
    finally:
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)


async def ask(echo_server: EchoServer, datagram: bytes) -> bytes:
    """Send one datagram and return the first that comes back."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", echo_server.port))
        sock.setblocking(False)
        sock.send(datagram)
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(sock, 2000), 20)


@one_server
async def test_a_first_datagram_that_comes_twice_begins_one_handshake(
    echo_server: EchoServer, identity: quic.ServerTls, pki: PkiDirectory
) -> None:
    await echo_server.start(identity)
    datagram = first_datagram(pki)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", echo_server.port))
        sock.setblocking(False)
        for _ in range(2):
            sock.send(datagram)
            await asyncio.wait_for(asyncio.get_running_loop().sock_recv(sock, 2000), 20)
        assert len(handshakes_of(echo_server.listener)) == 1


@one_server
async def test_while_many_handshakes_are_half_open_a_client_must_prove_its_address(
    echo_server: EchoServer, identity: quic.ServerTls, pki: PkiDirectory
) -> None:
    await echo_server.start(identity, options=quic.QuicOptions(max_half_open=2))
    first = await ask(echo_server, first_datagram(pki))
    datagram = first_datagram(pki)
    second = await ask(echo_server, datagram)
    token = second[23:-16]
    # The same client again, with a token that is not its own.
    forged = datagram[:15] + datagram[15:23] + bytes([0x40, len(token)]) + token + datagram[24:]
    third = await ask(echo_server, forged[:1200])
    client = await echo_server.connect(quic.ClientTls(ca=pki.ca))
    await client.send(b"validated")

    assert [answer[0] >> 4 for answer in (first, second, third)] == [0xC, 0xF, 0xF]
    assert bytes(await asyncio.wait_for(client.receive(), 20)) == b"validated"
    assert len(handshakes_of(echo_server.listener)) == 1
    await close(client)


class StoppedClient:
    """A client that validates its address, receives the first answer, and sends no more."""

    def __init__(self, configuration: QuicConfiguration, port: int, host: str) -> None:
        self._server = ("127.0.0.1", port)
        self._quic = QuicConnection(configuration=configuration)
        self._quic.connect(self._server, 0.0)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.setblocking(False)

    def send(self) -> None:
        """Send the datagrams that are due."""
        for datagram, _ in self._quic.datagrams_to_send(0.0):
            self._socket.sendto(datagram, self._server)

    async def receive(self) -> int:
        """Process the next datagram, and return the type of its first packet."""
        receiving = asyncio.get_running_loop().sock_recv(self._socket, 2000)
        datagram = await asyncio.wait_for(receiving, 60)
        self._quic.receive_datagram(datagram, self._server, 0.0)
        return datagram[0] >> 4

    async def begin(self) -> None:
        """Send the first datagram, follow a Retry, and receive the server's first answer."""
        self.send()
        if await self.receive() == RETRY:
            self.send()
            assert await self.receive() == INITIAL

    def close(self) -> None:
        self._socket.close()


Stop = Callable[[str], StoppedClient]


@pytest.fixture
def stop(
    echo_server: EchoServer, pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stop]:
    """Make such a client at an address; none is dropped because it takes long."""
    monkeypatch.setattr(half_open, "MINIMUM_TIME", 600.0)
    made: list[StoppedClient] = []

    def stopped(host: str) -> StoppedClient:
        made.append(StoppedClient(aioquic_configuration(pki, ["smb"]), echo_server.port, host))
        return made[-1]

    yield stopped
    for client in made:
        client.close()


@one_server
async def test_the_number_of_half_open_handshakes_is_limited(
    echo_server: EchoServer, identity: quic.ServerTls, pki: PkiDirectory, stop: Stop
) -> None:
    await echo_server.start(identity, options=quic.QuicOptions(max_half_open=4))
    for number in (1, 1, 2, 3):
        await stop(f"127.0.0.{number}").begin()
    await refused(echo_server, pki, refusals_of(echo_server.listener), ListenerRefusal.HALF_OPEN)

    assert len(handshakes_of(echo_server.listener)) == 4


@one_server
async def test_the_half_open_handshakes_of_an_address_are_limited(
    echo_server: EchoServer, identity: quic.ServerTls, pki: PkiDirectory
) -> None:
    await echo_server.start(
        identity, options=quic.QuicOptions(max_half_open=2, max_half_open_of_address=0)
    )
    await ask(echo_server, first_datagram(pki))
    await refused(
        echo_server, pki, refusals_of(echo_server.listener), ListenerRefusal.HALF_OPEN_OF_ADDRESS
    )

    assert len(handshakes_of(echo_server.listener)) == 1


@one_server
async def test_the_address_with_two_more_handshakes_loses_one(
    echo_server: EchoServer, identity: quic.ServerTls, stop: Stop
) -> None:
    """No handshake is dropped for an address that would then have as many as the others."""
    await echo_server.start(identity, options=quic.QuicOptions(max_half_open=6))
    begun, refusals = handshakes_of(echo_server.listener), refusals_of(echo_server.listener)
    # The addresses of the first three are not validated, and so they are counted for none.
    for number in (1, 1, 1, 2, 2, 3):
        await stop(f"127.0.0.{number}").begin()
    first_of_the_most = list(begun)[3]
    hosts = begun.addresses()
    assert hosts == ["", "", "", "127.0.0.2", "127.0.0.2", "127.0.0.3"]

    await stop("127.0.0.4").begin()
    hosts = begun.addresses()
    assert hosts == ["", "", "", "127.0.0.2", "127.0.0.3", "127.0.0.4"]
    assert first_of_the_most not in begun
    assert not refusals.counts[ListenerRefusal.HALF_OPEN]

    last = stop("127.0.0.5")
    last.send()
    assert await last.receive() == RETRY
    last.send()
    async with asyncio.timeout(60):
        while not refusals.counts[ListenerRefusal.HALF_OPEN]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert begun.addresses() == hosts


@one_server
async def test_a_handshake_that_takes_long_is_dropped_for_a_new_one(
    echo_server: EchoServer,
    identity: quic.ServerTls,
    pki: PkiDirectory,
    stop: Stop,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await echo_server.start(identity, options=quic.QuicOptions(max_half_open=1))
    await stop("127.0.0.1").begin()
    [first] = handshakes_of(echo_server.listener)
    monkeypatch.setattr(half_open, "MINIMUM_TIME", 0.0)
    client = await echo_server.connect(quic.ClientTls(ca=pki.ca))

    assert first not in handshakes_of(echo_server.listener)
    await close(client)


class StubLimiter:
    """Admits clients as the test says, and adds up what they cost."""

    def __init__(self) -> None:
        self.refusals = Refusals(lambda *_: None)
        self.busy = False
        self.open = True
        self.is_full = False
        self.postponed: list[tuple[str, int]] = []
        self.asked: list[str] = []
        self.cost: list[float] = []

    def admits(self, host: str) -> bool:
        self.asked.append(host)
        return self.open

    def expect(self, host: str) -> None:
        pass

    def postpone(self, host: str, size: int, receive: Callable[[], object]) -> bool:
        if self.is_full:
            self.refusals.add(ServerRefusal.BUSY, host)
            return False
        self.postponed.append((host, size))
        asyncio.get_running_loop().call_soon(receive)
        return True

    def charge(self, seconds: float) -> None:
        self.cost.append(seconds)

    async def refuse(self, transport: MessageTransport) -> None:
        raise ConnectionClosed("it did not wait for an answer")


@one_server
async def test_unauthenticated_clients_that_cost_too_much_must_prove_their_address(
    echo_server: EchoServer, identity: quic.ServerTls, pki: PkiDirectory, stop: Stop
) -> None:
    """They are not answered while no more may be postponed."""
    limiter = StubLimiter()
    await echo_server.start(identity, limiter=limiter)
    client = await echo_server.connect(quic.ClientTls(ca=pki.ca))
    assert len(limiter.cost) >= 3
    assert {host for host, _ in limiter.postponed} == {"127.0.0.1"}
    await close(client)
    limiter.busy = True
    first = stop("127.0.0.1")
    first.send()
    assert await first.receive() == RETRY
    first.send()
    assert await first.receive() == INITIAL
    limiter.is_full = True
    await refused(echo_server, pki, limiter.refusals, ServerRefusal.BUSY)

    assert limiter.refusals.counts[ListenerRefusal.UNVALIDATED] >= 2
    assert handshakes_of(echo_server.listener).addresses() == ["127.0.0.1"]


@one_server
async def test_a_client_that_the_limiter_does_not_admit_is_not_answered(
    echo_server: EchoServer, identity: quic.ServerTls, pki: PkiDirectory
) -> None:
    """It is admitted later: a client that is not answered sends its first datagram again."""
    limiter = StubLimiter()
    limiter.open = False
    await echo_server.start(identity, limiter=limiter)
    patient = quic.QuicOptions(handshake_timeout=600)
    connecting = asyncio.create_task(
        echo_server.connect(quic.ClientTls(ca=pki.ca), timeout=600, options=patient)
    )
    async with asyncio.timeout(60):
        while len(limiter.asked) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert set(limiter.asked) == {"127.0.0.1"}
    assert not connecting.done()
    assert not handshakes_of(echo_server.listener)
    assert echo_server.accepted.empty()
    limiter.open = True
    client = await asyncio.wait_for(connecting, 60)
    await client.send(b"admitted")
    assert bytes(await asyncio.wait_for(client.receive(), 20)) == b"admitted"
    await close(client)


async def test_too_many_connections_are_refused(
    echo_server: EchoServer, identity: quic.ServerTls, pki: PkiDirectory
) -> None:
    await echo_server.start(identity, max_connections=1)
    first = await echo_server.connect(quic.ClientTls(ca=pki.ca))
    second = await echo_server.connect(quic.ClientTls(ca=pki.ca))
    with pytest.raises(ConnectionClosed, match="too many connections"):
        await asyncio.wait_for(second.receive(), 20)
    await first.send(b"mine")

    assert bytes(await asyncio.wait_for(first.receive(), 20)) == b"mine"
    await close(first)
    await close(second)
