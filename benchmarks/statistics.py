"""Statistics of samples: medians with intervals, paired ratios, fairness, the noise floor.

Intervals are bootstrapped and hold 95 % of the resampled medians. They are made with a fixed seed,
so the same samples always give the same report.
"""

import math
import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

RESAMPLES = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A median of `count` samples, and between which values it may be."""

    median: float
    low: float
    high: float
    count: int

    @property
    def spread(self) -> float:
        """Half the interval's width, as a share of the median; 0 for a median of 0."""
        return (self.high - self.low) / 2 / self.median if self.median else 0.0


def estimate(samples: Sequence[float], *, resamples: int = RESAMPLES, seed: int = 0) -> Estimate:
    """The median and its bootstrapped interval. Raises `ValueError` if there are no samples."""
    if not samples:
        raise ValueError("no samples")
    pick = random.Random(seed)
    medians = sorted(
        statistics.median(pick.choices(samples, k=len(samples))) for _ in range(resamples)
    )
    tail = (1 - CONFIDENCE) / 2
    return Estimate(
        median=statistics.median(samples),
        low=quantile(medians, tail),
        high=quantile(medians, 1 - tail),
        count=len(samples),
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` of all values are, interpolated; they must be in order."""
    if not ordered:
        raise ValueError("no values")
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def paired_ratio(
    samples: Mapping[int, float], reference: Mapping[int, float], *, seed: int = 0
) -> Estimate | None:
    """How many times the reference, block by block; None where they share no block.

    What disturbs the machine for a while disturbs both of a block, and so cancels out.
    """
    ratios = [
        samples[block] / reference[block]
        for block in sorted(samples.keys() & reference.keys())
        if reference[block]
    ]
    return estimate(ratios, seed=seed) if ratios else None


def noise_floor(first: Mapping[int, float], second: Mapping[int, float]) -> float | None:
    """How far two runs of the same arm are apart: the largest deviation in the ratio's interval."""
    ratio = paired_ratio(second, first)
    return None if ratio is None else max(abs(ratio.low - 1), abs(ratio.high - 1))


def jain(rates: Sequence[float]) -> float:
    """Jain's index of fairness: 1 where all get the same, 1/n where one gets all."""
    squares = sum(rate * rate for rate in rates)
    if not squares:
        raise ValueError("nobody got anything")
    return sum(rates) ** 2 / (len(rates) * squares)


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return by how much y grows where x grows by 1: least squares; 0 for less than two points."""
    if len({x for x, _ in points}) < 2:
        return 0.0
    xs, ys = zip(*points, strict=True)
    return statistics.linear_regression(xs, ys).slope
