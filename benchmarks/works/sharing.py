"""Several things at once."""

from pathlib import Path
from typing import Any

from benchmarks.place import Place
from benchmarks.works.base import Figures, Metric, Work
from benchmarks.works.small import LATENCIES


class _Reading(Work):
    def request(self, place: Place, seed: int) -> dict[str, Any]:
        return {"path": "big"}

    def check(self, figures: Figures, place: Place) -> list[str]:
        problems = []
        for landed in figures.pop("landed"):
            problems += place.compare(Path(landed), place.share / "big")
        return problems


class LoadedLatency(_Reading):
    """How long a small operation takes while a large file is read on the same connection."""

    name, title = "loaded-latency", "stat while a large file is read"
    metrics = LATENCIES


class Competing(_Reading):
    """Two connections of the same arm read at once: does each get its half?"""

    name, title = "competing", "two readers at once"
    metrics = (Metric("jain", "Jain's index", "", more_is_better=True, digits=3),)
