"""Long work on the event loop, done in slices, so that clients need not wait for it."""

import asyncio
from time import perf_counter
from typing import Final

SLICE: Final = 0.003
"""Seconds after which clients are served before the work goes on."""


class Slices:
    """The parts of some work, between which clients are served."""

    def __init__(self) -> None:
        self._started = perf_counter()

    async def step(self) -> None:
        """Let the event loop go on if this slice has taken its time."""
        if perf_counter() - self._started >= SLICE:
            await asyncio.sleep(0)
            self._started = perf_counter()
