"""Which clients a listener accepts, on a socket and with engines that the test plays itself."""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import pytest

from smbquic.errors import ConnectionClosed, EngineError, HandshakeError, TransportError
from smbquic.pki import PkiDirectory
from smbquic.transport import framing
from smbquic.transport.addresses import Address, is_wildcard
from smbquic.transport.base import ClientHello, MessageTransport, PathStatistics
from smbquic.transport.quic import listener, steering
from smbquic.transport.quic.connection import QuicConnection
from smbquic.transport.quic.connection_ids import ConnectionIdFormat
from smbquic.transport.quic.engine import (
    Acceptance,
    CloseReason,
    ConnectionIds,
    DatagramSizes,
    Engine,
    EngineChoice,
)
from smbquic.transport.quic.listener import QuicListener, listen_on
from smbquic.transport.quic.listener_keys import ListenerKeys
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.packet import VERSION_1, VERSION_2
from smbquic.transport.quic.plugin import ReadFor
from smbquic.transport.quic.registry import ClientKind, ServerEngines
from smbquic.transport.quic.router import Router
from smbquic.transport.quic.stateless_reset import StatelessResets, is_reset
from smbquic.transport.quic.tls import CertificatesByName, ServerTls
from smbquic.transport.quic.udp import Path, SegmentBatch
from smbquic.transport.refusals import ListenerRefusal, Refusals
from smbquic.transport.serving import Connections, Limiter
from tests.unit.transport.quic.harness import SECURITY, FakeEndpoint, FakeEngine

ONE, TWO, THREE = ((f"192.0.2.{n}", 50000) for n in (1, 2, 3))
ID = b"original"
URL = "quic://192.0.2.9:50000"
CERTIFICATE = ServerTls(b"certificate", b"key")
VERIFYING = ServerTls(b"certificate", b"key", verify=lambda chain: None)
QH3 = EngineChoice("qh3", "the fastest")
AIOQUIC = EngineChoice("aioquic", "it is a test")
ZERO_LENGTH_ID = ClientKind(zero_length_id=True, version_2=False)
OF_VERSION_2 = ClientKind(zero_length_id=False, version_2=True)
KINDS = (ZERO_LENGTH_ID, OF_VERSION_2, ClientKind(zero_length_id=True, version_2=True))


def initial(
    destination: bytes = ID,
    *,
    version: int = VERSION_1,
    token: bytes = b"",
    source: bytes = b"client",
    size: int = 1200,
) -> bytes:
    """Return the first datagram of a client."""
    head = b"".join(
        (
            b"\xc0" if version == VERSION_1 else b"\xd0",
            version.to_bytes(4, "big"),
            bytes([len(destination)]) + destination,
            bytes([len(source)]) + source,
            (0x4000 | len(token)).to_bytes(2, "big") + token,
            b"\x10",
        )
    )
    return head.ljust(size, b"\0")


class AcceptedEngine(FakeEngine):
    """The engine of a client that was accepted, and what it was made with."""

    def __init__(self, name: str, number: int, ids: ConnectionIds, acceptance: Acceptance) -> None:
        super().__init__()
        self.name = name
        self.ids = ids
        self.acceptance = acceptance
        self.connection_id = b"server" + bytes([0, number])


