"""How late the event loop is with what is due: how long everybody has to wait for their turn."""

import asyncio
from typing import Final

from smbquic.observe.histogram import Histogram

LAGS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
"""The bounds of the histogram, in seconds."""
SAMPLE_INTERVAL: Final = 0.25
"""Seconds between two measurements."""


class LoopLag:
    """A timer that measures how late it is called; `lags` are its measurements."""

    def __init__(self) -> None:
        self.lags = Histogram(LAGS)
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to measure the running event loop."""
        loop = asyncio.get_running_loop()
        due = loop.time() + SAMPLE_INTERVAL
        self._timer = loop.call_at(due, self._measure, loop, due)

    def stop(self) -> None:
        """Stop measuring."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _measure(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self.lags.add(max(loop.time() - due, 0.0))
        self.start()
