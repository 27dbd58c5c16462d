"""How fast bytes may be transferred."""

BURST = 0.1
"""Seconds of an idle time that may be made up for."""


class RateLimit:
    """A token bucket that says how long to wait before so many bytes are transferred.

    `rate` is in bytes in a second.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._next = float("-inf")

    def delay(self, count: int, now: float) -> float:
        """Return the seconds until `count` further bytes may be transferred, and count them."""
        start = max(self._next, now - BURST)
        self._next = start + count / self._rate
        return max(start - now, 0.0)
