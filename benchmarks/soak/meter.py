"""Operations of clients: when they begin, and how long they take."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from benchmarks.soak.pacer import Pacer
from benchmarks.soak.report import Report
from smbquic import LockedError

T = TypeVar("T")


class Meter:
    """Has operations begin in turn, and says in `report` how long they took."""

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self.report = Report()

    def take_report(self) -> Report:
        """Return what has been done since the last call."""
        report, self.report = self.report, Report()
        return report

    async def timed(self, operation: str, work: Callable[[], Awaitable[T]]) -> T:
        """Do something when it is its turn."""
        await self._pacer.turn()
        begun = time.monotonic()
        result = await work()
        self.report.took(operation, time.monotonic() - begun)
        return result

    async def unless_locked(self, action: str, work: Callable[[], Awaitable[object]]) -> None:
        """Do something that another client's lock may be in the way of, which is no failure."""
        try:
            await work()
        except LockedError:
            self.report.refused[action] += 1
