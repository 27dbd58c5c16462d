"""Limits a rate: so much in a second, and some more at once after a pause."""

from math import inf


class TokenBucket:
    """A bucket that gets `rate` tokens in a second, and holds `burst` of them at most.

    At first it is full. `now` is in seconds of a clock that never goes back.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._filled = -inf

    def take(self, now: float) -> bool:
        """Take one token, if there is one; return whether there was."""
        self._fill(now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def delay(self, now: float, count: float = 1) -> float:
        """Take tokens, if need be in advance; return the seconds until earlier ones were repaid.

        So whoever waits for that long begins before its own tokens are there, but after all those
        that others have taken.
        """
        self._fill(now)
        seconds = max(-self._tokens / self._rate, 0.0)
        self._tokens -= count
        return seconds

    def _fill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