class ListeningEndpoint(FakeEndpoint):
    """The socket of a listener."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: list[Path] = []
        self.closed = False

    def send(self, datagrams: Sequence[bytes | SegmentBatch], path: Path) -> None:
        super().send(datagrams, path)
        self.paths.append(path)

    def close(self) -> None:
        self.closed = True


class CountingLimiter:
    """A limiter that postpones what it gets, and counts."""

    def __init__(self) -> None:
        self.refusals = Refusals(lambda *_: None)
        self.busy = False
        self.admitted = True
        self.asked: list[str] = []
        self.charged: list[float] = []
        self.postponed: list[tuple[str, int, Callable[[], object]]] = []

    def postpone(self, host: str, size: int, receive: Callable[[], object]) -> bool:
        self.postponed.append((host, size, receive))
        return True

    def run(self) -> None:
        while self.postponed:
            self.postponed.pop(0)[2]()

    def admits(self, host: str) -> bool:
        self.asked.append(host)
        return self.admitted

    def expect(self, host: str) -> None:
        """See `Limiter`."""

    async def refuse(self, transport: MessageTransport) -> None:
        """See `Limiter`."""

    def charge(self, seconds: float) -> None:
        self.charged.append(seconds)


class FakeRoutes:
    """Routes over an Ethernet."""

    def __init__(self, example: object) -> None:
        """See `Routes`."""

    def largest_payload(self, address: object) -> int:
        return 1472

    def close(self) -> None:
        """See `Routes`."""


class Listening:
    """A listener on a socket and with engines that do nothing by themselves."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        *,
        certificate: ServerTls | CertificatesByName = CERTIFICATE,
        options: QuicOptions | None = None,
        limiter: Limiter | None = None,
        endpoint: ListeningEndpoint | None = None,
    ) -> None:
        self.endpoint = endpoint or ListeningEndpoint()
        self.engines: list[AcceptedEngine] = []
        self.read: list[object] = []
        self.usual = AIOQUIC
        # Engines for the clients that the usual one cannot answer.
        self.others: dict[ClientKind, EngineChoice] = {}
        self.served: list[MessageTransport] = []
        self.failed: list[tuple[str, TransportError, ClientHello]] = []
        self.refused: list[tuple[str, str]] = []
        monkeypatch.setattr(listener, "UdpEndpoint", self._open)
        monkeypatch.setattr(listener, "Routes", FakeRoutes)
        monkeypatch.setattr(listener, "server_engines", self._read)
        monkeypatch.setattr(listener, "log_refusal", self._refused)
        self.listener = QuicListener(
            Address(socket.AF_INET, ("192.0.2.9", 50000)),
            certificate,
            Connections(self._serve, limiter=limiter),
            options or QuicOptions(),
            framing.MAX_MESSAGE_SIZE,
            limiter,
        )
        self.listener.on_failed = lambda *failure: self.failed.append(failure)
        self.router: Router = vars(self.listener)["_router"]

    def _open(self, router: Router, *, local: Address) -> ListeningEndpoint:
        return self.endpoint

    def _refused(self, reason: ListenerRefusal, client: str, count: int) -> None:
        self.refused.append((reason.name, client))

    def _read(self, certificate: object, options: QuicOptions) -> ServerEngines:
        self.read.append(certificate)
        usual, others = self.usual, self.others
        return ServerEngines(
            (usual, partial(self._make, usual.engine)),
            {kind: (each, partial(self._make, each.engine)) for kind, each in others.items()},
            {kind: "it is a test" for kind in KINDS if kind not in others},
        )

    def _make(
        self, name: str, sizes: DatagramSizes, ids: ConnectionIds, acceptance: Acceptance | None
    ) -> Engine:
        assert acceptance is not None
        engine = AcceptedEngine(name, len(self.engines), ids, acceptance)
        self.engines.append(engine)
        return cast(Engine, engine)

    async def _serve(self, transport: MessageTransport) -> None:
        self.served.append(transport)
        await transport.receive()

    def receive(
        self, datagram: bytes, address: tuple[str, int] = ONE, now: float = 10.0, ecn: int = 0
    ) -> list[bytes]:
        """Receive a datagram from an address; return what is sent because of it."""
        before = len(self.endpoint.sent)
        self.router.datagram_received(datagram, (address, b""), now, ecn)
        self.router.batch_received(now)
        return self.endpoint.sent[before:]

    def validate(self, address: tuple[str, int], original: bytes = ID, now: float = 10.0) -> bytes:
        """Return a client's second first datagram, with the token that it was sent."""
        [packet] = self.receive(initial(original), address, now)
        assert self.endpoint.paths[-1] == (address, b"")
        return initial(packet[13:21], token=packet[21:-16])

    async def establish(self, engine: AcceptedEngine, address: tuple[str, int] = ONE) -> None:
        """Complete a handshake, after which the connection is served."""
        engine.security = SECURITY
        before = len(self.served)
        self.receive(b"\x40" + engine.connection_id + b"more", address)
        await asyncio.sleep(0)
        assert len(self.served) == before + 1


