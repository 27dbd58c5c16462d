"""SMB messages on a QUIC connection: what is sent and received, and the end of it all.

Memory per connection that nobody fetches from: the peer may send `window` bytes (16 MiB) ahead of
the application, counted from the last message that was fetched; the window moves as messages are
fetched, and never by itself. A server's client that has not logged on may send much less. Of these
bytes at most `QUEUE_LIMIT` (4 MiB, 256 bytes extra counted for each message) wait as messages, the
rest as plain bytes. What we send waits in memory until it is acknowledged: `SEND_LIMIT` (1 MiB)
unsent and one message, and what is under way, for which the peer's window is the limit.
"""

import asyncio
import errno
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any, Protocol

from smbquic.errors import (
    ConnectError,
    ConnectionClosed,
    RemoteProtocolError,
    SmbError,
    TransportError,
)
from smbquic.transport import framing
from smbquic.transport.addresses import endpoint as endpoint_of
from smbquic.transport.base import ClientHello, Flow, PathStatistics, Peer
from smbquic.transport.quic.closing import ConnectionClose, closed_by_peer, error_of
from smbquic.transport.quic.engine import NO_ERROR, CloseReason, Engine, EngineChoice, Security
from smbquic.transport.quic.inbound import InboundStream
from smbquic.transport.quic.keep_alive import KeepAlive
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.pump import Pump
from smbquic.transport.quic.state import OVER, ConnectionEvent, ConnectionState, next_state
from smbquic.transport.quic.tls import handshake_failure
from smbquic.transport.quic.udp import Batch, Path, UdpEndpoint
from smbquic.transport.quic.unauthenticated import UnauthenticatedClient
from smbquic.transport.refusals import ListenerRefusal
from smbquic.transport.serving import Limiter
from smbquic.wire.cursor import Buffer

SEND_LIMIT = 1 << 20
"""Bytes that were never sent before `send` makes its callers wait."""
FLUSH_TIMEOUT = 2.0
"""Seconds that a connection which is closed waits for what it sent to be acknowledged."""
REFUSED_FOR = 2.0
"""Seconds that the peer's port may be reported closed before we believe that it is gone."""
REBIND_INTERVAL = 1.0
PROTOCOL_BROKEN = 1
"""Our application error code for a peer that does not frame its messages."""

logger = logging.getLogger(__name__)


class TransportEvents(Protocol):
    """Who made a transport, and is told what becomes of it."""

    def established(self, transport: "QuicTransport") -> None:
        """The handshake is over, messages may flow."""

    def handshake_failed(self, transport: "QuicTransport", error: TransportError) -> None:
        """The handshake came to nothing; `closed` follows."""

    def closed(self, transport: "QuicTransport") -> None:
        """The connection is over, and the peer was told, or told us."""

    def terminated(self, transport: "QuicTransport") -> None:
        """Late datagrams need no answer any more."""


@dataclass(frozen=True, slots=True)
class Role:
    """Which end of a connection this is.

    `choice` is the engine that it has, and `name` how messages for people call the peer. With
    `verified`, the peer's certificate was verified, if it showed one.
    """

    choice: EngineChoice
    name: str
    is_client: bool
    verified: bool


