"""Counts of times by how long they are."""

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """How many times were at most as long as each of `bounds`, and longer than the one before.

    The last of `counts` is for those longer than all bounds. `total` is their sum in seconds.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Count one time."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds

    @property
    def count(self) -> int:
        """How many times there were."""
        return sum(self.counts)
