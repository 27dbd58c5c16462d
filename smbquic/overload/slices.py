"""Long work on the event loop, done in slices, so that clients need not wait for the end of it."""

import asyncio
from time import perf_counter
from typing import Final

SLICE: Final = 0.003
"""Seconds after which clients are served before the work goes on."""


class Slices:
    """The slices of some work, the first of which begins now.

    A coroutine calls `step` before each item. A callback makes a new object each time that it is
    called, and schedules the next call once the slice `is_over`.
    """

    def __init__(self) -> None:
        self._started = perf_counter()

    @property
    def is_over(self) -> bool:
        """Whether this slice has taken its time."""
        return perf_counter() - self._started >= SLICE

    async def step(self) -> None:
        """Let the event loop serve others if this slice has taken its time; begin a new one."""
        if self.is_over:
            await asyncio.sleep(0)
            self._started = perf_counter()
