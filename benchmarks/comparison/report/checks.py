"""Checks of a run: did each arm get what its headers leave, and if not, why?"""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.arms import ALL as ARMS
from benchmarks.comparison.links import LinkChoice
from benchmarks.comparison.results import Cell
from benchmarks.statistics import Estimate, estimate

BULK = {"bulk-write": "up", "bulk-read": "down"}
"""The works that move one large file, and in which direction."""
TOLERANCE = 0.03
"""How far goodput may be from what headers allow without a word."""
NOISE_LIMIT = 0.05
"""The A/A noise floor that bulk on a link with a rate and without loss may have."""
CPU_BOUND = 0.9
QUIET = 0.05
"""The share of the machine that others may take without a warning on the page."""
UNEXPLAINED = "not explained"
_PAYING = 0.005
"""A share of bytes that is worth a word."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """An arm's goodput beside what its headers allow on a clean link; rates in bit/s."""

    link: str
    work: str
    arm: str
    formula: str
    allowed: float
    goodput: Estimate
    steady: float | None
    """Goodput after the start-up; None where the transfer was over before."""
    explanation: str
    """Why it is further off than `TOLERANCE`; empty where it is not."""

    @property
    def difference(self) -> float:
        """Of the goodput, as a share of what is allowed."""
        return self.goodput.median / self.allowed - 1

    @property
    def steady_difference(self) -> float | None:
        """The same after the start-up."""
        return None if self.steady is None else self.steady / self.allowed - 1


def expectations(
    cells: Mapping[tuple[str, str, str], Cell],
    calibration: Iterable[Mapping[str, Any]],
    others: float = 0.0,
) -> list[Expectation]:
    """One for each arm and direction, on each link that has a rate and no loss.

    The rate is the one that iperf3 measured with UDP; the set one where it did not, or was itself
    disturbed, which the calibration says. `others` is what other programs took of the machine.
    """
    measured = {
        found["link"]: float(found["udp_rate"]) for found in calibration if not found["wrong"]
    }
    found = []
    for (link, work, arm), cell in cells.items():
        choice = LinkChoice.parse(link)
        if work in BULK and choice.rate and not choice.loss.mean and cell.samples and arm in ARMS:
            rate = measured.get(link, float(choice.rate))
            found.append(expectation(cell, rate, others))
    order = list(ARMS)
    return sorted(found, key=lambda one: (one.link, order.index(one.arm), one.work))


def expectation(cell: Cell, rate: float, others: float = 0.0) -> Expectation:
    """Return the rate that a cell was to reach on a link, and the rate that it reached."""
    arm = ARMS[cell.arm]
    allowed = arm.header_share(cell.work) * rate
    goodput = estimate(list(cell.values("goodput").values()))
    shares = [
        figures["steady_wire"] * efficiency(cell.work, figures)
        for figures in cell.samples.values()
        if "steady_wire" in figures
    ]
    steady = statistics.median(shares) if shares else None
    explanation = ""
    if abs(goodput.median / allowed - 1) > TOLERANCE:
        explanation = explain(cell, rate, allowed, steady)
        if others > QUIET:
            explanation += f"; other programs took {others:.0%} of the machine"
    return Expectation(
        cell.link, cell.work, cell.arm, arm.headers.formula, allowed, goodput, steady, explanation
    )


def efficiency(work: str, figures: Mapping[str, Any]) -> float:
    """Bytes of files for each byte of IP packets that arrived."""
    return float(figures["bytes"] / figures["wire"][BULK[work]]["delivered_bytes"])


def explain(cell: Cell, rate: float, allowed: float, steady: float | None) -> str:
    """Why goodput is off, as far as the figures show it."""
    way = BULK[cell.work]
    samples = list(cell.samples.values())
    seconds = statistics.median(f["seconds"] for f in samples)
    full = statistics.median(
        f["wire"][way]["delivered_bytes"] * 8 / rate / f["seconds"] for f in samples
    )
    round_trip = LinkChoice.parse(cell.link).round_trip / 10**9
    idle = (1 - full) * seconds
    parts = [
        f"the link was idle for {idle * 1e3:.0f} of {seconds * 1e3:.0f} ms"
        f" ({idle / round_trip:.1f} round trips)"
    ]
    if steady is not None and abs(steady / allowed - 1) <= TOLERANCE:
        parts.append("at the start-up and the end: in between it had what its headers allow")
    elif cell.busy > CPU_BOUND:
        parts.append(f"CPU-bound: a part of it used {cell.busy:.0%} of a core")
    elif dropped := statistics.median(f["wire"][way]["queue_drops"] for f in samples):
        parts.append(
            f"its congestion control slowed down after the queue dropped {dropped:.0f} packets"
        )
    else:
        parts.append(f"{UNEXPLAINED}; its busiest part used {cell.busy:.0%} of a core")
    wasted = 1 - statistics.median(efficiency(cell.work, f) for f in samples) * rate / allowed
    if wasted > _PAYING:
        parts.append(f"{wasted:.1%} of what arrived was neither header nor new")
    return "; ".join(parts)


def noise_check(link: str, work: str, noise: float | None) -> str:
    """Return a sentence about the noise of a cell by its A/A pair; empty where there is none."""
    if noise is None:
        return ""
    said = f"A/A noise floor {noise:.1%}"
    choice = LinkChoice.parse(link)
    if work in BULK and choice.rate and not choice.loss.mean:
        good = noise < NOISE_LIMIT
        said += f", {'below' if good else 'NOT below'} the limit of {NOISE_LIMIT:.0%}"
    return f"{said}: smaller differences mean nothing between arms that vary as much here."
