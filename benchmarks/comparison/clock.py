"""The wall clock, which the kernel stamps packets with, beside the monotonic one.

A clock that runs faster or slower for a while takes the other along. Only one that is set, as a
virtual machine's may be at any time, parts the two, and then its stamps say nothing of how much
time has passed.
"""

import time

READINGS = 8
"""The best of so many is taken: a process may lose the processor between two clocks."""
ROUNDING = 1000
"""Nanoseconds that the clocks may be apart all the same."""


class ClockError(Exception):
    """The wall clock was set meanwhile."""


class WallClock:
    """How far the wall clock is ahead of the monotonic one, as seen when this was made."""

    def __init__(self) -> None:
        self._least, self._most = _ahead()

    def monotonic(self, stamp: int) -> float:
        """The monotonic clock's seconds at a time of the wall clock, in nanoseconds."""
        return (stamp - (self._least + self._most) // 2) / 10**9

    def was_set(self) -> bool:
        """Whether it is surely another one by now."""
        least, most = _ahead()
        return least > self._most + ROUNDING or most < self._least - ROUNDING


def _ahead() -> tuple[int, int]:
    """The nanoseconds by which the wall clock is ahead: at least, and at most."""
    return min((_reading() for _ in range(READINGS)), key=lambda bounds: bounds[1] - bounds[0])


def _reading() -> tuple[int, int]:
    before = time.monotonic_ns()
    wall = time.time_ns()
    return wall - time.monotonic_ns(), wall - before
