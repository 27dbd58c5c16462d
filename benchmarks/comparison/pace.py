"""How fast bytes leave the link once a transfer has got going, by looking at the link's counters.

A short transfer is over soon after its start-up, and its goodput says more about that than about
headers. What leaves between a quarter and nearly all of the bytes is the rest of the story.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from benchmarks.link import Link

INTERVAL = 0.05
"""Seconds from one look to the next."""
BEGIN, END = 0.25, 0.98
"""Shares of all bytes, from which and up to which it counts."""


@dataclass(frozen=True, slots=True)
class Look:
    """Seconds of the link's clock, and bytes of IP packets that had left it by then."""

    at: float
    bytes: int


def steady(looks: Sequence[Look]) -> float | None:
    """Bits per second on the wire after the start-up; None where there was no time for it."""
    if not looks:
        return None
    first, total = looks[0].bytes, looks[-1].bytes - looks[0].bytes
    inside = [look for look in looks if BEGIN * total <= look.bytes - first <= END * total]
    if len(inside) < 3:
        return None
    return (inside[-1].bytes - inside[0].bytes) * 8 / (inside[-1].at - inside[0].at)


@contextmanager
def watched(link: Link, way: Literal["up", "down"]) -> Iterator[list[Look]]:
    """Looks at one direction while the block runs, and at its end."""
    looks: list[Look] = []
    ended = threading.Event()

    def look() -> None:
        found = link.statistics()
        looks.append(Look(found.elapsed_ns / 1e9, getattr(found, way).total.delivered.bytes))

    def watch() -> None:
        while not ended.wait(INTERVAL):
            look()

    look()
    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield looks
    finally:
        ended.set()
        thread.join()
        look()
