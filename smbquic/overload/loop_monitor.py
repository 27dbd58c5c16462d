"""Counts and logs requests that hold the event loop for too long, while all others wait.

Every step of a request is timed. What took longer than `HELD` seconds is counted, and the log says
which command of which user held the loop, and for how long, at most every `LOG_INTERVAL` seconds.
This is time of the clock: a step that waits for a disk holds the loop as much as one that computes,
and on a busy machine every step takes longer.
"""

import logging
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from time import monotonic, perf_counter, time
from typing import Any, Final

from smbquic.lazy_dataclass import dataclass

HELD: Final = 0.010
"""Seconds that no step should take."""
LONG: Final = 0.25
"""Seconds from which on it is logged as a warning, and not as information."""
LOG_INTERVAL: Final = 10.0
"""Seconds between two lines in the log."""
REMEMBERED: Final = 50
"""Steps that took too long which are remembered, the latest ones."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HeldLoop:
    """A step that held the event loop: when it ended (Unix time), how long it took, what it was."""

    time: float
    seconds: float
    what: str


class LoopMonitor:
    """A counter of steps that took too long; `longest` is the longest one, in seconds.

    `recent` are the latest of them.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.held = 0
        self.longest = 0.0
        self.recent: deque[HeldLoop] = deque(maxlen=REMEMBERED)
        self._clock = clock
        self._logged: dict[int, float] = {}

    def step_ended(self, seconds: float, describe: Callable[[], str]) -> None:
        """Count a step if it took too long; `describe` says what it was."""
        if seconds < HELD:
            return
        self.held += 1
        self.longest = max(self.longest, seconds)
        what = describe()
        self.recent.append(HeldLoop(time(), seconds, what))
        level = logging.WARNING if seconds >= LONG else logging.INFO
        now = self._clock()
        if now - self._logged.get(level, -LOG_INTERVAL) >= LOG_INTERVAL:
            self._logged[level] = now
            _log.log(
                level,
                "%s held the event loop for %.0f ms, while all other requests waited",
                what,
                seconds * 1000,
            )


class TimedCoroutine(Coroutine[Any, Any, Any]):
    """A coroutine whose steps are timed and reported to a monitor."""

    __slots__ = ("_describe", "_monitor", "_work")

    def __init__(
        self, work: Coroutine[Any, Any, Any], monitor: LoopMonitor, describe: Callable[[], str]
    ) -> None:
        self._work = work
        self._monitor = monitor
        self._describe = describe

    def send(self, value: Any) -> Any:
        """See `Coroutine`."""
        started = perf_counter()
        try:
            return self._work.send(value)
        finally:
            self._monitor.step_ended(perf_counter() - started, self._describe)

    def throw(self, *error: Any) -> Any:
        """See `Coroutine`."""
        started = perf_counter()
        try:
            return self._work.throw(*error)
        finally:
            self._monitor.step_ended(perf_counter() - started, self._describe)

    def close(self) -> None:
        """See `Coroutine`."""
        self._work.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._work.__await__()
