"""A QUIC transport on an engine and an endpoint that the test plays itself."""

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic
from typing import cast

import pytest

from smbquic.transport import framing
from smbquic.transport.base import ClientHello, PathStatistics
from smbquic.transport.quic import connection, keep_alive, network_errors, pump
from smbquic.transport.quic.connection import QuicConnection
from smbquic.transport.quic.engine import (
    CloseReason,
    Engine,
    EngineChoice,
    Security,
)
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.role import Role
from smbquic.transport.quic.transport import QuicTransport
from smbquic.transport.quic.udp import Batch, Path, SegmentBatch, UdpEndpoint, single_datagrams
from smbquic.transport.quic.unauthenticated import UnauthenticatedClient
from smbquic.transport.serving import Limiter
from smbquic.wire.cursor import Buffer

PATH = (("192.0.2.1", 443), b"")
SECURITY = Security("smb", "AES_128_GCM_SHA256", "fs.example", (b"leaf",))


class FakeEngine:
    """A QUIC engine that does nothing by itself."""

    def __init__(self) -> None:
        self.security: Security | None = None
        self.close_reason: CloseReason | None = None
        self.finished = False
        self.begun = True
        self.terminated = False
        self.unsent = 0
        self.unacknowledged = 0
        self.idle_timeout = 30.0
        self.capacity = 16 << 20
        self.key_phase = 0
        self.client_hello = ClientHello()
        self.path = PathStatistics(0.04, 1200, 3)
        self.resized: tuple[int, int] | None = None
        self.connection_id = bytes(8)
        self.pieces: list[bytes | bytearray] = []
        self.codepoints: list[int] = []
        self.written = b""
        self.released = 0
        self.freed = 0
        self.held = 0
        self.partial = 0
        self.known = False
        self.pings = 0
        self.pinged = asyncio.Event()
        self.due: float | None = None
        self.ticks: list[float] = []
        self.outgoing: list[bytes] = []
        self.sent_at: list[float] = []
        self.takes: Callable[[], None] = lambda: None
        self.makes: Callable[[], None] = lambda: None

    def statistics(self) -> PathStatistics:
        return self.path

    def connect(self, path: Path, now: float) -> None:
        self.takes()
        self.outgoing.append(b"hello")

    def receive_segments(
        self, segments: bytes, size: int, path: Path, now: float, ecn: int = 0
    ) -> None:
        self.takes()
        self.codepoints.append(ecn)

    def receive(self, datagram: bytes, path: Path, now: float, ecn: int = 0) -> None:
        self.takes()
        self.pieces.append(datagram)
        self.codepoints.append(ecn)

    def receive_unmatched(self, datagram: bytes, path: Path, now: float) -> None:
        self.takes()

    def read(self) -> list[bytes | bytearray]:
        pieces, self.pieces = self.pieces, []
        return pieces

    def release(self, count: int) -> bool:
        self.released += count
        return True

    def write(self, *buffers: Buffer) -> None:
        self.written += b"".join(buffers)

    def ping(self) -> None:
        self.pings += 1
        self.pinged.set()

    def close(self, code: int, reason: str, *, application: bool = True) -> None:
        if self.close_reason is None:
            self.close_reason = CloseReason(code, reason, application, ours=True)
            self.outgoing.append(b"bye %d %s" % (code, reason.encode()))

    def abandon(self) -> None:
        self.terminated = True

    def authenticated(self) -> None:
        self.known = True

    def free(self) -> None:
        self.freed += 1

    def datagrams(self, now: float) -> list[Batch]:
        self.sent_at.append(now)
        self.makes()
        outgoing, self.outgoing = self.outgoing, []
        return [(outgoing, PATH)] if outgoing else []

    def timer(self) -> float | None:
        return self.due

    def tick(self, now: float) -> None:
        self.ticks.append(now)
        self.due = None


