"""When a quiet peer is sent a PING ([RFC9000] 10.1.2)."""

import asyncio
from collections.abc import Callable
from time import monotonic

from smbquic.transport.quic.engine import Engine

SILENCE = 1.0
"""Seconds without a datagram from a server that owes us one, until it is sent a PING.

Probe timeouts double, so that a server that was away for long is asked again late. One that was
restarted answers with a stateless reset at once, but has to be asked first.
"""
RESOLUTION = 1e-4
"""Seconds by which a timer may be early."""


class KeepAlive:
    """Sends PINGs on one connection while that is `wanted`, or while a server owes an answer.

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
        """Note that a client has sent something, to which an answer is due soon."""
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
        """Send none any more."""
        self._stopped = True
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._stopped:
            return
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
        # A server that answers, and merely has nothing to send, is asked ever less often.
        answered = self.received_at >= self._pinged_at
        self._silence = min(2 * self._silence, self._interval) if answered else SILENCE
        self.ping()
