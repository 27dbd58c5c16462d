"""QUIC peers that are no SMB peers: other protocols, other streams, other versions, garbage."""

import asyncio
import logging
import socket
from typing import Any

import pytest
from aioquic.asyncio.client import connect as aioquic_connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.asyncio.server import serve as aioquic_serve
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionTerminated, QuicEvent, StreamDataReceived
from aioquic.tls import SessionTicket

from smbquic.errors import HandshakeError
from smbquic.pki import PkiDirectory
from smbquic.transport import quic
from smbquic.transport.quic.packet import VERSION_2
from smbquic.transport.quic.transport import QuicTransport
from tests.engines import AUTO, ENGINES, INSTALLED
from tests.integration.aioquic_client import aioquic_configuration, first_datagram
from tests.integration.handshaking import (
    EchoServer,
    close,
    one_client,
    one_server,
)
from tests.integration.internals import engine_of, handshakes_of
from tests.integration.pairing import Pairing


@one_server
@pytest.mark.parametrize("alpn", [["h3"], None])
async def test_a_client_of_another_protocol_is_refused(
    echo_server: EchoServer, identity: quic.ServerTls, pki: PkiDirectory, alpn: list[str] | None
) -> None:
    await echo_server.start(identity)
    with pytest.raises(ConnectionError):
        async with aioquic_connect(
            "127.0.0.1", echo_server.port, configuration=aioquic_configuration(pki, alpn)
        ):
            pass

    assert echo_server.accepted.empty()


@one_client
@pytest.mark.parametrize("alpn", [["h3"], None])
async def test_a_server_of_another_protocol_is_recognized(
    pki: PkiDirectory, alpn: list[str] | None, pairing: Pairing
) -> None:
    configuration = QuicConfiguration(is_client=False, alpn_protocols=alpn)
    configuration.load_cert_chain(pki.server.certificate, pki.server.key)
    foreign = await aioquic_serve("127.0.0.1", 0, configuration=configuration)
    assert foreign._transport is not None
    port = foreign._transport.get_extra_info("sockname")[1]
    with pytest.raises(HandshakeError, match="ALPN") as caught:
        await pairing.connect("127.0.0.1", port, trust=quic.ClientTls(ca=pki.ca))
    foreign.close()

    assert caught.value.reason == "alpn"


class EchoClient(QuicConnectionProtocol):
    """A client of aioquic's that is sent back what it sends."""

    def __init__(self, connection: QuicConnection, **more: Any) -> None:
        self._received: asyncio.Queue[bytes] = asyncio.Queue()
        super().__init__(connection, **more)

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, StreamDataReceived):
            self._received.put_nowait(event.data)

    async def exchange(self) -> None:
        """Send a message, and wait for it."""
        self._quic.send_stream_data(0, b"\0\0\0\1a")
        self.transmit()
        assert await asyncio.wait_for(self._received.get(), 60) == b"\0\0\0\1a"


class ZeroLengthIdClient(EchoClient):
    """A client with a zero-length connection ID.

    aioquic would use one for the server too, and send NEW_CONNECTION_ID frames with empty ones.
    """

    def __init__(self, connection: QuicConnection, **more: Any) -> None:
        first = bytes(range(8))
        connection._peer_cid.cid = connection._original_destination_connection_id = first
        connection._replenish_connection_ids = lambda: None  # type: ignore[method-assign]
        super().__init__(connection, **more)


@pytest.mark.parametrize("pairing", ["aioquic", "native", "auto"], indirect=True)
@pytest.mark.parametrize("half_open", [256, 1])
async def test_a_client_with_a_zero_length_connection_id_is_served(
    echo_server: EchoServer, identity: quic.ServerTls, pki: PkiDirectory, half_open: int
) -> None:
    """With one half-open handshake allowed, each client has to prove its address first."""
    await echo_server.start(identity, options=quic.QuicOptions(max_half_open=half_open))
    configuration = aioquic_configuration(pki, ["smb"], connection_id_length=0)
    async with aioquic_connect(
        "127.0.0.1",
        echo_server.port,
        configuration=configuration,
        create_protocol=ZeroLengthIdClient,
    ) as client:
        assert isinstance(client, ZeroLengthIdClient)
        await client.exchange()
        transport = await echo_server.connection()

    server = echo_server.pairing.server
    expected = "aioquic" if AUTO == "qh3" else AUTO
    assert transport.peer.engine == (expected if server == "auto" else server)


@pytest.mark.parametrize("pairing", [*ENGINES, "auto"], indirect=True)
async def test_a_client_that_begins_with_version_2_is_served(
    echo_server: EchoServer, identity: quic.ServerTls, pki: PkiDirectory
) -> None:
    """Where no engine has it, the client is asked for version 1."""
    await echo_server.start(identity)
    configuration = aioquic_configuration(pki, ["smb"])
    configuration.original_version = VERSION_2
    async with aioquic_connect(
        "127.0.0.1", echo_server.port, configuration=configuration, create_protocol=EchoClient
    ) as client:
        assert isinstance(client, EchoClient)
        await client.exchange()
        transport = await echo_server.connection()

    server = echo_server.pairing.server
    expected = next(name for name in ("qh3", "aioquic") if name in INSTALLED)
    assert transport.peer.engine == (expected if server == "auto" else server)


