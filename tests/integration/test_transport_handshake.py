"""How a QUIC connection comes about, and what is said when it does not."""

import asyncio
import io
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aioquic.asyncio.client import connect as foreign_connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.asyncio.server import serve as foreign_serve
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection

from smbquic.errors import ConnectError, ConnectionClosed, HandshakeError
from smbquic.pki import Fault, FaultyPki, PkiDirectory, Purpose, Trust, init, verify
from smbquic.server.overload.refusals import ServerRefusal
from smbquic.transport import quic
from smbquic.transport.base import MessageTransport
from smbquic.transport.quic import half_open
from smbquic.transport.refusals import ListenerRefusal, Refusal, Refusals
from tests.integration.conftest import Pairing

certifying = pytest.mark.parametrize("pairing", ["aioquic", "qh3-aioquic"], indirect=True)
"""For a server that asks for a client's certificate, which qh3 cannot."""
one_client = pytest.mark.parametrize("pairing", ["aioquic", "qh3"], indirect=True)
"""For a client whose server is none of ours."""
one_server = one_client
"""For a server whose client is none of ours."""
INITIAL, RETRY = 0xC, 0xF
"""The first four bits of these packets. [RFC 9000] 17.2"""


class Server:
    """A QUIC listener whose connections wait for their end."""

    def __init__(self, pairing: Pairing) -> None:
        self.pairing = pairing
        self.accepted: asyncio.Queue[MessageTransport] = asyncio.Queue()
        self.listener: quic.QuicListener

    async def start(self, identity: quic.ServerTls, **options: Any) -> None:
        host = options.pop("host", "127.0.0.1")
        self.listener = await self.pairing.listen(
            host, 0, self.serve, certificate=identity, **options
        )

    @property
    def port(self) -> int:
        return int(self.listener.url.rpartition(":")[2])

    async def serve(self, transport: MessageTransport) -> None:
        self.accepted.put_nowait(transport)
        while True:
            await transport.send(await transport.receive())

    async def connection(self) -> MessageTransport:
        return await asyncio.wait_for(self.accepted.get(), 20)

    async def connect(self, trust: quic.ClientTls, host: str = "127.0.0.1", **options: Any) -> Any:
        return await self.pairing.connect(host, self.port, trust=trust, **options)


@pytest.fixture
async def server(pairing: Pairing) -> AsyncIterator[Server]:
    made = Server(pairing)
    yield made
    if hasattr(made, "listener"):
        await made.listener.close()


@pytest.fixture
def identity(pki: PkiDirectory) -> quic.ServerTls:
    return quic.ServerTls(pki.server.certificate, pki.server.key)


