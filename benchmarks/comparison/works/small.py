"""Small operations: listing, asking, reading here and there."""

from typing import Any

from benchmarks.comparison.works.base import Metric, Work
from benchmarks.link import Link
from benchmarks.programs import Figures, Perform
from benchmarks.workspace import Workspace

MEDIAN = Metric("p50", "median time of one", "ms", 1e3)
LATENCIES = (
    MEDIAN,
    Metric("p90", "90 % are faster than", "ms", 1e3),
    Metric("p99", "99 % are faster than", "ms", 1e3),
    Metric("max", "slowest", "ms", 1e3),
)


class Listing(Work):
    """All names of a folder of `count` entries."""

    metrics = (Metric("seconds", "time", "ms", 1e3),)

    def __init__(self, count: int) -> None:
        self.count = count
        self.name, self.title = f"list-{count}", f"list {count:,} entries"

    def request(self, workspace: Workspace, seed: int) -> dict[str, Any]:
        return {"work": "listing", "path": f"list-{self.count}"}

    def check(self, figures: Figures, workspace: Workspace) -> list[str]:
        found = figures["entries"]
        return [] if found == self.count else [f"{found} entries instead of {self.count}"]


class StatStorm(Work):
    """Ask for the attributes of one file after the other."""

    name, title = "stat-storm", "stat one file after the other"
    metrics = LATENCIES

    def request(self, workspace: Workspace, seed: int) -> dict[str, Any]:
        sizes = workspace.sizes
        names = [f"{n % sizes.small_files:05}" for n in range(sizes.stats)]
        return {"path": "small", "names": names}


class RandomRead(Work):
    """Reads of 4 KiB anywhere in the large file, `depth` at a time."""

    metrics = (
        Metric("per_second", "reads per second", "/s", more_is_better=True),
        *LATENCIES,
    )

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.name = f"random-read-{depth}"
        self.title = f"read 4 KiB at random, {depth} at a time"

    def request(self, workspace: Workspace, seed: int) -> dict[str, Any]:
        count = workspace.sizes.random_reads * min(self.depth, 4)
        return {
            "work": "random-read",
            "path": "big",
            "seed": seed,
            "count": count,
            "depth": self.depth,
        }

    def run(self, perform: Perform, workspace: Workspace, link: Link, seed: int) -> Figures:
        figures = super().run(perform, workspace, link, seed)
        figures["per_second"] = figures["operations"] / figures["seconds"]
        return figures
