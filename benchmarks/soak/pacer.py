"""Starts operations at a rate, and no faster."""

import asyncio


class Pacer:
    """Gives `rate` turns in a second. Turns that nobody has waited for are not made up for."""

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for the next turn that nobody else has."""
        now = asyncio.get_running_loop().time()
        due = max(self._next, now)
        self._next = due + self._interval
        if due > now:
            await asyncio.sleep(due - now)