def find_port() -> int:
    """A UDP port that nobody uses."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


async def end(transport: MessageTransport) -> None:
    transport.close()
    await transport.wait_closed()


def judge_clients(pki: PkiDirectory) -> Any:
    trust = Trust.load(pki.ca)
    return lambda chain: verify(chain, Purpose.CLIENT, trust)


def demanding(pki: PkiDirectory) -> quic.ServerTls:
    return quic.ServerTls(
        pki.server.certificate, pki.server.key, client_ca=pki.ca, verify=judge_clients(pki)
    )


# The server's certificate.


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_trusted_server_is_trusted_by_name_and_by_address(
    server: Server, identity: quic.ServerTls, pki: PkiDirectory, host: str
) -> None:
    await server.start(identity)
    client = await server.connect(quic.ClientTls(ca=pki.ca), host)
    accepted = await server.connection()
    names = {"127.0.0.1": "", "localhost": "localhost"}

    assert client.peer.authenticated
    assert client.peer.alpn == accepted.peer.alpn == "smb"
    assert client.peer.cipher == accepted.peer.cipher == "AES_128_GCM_SHA256"
    assert client.peer.server_name == host
    assert accepted.peer.server_name == names[host]
    assert len(client.peer.certificates) == 2
    assert client.peer.certificates[0].startswith(b"\x30")
    await end(client)


async def test_the_name_may_differ_from_the_host(
    server: Server, identity: quic.ServerTls, pki: PkiDirectory
) -> None:
    await server.start(identity)
    client = await server.connect(quic.ClientTls(ca=pki.ca), server_name="fs.example")

    assert (await server.connection()).peer.server_name == "fs.example"
    await end(client)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault.EXPIRED, "expired"),
        (Fault.NOT_YET_VALID, "not-yet-valid"),
        (Fault.WRONG_NAME, "wrong-name"),
        (Fault.UNKNOWN_CA, "unknown-ca"),
        (Fault.SELF_SIGNED, "unknown-ca"),
    ],
)
async def test_a_bad_server_is_refused_and_told_apart(
    server: Server, pki: PkiDirectory, bad_pki: FaultyPki, fault: Fault, reason: str
) -> None:
    files = bad_pki.server(fault)
    await server.start(quic.ServerTls(files.certificate, files.key))
    with pytest.raises(HandshakeError, match=r"the certificate of quic://127\.0\.0\.1") as caught:
        await server.connect(quic.ClientTls(ca=pki.ca))

    assert caught.value.reason == reason
    assert server.accepted.empty()


@pytest.mark.parametrize("fault", [Fault.EXPIRED, Fault.WRONG_NAME, Fault.WRONG_USAGE])
async def test_a_verdict_of_our_own_is_passed_on(
    server: Server, pki: PkiDirectory, bad_pki: FaultyPki, fault: Fault
) -> None:
    files = bad_pki.server(fault)
    await server.start(quic.ServerTls(files.certificate, files.key))
    trust = Trust.load(pki.ca)

    def judge(chain: list[bytes], name: str) -> None:
        verify(chain, Purpose.SERVER, trust, name=name)

    with pytest.raises(HandshakeError, match="certificate") as caught:
        await server.connect(quic.ClientTls(verify=judge), "localhost")

    assert caught.value.reason == fault.value
    assert server.accepted.empty()


async def test_a_verdict_of_our_own_may_be_yes(
    server: Server, identity: quic.ServerTls, pki: PkiDirectory
) -> None:
    asked: list[tuple[int, str]] = []
    await server.start(identity)
    trust = quic.ClientTls(verify=lambda chain, name: asked.append((len(chain), name)))
    client = await server.connect(trust, "localhost")

    assert asked == [(2, "localhost")]
    assert client.peer.authenticated
    await end(client)


async def test_nobody_is_trusted_by_default(server: Server, identity: quic.ServerTls) -> None:
    await server.start(identity)
    with pytest.raises(HandshakeError, match="not trusted") as caught:
        await server.connect(quic.ClientTls())

    assert caught.value.reason == "unknown-ca"


async def test_insecure_means_that_nobody_is_authenticated(
    server: Server, bad_pki: FaultyPki
) -> None:
    files = bad_pki.server(Fault.EXPIRED)
    await server.start(quic.ServerTls(files.certificate, files.key))
    client = await server.connect(quic.ClientTls(insecure=True))

    assert client.peer.encrypted
    assert not client.peer.authenticated
    assert client.peer.certificates == ()
    await end(client)


async def test_a_renewed_certificate_is_used_from_the_next_connection_on(
    server: Server, identity: quic.ServerTls, pki: PkiDirectory, tmp_path: Path
) -> None:
    await server.start(identity)
    before = await server.connect(quic.ClientTls(ca=pki.ca))
    other = init(tmp_path / "other")
    server.listener.reload(quic.ServerTls(other.server.certificate, other.server.key))
    after = await server.connect(quic.ClientTls(ca=other.ca))
    with pytest.raises(HandshakeError):
        await server.connect(quic.ClientTls(ca=pki.ca))
    with pytest.raises(OSError, match="missing"):
        server.listener.reload(quic.ServerTls(tmp_path / "missing.pem", tmp_path / "missing.key"))
    server.listener.reload()
    again = await server.connect(quic.ClientTls(ca=other.ca))
    await before.send(b"still here")

    assert bytes(await asyncio.wait_for(before.receive(), 20)) == b"still here"
    for transport in (before, after, again):
        await end(transport)


# The client's certificate.


@certifying
async def test_a_client_shows_its_certificate_when_asked(server: Server, pki: PkiDirectory) -> None:
    await server.start(demanding(pki))
    files = pki.client
    trust = quic.ClientTls(ca=pki.ca, certificate=files.certificate, key=files.key)
    client = await server.connect(trust)
    accepted = await server.connection()

    assert accepted.peer.authenticated
    assert len(accepted.peer.certificates) == 2
    await client.send(b"let in")
    assert bytes(await asyncio.wait_for(client.receive(), 20)) == b"let in"
    await end(client)


@certifying
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault.EXPIRED, "expired"),
        (Fault.UNKNOWN_CA, "unknown-ca"),
        (Fault.WRONG_USAGE, "bad-certificate"),
    ],
)
async def test_a_bad_client_is_refused_and_told(
    server: Server, pki: PkiDirectory, bad_pki: FaultyPki, fault: Fault, reason: str
) -> None:
    await server.start(demanding(pki))
    files = bad_pki.client(fault)
    trust = quic.ClientTls(ca=pki.ca, certificate=files.certificate, key=files.key)
    with pytest.raises(HandshakeError) as caught:
        await server.connect(trust)

    assert caught.value.reason == reason
    assert server.accepted.empty()


@certifying
async def test_a_client_without_a_certificate_is_refused(
    server: Server, pki: PkiDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    await server.start(demanding(pki))
    with (
        caplog.at_level(logging.INFO, "smbquic"),
        pytest.raises(HandshakeError, match="demands a client certificate") as caught,
    ):
        await server.connect(quic.ClientTls(ca=pki.ca))

    assert caught.value.reason == "no-certificate"
    assert server.accepted.empty()
    assert "the client showed no certificate" in caplog.text


@certifying
async def test_access_rules_have_an_alert_of_their_own(server: Server, pki: PkiDirectory) -> None:
    def judge(chain: list[bytes]) -> None:
        raise HandshakeError("rule 3 denies it", "access-denied")

    identity = quic.ServerTls(pki.server.certificate, pki.server.key, verify=judge)
    await server.start(identity)
    files = pki.client
    trust = quic.ClientTls(ca=pki.ca, certificate=files.certificate, key=files.key)
    with pytest.raises(HandshakeError, match="rule 3 denies it") as caught:
        await server.connect(trust)

    assert caught.value.reason == "access-denied"


@certifying
async def test_a_judge_that_fails_lets_nobody_in(
    server: Server, pki: PkiDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    def judge(chain: list[bytes]) -> None:
        raise ZeroDivisionError

    await server.start(quic.ServerTls(pki.server.certificate, pki.server.key, verify=judge))
    files = pki.client
    trust = quic.ClientTls(ca=pki.ca, certificate=files.certificate, key=files.key)
    with pytest.raises(HandshakeError):
        await server.connect(trust)

    assert server.accepted.empty()
    assert "ZeroDivisionError" in caplog.text


# ALPN, versions, streams: peers that are no SMB peers.


def foreign_configuration(pki: PkiDirectory, alpn: list[str] | None, **more: Any) -> Any:
    return QuicConfiguration(
        is_client=True,
        alpn_protocols=alpn,
        cafile=str(pki.ca),
        server_name="localhost",
        **more,
    )


@one_server
@pytest.mark.parametrize("alpn", [["h3"], None])
async def test_a_client_of_another_protocol_is_turned_away(
    server: Server, identity: quic.ServerTls, pki: PkiDirectory, alpn: list[str] | None
) -> None:
    await server.start(identity)
    with pytest.raises(ConnectionError):
        async with foreign_connect(
            "127.0.0.1", server.port, configuration=foreign_configuration(pki, alpn)
        ):
            pass

    assert server.accepted.empty()


class Nameless(QuicConnectionProtocol):
    """A client without a connection id.

    aioquic would give the server none either, and tell it of further ones that are empty.
    """

    def __init__(self, connection: QuicConnection, **more: Any) -> None:
        first = bytes(range(8))
        connection._peer_cid.cid = connection._original_destination_connection_id = first
        connection._replenish_connection_ids = lambda: None  # type: ignore[method-assign]
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        super().__init__(connection, **more)

    def quic_event_received(self, event: Any) -> None:
        if type(event).__name__ == "StreamDataReceived":
            self.heard.put_nowait(event.data)


@pytest.mark.parametrize("pairing", ["aioquic", "auto"], indirect=True)
@pytest.mark.parametrize("half_open", [256, 1])
async def test_a_client_without_a_connection_id_of_its_own(
    server: Server, identity: quic.ServerTls, pki: PkiDirectory, half_open: int
) -> None:
    """With one half-open handshake allowed, each client has to prove its address first."""
    await server.start(identity, options=quic.QuicOptions(max_half_open=half_open))
    configuration = foreign_configuration(pki, ["smb"], connection_id_length=0)
    async with foreign_connect(
        "127.0.0.1", server.port, configuration=configuration, create_protocol=Nameless
    ) as nameless:
        assert isinstance(nameless, Nameless)
        nameless._quic.send_stream_data(0, b"\0\0\0\1a")
        nameless.transmit()
        assert await asyncio.wait_for(nameless.heard.get(), 60) == b"\0\0\0\1a"
        transport = await server.connection()

    assert transport.peer.engine == "aioquic"


@pytest.mark.parametrize("pairing", ["qh3"], indirect=True)
async def test_an_engine_that_was_asked_for_turns_away_whom_it_cannot_answer(
    server: Server,
    identity: quic.ServerTls,
    pki: PkiDirectory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    await server.start(identity)
    configuration = foreign_configuration(pki, ["smb"], connection_id_length=0, idle_timeout=1.0)
    with pytest.raises(ConnectionError):
        async with foreign_connect(
            "127.0.0.1", server.port, configuration=configuration, create_protocol=Nameless
        ):
            pass

    assert "turned away: qh3 cannot answer clients with zero-length connection IDs" in caplog.text


@one_client
@pytest.mark.parametrize("alpn", [["h3"], None])
async def test_a_server_of_another_protocol_is_recognized(
    pki: PkiDirectory, alpn: list[str] | None, pairing: Pairing
) -> None:
    configuration = QuicConfiguration(is_client=False, alpn_protocols=alpn)
    configuration.load_cert_chain(pki.server.certificate, pki.server.key)
    foreign = await foreign_serve("127.0.0.1", 0, configuration=configuration)
    transport: Any = foreign._transport
    port = transport.get_extra_info("sockname")[1]
    with pytest.raises(HandshakeError, match="ALPN") as caught:
        await pairing.connect("127.0.0.1", port, trust=quic.ClientTls(ca=pki.ca))
    foreign.close()

    assert caught.value.reason == "alpn"


class ForeignClient(QuicConnectionProtocol):
    """A client that does as the test says."""

    ended: asyncio.Future[Any]

    def quic_event_received(self, event: Any) -> None:
        if type(event).__name__ == "ConnectionTerminated" and not self.ended.done():
            self.ended.set_result(event)


@one_server
@pytest.mark.parametrize("stream", [4, 2, 6])
async def test_a_second_stream_ends_the_connection(
    server: Server, identity: quic.ServerTls, pki: PkiDirectory, stream: int
) -> None:
    await server.start(identity)
    configuration = foreign_configuration(pki, ["smb"])
    async with foreign_connect(
        "127.0.0.1", server.port, configuration=configuration, create_protocol=ForeignClient
    ) as client:
        assert isinstance(client, ForeignClient)
        client.ended = asyncio.get_running_loop().create_future()
        client._quic.send_stream_data(0, b"\0\0\0\1a")
        client.transmit()
        transport = await server.connection()
        # It knows the limit, and has to be talked into breaking it.
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
async def test_a_stream_that_is_given_up_ends_the_connection(
    server: Server, identity: quic.ServerTls, pki: PkiDirectory, how: str
) -> None:
    await server.start(identity)
    configuration = foreign_configuration(pki, ["smb"])
    async with foreign_connect(
        "127.0.0.1", server.port, configuration=configuration, create_protocol=ForeignClient
    ) as client:
        assert isinstance(client, ForeignClient)
        client.ended = asyncio.get_running_loop().create_future()
        client._quic.send_stream_data(0, b"\0\0\0\1a\0\0\0\2b")
        client.transmit()
        transport = await server.connection()
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
    server: Server, identity: quic.ServerTls, pki: PkiDirectory
) -> None:
    tickets: list[Any] = []
    await server.start(identity)
    configuration = foreign_configuration(pki, ["smb"])
    async with foreign_connect(
        "127.0.0.1",
        server.port,
        configuration=configuration,
        session_ticket_handler=tickets.append,
    ) as client:
        await client.ping()

    assert [ticket.max_early_data_size for ticket in tickets] == [None]


# Nobody there, or nobody that understands.


@one_client
async def test_a_closed_port_is_reported_at_once(pki: PkiDirectory, pairing: Pairing) -> None:
    async with asyncio.timeout(20):
        with pytest.raises(ConnectError, match="nothing listens"):
            await pairing.connect(
                "127.0.0.1", find_port(), trust=quic.ClientTls(ca=pki.ca), timeout=60
            )


@one_client
async def test_silence_is_given_up_on(pki: PkiDirectory, pairing: Pairing) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectError, match=r"did not answer within 0\.2 s.*UDP port"):
            await pairing.connect(
                "127.0.0.1", sock.getsockname()[1], trust=quic.ClientTls(ca=pki.ca), timeout=0.2
            )
        with pytest.raises(ConnectError, match="did not complete the handshake"):
            await pairing.connect(
                "127.0.0.1",
                sock.getsockname()[1],
                trust=quic.ClientTls(ca=pki.ca),
                options=quic.QuicOptions(handshake_timeout=0.2),
            )


@one_client
async def test_a_name_without_an_address_is_reported(pki: PkiDirectory, pairing: Pairing) -> None:
    with pytest.raises(ConnectError, match=r"'nowhere\.invalid' cannot be resolved"):
        await pairing.connect("nowhere.invalid", 443, trust=quic.ClientTls(ca=pki.ca))


@one_client
async def test_the_file_of_a_ca_must_hold_one(
    pki: PkiDirectory, tmp_path: Path, pairing: Pairing
) -> None:
    (tmp_path / "empty.pem").write_text("nothing\n")
    with pytest.raises(HandshakeError, match="holds no certificate"):
        await pairing.connect("127.0.0.1", 1, trust=quic.ClientTls(ca=tmp_path / "empty.pem"))


@one_server
async def test_a_port_in_use_is_an_os_error(
    server: Server, identity: quic.ServerTls, pairing: Pairing
) -> None:
    await server.start(identity)
    with pytest.raises(OSError, match="in use"):
        await pairing.listen("127.0.0.1", server.port, server.serve, certificate=identity)


@one_server
async def test_the_server_gives_up_on_half_open_handshakes(
    server: Server, identity: quic.ServerTls, pki: PkiDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    await server.start(identity, options=quic.QuicOptions(handshake_timeout=0.2))
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        caplog.at_level(logging.INFO, "smbquic"),
    ):
        sock.connect(("127.0.0.1", server.port))
        sock.setblocking(False)
        sock.send(first_datagram(pki))
        loop = asyncio.get_running_loop()
        while "did not complete the handshake" not in caplog.text:
            await asyncio.wait_for(loop.sock_recv(sock, 2000), 20)
    # Whoever goes through with it is welcome; let him have the time that this machine takes.
    patient = replace(server.listener._options, handshake_timeout=60)
    server.listener._options = patient
    client = await server.connect(quic.ClientTls(ca=pki.ca))
    await end(client)


def written(folder: Path) -> Path:
    (trace,) = folder.glob("*.qlog")
    return trace


def first_datagram(pki: PkiDirectory) -> bytes:
    """What a client sends first."""
    connection = QuicConnection(configuration=foreign_configuration(pki, ["smb"]))
    connection.connect(("127.0.0.1", 1), 0.0)
    datagram: bytes = connection.datagrams_to_send(0.0)[0][0]
    return datagram


async def ignored(server: Server, pki: PkiDirectory, refusals: Refusals, why: Refusal) -> None:
    """A client comes, is refused for that reason, and goes on waiting for an answer."""
    patient = quic.QuicOptions(handshake_timeout=600)
    connecting = asyncio.create_task(
        server.connect(quic.ClientTls(ca=pki.ca), timeout=600, options=patient)
    )
    try:
        async with asyncio.timeout(60):
            while not refusals.counts[why] and not connecting.done():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert not connecting.done()
    finally:
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)


async def ask(server: Server, datagram: bytes) -> bytes:
    """Send one datagram and return the first that comes back."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", server.port))
        sock.setblocking(False)
        sock.send(datagram)
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(sock, 2000), 20)