class FakeEndpoint:
    """A UDP socket that remembers what it was to send."""

    local = ("192.0.2.9", 50000)

    def __init__(self) -> None:
        self.blocked = False
        self.sent: list[bytes] = []
        self.callbacks: list[Callable[[], None]] = []
        self.rebound = 0

    def send(self, datagrams: Sequence[bytes | SegmentBatch], path: Path) -> None:
        self.sent += single_datagrams(datagrams)

    def when_writable(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)

    def rebind(self) -> None:
        self.rebound += 1


class FakeEvents:
    """Records what its connection reports."""

    def __init__(self) -> None:
        self.reported: list[str] = []
        self.error: Exception | None = None
        self.transport: QuicTransport | None = None

    def established(self, connection: QuicConnection) -> None:
        self.reported.append("established")
        self.transport = QuicTransport(connection, framing.MAX_MESSAGE_SIZE)

    def handshake_failed(self, connection: QuicConnection, error: Exception) -> None:
        self.reported.append("handshake_failed")
        self.error = error

    def closed(self, connection: QuicConnection) -> None:
        self.reported.append("closed")

    def terminated(self, connection: QuicConnection) -> None:
        self.reported.append("terminated")


class TransportHarness:
    """A connection, the transport over it once it is established, and everything around them."""

    def __init__(self, options: QuicOptions | None = None, *, is_client: bool = True) -> None:
        options = options or QuicOptions()
        self.engine, self.endpoint, self.events = FakeEngine(), FakeEndpoint(), FakeEvents()
        self.engine.capacity = options.window
        self.connection = QuicConnection(
            self.engine,
            cast(UdpEndpoint, self.endpoint),
            PATH,
            options,
            self.events,
            Role(EngineChoice("aioquic", "it is a test"), "the peer", is_client, verified=True),
        )
        self.receiver = self.connection.receiver
        # Parts of the connection whose timers a test runs itself.
        self.pump: pump.Pump = vars(self.connection)["_pump"]
        self.keep_alive = self.connection.keep_alive

    @property
    def transport(self) -> QuicTransport:
        assert self.events.transport is not None
        return self.events.transport

    def establish(self, now: float = 1.0) -> None:
        self.engine.security = SECURITY
        self.receiver.batch_received(now)

    def restrict(self, limiter: Limiter) -> None:
        connection = self.connection
        client = UnauthenticatedClient(
            limiter, connection.process, connection.lifecycle.is_terminated
        )
        self.receiver.restrict(client)

    def feed(self, *pieces: bytes | bytearray) -> None:
        for piece in pieces:
            if isinstance(piece, bytearray):
                # A whole message is no datagram: it is what an engine makes of several.
                self.engine.pieces.append(piece)
            else:
                self.receiver.datagram_received(piece, PATH, 1.0)
        self.receiver.batch_received(1.0)


class TransportClock:
    """Time that the test moves, for a transport and the timers that it sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = monotonic()
        self.timers: list[tuple[float, Callable[[], None]]] = []
        for module in (connection, pump, keep_alive, network_errors):
            monkeypatch.setattr(module, "monotonic", lambda: self.now)
        monkeypatch.setattr(asyncio.get_running_loop(), "call_later", self._call_later)

    def _call_later(self, delay: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        entry = (self.now + delay, callback)
        self.timers.append(entry)
        loop = asyncio.get_running_loop()
        clock = self

        class Handle(asyncio.TimerHandle):
            def cancel(self) -> None:
                clock.timers = [each for each in clock.timers if each is not entry]

        return Handle(entry[0], callback, [], loop)

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [each for each in self.timers if each[0] <= end]:
            first = min(due, key=lambda each: each[0])
            self.timers.remove(first)
            self.now = max(self.now, first[0])
            first[1]()
        self.now = end


PATH = (("192.0.2.1", 50000), b"")


MakeServer = Callable[[str], Engine]


class NoIds:
    """Does nothing about connection IDs."""

    def issued(self, connection_id: bytes) -> None: ...

    def retired(self, connection_id: bytes) -> None: ...
