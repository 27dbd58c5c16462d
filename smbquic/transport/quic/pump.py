"""Moves the datagrams of an engine to the socket, and calls the engine when its timer is due."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from smbquic.transport.quic.engine import Engine
from smbquic.transport.quic.lifecycle import Lifecycle
from smbquic.transport.quic.state import OVER, QuicState
from smbquic.transport.quic.udp import Batch, UdpEndpoint

CLOCK_RESOLUTION = 1e-4
"""Seconds by which a timer may be early."""


class PumpedConnection(Protocol):
    """The connection whose datagrams a pump moves."""

    lifecycle: Lifecycle

    def take_from_engine(self, now: float) -> None:
        """Take the stream data and the events that the engine has."""

    def datagrams_sent(self, batches: list[Batch]) -> bool:
        """Act on what was sent; return whether the engine has more to send because of that."""

    def engine_terminated(self) -> None:
        """Called when the engine has nothing more to send or to wait for."""


class Pump:
    """The pump of one connection.

    `charge` does work, and charges an unauthenticated peer for it.
    """

    def __init__(
        self,
        engine: Engine,
        endpoint: UdpEndpoint,
        connection: PumpedConnection,
        charge: Callable[[Callable[[], None]], None],
        *,
        is_client: bool,
    ) -> None:
        self._engine = engine
        self._endpoint = endpoint
        self._connection = connection
        self._lifecycle = connection.lifecycle
        self._charge = charge
        self._is_client = is_client
        self._loop = asyncio.get_running_loop()
        self._flush_due = False
        self._data_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def schedule_flush(self, *, has_data: bool = False) -> None:
        """Send once for all that is written in this iteration of the event loop.

        With `has_data` the engine may have kept back stream data, and now delivers it.
        """
        self._data_due = self._data_due or has_data
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._charge, self._flush_scheduled)

    def schedule_answer(self) -> None:
        """Send once the application has answered: one packet for answer and acknowledgement.

        A server answers in the iteration of the event loop in which it gets the message. A client's
        next request is made by a task that waits for the answer, one iteration later.
        """
        if self._flush_due:
            return
        self._flush_due = True
        if self._is_client:
            self._loop.call_soon(self._loop.call_soon, self._flush_scheduled)
        else:
            self._loop.call_soon(self._charge, self._flush_scheduled)

    def advance(self, now: float) -> None:
        """Take what the engine has received, and send what it has to send."""
        self._connection.take_from_engine(now)
        self.flush()

    def flush(self) -> None:
        """Send what is to be sent now."""
        # While the kernel takes nothing, no packets are made: they would count as sent too early.
        if self._endpoint.blocked:
            self._endpoint.when_writable(self._flush_scheduled)
        else:
            # The clock is read anew: making a packet may take long, the first key of a process
            # 30 ms, and a packet that counts as sent before would lengthen the round trip.
            batches = self._engine.datagrams(monotonic())
            for datagrams, path in batches:
                self._endpoint.send(datagrams, path)
            if self._connection.datagrams_sent(batches):
                self.flush()
                return
        self.arm()

    def arm(self) -> None:
        """Have the engine called when its timer is due."""
        if self._lifecycle.state is QuicState.TERMINATED:
            return
        engine = self._engine
        # Mostly it is open, which needs no further question.
        if engine.close_reason is not None and engine.terminated:
            self._connection.engine_terminated()
            return
        due = engine.timer()
        # A timer that is early is left as it is: it finds out when it fires, which is cheaper than
        # to replace it for every packet.
        if due is None or (self._timer is not None and self._timer_at <= due):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(max(0.0, due - monotonic()), self.tick)
        self._timer_at = due

    def cancel_timer(self) -> None:
        """Cancel the timer, as the engine need not be called any more."""
        if self._timer is not None:
            self._timer.cancel()

    def tick(self) -> None:
        """Call the engine as its timer is due, and charge an unauthenticated peer for it."""
        self._charge(self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._flush_due or self._lifecycle.state is QuicState.TERMINATED:
            # The flush checks the timer, too, and sends everything at once.
            return
        now = monotonic()
        due = self._engine.timer()
        if due is not None and due <= now + CLOCK_RESOLUTION:
            # Never before its time: an engine would find nothing due, and ask for the same again.
            self._engine.tick(max(now, due))
            self.advance(now)
        else:
            self.arm()

    def _flush_scheduled(self) -> None:
        self._flush_due = False
        if self._lifecycle.state in OVER:
            # Only the end of the closing period is awaited.
            self.arm()
            return
        if self._data_due:
            self._data_due = False
            self._connection.take_from_engine(monotonic())
        self.flush()
