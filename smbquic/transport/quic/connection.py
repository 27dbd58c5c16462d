"""SMB messages on a QUIC connection: framing, flow, time and the end of it all.

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
from functools import partial
from time import monotonic, perf_counter
from typing import Any, Protocol

from smbquic.errors import (
    ConnectError,
    ConnectionClosed,
    IdleTimeout,
    RemoteProtocolError,
    SmbError,
    TransportError,
)
from smbquic.transport import framing
from smbquic.transport.addresses import endpoint as endpoint_of
from smbquic.transport.base import Flow, Introduction, PathStatistics, Peer
from smbquic.transport.quic.engine import NO_ERROR, Choice, Ending, Engine, Security
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.tls import handshake_failure
from smbquic.transport.quic.udp import Batch, Path, UdpEndpoint
from smbquic.transport.serving import Gate, Refusal
from smbquic.wire.cursor import Buffer

SEND_LIMIT = 1 << 20
"""Bytes that were never sent before `send` makes its callers wait."""
LINGER = 2.0
"""Seconds that a closing connection waits for what it sent to be acknowledged."""
REFUSED_FOR = 2.0
"""Seconds that the peer's port may be reported closed before we believe that it is gone."""
SILENCE = 1.0
"""Seconds without a word from a server that owes us one, until it is asked for a sign of life.

Time-outs double, so that who was away for long is asked again late. A server that was restarted
answers with a stateless reset at once, but has to be asked first.
"""
REBIND_INTERVAL = 1.0
MAX_FAREWELLS = 16
CLOCK_RESOLUTION = 1e-4
SLICE = 64 << 10
"""Bytes of stream data that are made into messages before the queue is looked at again."""

UNAUTHENTICATED_LIMIT = 256 << 10
"""Bytes of datagrams that a peer may send before it is known. Without losses 10 KiB are enough."""

PROTOCOL_BROKEN = 1
"""Our application error code for a peer that does not frame its messages."""

logger = logging.getLogger(__name__)


class Owner(Protocol):
    """Who made a transport, and hears what becomes of it."""

    def established(self, transport: "QuicTransport") -> None:
        """The handshake is over, messages may flow."""

    def failed(self, transport: "QuicTransport", error: TransportError) -> None:
        """The handshake came to nothing; `closed` follows."""

    def closed(self, transport: "QuicTransport") -> None:
        """The connection is over, and the peer was told, or told us."""

    def gone(self, transport: "QuicTransport") -> None:
        """Late datagrams need no answer any more."""