@pytest.mark.parametrize("pairing", ["qh3"], indirect=True)
async def test_a_named_engine_refuses_clients_that_it_cannot_serve(
    echo_server: EchoServer,
    identity: quic.ServerTls,
    pki: PkiDirectory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    await echo_server.start(identity)
    configuration = aioquic_configuration(pki, ["smb"], connection_id_length=0, idle_timeout=1.0)
    with pytest.raises(ConnectionError):
        async with aioquic_connect(
            "127.0.0.1",
            echo_server.port,
            configuration=configuration,
            create_protocol=ZeroLengthIdClient,
        ):
            pass

    assert "not accepted: qh3 cannot answer clients with zero-length connection IDs" in caplog.text


class AioquicClient(QuicConnectionProtocol):
    """A client of aioquic's, which the test drives."""

    ended: asyncio.Future[ConnectionTerminated]

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ConnectionTerminated) and not self.ended.done():
            self.ended.set_result(event)


@one_server
@pytest.mark.parametrize("stream", [4, 2, 6])
async def test_a_second_stream_ends_the_connection(
    echo_server: EchoServer, identity: quic.ServerTls, pki: PkiDirectory, stream: int
) -> None:
    await echo_server.start(identity)
    configuration = aioquic_configuration(pki, ["smb"])
    async with aioquic_connect(
        "127.0.0.1", echo_server.port, configuration=configuration, create_protocol=AioquicClient
    ) as client:
        assert isinstance(client, AioquicClient)
        client.ended = asyncio.get_running_loop().create_future()
        client._quic.send_stream_data(0, b"\0\0\0\1a")
        client.transmit()
        transport = await echo_server.connection()
        # aioquic keeps to the limits that the server has set, so they are raised here.
        limit = "_remote_max_streams_bidi" if stream == 4 else "_remote_max_streams_uni"
        setattr(client._quic, limit, 100)
        client._quic._remote_max_stream_data_uni = 100
        client._quic.send_stream_data(stream, b"hello")
        client.transmit()
        event = await asyncio.wait_for(client.ended, 20)
        await asyncio.wait_for(transport.wait_closed(), 20)

    assert event.error_code == 4  # STREAM_LIMIT_ERROR


@one_server
@pytest.mark.parametrize("how", ["reset", "stop", "end"])
async def test_a_stream_that_is_reset_or_ended_ends_the_connection(
    echo_server: EchoServer, identity: quic.ServerTls, pki: PkiDirectory, how: str
) -> None:
    await echo_server.start(identity)
    configuration = aioquic_configuration(pki, ["smb"])
    async with aioquic_connect(
        "127.0.0.1", echo_server.port, configuration=configuration, create_protocol=AioquicClient
    ) as client:
        assert isinstance(client, AioquicClient)
        client.ended = asyncio.get_running_loop().create_future()
        client._quic.send_stream_data(0, b"\0\0\0\1a\0\0\0\2b")
        client.transmit()
        transport = await echo_server.connection()
        if how == "reset":
            client._quic.reset_stream(0, 7)
        elif how == "stop":
            client._quic.stop_stream(0, 7)
        else:
            client._quic.send_stream_data(0, b"", end_stream=True)
        client.transmit()
        await asyncio.wait_for(client.ended, 20)
        await asyncio.wait_for(transport.wait_closed(), 20)


@one_server
async def test_early_data_is_never_offered(
    echo_server: EchoServer, identity: quic.ServerTls, pki: PkiDirectory
) -> None:
    tickets: list[SessionTicket] = []
    await echo_server.start(identity)
    configuration = aioquic_configuration(pki, ["smb"])
    async with aioquic_connect(
        "127.0.0.1",
        echo_server.port,
        configuration=configuration,
        session_ticket_handler=tickets.append,
    ) as client:
        await client.ping()

    assert [ticket.max_early_data_size for ticket in tickets] == [None]


@one_server
async def test_an_unknown_version_is_answered_with_the_known_ones(
    echo_server: EchoServer, identity: quic.ServerTls, pki: PkiDirectory
) -> None:
    await echo_server.start(identity)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", echo_server.port))
        sock.setblocking(False)
        datagram = bytearray(first_datagram(pki))
        datagram[1:5] = b"\x1a\x2a\x3a\x4a"
        sock.send(datagram)
        answer = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(sock, 2000), 20)
    server_id, client_id = datagram[6:14], datagram[15 : 15 + datagram[14]]

    assert answer[0] & 0x80
    assert answer[1:5] == bytes(4)
    assert answer[5:] == (
        bytes([len(client_id)])
        + client_id
        + bytes([8])
        + server_id
        + bytes.fromhex(
            "00000001" if echo_server.pairing.server == "native" else "000000016b3343cf"
        )
    )


@one_server
async def test_garbage_is_dropped(
    echo_server: EchoServer,
    identity: quic.ServerTls,
    pki: PkiDirectory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await echo_server.start(identity)
    good = first_datagram(pki)
    client = await echo_server.connect(quic.ClientTls(ca=pki.ca))
    accepted = await echo_server.connection()
    assert isinstance(accepted, QuicTransport)
    known = bytes(engine_of(accepted).connection_id)
    junk = [
        b"\x40",
        b"\x00" * 1200,
        b"\xff" * 1200,
        b"\xc0" + bytes(1199),
        b"\x80\x00\x00\x00\x00\xff",
        b"\xc0\x00\x00\x00\x01\xff" + bytes(1300),
        b"\x40" + known + bytes(1200),
        b"\x40" + known,
        b"\xc0\x00\x00\x00\x01\x08" + known + bytes(1300),
        good[:100],
        good[:1199],
        good[:200] + bytes(1000),
        bytes(reversed(good)),
        good[:30] + b"\xff" * (len(good) - 30),
    ]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for datagram in junk:
            sock.sendto(datagram, ("127.0.0.1", echo_server.port))
    await client.send(b"unimpressed")

    assert bytes(await asyncio.wait_for(client.receive(), 20)) == b"unimpressed"
    assert not caplog.records
    assert not handshakes_of(echo_server.listener)
    await close(client)
