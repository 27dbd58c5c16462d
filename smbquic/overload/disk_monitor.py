"""Decides whether to do file I/O on the event loop or on a thread, by how quick the disk was.

A request that waits for a disk on the event loop makes all others wait. A thread costs some
50 microseconds, as much as a tenth of a small request. So what the operating system has in memory
is read at once. Where it does not say, and for writes, it depends on the number of bytes, and on
whether the disk was quick lately: after one operation that took long, or while one does, all others
are done on threads for `SLOW_PERIOD` seconds.

A flush waits for the disk by its nature, and is done on a thread. But where those of a share are
quick, as in memory or with a cache that outlives a loss of power, the next one is done at once: a
thread, and the interim response that it may come to, cost more than the flush. Each quick one
counts for that, and a slower one against `DELAYED_FLUSH` quick ones, as now and then it was not the
disk that took the time. One that took really long counts against all of them.
"""

import threading
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Any, Final, TypeVar

SMALL_READ: Final = 1 << 20
"""Bytes that are read on the event loop at most where the system does not say what it has."""
SMALL_WRITE: Final = 1 << 20
"""The same of writes. To have writes of 1 MiB done on threads cost a quarter of their rate."""
SLOW_OPERATION: Final = 0.02
"""Seconds from which on an operation is slow."""
SLOW_PERIOD: Final = 60.0
"""Seconds for which its disk is taken for slow then."""
QUICK_FLUSH: Final = 0.0002
"""Seconds that a quick flush takes at most on the event loop."""
QUICK_ON_THREAD: Final = 0.001
"""The same on a thread, which waits for Python's interpreter lock, too, as long as the event loop
is busy: in memory, half of 1,700 flushes took 27 microseconds on the event loop and 110 on threads,
one in twenty 37 and 330. Whether it was the disk that took so long, one flush on the event loop
shows."""
VERY_LATE: Final = 10
"""A flush that takes so many times as long was delayed by the disk."""
QUICK_FLUSHES: Final = 16
"""So many are needed: a file that has nothing to be written is flushed quickly on any disk."""
COUNTED_FLUSHES: Final = 32
"""So many count at most."""
DELAYED_FLUSH: Final = 4
"""Quick flushes that a slower one outweighs."""

_T = TypeVar("_T")


class DiskMonitor:
    """The times of operations on the disk of one share. Safe to use from several threads.

    With `always_slow`, the disk is taken for slow whatever it does.
    """

    def __init__(
        self, clock: Callable[[], float] = monotonic, *, always_slow: bool = False
    ) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._running: dict[object, float] = {}
        self._slow_until = inf if always_slow else 0.0
        self._quick_flushes = 0

    @property
    def is_slow(self) -> bool:
        """Whether an operation took long lately, or has been under way for long."""
        now = self._clock()
        if now < self._slow_until:
            return True
        with self._lock:
            oldest = next(iter(self._running.values()), now)
        return now - oldest > SLOW_OPERATION

    def run(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """Call a function that reads or writes, on any thread, and measure how long it takes."""
        operation, started = object(), self._clock()
        with self._lock:
            self._running[operation] = started
        try:
            return function(*arguments)
        finally:
            ended = self._clock()
            with self._lock:
                del self._running[operation]
            if ended - started > SLOW_OPERATION:
                self._slow_until = ended + SLOW_PERIOD

    @property
    def flushes_quickly(self) -> bool:
        """Whether a flush may be done on the event loop, by how long the last ones took."""
        return self._quick_flushes >= QUICK_FLUSHES and not self.is_slow

    def flush(self, function: Callable[[], None]) -> None:
        """Call a function that flushes a file on the event loop, and measure how long it takes."""
        self._flush(function, QUICK_FLUSH)

    def flush_on_thread(self, function: Callable[[], None]) -> None:
        """Call a function that flushes a file on another thread, and measure how long it takes."""
        self._flush(function, QUICK_ON_THREAD)

    def _flush(self, function: Callable[[], None], quick_time: float) -> None:
        started = self._clock()
        try:
            self.run(function)
        finally:
            elapsed = self._clock() - started
            if elapsed < quick_time:
                self._quick_flushes = min(self._quick_flushes + 1, COUNTED_FLUSHES)
            elif elapsed < VERY_LATE * quick_time:
                self._quick_flushes = max(self._quick_flushes - DELAYED_FLUSH, 0)
            else:
                self._quick_flushes = 0