class QuicTransport:
    """A `MessageTransport` over the one stream of a QUIC connection.

    `choice` is what `engine` is, and `name` how messages for people call the peer. With `verified`,
    the peer's certificate was looked at. Datagrams come in through the methods of a `Destination`.
    """

    peer: Peer

    def __init__(
        self,
        engine: Engine,
        endpoint: UdpEndpoint,
        path: Path,
        options: QuicOptions,
        owner: Owner,
        *,
        choice: Choice,
        name: str,
        is_client: bool,
        verified: bool,
        max_message_size: int,
    ) -> None:
        self.max_message_size = max_message_size
        self._engine = engine
        self._endpoint = endpoint
        self._path = path
        self._options = options
        self._owner = owner
        self._choice = choice
        self._name = name
        self._is_client = is_client
        self._verified = verified
        self._loop = asyncio.get_running_loop()
        self._started = monotonic()
        self._up = False
        self._inbox = framing.Inbox(self._fetched)
        self._assembler = framing.Assembler(self._inbox.put)
        self._backlog = bytearray()
        self._sent = 0
        self._senders: deque[asyncio.Future[None]] = deque()
        self._closing: SmbError | None = None
        self._reason = ""
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._flush_due = False
        # The engine may have held back data until there was room for it.
        self._more_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._keep_alive = False
        self._ping_timer: asyncio.TimerHandle | None = None
        self._heard_at = self._pinged_at = self._started
        self._silence = SILENCE
        self._patience = self._loop.call_later(options.handshake_timeout, self._too_late)
        self._refused_since: float | None = None
        self._rebound_at = 0.0
        self._farewell: list[Batch] = []
        self._farewells = 0
        self._gate: Gate | None = None
        self._unauthenticated = 0
        # What is known of the path in the end, when the engine is no more.
        self._final: PathStatistics | None = None

    def restrict(self, gate: Gate) -> None:
        """Take little of the peer until it is `authenticated`, and charge what that costs."""
        self._gate = gate

    def authenticated(self) -> None:
        """The peer is known; see `MessageTransport.authenticated`."""
        if self._gate is not None:
            self._gate = None
            if self._final is None:
                self._engine.authenticated()
                self._schedule_flush()

    @property
    def name(self) -> str:
        """How messages for people call the peer."""
        return self._name

    @property
    def introduction(self) -> Introduction:
        """What the client has said of itself so far."""
        return self._engine.introduction

    def statistics(self) -> PathStatistics:
        """What it has seen of its path; see `MessageTransport.statistics`."""
        if self._final is not None:
            return self._final
        engine = self._engine
        return PathStatistics(engine.round_trip, engine.datagram_size, engine.lost_packets)

    @property
    def keep_alive(self) -> bool:
        """Whether the peer is asked for a sign of life when nothing else keeps it up."""
        return self._keep_alive

    @keep_alive.setter
    def keep_alive(self, wanted: bool) -> None:
        if wanted != self._keep_alive:
            self._keep_alive = wanted
            self._schedule_ping()

    def start(self) -> None:
        """Begin the handshake, as a client."""
        self._engine.connect(self._path, monotonic())
        self._flush()

    def send_now(self, *buffers: Buffer) -> bool:
        """Send one message if there is room; see `MessageTransport.send_now`."""
        if self._closing is not None or self._senders or self._engine.unsent >= SEND_LIMIT:
            return False
        self._write(framing.framed(buffers))
        return True

    async def send(self, *buffers: Buffer) -> None:
        """Send one message; see `MessageTransport.send`."""
        message = framing.framed(buffers)
        if self._closing is None and (self._senders or self._engine.unsent >= SEND_LIMIT):
            await self._wait_for_room()
        if self._closing is not None:
            raise ConnectionClosed(str(self._closing))
        self._write(message)
        self._wake_sender()

    def _write(self, message: Sequence[Buffer]) -> None:
        self._sent += sum(map(len, message))
        self._engine.write(*message)
        if self._is_client and (self._ping_timer is None or self._silence > SILENCE):
            self._silence = SILENCE
            self._schedule_ping()
        self._schedule_flush()

    def receive(self) -> Coroutine[Any, Any, memoryview]:
        """Wait for one message; see `MessageTransport.receive`."""
        return self._inbox.get()

    def close(self, reason: str = "") -> None:
        """Begin an orderly end; see `MessageTransport.close`."""
        self._discard()
        if self._closing is None:
            self._end(ConnectionClosed(reason or "the connection was closed"), reason)
            self._schedule_flush()

    def drop(self, reason: str) -> None:
        """End it now; see `MessageTransport.drop`."""
        self._discard()
        self.abort(ConnectionClosed(reason))

    def _discard(self) -> None:
        """Free what was received and nobody will fetch."""
        self._backlog.clear()
        self._assembler.clear()
        self._inbox.clear()
        if self._closing is not None:
            self._inbox.end(self._closing)

    async def wait_closed(self) -> None:
        """Wait until the peer was told, or told us, that the connection is over."""
        await asyncio.shield(self._closed)

    def flow(self) -> Flow:
        """How far the messages have got; see `MessageTransport.flow`."""
        inbox, begun = self._inbox, self._assembler.held + len(self._backlog)
        untaken = self._engine.unacknowledged if self._final is None else 0
        return Flow(
            sent=self._sent,
            untaken=untaken,
            kept=untaken,
            received=inbox.received + begun,
            unfetched=inbox.cost + begun + (self._engine.held if self._final is None else 0),
            messages=inbox.count,
            unfinished=self._assembler.unfinished and not self._backlog,
        )

    def abort(self, error: TransportError) -> None:
        """End the connection at once, for a reason the peer need not know."""
        if self._final is None:
            self._end(error)
            self._engine.close(NO_ERROR, "")
            self._flush()

    def abandon(self) -> None:
        """Forget the connection: nothing is sent and nothing is waited for any more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._final is None:
            self._engine.abandon()

    # What comes in: a Destination's methods, and time.

    def datagram_received(self, datagram: bytes, path: Path, now: float) -> None:
        """Take one datagram; any bytes."""
        self._refused_since, self._heard_at = None, now
        if self._gate is None:
            self._engine.receive(datagram, path, now)
        else:
            self._postpone(len(datagram), path, partial(self._engine.receive, datagram, path))

    def run_received(self, run: bytes, size: int, path: Path, now: float) -> None:
        """Take several datagrams; any bytes."""
        self._refused_since, self._heard_at = None, now
        if self._gate is None:
            self._engine.receive_run(run, size, path, now)
        else:
            receive = partial(self._engine.receive_run, run, size, path)
            self._postpone(len(run), path, receive)

    def _postpone(self, size: int, path: Path, receive: Callable[[float], object]) -> None:
        """Take what somebody sends who has not logged on: as much as a logon needs, in its turn."""
        assert self._gate is not None
        self._unauthenticated += size
        if self._unauthenticated > UNAUTHENTICATED_LIMIT:
            if self._closing is None:
                self._gate.refusals.note(Refusal.TOO_MUCH, self._name)
                self.abort(ConnectionClosed(f"{self._name} {Refusal.TOO_MUCH.text}"))
            return
        host, _ = endpoint_of(path[0])
        self._gate.postpone(host, size, partial(self._take_postponed, self._gate, receive))

    def _take_postponed(self, gate: Gate, receive: Callable[[float], object]) -> None:
        """Act on what has waited for its turn, and charge what that costs."""
        if self._final is not None:
            return  # the connection has come to its end meanwhile
        started, now = perf_counter(), monotonic()
        receive(now)
        self._act(now)
        gate.spend(perf_counter() - started)

    def _charge(self, work: Callable[[], None]) -> None:
        """Do what is not asked for by a datagram, at the peer's expense if it is not known."""
        gate, started = self._gate, perf_counter()
        work()
        if gate is not None:
            gate.spend(perf_counter() - started)

    def stray_received(self, datagram: bytes, path: Path, now: float) -> None:
        """Take a datagram for an unknown connection id: the peer may have lost its memory."""
        self._engine.receive_stray(datagram, path, now)
        self._advance(now)

    def batch_received(self, now: float) -> None:
        """Act on the datagrams that came, and answer; what was postponed is acted on by itself."""
        if self._gate is None:
            self._act(now)

    def _act(self, now: float) -> None:
        if self._closed.done():
            self._repeat_farewell()
        elif self._up or self._is_client or self._engine.begun:
            self._take_in(now)
            if self._inbox.waking:
                self._schedule_answer()
            else:
                self._flush()
        else:
            self.abandon()
            self._over([])
            self._leave()

    def error_received(self, error: OSError) -> None:
        """Make of a network error what it deserves."""
        if self._closing is not None or error.errno == errno.EMSGSIZE:
            return
        if not self._up:
            self.abort(
                ConnectError(
                    f"{self._name}: nothing listens on this UDP port"
                    if error.errno == errno.ECONNREFUSED
                    else f"{self._name}: {error.strerror or error}"
                )
            )
        elif error.errno == errno.ECONNREFUSED:
            now = monotonic()
            if self._refused_since is None:
                self._refused_since = now
                # Time-outs double: by themselves the next words may be half a minute away.
                self._loop.call_later(REFUSED_FOR, self._ping)
            elif now - self._refused_since > REFUSED_FOR:
                self.abort(ConnectionClosed(f"{self._name} is gone: its UDP port is closed"))
        else:
            self._rebind(error)

    def rebind(self) -> None:
        """Go on from another port of this machine; the connection survives it."""
        self._endpoint.rebind()
        self._engine.ping()
        self._schedule_flush()

    def _rebind(self, error: OSError) -> None:
        """The network we spoke from may be gone, and another one be there."""
        now = monotonic()
        if now - self._rebound_at < REBIND_INTERVAL:
            return
        self._rebound_at = now
        logger.info("%s: %s: trying from another address", self._name, error)
        try:
            self.rebind()
        except OSError as failure:
            logger.info("%s: no other address either: %s", self._name, failure)

    def _tick(self) -> None:
        self._charge(self._tick_now)

    def _tick_now(self) -> None:
        self._timer = None
        if self._flush_due or self._final is not None:
            # Which looks at the timer too, and sends all at once.
            return
        now = monotonic()
        due = self._engine.timer()
        if due is not None and due <= now + CLOCK_RESOLUTION:
            self._engine.tick(max(now, due))
            self._advance(now)
        else:
            self._arm()

    def _too_late(self) -> None:
        self.abort(
            ConnectError(
                f"{self._name} did not complete the handshake within"
                f" {self._options.handshake_timeout:g} s"
            )
        )

    def _advance(self, now: float) -> None:
        """Take what the engine has, and send what it wants sent."""
        self._take_in(now)
        self._flush()

    def _take_in(self, now: float) -> None:
        """Take what the engine has."""
        engine = self._engine
        for piece in engine.read():
            self._take(piece)
        if engine.resized is not None:
            self._report_size(*engine.resized)
            engine.resized = None
        if not self._up and engine.security is not None:
            self._establish(engine.security, now)
        if self._closing is None and engine.ending is not None:
            self._end(self._error_of(engine.ending))
        elif self._closing is None and engine.finished:
            self._end(self._closed_by_peer(""))

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
        self._up = True
        self._patience.cancel()
        self.peer = Peer(
            kind="quic",
            local=endpoint_of(self._endpoint.local),
            remote=endpoint_of(self._path[0]),
            server_name=security.server_name,
            alpn=security.alpn,
            cipher=security.cipher,
            group=security.group,
            certificates=security.certificates if self._verified else (),
            leaf=security.certificates[0] if security.certificates else b"",
            encrypted=True,
            authenticated=self._verified and bool(security.certificates),
            handshake_seconds=now - self._started,
            resumed=security.resumed,
            engine=self._choice.engine,
            engine_reason=self._choice.reason,
        )
        self._owner.established(self)

    # Messages in.

    def _take(self, piece: bytes) -> None:
        if self._closing is not None:
            return
        if self._backlog or len(piece) > SLICE or self._inbox.full:
            self._backlog += piece
            self._work_off_backlog()
        else:
            self._assemble(piece)

    def _work_off_backlog(self) -> None:
        """Make messages of what arrived, as long as there is room for them."""
        while self._backlog and not self._inbox.full:
            piece = bytes(self._backlog[:SLICE])
            del self._backlog[:SLICE]
            self._assemble(piece)
        if self._closing is not None and not self._backlog:
            self._inbox.end(self._closing)

    def _assemble(self, piece: bytes) -> None:
        limit = min(self.max_message_size, self._engine.capacity - framing.PREFIX_SIZE)
        try:
            self._assembler.feed(piece, limit)
        except RemoteProtocolError as error:
            logger.warning("%s: %s", self._name, error)
            self._backlog.clear()
            self._end(error)
            if self._final is None:
                self._engine.close(PROTOCOL_BROKEN, "not an SMB message")

    def _fetched(self, size: int) -> None:
        if self._backlog and self._inbox.has_room:
            self._work_off_backlog()
        if self._final is None and self._engine.release(size + framing.PREFIX_SIZE):
            self._more_due = True
            self._schedule_flush()

    # Messages out.

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
            and (self._closing is not None or self._engine.unsent < SEND_LIMIT)
        ):
            self._senders[0].set_result(None)

    def _schedule_flush(self) -> None:
        """Once for all that is sent in this turn of the event loop."""
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._charge, self._flush_now)

    def _schedule_answer(self) -> None:
        """Once the application has had its say: what it sends goes out with the acknowledgement.

        A server answers in the turn of the event loop in which it gets the message. A client's
        next request is made by somebody who waits for the answer, one turn later.
        """
        if self._flush_due:
            return
        self._flush_due = True
        if self._is_client:
            self._loop.call_soon(self._loop.call_soon, self._flush_now)
        else:
            self._loop.call_soon(self._charge, self._flush_now)

    def _flush_now(self) -> None:
        self._flush_due = False
        if self._closed.done():
            self._arm()
        else:
            if self._more_due:
                self._more_due = False
                self._take_in(monotonic())
            self._flush()

    def _flush(self) -> None:
        """Send what is to be sent now.

        The clock is read anew: making a packet may take long, the first key of a process 30 ms, and
        one that counts as sent before would make the round trip longer than it is.
        """
        if self._endpoint.blocked:
            self._endpoint.when_writable(self._flush_now)
        else:
            engine, now = self._engine, monotonic()
            batches = engine.datagrams(now)
            for datagrams, path in batches:
                self._endpoint.send(datagrams, path)
            if self._closing is not None and engine.ending is None and not engine.unacknowledged:
                engine.close(NO_ERROR, self._reason)
                self._flush()
                return
            if engine.ending is not None:
                if self._closing is None:
                    self._end(self._error_of(engine.ending))
                self._over(batches)
        self._wake_sender()
        self._arm()

    def _arm(self) -> None:
        """See that `_tick` runs in time; a timer that is early does no harm."""
        if self._final is not None:
            return
        if self._engine.terminated:
            self._leave()
            return
        due = self._engine.timer()
        if due is None or (self._timer is not None and self._timer_at <= due):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(max(0.0, due - monotonic()), self._tick)
        self._timer_at = due

    def _schedule_ping(self) -> None:
        if self._ping_timer is not None:
            self._ping_timer.cancel()
            self._ping_timer = None
        if self._closing is not None:
            return
        if self._keep_alive or (self._is_client and self._engine.unacknowledged):
            delay = max(self._until_ping(), CLOCK_RESOLUTION)
            self._ping_timer = self._loop.call_later(delay, self._ping_if_silent)

    def _until_ping(self) -> float:
        """Seconds until the peer is asked for a sign of life, if nothing is heard until then."""
        interval = min(self._options.keep_alive_interval, self._engine.idle_timeout / 3)
        if self._is_client:
            interval = min(self._silence, interval)
        return interval - (monotonic() - max(self._heard_at, self._pinged_at))

    def _ping_if_silent(self) -> None:
        if self._until_ping() > CLOCK_RESOLUTION:
            self._schedule_ping()
            return
        # Whoever answers and has merely nothing to say is asked ever less often.
        answered = self._heard_at >= self._pinged_at
        longest = self._options.keep_alive_interval
        self._silence = min(2 * self._silence, longest) if answered else SILENCE
        self._ping()

    def _ping(self) -> None:
        if self._final is not None:
            return
        self._pinged_at = monotonic()
        self._engine.ping()
        self._schedule_flush()
        self._schedule_ping()

    # The end.

    def _end(self, error: TransportError | RemoteProtocolError, reason: str = "") -> None:
        """Nothing more is received after what has arrived, and nothing more is taken to send."""
        if self._closing is not None:
            return
        self._closing = error
        self._reason = reason
        self._patience.cancel()
        self._schedule_ping()
        if not self._backlog:
            self._inbox.end(error)
        for turn in self._senders:
            if not turn.done():
                turn.set_result(None)
        self._patience = self._loop.call_later(LINGER, self._linger_no_more)
        if not self._up and isinstance(error, TransportError):
            self._owner.failed(self, error)

    def _linger_no_more(self) -> None:
        self._engine.close(NO_ERROR, self._reason)
        self._flush()

    def _over(self, farewell: list[Batch]) -> None:
        if not self._closed.done():
            self._patience.cancel()
            self._farewell = farewell
            self._closed.set_result(None)
            self._owner.closed(self)

    def _leave(self) -> None:
        """Free what the engine has kept for the connection; nothing of it is needed any more."""
        self._final = self.statistics()
        self._owner.gone(self)
        self._farewell = []
        self._engine.free()

    def _repeat_farewell(self) -> None:
        """Tell a peer that has not noticed once more that it is over ([RFC9000] 10.2.1)."""
        self._farewells += 1
        if self._farewells <= MAX_FAREWELLS:
            for datagrams, path in self._farewell:
                self._endpoint.send(datagrams, path)

    def _error_of(self, ending: Ending) -> TransportError | RemoteProtocolError:
        if not self._up:
            return handshake_failure(ending, self._name)
        if ending.idle:
            return IdleTimeout(
                f"nothing was heard of {self._name} for {self._engine.idle_timeout:g} s"
            )
        if ending.ours:
            return RemoteProtocolError(f"{self._name} broke the QUIC protocol: {ending.reason}")
        return self._closed_by_peer(
            ending.reason or (f"error {ending.code}" if ending.code else "")
        )

    def _closed_by_peer(self, reason: str) -> ConnectionClosed:
        middle = " in the middle of a message" if self._assembler.unfinished else ""
        said = f": {reason}" if reason else ""
        return ConnectionClosed(f"{self._name} closed the connection{middle}{said}")
