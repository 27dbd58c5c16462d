"""Files up and down."""

import shutil
from pathlib import Path
from typing import Any, Literal

from benchmarks.comparison import pace
from benchmarks.comparison.works.base import Metric, Work
from benchmarks.link import Link
from benchmarks.programs import Figures, Perform
from benchmarks.workspace import Workspace, hash_of

GOODPUT = Metric("goodput", "goodput", "Mbit/s", 1e-6, more_is_better=True, digits=2)
FILES = Metric("files_per_second", "files per second", "files/s", more_is_better=True)


class _Moving(Work):
    def run(self, perform: Perform, workspace: Workspace, link: Link, seed: int) -> Figures:
        figures = super().run(perform, workspace, link, seed)
        figures["goodput"] = figures["bytes"] * 8 / figures["seconds"]
        if "files" in figures:
            figures["files_per_second"] = figures["files"] / figures["seconds"]
        return figures


class _Bulk(_Moving):
    """One large file. `way` is the direction that it moves in."""

    metrics = (GOODPUT,)
    way: Literal["up", "down"]

    def run(self, perform: Perform, workspace: Workspace, link: Link, seed: int) -> Figures:
        with pace.watched(link, self.way) as looks:
            figures = super().run(perform, workspace, link, seed)
        if rate := pace.steady(looks):
            figures["steady_wire"] = rate
        return figures


class BulkRead(_Bulk):
    """One large file from the server."""

    name, title, way = "bulk-read", "read one large file", "down"

    def request(self, workspace: Workspace, seed: int) -> dict[str, Any]:
        return {"path": "big"}

    def check(self, figures: Figures, workspace: Workspace) -> list[str]:
        if figures.pop("no_file", False):
            return []
        [landed] = figures.pop("landed")
        return workspace.compare(Path(landed), workspace.share / "big")


class BulkWrite(_Bulk):
    """One large file to the server."""

    name, title, way = "bulk-write", "write one large file", "up"

    def request(self, workspace: Workspace, seed: int) -> dict[str, Any]:
        return {"source": str(workspace.source / "big"), "path": "put"}

    def check(self, figures: Figures, workspace: Workspace) -> list[str]:
        if figures.pop("no_file", False):
            return []
        return workspace.compare(workspace.share / "put", workspace.source / "big")


class SmallRead(_Moving):
    """Many small files from the server."""

    name, title = "small-read", "read small files (4 KiB each)"
    metrics = (FILES,)

    def request(self, workspace: Workspace, seed: int) -> dict[str, Any]:
        return {"path": "small"}

    def check(self, figures: Figures, workspace: Workspace) -> list[str]:
        [landed] = figures.pop("landed")
        return workspace.compare(Path(landed), workspace.share / "small")


class SmallWrite(_Moving):
    """Many small files to the server."""

    name, title = "small-write", "write small files (4 KiB each)"
    metrics = (FILES,)

    def request(self, workspace: Workspace, seed: int) -> dict[str, Any]:
        return {"source": str(workspace.source / "small"), "path": "put-small"}

    def check(self, figures: Figures, workspace: Workspace) -> list[str]:
        landed = workspace.share / "put-small"
        equal = hash_of(landed) == workspace.hash(workspace.source / "small")
        shutil.rmtree(landed)
        return [] if equal else ["small files: a hash differs"]
