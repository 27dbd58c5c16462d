"""One QUIC connection, from the handshake to the end of the closing period.

It moves the bytes of its one stream; `smbquic.transport.quic.transport` makes messages of them.
"""

import logging
from collections.abc import Sequence
from time import monotonic
from typing import Protocol

from smbquic.errors import ConnectionClosed, RemoteProtocolError, TransportError
from smbquic.transport.base import ClientHello, PathStatistics, Peer
from smbquic.transport.quic.closing import closed_by_peer, error_of
from smbquic.transport.quic.engine import NO_ERROR, CloseReason, Engine, Security
from smbquic.transport.quic.flow_control import SendFlowControl
from smbquic.transport.quic.inbound import InboundStream
from smbquic.transport.quic.keep_alive import KeepAlive
from smbquic.transport.quic.lifecycle import Lifecycle
from smbquic.transport.quic.network_errors import NetworkErrors
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.pump import Pump
from smbquic.transport.quic.receiver import DatagramReceiver
from smbquic.transport.quic.role import Role
from smbquic.transport.quic.state import OVER, QuicEvent, QuicState
from smbquic.transport.quic.tls import handshake_failure
from smbquic.transport.quic.udp import Batch, Path, UdpEndpoint
from smbquic.wire.cursor import Buffer

logger = logging.getLogger(__name__)


class ConnectionEvents(Protocol):
    """Events that a connection reports to the client or the listener that made it."""

    def established(self, connection: "QuicConnection") -> None:
        """Called when the handshake is complete: sets `inbound`, and may send."""

    def handshake_failed(self, connection: "QuicConnection", error: TransportError) -> None:
        """Called when the handshake has failed; `closed` follows."""

    def closed(self, connection: "QuicConnection") -> None:
        """Called when one end has sent CONNECTION_CLOSE, or the idle timeout is over."""

    def terminated(self, connection: "QuicConnection") -> None:
        """Called when the closing or draining period is over: late datagrams need no answer."""