Listen = Callable[..., Listening]


@pytest.fixture
async def listen(monkeypatch: pytest.MonkeyPatch) -> Listen:
    return partial(Listening, monkeypatch)


async def test_the_first_datagram_of_a_client_makes_a_connection(listen: Listen) -> None:
    listening = listen()
    datagram = initial()
    listening.receive(datagram)

    [engine] = listening.engines
    acceptance = engine.acceptance
    assert engine.name == "aioquic"
    assert (acceptance.original_id, acceptance.retry_id) == (ID, None)
    assert (acceptance.first_datagram, acceptance.restricted) == (1200, False)
    assert acceptance.reset_token is not None
    assert acceptance.reset_token(b"id") == StatelessResets(b"key", URL).token(b"id")
    # Until it has the server's ID, a client uses its own.
    second = initial(size=1201)
    listening.receive(second)
    short = b"\x40" + engine.connection_id + b"more"
    listening.receive(short)
    assert engine.pieces == [datagram, second, short]
    assert len(listening.engines) == 1


async def test_what_reads_the_socket_serves_the_engines(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, asked = list[object](), list[tuple[object, ...]]()

    def made(*arguments: object) -> ReadFor:
        asked.append(arguments)
        return served.append

    monkeypatch.setattr(listener, "socket_reader", made)
    listening = listen(options=QuicOptions(io_threads=2))
    assert asked == [(listening.usual, listening.endpoint, listening.router, 8, 2)]
    listening.receive(initial())
    assert served == listening.engines


async def test_a_socket_without_the_threads_to_read_it_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    endpoint = ListeningEndpoint()

    def fail(*_: object) -> None:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(listener, "socket_reader", fail)
    with pytest.raises(OSError, match="too many open files"):
        Listening(monkeypatch, endpoint=endpoint)
    assert endpoint.closed


@pytest.mark.parametrize("certificate", [CERTIFICATE, VERIFYING])
async def test_a_complete_handshake_is_served(listen: Listen, certificate: ServerTls) -> None:
    listening = listen(certificate=certificate)
    assert listening.listener.url == URL
    listening.receive(initial())
    await listening.establish(listening.engines[0])

    [transport] = listening.served
    assert transport.peer.remote == ONE
    assert transport.peer.engine == "aioquic"
    assert transport.peer.authenticated is (certificate is VERIFYING)
    assert transport.max_message_size == framing.MAX_MESSAGE_SIZE
    await listening.listener.close()
    assert listening.failed == []
    assert listening.endpoint.closed


async def test_the_ids_of_a_connection_are_forgotten_with_it(listen: Listen) -> None:
    listening = listen()
    listening.receive(initial())
    [engine] = listening.engines
    engine.ids.issued(b"another!")
    assert listening.router.destination(b"another!") is not None
    engine.ids.retired(b"another!")
    assert listening.router.destination(b"another!") is None
    engine.ids.issued(b"a third!")
    engine.close_reason = CloseReason(0, "bye")
    engine.terminated = True
    listening.receive(initial())

    for connection_id in (ID, engine.connection_id, b"a third!"):
        assert listening.router.destination(connection_id) is None
    assert engine.freed == 1


async def test_lost_packets_of_all_connections_count(listen: Listen) -> None:
    listening = listen()
    for address, original in ((ONE, b"original"), (TWO, b"another!"), (THREE, b"a third!")):
        listening.receive(initial(original), address)
    first, second, third = listening.engines
    assert listening.listener.lost_packets == 9
    second.path = PathStatistics(0.04, 1200, 5)
    third.path = PathStatistics()
    assert listening.listener.lost_packets == 8
    for engine in (first, second):
        engine.close_reason = CloseReason(0, "bye")
        engine.terminated = True
        listening.receive(b"\x40" + engine.connection_id + b"more")

    assert listening.listener.lost_packets == 8
    await listening.listener.close()
    assert third.terminated


async def test_a_handshake_that_fails_is_reported(
    listen: Listen, caplog: pytest.LogCaptureFixture
) -> None:
    listening = listen(options=QuicOptions(max_half_open=4))
    listening.receive(initial())
    [engine] = listening.engines
    engine.client_hello = ClientHello("fs.example")
    engine.close_reason = CloseReason(0x12A, "no")
    with caplog.at_level(logging.INFO):
        listening.receive(initial())

    [(name, error, hello)] = listening.failed
    assert name == "192.0.2.1:50000"
    assert isinstance(error, HandshakeError)
    assert hello == ClientHello("fs.example")
    assert f"a handshake failed: {error}" in caplog.text
    # It is no half-open one any more: so one fewer has begun, and nobody has to wait.
    for number in range(2):
        assert listening.receive(initial(b"client %d" % number)) == []
    listening.listener.on_failed = None
    listening.engines[1].close_reason = CloseReason(0x12A, "no")
    listening.receive(initial(b"client 0"))


async def test_what_is_complete_or_has_ended_is_not_half_open(listen: Listen) -> None:
    listening = listen(options=QuicOptions(max_half_open=2))
    for number in range(4):
        assert listening.receive(initial(b"client %d" % number)) == []
        engine = listening.engines[number]
        if number % 2:
            await listening.establish(engine)
        else:
            engine.begun = False
            listening.receive(b"\x40" + engine.connection_id + b"more")
    await listening.listener.close()


async def test_a_handshake_that_is_complete_leaves_its_place_to_others(listen: Listen) -> None:
    listening = listen(options=QuicOptions(max_half_open=2))
    for number in range(3):
        assert listening.receive(initial(b"client %d" % number)) == []
        engine = listening.engines[number]
        engine.receive = lambda datagram, path, now, ecn=0: None  # type: ignore[method-assign]
        await listening.establish(engine)
    assert not any(engine.terminated for engine in listening.engines)
    await listening.listener.close()


async def test_a_handshake_that_fails_leaves_its_place_before_its_end_is_sent(
    listen: Listen,
) -> None:
    listening = listen(options=QuicOptions(max_half_open=2))
    listening.receive(initial())
    [engine] = listening.engines
    engine.close_reason = CloseReason(0x12A, "no")
    listening.endpoint.blocked = True
    listening.receive(initial())
    assert len(listening.failed) == 1
    assert listening.receive(initial(b"client 1")) == []

    assert len(listening.engines) == 2


async def test_a_client_validates_its_address_where_many_are_half_open(listen: Listen) -> None:
    listening = listen(options=QuicOptions(max_half_open=4))
    for number in range(2):
        assert listening.receive(initial(b"client %d" % number)) == []
    again = listening.validate(TWO, b"original")
    assert listening.refused == [("UNVALIDATED", "192.0.2.2:50000")]
    assert len(listening.engines) == 2
    listening.receive(again, TWO)

    acceptance = listening.engines[2].acceptance
    assert acceptance.original_id == b"original"
    assert acceptance.retry_id == again[6:14]
    # What makes no sense gets no answer.
    assert listening.receive(initial(token=b"", source=bytes(21))) == []


async def test_an_address_has_so_many_half_open_handshakes(listen: Listen) -> None:
    options = QuicOptions(max_half_open=8, max_half_open_of_address=2)
    listening = listen(options=options)
    for number in range(4):
        listening.receive(initial(b"client %d" % number))
    for number in range(3):
        listening.receive(listening.validate(TWO, b"validate%d" % number), TWO)
    assert len(listening.engines) == 6
    assert listening.refused[-1] == ("HALF_OPEN_OF_ADDRESS", "192.0.2.2")
    listening.receive(listening.validate(THREE), THREE)

    assert len(listening.engines) == 7


async def test_a_full_listener_replaces_a_handshake_that_is_old_enough(listen: Listen) -> None:
    listening = listen(options=QuicOptions(max_half_open=2))
    listening.receive(initial(), ONE, 10.0)
    listening.receive(listening.validate(TWO, b"another!", 10.5), TWO, 10.5)
    again = listening.validate(THREE, b"a third!", 11.9)
    listening.receive(again, THREE, 11.9)
    assert listening.refused[-1] == ("HALF_OPEN", "192.0.2.3")
    assert len(listening.engines) == 2
    listening.receive(again, THREE, 12.0)

    assert len(listening.engines) == 3
    [(name, error, _)] = listening.failed
    assert name == "192.0.2.1:50000"
    assert isinstance(error, ConnectionClosed)
    assert "replaced by another handshake" in str(error)


async def test_a_limiter_decides_when_a_client_is_accepted(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([10.0, 10.5, 20.0, 21.5, 30.0, 32.5, 40.0, 43.5])
    monkeypatch.setattr(listener, "perf_counter", lambda: next(times))
    limiter = CountingLimiter()
    listening = listen(limiter=limiter)
    listening.receive(initial(), ecn=2)
    listening.receive(initial(size=1300), ecn=1)
    assert listening.engines == []
    assert limiter.charged == [0.5, 1.5]
    assert [each[:2] for each in limiter.postponed] == [("192.0.2.1", 1200), ("192.0.2.1", 1300)]
    limiter.postponed[0][2]()
    limiter.postponed[1][2]()
    [engine] = listening.engines
    assert limiter.charged == [0.5, 1.5, 2.5, 3.5]
    assert limiter.asked == ["192.0.2.1"]
    assert engine.acceptance.restricted

    # Both datagrams wait again, as the client has not logged on.
    assert engine.pieces == []
    limiter.postponed[2][2]()
    limiter.postponed[3][2]()
    assert engine.pieces == [initial(), initial(size=1300)]
    # Whoever has sent them takes a codepoint that is not acknowledged for a fault of the path.
    assert engine.codepoints == [2, 1]


async def test_a_limiter_refuses_a_client(listen: Listen) -> None:
    limiter = CountingLimiter()
    limiter.admitted = False
    listening = listen(limiter=limiter)
    listening.receive(initial())
    limiter.run()
    assert listening.engines == []
    # The limiter counts that itself.
    assert listening.refused == []

    limiter.admitted = True
    limiter.busy = True
    assert len(listening.receive(initial())) == 1
    assert limiter.postponed == []
    assert limiter.refusals.counts == {ListenerRefusal.UNVALIDATED: 1}


async def test_what_was_postponed_is_dropped_when_the_listener_closes(listen: Listen) -> None:
    limiter = CountingLimiter()
    listening = listen(limiter=limiter)
    listening.receive(initial())
    await listening.listener.close()
    limiter.run()

    assert listening.engines == []


async def test_a_client_without_an_id_gets_an_engine_that_can_answer_it(
    listen: Listen, caplog: pytest.LogCaptureFixture
) -> None:
    listening = listen()
    with caplog.at_level(logging.INFO):
        listening.receive(initial(source=b""))
    assert listening.engines == []
    assert f"{URL}: a client is not accepted: it is a test" in caplog.text

    listening.others[ZERO_LENGTH_ID] = QH3
    listening.listener.reload()
    listening.receive(initial(source=b""))
    listening.receive(initial(b"another!"), TWO)
    assert [engine.name for engine in listening.engines] == ["qh3", "aioquic"]


async def test_a_client_of_version_2_is_asked_for_version_1_where_no_engine_has_the_other(
    listen: Listen,
) -> None:
    listening = listen()
    datagram = initial(version=VERSION_2)
    [answer] = listening.receive(datagram)
    assert answer[1:] == bytes(4) + b"\x06client" + b"\x08" + ID + VERSION_1.to_bytes(4, "big")
    assert listening.engines == []

    listening.others[OF_VERSION_2] = QH3
    listening.listener.reload()
    assert listening.receive(datagram) == []
    [engine] = listening.engines
    assert (engine.name, engine.pieces) == ("qh3", [datagram])
    # None that has both.
    [answer] = listening.receive(initial(b"another!", version=VERSION_2, source=b""), TWO)
    assert answer[-4:] == VERSION_1.to_bytes(4, "big")
    # Nothing that a client of version 1 could do with one.
    assert listening.receive(initial(b"a third!", source=b""), THREE) == []


async def test_a_datagram_of_a_former_connection_is_answered_with_a_reset(listen: Listen) -> None:
    listening = listen()
    datagram = b"\x40" + ID + bytes(50)
    [answer] = listening.receive(datagram, TWO)

    assert is_reset(answer, StatelessResets(b"key", URL).token(ID))
    assert listening.endpoint.paths == [(TWO, b"")]
    assert listening.receive(b"\x40" + ID) == []


@pytest.mark.parametrize(("first", "answers"), [(0, 0), (1, 1), (2, 0), (31, 1)])
async def test_a_connection_of_another_worker_is_not_reset(
    listen: Listen, first: int, answers: int
) -> None:
    """The kernel may deliver a datagram of another worker in one segment batch with others."""
    options = QuicOptions(connection_ids=ConnectionIdFormat(worker=1, workers=2))
    listening = listen(options=options)
    assert len(listening.receive(bytes([0x40, first]) + bytes(50))) == answers


async def test_resets_may_have_a_key_of_their_own(listen: Listen) -> None:
    keys = ListenerKeys(stateless_resets=b"the key of all workers")
    listening = listen(options=QuicOptions(keys=keys))
    [answer] = listening.receive(b"\x40" + ID + bytes(50))

    assert is_reset(answer, StatelessResets(b"the key of all workers", URL).token(ID))


async def test_all_ids_of_a_listener_have_its_format(listen: Listen) -> None:
    format_ = ConnectionIdFormat(server_id=b"server", worker=1, workers=2)
    listening = listen(options=QuicOptions(connection_ids=format_, max_half_open=2))
    listening.receive(initial(b"another!"), TWO)
    [packet] = listening.receive(initial())
    retry_id, token = packet[13:30], packet[30:-16]
    assert (packet[12], retry_id[0] % 2, retry_id[1:7]) == (17, 1, b"server")

    listening.receive(initial(retry_id, token=token))
    _, engine = listening.engines
    assert (engine.acceptance.original_id, engine.acceptance.retry_id) == (ID, retry_id)
    assert engine.acceptance.connection_ids.format == format_
    # The router finds the ID of a short header by its size.
    engine.ids.issued(b"\1" + bytes(16))
    listening.receive(b"\x40\1" + bytes(16) + b"more")
    assert engine.pieces[1:] == [b"\x40\1" + bytes(16) + b"more"]


async def test_a_worker_takes_the_token_that_another_one_has_given(listen: Listen) -> None:
    keys = ListenerKeys()
    one, two, other = (
        listen(
            options=QuicOptions(
                keys=each,
                connection_ids=ConnectionIdFormat(worker=worker, workers=2),
                max_half_open=2,
            )
        )
        for worker, each in ((0, keys), (1, keys), (1, ListenerKeys()))
    )
    for each in (one, two, other):
        each.receive(initial(b"another!"), TWO)
    again = one.validate(ONE)
    two.receive(again)
    assert [engine.acceptance.original_id for engine in two.engines] == [b"another!", ID]
    other.receive(again)
    assert len(other.engines) == 1


async def test_a_listener_takes_a_socket(pki: PkiDirectory) -> None:
    """Datagrams that had arrived before wait in the socket."""
    [sock] = steering.open_group(Address(socket.AF_INET, ("127.0.0.1", 0)), 1)
    address = sock.getsockname()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(address)
        client.send(b"\x40" + ID + bytes(50))
        client.setblocking(False)
        accepting = await listen_on(
            sock, served, certificate=ServerTls(pki.server.certificate, pki.server.key)
        )
        assert accepting.url == f"quic://127.0.0.1:{address[1]}"
        answer = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 100), 10)
        await accepting.close()
    assert len(answer) == 43
    assert sock.fileno() == -1


