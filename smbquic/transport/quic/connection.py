"""SMB messages over a QUIC connection, from the handshake to the end of the closing period.

The memory of a connection whose messages nobody fetches is bounded. The peer may send `window`
bytes (16 MiB) ahead of the application; the window moves when a message is fetched, and never by
itself. A client that has not logged on may send much less. At most `QUEUE_LIMIT` of these bytes
(4 MiB, with 256 bytes extra for each message) wait as messages, the rest as bytes. What this end
sends is kept until it is acknowledged: at most `SEND_LIMIT` (1 MiB) and one message that were never
sent, and what is in flight, which the peer's window limits.
"""

import asyncio
import errno
import logging
from collections.abc import Callable, Coroutine, Sequence
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
from smbquic.state_table import next_state
from smbquic.transport import framing
from smbquic.transport.base import ClientHello, Flow, PathStatistics, Peer
from smbquic.transport.quic.closing import ConnectionClose, closed_by_peer, error_of
from smbquic.transport.quic.engine import NO_ERROR, CloseReason, Engine, Security
from smbquic.transport.quic.flow_control import SendFlowControl
from smbquic.transport.quic.inbound import InboundStream
from smbquic.transport.quic.keep_alive import KeepAlive
from smbquic.transport.quic.network_errors import NetworkErrors
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.pump import Pump
from smbquic.transport.quic.role import Role
from smbquic.transport.quic.state import OVER, TRANSITIONS, QuicEvent, QuicState
from smbquic.transport.quic.tls import handshake_failure
from smbquic.transport.quic.udp import Batch, Path, UdpEndpoint
from smbquic.transport.quic.unauthenticated import UnauthenticatedClient
from smbquic.transport.refusals import ListenerRefusal
from smbquic.transport.serving import Limiter
from smbquic.wire.cursor import Buffer

FLUSH_TIMEOUT = 2.0
"""Seconds that a connection which is closed waits for what it sent to be acknowledged."""
FRAMING_ERROR = 1
"""The application error code that a peer is sent which does not frame its messages."""

logger = logging.getLogger(__name__)


