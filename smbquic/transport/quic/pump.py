"""When an engine's datagrams are made and sent, and when it is told that time has passed."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from smbquic.transport.quic.engine import Engine
from smbquic.transport.quic.state import OVER, ConnectionState
from smbquic.transport.quic.udp import Batch, UdpEndpoint

CLOCK_RESOLUTION = 1e-4
"""Seconds by which a timer may be early."""


class PumpedConnection(Protocol):
    """The connection that a pump works for."""

    state: ConnectionState

    def take_from_engine(self, now: float) -> None:
        """Take what the engine has received, and what has become of the connection."""

    def datagrams_sent(self, batches: list[Batch]) -> bool:
        """Note what was sent; returns whether the engine has more to send because of that."""

    def engine_terminated(self) -> None:
        """The engine has nothing more to send or to wait for."""

    def charge(self, work: Callable[[], None]) -> None:
        """Do `work` at the expense of the peer."""


class Pump:
    """Moves the datagrams of one engine to its socket, and keeps its timer."""

    def __init__(
        self,
        engine: Engine,
        endpoint: UdpEndpoint,
        connection: PumpedConnection,
        *,
        is_client: bool,
    ) -> None:
        self._engine = engine
        self._endpoint = endpoint
        self._connection = connection
        self._is_client = is_client
        self._loop = asyncio.get_running_loop()
        self._flush_due = False
        self._data_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def schedule_flush(self, *, has_data: bool = False) -> None:
        """Send once for all that is written in this iteration of the event loop.

        `has_data` says that the engine may have held back what it received, and now gives it.
        """
        self._data_due = self._data_due or has_data
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._connection.charge, self._flush_scheduled)

    def schedule_answer(self) -> None:
        """Send once the application has answered: the answer then carries the acknowledgement.

        A server answers in the iteration of the event loop in which it gets the message. A client's
        next request is made by a task that waits for the answer, one iteration later.
        """
        if self._flush_due:
            return
        self._flush_due = True
        if self._is_client:
            self._loop.call_soon(self._loop.call_soon, self._flush_scheduled)
        else:
            self._loop.call_soon(self._connection.charge, self._flush_scheduled)

    def advance(self, now: float) -> None:
        """Take what the engine has, and send what it wants sent."""
        self._connection.take_from_engine(now)
        self.flush()

    def flush(self) -> None:
        """Send what is to be sent now.

        The clock is read anew: making a packet may take long, the first key of a process 30 ms, and
        one that counts as sent before would make the round trip longer than it is.
        """
        if self._endpoint.blocked:
            self._endpoint.when_writable(self._flush_scheduled)
        else:
            batches = self._engine.datagrams(monotonic())
            for datagrams, path in batches:
                self._endpoint.send(datagrams, path)
            if self._connection.datagrams_sent(batches):
                self.flush()
                return
        self.arm()

    def arm(self) -> None:
        """See that the engine is called in time; a timer that is early does no harm."""
        if self._connection.state is ConnectionState.TERMINATED:
            return
        engine = self._engine
        if engine.terminated:
            self._connection.engine_terminated()
            return
        due = engine.timer()
        if due is None or (self._timer is not None and self._timer_at <= due):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(max(0.0, due - monotonic()), self.tick)
        self._timer_at = due

    def cancel_timer(self) -> None:
        """Let the engine's time pass unnoticed."""
        if self._timer is not None:
            self._timer.cancel()

    def tick(self) -> None:
        """Tell the engine that its time has come, at the expense of the peer."""
        self._connection.charge(self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._flush_due or self._connection.state is ConnectionState.TERMINATED:
            # The flush looks at the timer too, and sends all at once.
            return
        now = monotonic()
        due = self._engine.timer()
        if due is not None and due <= now + CLOCK_RESOLUTION:
            self._engine.tick(max(now, due))
            self.advance(now)
        else:
            self.arm()

    def _flush_scheduled(self) -> None:
        self._flush_due = False
        if self._connection.state in OVER:
            self.arm()
            return
        if self._data_due:
            self._data_due = False
            self._connection.take_from_engine(monotonic())
        self.flush()
