"""Keep-alive: when a peer that sends nothing is sent a PING ([RFC9000] 10.1.2)."""

import asyncio
from collections.abc import Callable
from time import monotonic

from smbquic.transport.quic.engine import Engine

SILENCE = 1.0
"""Seconds until a server that has an answer to send, and sends nothing, is sent a PING.

Probe timeouts double ([RFC9002] 6.2.1), so that a server which was unreachable for long is probed
late. One that was restarted sends a stateless reset at once, but only as an answer.
"""
RESOLUTION = 1e-4
"""Seconds by which a timer may be early."""


class KeepAlive:
    """The keep-alive of one connection: PINGs while `wanted`, or while a server owes an answer.

    `interval` is the longest time between two, in seconds. `received_at` is when the peer's last
    datagram came. `ping` sends a PING.
    """

    def __init__(
        self,
        engine: Engine,
        interval: float,
        ping: Callable[[], None],
        *,
        is_client: bool,
    ) -> None:
        self._engine = engine
        self._interval = interval
        self._ping = ping
        self._is_client = is_client
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._wanted = False
        self._stopped = False
        self.received_at = self._pinged_at = monotonic()
        self._silence = SILENCE

    @property
    def wanted(self) -> bool:
        """Whether the connection is kept up even if nothing is sent on it."""
        return self._wanted

    @wanted.setter
    def wanted(self, wanted: bool) -> None:
        if wanted != self._wanted:
            self._wanted = wanted
            self._schedule()

    def request_sent(self) -> None:
        """Expect an answer soon, as a client has sent something."""
        # Mostly the timer is short enough already: this is called for every message.
        if self._timer is None or self._silence > SILENCE:
            self._silence = SILENCE
            self._schedule()

    def ping(self) -> None:
        """Send a PING now."""
        if self._stopped:
            return
        self._pinged_at = monotonic()
        self._ping()
        self._schedule()

    def stop(self) -> None:
        """Send no more PINGs."""
        self._stopped = True
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._stopped:
            return
        # Unless it is wanted, PINGs are only for a client that waits for an answer.
        if self._wanted or (self._is_client and self._engine.unacknowledged):
            delay = max(self._until_ping(), RESOLUTION)
            self._timer = self._loop.call_later(delay, self._ping_if_silent)

    def _until_ping(self) -> float:
        """Return the seconds until a PING is sent, if nothing arrives until then."""
        # A third of the idle timeout: two PINGs in a row may be lost.
        interval = min(self._interval, self._engine.idle_timeout / 3)
        if self._is_client:
            interval = min(self._silence, interval)
        return interval - (monotonic() - max(self.received_at, self._pinged_at))

    def _ping_if_silent(self) -> None:
        if self._until_ping() > RESOLUTION:
            self._schedule()
            return
        # A server that acknowledges, and has nothing to send, is asked ever less often.
        answered = self.received_at >= self._pinged_at
        self._silence = min(2 * self._silence, self._interval) if answered else SILENCE
        self.ping()