@one_server
async def test_where_many_handshakes_are_half_done_a_client_must_prove_its_address(
    server: Server, identity: quic.ServerTls, pki: PkiDirectory
) -> None:
    await server.start(identity, options=quic.QuicOptions(max_half_open=2))
    first = await ask(server, first_datagram(pki))
    datagram = first_datagram(pki)
    second = await ask(server, datagram)
    token = second[23:-16]
    # The same client again, with a token that is not its own.
    forged = datagram[:15] + datagram[15:23] + bytes([0x40, len(token)]) + token + datagram[24:]
    third = await ask(server, forged[:1200])
    client = await server.connect(quic.ClientTls(ca=pki.ca))
    await client.send(b"proven")

    assert [answer[0] >> 4 for answer in (first, second, third)] == [0xC, 0xF, 0xF]
    assert bytes(await asyncio.wait_for(client.receive(), 20)) == b"proven"
    assert len(server.listener._half_open) == 1
    await end(client)


class Stopped:
    """A client that proves its address, hears the server's first answer, and says no more."""

    def __init__(self, configuration: QuicConfiguration, port: int, host: str) -> None:
        self._server = ("127.0.0.1", port)
        self._quic = QuicConnection(configuration=configuration)
        self._quic.connect(self._server, 0.0)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.setblocking(False)

    def send(self) -> None:
        """Say what is due."""
        for datagram, _ in self._quic.datagrams_to_send(0.0):
            self._socket.sendto(datagram, self._server)

    async def hear(self) -> int:
        """The type of the next packet that comes, which the client takes in."""
        receiving = asyncio.get_running_loop().sock_recv(self._socket, 2000)
        datagram = await asyncio.wait_for(receiving, 60)
        self._quic.receive_datagram(datagram, self._server, 0.0)
        return datagram[0] >> 4

    async def begin(self) -> None:
        """Ask, prove the address if that is demanded, and hear the server's first answer."""
        self.send()
        if await self.hear() == RETRY:
            self.send()
            assert await self.hear() == INITIAL

    def close(self) -> None:
        self._socket.close()