async def served(transport: MessageTransport) -> None:
    """Serve nothing."""


async def test_a_closed_listener_ends_what_has_begun_and_accepts_nothing(listen: Listen) -> None:
    listening = listen()
    listening.receive(initial())
    await listening.listener.close()
    listening.receive(initial(b"another!"), TWO)

    [engine] = listening.engines
    assert engine.terminated
    assert listening.endpoint.closed
    [(_, error, _)] = listening.failed
    assert str(error) == "the server is stopping"
    assert listening.listener.lost_packets == 0


async def test_another_certificate_is_for_connections_from_now_on(
    listen: Listen, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    listening = listen()
    assert caplog.messages == [f"{URL}: the QUIC engine is aioquic: it is a test"]
    other = ServerTls(b"certificate", b"another key", verify=lambda chain: None)
    listening.listener.reload(other)
    assert len(caplog.messages) == 1
    listening.usual = QH3
    listening.listener.reload()
    assert caplog.messages[1:] == [f"{URL}: the QUIC engine is qh3: the fastest now"]
    assert listening.listener.engine == QH3
    assert listening.read == [CERTIFICATE, other, other]
    listening.receive(initial())
    [engine] = listening.engines
    assert engine.acceptance.reset_token is not None
    assert engine.acceptance.reset_token(b"id") == StatelessResets(b"another key", URL).token(b"id")
    await listening.establish(engine)

    assert listening.served[0].peer.authenticated
    await listening.listener.close()


async def test_a_certificate_that_cannot_be_read_changes_nothing(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening = listen()

    def fail(*_: object) -> ServerEngines:
        raise EngineError("no")

    with monkeypatch.context() as patch:
        patch.setattr(listener, "server_engines", fail)
        with pytest.raises(EngineError):
            listening.listener.reload(VERIFYING)
    listening.receive(initial())
    await listening.establish(listening.engines[0])

    assert not listening.served[0].peer.authenticated
    await listening.listener.close()


@pytest.mark.parametrize(
    ("default", "secret"), [(None, b"one key"), (ServerTls(b"certificate", b"key"), b"key")]
)
async def test_resets_depend_on_the_first_of_several_keys(
    listen: Listen, default: ServerTls | None, secret: bytes
) -> None:
    by_name = {
        "one.example": ServerTls(b"certificate", b"one key"),
        "two.example": ServerTls(b"certificate", b"two key", verify=lambda chain: None),
    }
    listening = listen(certificate=CertificatesByName(by_name, default))
    [answer] = listening.receive(b"\x40" + ID + bytes(50))
    assert is_reset(answer, StatelessResets(secret, URL).token(ID))
    listening.receive(initial())
    await listening.establish(listening.engines[0])

    # One of them verifies clients, so that a certificate was verified if there is one.
    assert listening.served[0].peer.authenticated
    await listening.listener.close()


async def test_a_connection_that_is_unknown_may_terminate(listen: Listen) -> None:
    listening = listen()
    listening.receive(initial())
    [connection] = cast(dict[QuicConnection, object], vars(listening.listener)["_ids"])
    listening.listener.terminated(connection)
    assert listening.listener.lost_packets == 3
    listening.listener.terminated(connection)
    assert listening.listener.lost_packets == 3


@pytest.mark.parametrize("options", [None, QuicOptions(max_half_open=2)])
async def test_listening_on_every_address_with_the_options_that_are_given(
    listen: Listen, monkeypatch: pytest.MonkeyPatch, options: QuicOptions | None
) -> None:
    bound: list[Address] = []
    read: list[QuicOptions] = []
    listening = listen()

    def open_endpoint(router: Router, *, local: Address) -> ListeningEndpoint:
        bound.append(local)
        return listening.endpoint

    def engines(certificate: object, options: QuicOptions) -> ServerEngines:
        read.append(options)
        return ServerEngines((AIOQUIC, lambda *_: cast(Engine, None)), {}, {})

    async def serve(transport: MessageTransport) -> None:
        raise AssertionError

    monkeypatch.setattr(listener, "UdpEndpoint", open_endpoint)
    monkeypatch.setattr(listener, "server_engines", engines)
    made = await listener.listen("", 0, serve, certificate=CERTIFICATE, options=options)

    assert is_wildcard(bound[0].socket_address)
    assert read == [options or QuicOptions()]
    await made.close()
