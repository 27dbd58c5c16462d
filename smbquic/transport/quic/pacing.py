"""Pacing: datagrams are spread over time, and a window is not sent at once ([RFC9002] 7.7).

For an engine that does not pace by itself. Sizes in bytes, times in seconds.
"""

from typing import Any

from smbquic.transport.quic.bbr import Bbr

BURST = 0.0005
"""Seconds of sending that may go out at once.

A timer that is due sooner than a millisecond fires after one: without bursts, that many datagrams
would be all that leaves in a millisecond.
"""
BURST_DATAGRAMS = 16
"""Datagrams that may be sent at once on a slow path."""
SHORTEST_INTERVAL, LONGEST_INTERVAL = 1e-6, 1.0
"""Seconds between two datagrams."""


class Pacer:
    """A leaky bucket of sending time: each datagram takes as much as it lasts at the pacing rate.

    `control` is the congestion controller; the names of the methods are those that aioquic calls.
    """

    def __init__(self, control: Any, *, datagram_size: int) -> None:
        self.datagram_size = datagram_size
        self._bbr = control if isinstance(control, Bbr) else None
        self._interval: float | None = None
        self._available = 0.0
        self._most = 0.0
        self._filled_at = 0.0

    def update_rate(self, congestion_window: float, smoothed_rtt: float) -> None:
        """Set the rate that sends a congestion window in a round trip."""
        if self._bbr is not None:
            # BBR has a rate of its own: its window is larger than what it sends in a round trip.
            congestion_window, smoothed_rtt = int(self._bbr.pacing_rate), 1.0
        rate = congestion_window / max(smoothed_rtt, SHORTEST_INTERVAL)
        size = self.datagram_size
        self._interval = max(SHORTEST_INTERVAL, min(size / rate, LONGEST_INTERVAL))
        burst = max(2 * size, min(congestion_window // 4, BURST_DATAGRAMS * size)) / rate
        # A longer burst is for late timers only. What was saved up beyond this one is dropped, as
        # the path has no more room after a pause than before.
        self._available = min(self._available, burst)
        self._most = max(burst, BURST)

    def next_send_time(self, now: float) -> float | None:
        """Return when a datagram may be sent; None if it may now."""
        # Before the first measurement of a round trip there is no rate.
        if self._interval is not None:
            self._fill(now)
            if self._available <= 0:
                return now + self._interval
        return None

    def update_after_send(self, now: float) -> None:
        """Take the time of a datagram that was sent out of the bucket."""
        if self._interval is not None:
            self._fill(now)
            self._available = max(0.0, self._available - self._interval)

    def _fill(self, now: float) -> None:
        # Time never goes backwards here, whatever `now` is.
        if now > self._filled_at:
            self._available = min(self._available + now - self._filled_at, self._most)
            self._filled_at = now