Stop = Callable[[str], Stopped]


@pytest.fixture
def stop(server: Server, pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stop]:
    """Makes such a client at an address; none has to make room because it takes long."""
    monkeypatch.setattr(half_open, "MINIMUM_TIME", 600.0)
    made: list[Stopped] = []

    def stopped(host: str) -> Stopped:
        made.append(Stopped(foreign_configuration(pki, ["smb"]), server.port, host))
        return made[-1]

    yield stopped
    for client in made:
        client.close()


@one_server
async def test_the_number_of_half_open_handshakes_is_limited(
    server: Server, identity: quic.ServerTls, pki: PkiDirectory, stop: Stop
) -> None:
    await server.start(identity, options=quic.QuicOptions(max_half_open=4))
    for number in (1, 1, 2, 3):
        await stop(f"127.0.0.{number}").begin()
    await ignored(server, pki, server.listener._refusals, ListenerRefusal.HALF_OPEN)

    assert len(server.listener._half_open) == 4


@one_server
async def test_an_address_has_only_so_many_handshakes_half_done(
    server: Server, identity: quic.ServerTls, pki: PkiDirectory
) -> None:
    await server.start(
        identity, options=quic.QuicOptions(max_half_open=2, max_half_open_of_address=0)
    )
    await ask(server, first_datagram(pki))
    await ignored(server, pki, server.listener._refusals, ListenerRefusal.HALF_OPEN_OF_ADDRESS)

    assert len(server.listener._half_open) == 1


