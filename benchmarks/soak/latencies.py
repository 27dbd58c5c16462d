"""Distributions of times that can be added up: counts in bins that grow by 5 %."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Self

_GROWTH = math.log(1.05)
"""So a quantile is at most 2.5 % off."""
_SHORTEST = 1e-6


class Latencies:
    """How many times were about as long as each other; `longest` is exact."""

    __slots__ = ("_bins", "longest")

    def __init__(self) -> None:
        self._bins: Counter[int] = Counter()
        self.longest = 0.0

    def add(self, seconds: float) -> None:
        """Count one time."""
        self._bins[math.floor(math.log(max(seconds, _SHORTEST)) / _GROWTH)] += 1
        self.longest = max(self.longest, seconds)

    def update(self, other: "Latencies") -> None:
        """Count those of another one, too."""
        self._bins.update(other._bins)
        self.longest = max(self.longest, other.longest)

    @property
    def count(self) -> int:
        """How many times there were."""
        return self._bins.total()

    def quantile(self, share: float) -> float:
        """Return the seconds that `share` of all times are at most; 0 without any."""
        left = math.ceil(share * self.count)
        for number in sorted(self._bins):
            left -= self._bins[number]
            if left <= 0:
                return min(math.exp((number + 0.5) * _GROWTH), self.longest)
        return 0.0

    def document(self) -> dict[str, float]:
        """Return it for JSON."""
        return {"longest": self.longest, **{str(key): n for key, n in self._bins.items()}}

    @classmethod
    def of(cls, document: Mapping[str, float]) -> Self:
        """Return that of a document."""
        found = cls()
        found.longest = document["longest"]
        found._bins.update({int(k): int(n) for k, n in document.items() if k != "longest"})
        return found