class TransportEvents(Protocol):
    """Events that a transport reports to the client or the listener that made it."""

    def established(self, transport: "QuicTransport") -> None:
        """The handshake is complete: messages may be sent."""

    def handshake_failed(self, transport: "QuicTransport", error: TransportError) -> None:
        """The handshake has failed; `closed` follows."""

    def closed(self, transport: "QuicTransport") -> None:
        """One end has sent CONNECTION_CLOSE to the other, or the idle timeout is over."""

    def terminated(self, transport: "QuicTransport") -> None:
        """The closing or draining period is over: late datagrams need no answer any more."""


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
        self.state = QuicState.HANDSHAKE
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
        self._flow_control = SendFlowControl(engine)
        self._network_errors = NetworkErrors(
            role.name, ping=self._keep_alive.ping, rebind=self.rebind, abort=self.abort
        )
        self._sent = 0
        # What is raised for this end, and the reason phrase of the CONNECTION_CLOSE for the peer.
        self._end_error: SmbError | None = None
        self._reason = ""
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._connection_close = ConnectionClose([], endpoint)
        # The handshake timeout, and after the end the flush timeout.
        self._timeout = self._loop.call_later(options.handshake_timeout, self._handshake_timed_out)
        self._unauthenticated: UnauthenticatedClient | None = None
        self._final_statistics = PathStatistics()

    def restrict(self, limiter: Limiter) -> None:
        """Limit what the peer may send until it is `authenticated`, and charge what it costs."""
        self._unauthenticated = UnauthenticatedClient(limiter, self._process, self._is_terminated)

    def authenticated(self) -> None:
        """Lift the limits for peers that have not logged on; see `MessageTransport`."""
        if self._unauthenticated is not None:
            self._unauthenticated = None
            if self.state is not QuicState.TERMINATED:
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
        """The claims of the client in its handshake so far."""
        return self._engine.client_hello

    def statistics(self) -> PathStatistics:
        """Return what was measured on the path; see `MessageTransport.statistics`."""
        if self.state is QuicState.TERMINATED:
            return self._final_statistics
        return self._engine.statistics()

    def flow(self) -> Flow:
        """Return how far the messages have got; see `MessageTransport.flow`."""
        inbound, inbox, partial_ = self._inbound, self._inbox, self._inbound.partial
        # An engine that was freed must not be asked.
        terminated = self.state is QuicState.TERMINATED
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
        if self._end_error is not None or self._flow_control.blocked:
            return False
        self._write(framing.framed(buffers))
        return True

    async def send(self, *buffers: Buffer) -> None:
        """Send one message; see `MessageTransport.send`."""
        message = framing.framed(buffers)
        if self._end_error is None and self._flow_control.blocked:
            await self._flow_control.wait()
        if self._end_error is not None:
            raise ConnectionClosed(str(self._end_error))
        self._write(message)
        self._flow_control.wake()

    def _write(self, message: Sequence[Buffer]) -> None:
        self._sent += sum(map(len, message))
        self._engine.write(*message)
        if self._role.is_client:
            self._keep_alive.request_sent()
        # Not at once: what else is written in this iteration of the event loop shares the packets.
        self._pump.schedule_flush()

    # Messages in.

    def receive(self) -> Coroutine[Any, Any, memoryview]:
        """Wait for one message; see `MessageTransport.receive`."""
        return self._inbox.get()

    def _fetched(self, size: int) -> None:
        """Let the peer send as much more as the application has fetched ([RFC9000] 4.1)."""
        if self.state is not QuicState.TERMINATED and self._engine.release(
            size + framing.PREFIX_SIZE
        ):
            self._pump.schedule_flush(has_data=True)

    def _not_a_message(self, error: RemoteProtocolError) -> None:
        # Without the framing there is no way to find the next message: the connection has to end.
        logger.warning("%s: %s", self._name, error)
        self._end(error)
        if self.state is not QuicState.TERMINATED:
            self._engine.close(FRAMING_ERROR, "not an SMB message")

    # Datagrams: the methods of a `Destination`.

    def datagram_received(self, datagram: bytes, path: Path, now: float) -> None:
        """Process one datagram, whatever bytes it has."""
        if self._unauthenticated is None:
            self._engine.receive(datagram, path, now)
        else:
            receive = partial(self._engine.receive, datagram, path)
            self._schedule(self._unauthenticated, len(datagram), path, receive)

    def segments_received(self, segments: bytes, size: int, path: Path, now: float) -> None:
        """Process a segment batch, whatever bytes it has."""
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
        """Process a datagram with an unknown connection ID, which may be a stateless reset."""
        self._engine.receive_unmatched(datagram, path, now)
        self._pump.advance(now)

    def batch_received(self, now: float) -> None:
        """Act on the datagrams that were received, and answer.

        What is scheduled for later, as it comes from an unauthenticated client, does so by itself.
        """
        self._network_errors.refused_since, self._keep_alive.received_at = None, now
        if self._unauthenticated is None:
            self._process(now)

    def _process(self, now: float) -> None:
        if self.state in OVER:
            self._connection_close.repeat()
        elif self.state is QuicState.ESTABLISHED or self._role.is_client or self._engine.begun:
            self.take_from_engine(now)
            # A request that somebody waits for is answered soon: one packet for both the answer and
            # the acknowledgement, which may be delayed ([RFC9000] 13.2.1).
            if self._inbox.waking:
                self._pump.schedule_answer()
            else:
                self._pump.flush()
        else:
            # No packet of the first datagram could be decrypted: there is no peer to notify.
            self.abandon()
            self._over(QuicEvent.NO_PACKET, [])
            self.engine_terminated()

    def error_received(self, error: OSError) -> None:
        """Act on an error that the network reports."""
        # A datagram that is too large for the interface is lost like any other.
        if self._end_error is not None or error.errno == errno.EMSGSIZE:
            return
        if self.state is QuicState.HANDSHAKE:
            self._network_errors.during_handshake(error)
        else:
            self._network_errors.after_handshake(error)

    def rebind(self) -> None:
        """Continue from another port of this machine. Raises `OSError` if there is none."""
        self._endpoint.rebind()
        # The peer learns of the new address from the next packet ([RFC9000] 9.3).
        self._send_ping()

    def _send_ping(self) -> None:
        self._engine.ping()
        self._pump.schedule_flush()

    # What the pump calls.

    def charge(self, work: Callable[[], None]) -> None:
        """Do `work`, and charge an unauthenticated peer for it."""
        if self._unauthenticated is None:
            work()
        else:
            self._unauthenticated.charge(work)

    def take_from_engine(self, now: float) -> None:
        """Take the stream data and the events that the engine has."""
        engine, take = self._engine, self._inbound.take
        # The data comes first: what arrived before the connection was closed is still delivered.
        if self.state is QuicState.HANDSHAKE and engine.security is not None:
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
        """Act on what was sent; return whether CONNECTION_CLOSE is to be sent, too."""
        engine = self._engine
        if engine.close_reason is not None:
            if self._end_error is None:
                self._end(self._error_of(engine.close_reason))
            self._over(QuicEvent.CLOSE_SENT, batches)
        elif self._end_error is not None and not engine.unacknowledged:
            # All that was sent has arrived: an orderly end waits for no more than that.
            engine.close(NO_ERROR, self._reason)
            return True
        self._flow_control.wake()
        return False

    def engine_terminated(self) -> None:
        """Free what the engine has kept for the connection."""
        if self.state not in OVER:
            # The socket has taken nothing since the engine closed the connection.
            self.datagrams_sent([])
        self._final_statistics = self.statistics()
        self.state = next_state(TRANSITIONS, self.state, QuicEvent.PERIOD_OVER)
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
        self.state = next_state(TRANSITIONS, self.state, QuicEvent.HANDSHAKE_COMPLETED)
        self._timeout.cancel()
        self.peer = self._role.peer(
            security, self._endpoint.local, self._path[0], now - self._started
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
        """End the connection at once, without a reason for the peer."""
        if self.state is not QuicState.TERMINATED:
            self._end(error)
            self._engine.close(NO_ERROR, "")
            self._pump.flush()

    def abandon(self) -> None:
        """Release the connection: nothing is sent any more, and no timer is left."""
        self._pump.cancel_timer()
        if self.state is not QuicState.TERMINATED:
            self._engine.abandon()

    async def wait_closed(self) -> None:
        """Wait until one end has sent CONNECTION_CLOSE, or the connection has timed out."""
        await asyncio.shield(self._closed)

    def _end(self, error: TransportError | RemoteProtocolError, reason: str = "") -> None:
        """Accept nothing more to send, and receive nothing after what has arrived."""
        if self._end_error is not None:
            # The first reason counts: others follow from it.
            return
        in_handshake = self.state is QuicState.HANDSHAKE
        self.state = next_state(TRANSITIONS, self.state, QuicEvent.ENDED)
        self._end_error = error
        self._reason = reason
        self._keep_alive.stop()
        self._inbound.end(error)
        self._flow_control.end()
        self._timeout.cancel()
        self._timeout = self._loop.call_later(FLUSH_TIMEOUT, self._flush_timed_out)
        if in_handshake and isinstance(error, TransportError):
            self._events.handshake_failed(self, error)

    def _flush_timed_out(self) -> None:
        self._engine.close(NO_ERROR, self._reason)
        self._pump.flush()

    def _over(self, event: QuicEvent, connection_close: list[Batch]) -> None:
        """Enter the closing or draining period, in which late datagrams may be answered."""
        if self.state not in OVER:
            self.state = next_state(TRANSITIONS, self.state, event)
            self._timeout.cancel()
            self._connection_close = ConnectionClose(connection_close, self._endpoint)
            self._closed.set_result(None)
            self._events.closed(self)

    def _is_terminated(self) -> bool:
        return self.state is QuicState.TERMINATED

    def _error_of(self, close_reason: CloseReason) -> TransportError | RemoteProtocolError:
        if self.state is QuicState.HANDSHAKE:
            return handshake_failure(close_reason, self._name)
        in_message = self._inbound.in_message
        return error_of(close_reason, self._name, self._engine.idle_timeout, in_message=in_message)