@one_server
async def test_the_address_with_two_handshakes_more_makes_room(
    server: Server, identity: quic.ServerTls, stop: Stop
) -> None:
    """And none does for an address that would then have as many as the one with the most."""
    await server.start(identity, options=quic.QuicOptions(max_half_open=6))
    begun, refusals = server.listener._half_open, server.listener._refusals
    # The first three are not asked for a proof, and so are of no address.
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
    assert await last.hear() == RETRY
    last.send()
    async with asyncio.timeout(60):
        while not refusals.counts[ListenerRefusal.HALF_OPEN]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert begun.addresses() == hosts


@one_server
async def test_a_handshake_that_takes_long_makes_room(
    server: Server,
    identity: quic.ServerTls,
    pki: PkiDirectory,
    stop: Stop,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await server.start(identity, options=quic.QuicOptions(max_half_open=1))
    await stop("127.0.0.1").begin()
    [first] = server.listener._half_open
    monkeypatch.setattr(half_open, "MINIMUM_TIME", 0.0)
    client = await server.connect(quic.ClientTls(ca=pki.ca))

    assert first not in server.listener._half_open
    await end(client)


class StubLimiter:
    """Lets in whom it is told to, and adds up what they cost."""

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
async def test_while_unauthenticated_clients_cost_too_much_they_validate_their_addresses(
    server: Server, identity: quic.ServerTls, pki: PkiDirectory, stop: Stop
) -> None:
    """Unless it is the turn of their address."""
    limiter = StubLimiter()
    await server.start(identity, limiter=limiter)
    client = await server.connect(quic.ClientTls(ca=pki.ca))
    assert len(limiter.cost) >= 3
    assert {host for host, _ in limiter.postponed} == {"127.0.0.1"}
    await end(client)
    limiter.busy = True
    first = stop("127.0.0.1")
    first.send()
    assert await first.hear() == RETRY
    first.send()
    assert await first.hear() == INITIAL
    limiter.is_full = True
    await ignored(server, pki, limiter.refusals, ServerRefusal.BUSY)

    assert limiter.refusals.counts[ListenerRefusal.UNVALIDATED] >= 2
    assert server.listener._half_open.addresses() == ["127.0.0.1"]


@one_server
async def test_whom_the_gate_does_not_admit_is_not_answered(
    server: Server, identity: quic.ServerTls, pki: PkiDirectory
) -> None:
    """Until it is admitted: a client that is not answered asks again by itself."""
    limiter = StubLimiter()
    limiter.open = False
    await server.start(identity, limiter=limiter)
    patient = quic.QuicOptions(handshake_timeout=600)
    connecting = asyncio.create_task(
        server.connect(quic.ClientTls(ca=pki.ca), timeout=600, options=patient)
    )
    async with asyncio.timeout(60):
        while len(limiter.asked) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert set(limiter.asked) == {"127.0.0.1"}
    assert not connecting.done()
    assert not server.listener._half_open
    assert server.accepted.empty()
    limiter.open = True
    client = await asyncio.wait_for(connecting, 60)
    await client.send(b"admitted")
    assert bytes(await asyncio.wait_for(client.receive(), 20)) == b"admitted"
    await end(client)


async def test_too_many_connections_are_turned_away(
    server: Server, identity: quic.ServerTls, pki: PkiDirectory
) -> None:
    await server.start(identity, max_connections=1)
    first = await server.connect(quic.ClientTls(ca=pki.ca))
    second = await server.connect(quic.ClientTls(ca=pki.ca))
    with pytest.raises(ConnectionClosed, match="too many connections"):
        await asyncio.wait_for(second.receive(), 20)
    await first.send(b"mine")

    assert bytes(await asyncio.wait_for(first.receive(), 20)) == b"mine"
    await end(first)
    await end(second)


@one_server
async def test_an_unknown_version_is_answered_with_the_known_ones(
    server: Server, identity: quic.ServerTls, pki: PkiDirectory
) -> None:
    await server.start(identity)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", server.port))
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
        + bytes.fromhex("000000016b3343cf")
    )