class QuicConnection:
    """One QUIC connection with one stream.

    `name` is how messages for people call the peer; `peer` is set once the handshake is complete.
    From then on `inbound` takes the bytes of the stream; `capacity` is how many may wait to be
    fetched. `receiver` gets the datagrams, `flow_control` says who may write.
    """

    peer: Peer

    def __init__(
        self,
        engine: Engine,
        endpoint: UdpEndpoint,
        path: Path,
        options: QuicOptions,
        events: ConnectionEvents,
        role: Role,
    ) -> None:
        self.name = role.name
        self.capacity = engine.capacity
        self.inbound: InboundStream | None = None
        self.flow_control = SendFlowControl(engine)
        self.lifecycle = Lifecycle(
            role.name,
            endpoint,
            options.handshake_timeout,
            abort=self.abort,
            flush_timed_out=self._flush_timed_out,
        )
        self.keep_alive = KeepAlive(
            engine, options.keep_alive_interval, self._send_ping, is_client=role.is_client
        )
        self.network_errors = NetworkErrors(
            role.name, ping=self.keep_alive.ping, rebind=self.rebind, abort=self.abort
        )
        self.receiver = DatagramReceiver(engine, self)
        self._engine = engine
        self._endpoint = endpoint
        self._path = path
        self._events = events
        self._role = role
        self._started = monotonic()
        self._pump = Pump(engine, endpoint, self, self.receiver.charge, is_client=role.is_client)
        self._final_statistics = PathStatistics()
        self._shrunk = False
        self._answered = False

    @property
    def client_hello(self) -> ClientHello:
        """The claims of the client in its handshake so far."""
        return self._engine.client_hello

    def statistics(self) -> PathStatistics:
        """Return what was measured on the path; see `MessageTransport.statistics`."""
        if self.lifecycle.is_terminated():
            return self._final_statistics
        return self._engine.statistics()

    def buffered(self) -> tuple[int, int, int]:
        """Return how many bytes wait to be acknowledged, came out of order, and miss their rest."""
        # An engine that was freed must not be asked.
        if self.lifecycle.is_terminated():
            return 0, 0, 0
        return self._engine.unacknowledged, self._engine.held, self._engine.partial

    def start(self) -> None:
        """Begin the handshake, as a client."""
        self._engine.connect(self._path, monotonic())
        self._pump.flush()

    def authenticated(self) -> None:
        """Lift the limits for peers that have not logged on; see `MessageTransport`."""
        if self.receiver.authenticated() and not self.lifecycle.is_terminated():
            self._engine.authenticated()
            self._pump.schedule_flush()

    # The stream.

    def write(self, buffers: Sequence[Buffer]) -> None:
        """Send on the stream; the buffers must not change any more."""
        self._engine.write(*buffers)
        if self._role.is_client:
            self.keep_alive.request_sent()
        # Not at once: what else is written in this iteration of the event loop shares the packets.
        self._pump.schedule_flush()

    def release(self, size: int) -> None:
        """Let the peer send as much more as the application has fetched ([RFC9000] 4.1)."""
        if self.lifecycle.state is not QuicState.TERMINATED and self._engine.release(size):
            self._pump.schedule_flush(has_data=True)

    # Methods that the receiver calls.

    def process(self, now: float) -> None:
        """Act on what the engine was given, and answer."""
        state = self.lifecycle.state
        if state in OVER:
            self.lifecycle.answer_late_datagrams()
            # An I/O thread reports the end of the period in this way.
            self._pump.arm()
        elif state is QuicState.ESTABLISHED or self._role.is_client or self._engine.begun:
            self.take_from_engine(now)
            # A request that somebody waits for is answered soon: one packet for both the answer and
            # the acknowledgement, which may be delayed ([RFC9000] 13.2.1).
            if self.inbound is not None and self.inbound.inbox.waking:
                self._pump.schedule_answer()
            else:
                self._pump.flush()
        else:
            # No packet of the first datagram could be decrypted: there is no peer to notify.
            self.abandon()
            self._close(QuicEvent.NO_PACKET, [])
            self.engine_terminated()

    def unmatched_received(self, datagram: bytes, path: Path, now: float) -> None:
        """Process a datagram with an unknown connection ID, which may be a stateless reset."""
        self._engine.receive_unmatched(datagram, path, now)
        self._pump.advance(now)

    def rebind(self) -> None:
        """Continue from another port of this machine. Raises `OSError` if there is none."""
        self._endpoint.rebind()
        # The peer learns of the new address from the next packet ([RFC9000] 9.3).
        self._send_ping()

    def _send_ping(self) -> None:
        self._engine.ping()
        self._pump.schedule_flush()

    # Methods that the pump calls.

    def take_from_engine(self, now: float) -> None:
        """Take the stream data and the events that the engine has."""
        engine, lifecycle = self._engine, self.lifecycle
        # The data comes first: what arrived before the connection was closed is still delivered.
        if lifecycle.state is QuicState.HANDSHAKE and engine.security is not None:
            self._establish(engine.security, now)
        if self.inbound is not None:
            take = self.inbound.take
            for piece in engine.read():
                take(piece)
        if engine.resized is not None:
            self._log_size(*engine.resized)
            engine.resized = None
        if lifecycle.error is None and engine.close_reason is not None:
            self._end(self._error_of(engine.close_reason))
        elif lifecycle.error is None and engine.finished:
            self._end(closed_by_peer(self.name, in_message=self._in_message()))

    def datagrams_sent(self, batches: list[Batch]) -> bool:
        """Act on what was sent; return whether CONNECTION_CLOSE is to be sent, too."""
        engine, lifecycle = self._engine, self.lifecycle
        if engine.close_reason is not None:
            if lifecycle.error is None:
                self._end(self._error_of(engine.close_reason))
            self._close(QuicEvent.CLOSE_SENT, batches)
        elif lifecycle.error is not None and (self._answered or not engine.unacknowledged):
            # All that was sent has arrived: an orderly end waits for no more than that.
            engine.close(NO_ERROR, lifecycle.reason)
            return True
        if self.flow_control.waiters:
            self.flow_control.wake()
        return False

    def engine_terminated(self) -> None:
        """Free what the engine has kept for the connection."""
        if self.lifecycle.state not in OVER:
            # The socket has taken nothing since the engine closed the connection.
            self.datagrams_sent([])
        self._final_statistics = self._engine.statistics()
        self.lifecycle.terminate()
        self._events.terminated(self)
        self._engine.free()

    def _establish(self, security: Security, now: float) -> None:
        self.lifecycle.establish()
        self.peer = self._role.peer(
            security, self._endpoint.local, self._path[0], now - self._started
        )
        self._events.established(self)

    # The end.

    def close(self, reason: str, *, answered: bool = False) -> None:
        """Begin an orderly end: what was written is still delivered.

        If it was `answered`, CONNECTION_CLOSE need not wait for an acknowledgement.
        """
        if self.lifecycle.error is None:
            self._end(ConnectionClosed(reason or "the connection was closed"), reason)
            self._answered = answered
            if self._engine.unacknowledged and not answered:
                # A second packet has the peer acknowledge the last one at once ([RFC9000] 13.2.2),
                # and not some 25 ms later: until then it would take the connection for open.
                self._engine.ping()
            self._pump.schedule_flush()

    def fail(self, error: RemoteProtocolError, code: int, phrase: str) -> None:
        """End the connection because of what the peer has sent, which is told code and phrase."""
        logger.warning("%s: %s", self.name, error)
        self._end(error)
        if not self.lifecycle.is_terminated():
            self._engine.close(code, phrase)

    def abort(self, error: TransportError) -> None:
        """End the connection at once, without a reason for the peer."""
        if not self.lifecycle.is_terminated():
            self._end(error)
            self._engine.close(NO_ERROR, "")
            self._pump.flush()

    def abandon(self) -> None:
        """Release the connection: nothing is sent any more, and no timer is left."""
        self._pump.cancel_timer()
        if not self.lifecycle.is_terminated():
            self._engine.abandon()

    def _end(self, error: TransportError | RemoteProtocolError, reason: str = "") -> None:
        """Accept nothing more to send, and receive nothing after what has arrived."""
        in_handshake = self.lifecycle.state is QuicState.HANDSHAKE
        if not self.lifecycle.end(error, reason):
            return
        self.keep_alive.stop()
        if self.inbound is not None:
            self.inbound.end(error)
        self.flow_control.end()
        if in_handshake and isinstance(error, TransportError):
            self._events.handshake_failed(self, error)

    def _flush_timed_out(self) -> None:
        self._engine.close(NO_ERROR, self.lifecycle.reason)
        self._pump.flush()

    def _close(self, event: QuicEvent, connection_close: list[Batch]) -> None:
        """Enter the closing or draining period, in which late datagrams may be answered."""
        if self.lifecycle.close(event, connection_close):
            self._events.closed(self)

    def _in_message(self) -> bool:
        if self._engine.partial:
            return True
        return self.inbound is not None and self.inbound.in_message

    def _log_size(self, before: int, now: int) -> None:
        """Log another size of datagrams; for administrators up to the first time that it shrinks.

        A peer can have it change any number of times.
        """
        if now < before:
            words = "%s: the path carries less than it did: datagrams of %d bytes instead of %d"
            level = logging.WARNING
        else:
            words, level = "%s: datagrams of %d bytes instead of %d", logging.INFO
        logger.log(logging.DEBUG if self._shrunk else level, words, self.name, now, before)
        self._shrunk = self._shrunk or now < before

    def _error_of(self, close_reason: CloseReason) -> TransportError | RemoteProtocolError:
        if self.lifecycle.state is QuicState.HANDSHAKE:
            return handshake_failure(close_reason, self.name)
        idle_timeout = self._engine.idle_timeout
        return error_of(close_reason, self.name, idle_timeout, in_message=self._in_message())