class QuicTransport:
    """A `MessageTransport` over the one stream of a QUIC connection.

    Datagrams come in through the methods of a `Destination`.
    """

    peer: Peer

    def __init__(
        self,
        engine: Engine,
        endpoint: UdpEndpoint,
        path: Path,
        options: QuicOptions,
        events: TransportEvents,
        role: Role,
        max_message_size: int,
    ) -> None:
        self.state = ConnectionState.HANDSHAKE
        self._engine = engine
        self._endpoint = endpoint
        self._path = path
        self._options = options
        self._events = events
        self._role = role
        self._name = role.name
        self._loop = asyncio.get_running_loop()
        self._started = monotonic()
        self._inbound = InboundStream(
            engine.capacity, max_message_size, self._fetched, self._not_a_message
        )
        self._inbox = self._inbound.inbox
        self._pump = Pump(engine, endpoint, self, is_client=role.is_client)
        self._keep_alive = KeepAlive(
            engine, options.keep_alive_interval, self._send_ping, is_client=role.is_client
        )
        self._sent = 0
        self._senders: deque[asyncio.Future[None]] = deque()
        # Why the connection has ended, and what the peer is told.
        self._end_error: SmbError | None = None
        self._reason = ""
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._connection_close = ConnectionClose([], endpoint)
        # The handshake timeout, and after the end the flush timeout.
        self._timeout = self._loop.call_later(options.handshake_timeout, self._handshake_timed_out)
        self._refused_since: float | None = None
        self._rebound_at = 0.0
        self._unauthenticated: UnauthenticatedClient | None = None
        self._final_statistics = PathStatistics()

    def restrict(self, limiter: Limiter) -> None:
        """Take little of the peer until it is `authenticated`, and charge what that costs."""
        self._unauthenticated = UnauthenticatedClient(limiter, self._process, self._is_terminated)

    def authenticated(self) -> None:
        """The peer is known; see `MessageTransport.authenticated`."""
        if self._unauthenticated is not None:
            self._unauthenticated = None
            if self.state is not ConnectionState.TERMINATED:
                self._engine.authenticated()
                self._pump.schedule_flush()

    @property
    def name(self) -> str:
        """How messages for people call the peer."""
        return self._name

    @property
    def max_message_size(self) -> int:
        """Bytes of the largest message that is accepted; see `MessageTransport`."""
        return self._inbound.max_message_size

    @max_message_size.setter
    def max_message_size(self, size: int) -> None:
        self._inbound.max_message_size = size

    @property
    def keep_alive(self) -> bool:
        """Whether PINGs keep a quiet connection up; see `MessageTransport`."""
        return self._keep_alive.wanted

    @keep_alive.setter
    def keep_alive(self, wanted: bool) -> None:
        self._keep_alive.wanted = wanted

    @property
    def client_hello(self) -> ClientHello:
        """What the client has said of itself so far."""
        return self._engine.client_hello

    def statistics(self) -> PathStatistics:
        """What it has seen of its path; see `MessageTransport.statistics`."""
        if self.state is ConnectionState.TERMINATED:
            return self._final_statistics
        engine = self._engine
        return PathStatistics(engine.round_trip, engine.datagram_size, engine.lost_packets)

    def flow(self) -> Flow:
        """How far the messages have got; see `MessageTransport.flow`."""
        inbound, inbox, partial_ = self._inbound, self._inbox, self._inbound.partial
        terminated = self.state is ConnectionState.TERMINATED
        untaken = 0 if terminated else self._engine.unacknowledged
        held = 0 if terminated else self._engine.held
        return Flow(
            sent=self._sent,
            untaken=untaken,
            kept=untaken,
            received=inbox.received + partial_,
            unfetched=inbox.cost + partial_ + held,
            messages=inbox.count,
            unfinished=inbound.awaits_rest,
        )

    def start(self) -> None:
        """Begin the handshake, as a client."""
        self._engine.connect(self._path, monotonic())
        self._pump.flush()

    # Messages out.

    def send_now(self, *buffers: Buffer) -> bool:
        """Send one message if there is room; see `MessageTransport.send_now`."""
        if self._end_error is not None or self._senders or self._engine.unsent >= SEND_LIMIT:
            return False
        self._write(framing.framed(buffers))
        return True

    async def send(self, *buffers: Buffer) -> None:
        """Send one message; see `MessageTransport.send`."""
        message = framing.framed(buffers)
        if self._end_error is None and (self._senders or self._engine.unsent >= SEND_LIMIT):
            await self._wait_for_room()
        if self._end_error is not None:
            raise ConnectionClosed(str(self._end_error))
        self._write(message)
        self._wake_sender()

    def _write(self, message: Sequence[Buffer]) -> None:
        self._sent += sum(map(len, message))
        self._engine.write(*message)
        if self._role.is_client:
            self._keep_alive.request_sent()
        self._pump.schedule_flush()

    async def _wait_for_room(self) -> None:
        turn = self._loop.create_future()
        self._senders.append(turn)
        try:
            await turn
        finally:
            self._senders.remove(turn)
            self._wake_sender()

    def _wake_sender(self) -> None:
        """One at a time, because nobody knows how much it will send."""
        if (
            self._senders
            and not self._senders[0].done()
            and (self._end_error is not None or self._engine.unsent < SEND_LIMIT)
        ):
            self._senders[0].set_result(None)

    # Messages in.

    def receive(self) -> Coroutine[Any, Any, memoryview]:
        """Wait for one message; see `MessageTransport.receive`."""
        return self._inbox.get()

    def _fetched(self, size: int) -> None:
        """Let the peer send as much as the application has fetched."""
        if self.state is not ConnectionState.TERMINATED and self._engine.release(
            size + framing.PREFIX_SIZE
        ):
            self._pump.schedule_flush(has_data=True)

    def _not_a_message(self, error: RemoteProtocolError) -> None:
        logger.warning("%s: %s", self._name, error)
        self._end(error)
        if self.state is not ConnectionState.TERMINATED:
            self._engine.close(PROTOCOL_BROKEN, "not an SMB message")

    # Datagrams: the methods of a `Destination`.

    def datagram_received(self, datagram: bytes, path: Path, now: float) -> None:
        """Take one datagram; any bytes."""
        if self._unauthenticated is None:
            self._engine.receive(datagram, path, now)
        else:
            receive = partial(self._engine.receive, datagram, path)
            self._schedule(self._unauthenticated, len(datagram), path, receive)

    def segments_received(self, segments: bytes, size: int, path: Path, now: float) -> None:
        """Take several datagrams; any bytes."""
        if self._unauthenticated is None:
            self._engine.receive_segments(segments, size, path, now)
        else:
            receive = partial(self._engine.receive_segments, segments, size, path)
            self._schedule(self._unauthenticated, len(segments), path, receive)

    def _schedule(
        self,
        client: UnauthenticatedClient,
        size: int,
        path: Path,
        receive: Callable[[float], object],
    ) -> None:
        if not client.schedule(size, path, receive) and self._end_error is None:
            client.refused(self._name)
            self.abort(ConnectionClosed(f"{self._name} {ListenerRefusal.TOO_MUCH.text}"))

    def unmatched_received(self, datagram: bytes, path: Path, now: float) -> None:
        """Take a datagram for an unknown connection ID: the peer may have lost its state."""
        self._engine.receive_unmatched(datagram, path, now)
        self._pump.advance(now)

    def batch_received(self, now: float) -> None:
        """Act on the datagrams that came, and answer; what waits for its turn does so by itself."""
        self._refused_since, self._keep_alive.received_at = None, now
        if self._unauthenticated is None:
            self._process(now)

    def _process(self, now: float) -> None:
        if self.state in OVER:
            self._connection_close.repeat()
        elif (
            self.state is ConnectionState.ESTABLISHED or self._role.is_client or self._engine.begun
        ):
            self.take_from_engine(now)
            if self._inbox.waking:
                self._pump.schedule_answer()
            else:
                self._pump.flush()
        else:
            self.abandon()
            self._over(ConnectionEvent.NO_PACKET, [])
            self.engine_terminated()

    def error_received(self, error: OSError) -> None:
        """Act on an error that the network reports."""
        # A datagram that is too large for the interface is lost like any other.
        if self._end_error is not None or error.errno == errno.EMSGSIZE:
            return
        refused = error.errno == errno.ECONNREFUSED
        if self.state is ConnectionState.HANDSHAKE:
            problem = "nothing listens on this UDP port" if refused else error.strerror or error
            self.abort(ConnectError(f"{self._name}: {problem}"))
        elif refused:
            self._port_refused(monotonic())
        else:
            self._change_address(error)

    def _port_refused(self, now: float) -> None:
        """Give up if the peer's port stays closed: anybody on the path can say that it is."""
        if self._refused_since is None:
            self._refused_since = now
            # Probe timeouts double: by themselves the next packet may be half a minute away.
            self._loop.call_later(REFUSED_FOR, self._keep_alive.ping)
        elif now - self._refused_since > REFUSED_FOR:
            self.abort(ConnectionClosed(f"{self._name} is gone: its UDP port is closed"))

    def rebind(self) -> None:
        """Go on from another port of this machine; the connection survives it."""
        self._endpoint.rebind()
        self._send_ping()

    def _change_address(self, error: OSError) -> None:
        """Go on from another address: the network that the former one was of may be gone."""
        now = monotonic()
        if now - self._rebound_at < REBIND_INTERVAL:
            return
        self._rebound_at = now
        logger.info("%s: %s: trying from another address", self._name, error)
        try:
            self.rebind()
        except OSError as failure:
            logger.info("%s: no other address either: %s", self._name, failure)

    def _send_ping(self) -> None:
        self._engine.ping()
        self._pump.schedule_flush()

    # What the pump calls.

    def charge(self, work: Callable[[], None]) -> None:
        """Do `work`, at the peer's expense as long as it is not known."""
        if self._unauthenticated is None:
            work()
        else:
            self._unauthenticated.charge(work)

    def take_from_engine(self, now: float) -> None:
        """Take what the engine has received, and what has become of the connection."""
        engine, take = self._engine, self._inbound.take
        if self.state is ConnectionState.HANDSHAKE and engine.security is not None:
            self._establish(engine.security, now)
        for piece in engine.read():
            take(piece)
        if engine.resized is not None:
            self._report_size(*engine.resized)
            engine.resized = None
        if self._end_error is None and engine.close_reason is not None:
            self._end(self._error_of(engine.close_reason))
        elif self._end_error is None and engine.finished:
            self._end(closed_by_peer(self._name, in_message=self._inbound.in_message))

    def datagrams_sent(self, batches: list[Batch]) -> bool:
        """Note what was sent; returns whether CONNECTION_CLOSE is to be sent, too."""
        engine = self._engine
        if engine.close_reason is not None:
            if self._end_error is None:
                self._end(self._error_of(engine.close_reason))
            self._over(ConnectionEvent.CLOSE_SENT, batches)
        elif self._end_error is not None and not engine.unacknowledged:
            engine.close(NO_ERROR, self._reason)
            return True
        self._wake_sender()
        return False

    def engine_terminated(self) -> None:
        """Free what the engine has kept for the connection; nothing of it is needed any more."""
        if self.state not in OVER:
            # The socket has taken nothing since the engine closed the connection.
            self.datagrams_sent([])
        self._final_statistics = self.statistics()
        self.state = next_state(self.state, ConnectionEvent.PERIOD_OVER)
        self._events.terminated(self)
        self._connection_close = ConnectionClose([], self._endpoint)
        self._engine.free()

    def _report_size(self, before: int, now: int) -> None:
        if now < before:
            logger.warning(
                "%s: the path carries less than it did: datagrams of %d bytes instead of %d",
                self._name,
                now,
                before,
            )
        else:
            logger.info("%s: datagrams of %d bytes instead of %d", self._name, now, before)

    def _establish(self, security: Security, now: float) -> None:
        self.state = next_state(self.state, ConnectionEvent.HANDSHAKE_COMPLETED)
        self._timeout.cancel()
        role = self._role
        self.peer = Peer(
            kind="quic",
            local=endpoint_of(self._endpoint.local),
            remote=endpoint_of(self._path[0]),
            server_name=security.server_name,
            alpn=security.alpn,
            cipher=security.cipher,
            group=security.group,
            certificates=security.certificates if role.verified else (),
            leaf=security.certificates[0] if security.certificates else b"",
            encrypted=True,
            authenticated=role.verified and bool(security.certificates),
            handshake_seconds=now - self._started,
            resumed=security.resumed,
            engine=role.choice.engine,
            engine_reason=role.choice.reason,
        )
        self._events.established(self)

    def _handshake_timed_out(self) -> None:
        seconds = self._options.handshake_timeout
        reason = f"{self._name} did not complete the handshake within {seconds:g} s"
        self.abort(ConnectError(reason))

    # The end.

    def close(self, reason: str = "") -> None:
        """Begin an orderly end; see `MessageTransport.close`."""
        self._inbound.discard()
        if self._end_error is None:
            self._end(ConnectionClosed(reason or "the connection was closed"), reason)
            self._pump.schedule_flush()

    def drop(self, reason: str) -> None:
        """End it now; see `MessageTransport.drop`."""
        self._inbound.discard()
        self.abort(ConnectionClosed(reason))

    def abort(self, error: TransportError) -> None:
        """End the connection at once, for a reason the peer need not know."""
        if self.state is not ConnectionState.TERMINATED:
            self._end(error)
            self._engine.close(NO_ERROR, "")
            self._pump.flush()

    def abandon(self) -> None:
        """Forget the connection: nothing is sent and nothing is waited for any more."""
        self._pump.cancel_timer()
        if self.state is not ConnectionState.TERMINATED:
            self._engine.abandon()

    async def wait_closed(self) -> None:
        """Wait until the peer was told, or told us, that the connection is over."""
        await asyncio.shield(self._closed)

    def _end(self, error: TransportError | RemoteProtocolError, reason: str = "") -> None:
        """Receive nothing after what has arrived, and take nothing more to send."""
        if self._end_error is not None:
            return
        in_handshake = self.state is ConnectionState.HANDSHAKE
        self.state = next_state(self.state, ConnectionEvent.ENDED)
        self._end_error = error
        self._reason = reason
        self._keep_alive.stop()
        self._inbound.end(error)
        for turn in self._senders:
            if not turn.done():
                turn.set_result(None)
        self._timeout.cancel()
        self._timeout = self._loop.call_later(FLUSH_TIMEOUT, self._flush_timed_out)
        if in_handshake and isinstance(error, TransportError):
            self._events.handshake_failed(self, error)

    def _flush_timed_out(self) -> None:
        self._engine.close(NO_ERROR, self._reason)
        self._pump.flush()

    def _over(self, event: ConnectionEvent, connection_close: list[Batch]) -> None:
        """The peer was told, or has told us, or never was there."""
        if self.state not in OVER:
            self.state = next_state(self.state, event)
            self._timeout.cancel()
            self._connection_close = ConnectionClose(connection_close, self._endpoint)
            self._closed.set_result(None)
            self._events.closed(self)

    def _is_terminated(self) -> bool:
        return self.state is ConnectionState.TERMINATED

    def _error_of(self, close_reason: CloseReason) -> TransportError | RemoteProtocolError:
        if self.state is ConnectionState.HANDSHAKE:
            return handshake_failure(close_reason, self._name)
        in_message = self._inbound.in_message
        return error_of(close_reason, self._name, self._engine.idle_timeout, in_message=in_message)