@one_server
async def test_garbage_is_dropped(
    server: Server, identity: quic.ServerTls, pki: PkiDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    await server.start(identity)
    good = first_datagram(pki)
    client = await server.connect(quic.ClientTls(ca=pki.ca))
    accepted: Any = await server.connection()
    known = bytes(accepted._engine.connection_id)
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
            sock.sendto(datagram, ("127.0.0.1", server.port))
    await client.send(b"unimpressed")

    assert bytes(await asyncio.wait_for(client.receive(), 20)) == b"unimpressed"
    assert not caplog.records
    assert not server.listener._half_open
    await end(client)


# What is written down about it.


async def test_secrets_and_events_are_logged_where_asked(
    server: Server, identity: quic.ServerTls, pki: PkiDirectory, tmp_path: Path
) -> None:
    secrets = io.StringIO()
    folders = [tmp_path / "client", tmp_path / "server"]
    for folder in folders:
        folder.mkdir()
    options = [quic.QuicOptions(secrets_log=secrets, qlog=folder) for folder in folders]
    await server.start(identity, options=options[1])
    client = await server.connect(quic.ClientTls(ca=pki.ca), options=options[0])
    await client.send(b"x")
    await client.receive()
    await end(client)
    await server.listener.close()
    traces = [json.loads(path.read_text())["traces"] for path in map(written, folders)]

    assert secrets.getvalue().count("CLIENT_TRAFFIC_SECRET_0") == 2
    assert [trace["vantage_point"]["type"] for (trace,) in traces] == ["client", "server"]


async def test_ipv6(server: Server, identity: quic.ServerTls, pki: PkiDirectory) -> None:
    await server.start(identity, host="::1")
    assert server.listener.url == f"quic://[::1]:{server.port}"
    client = await server.connect(quic.ClientTls(ca=pki.ca), "::1")
    await client.send(b"six")

    assert bytes(await asyncio.wait_for(client.receive(), 20)) == b"six"
    assert client.peer.remote == ("::1", server.port)
    await end(client)


@pytest.mark.parametrize(("any_", "host"), [("0.0.0.0", "127.0.0.1"), ("::", "::1")])
async def test_a_listener_on_all_addresses_answers_from_the_one_it_was_asked_at(
    server: Server, identity: quic.ServerTls, pki: PkiDirectory, any_: str, host: str
) -> None:
    await server.start(identity, host=any_)
    client = await server.connect(quic.ClientTls(ca=pki.ca), host)
    if host == "127.0.0.1":
        # All of 127/8 is this machine; a client is deaf to answers from another address.
        other = await server.connect(
            quic.ClientTls(ca=pki.ca), "127.0.0.77", server_name="localhost"
        )
        await end(other)
    await client.send(b"any")

    assert bytes(await asyncio.wait_for(client.receive(), 20)) == b"any"
    await end(client)
