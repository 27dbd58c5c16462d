"""Several things at once."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.comparison.works.base import Metric, Work
from benchmarks.comparison.works.small import LATENCIES
from benchmarks.link import Link, LinkError
from benchmarks.ports import COMPETITOR_PORT
from benchmarks.programs import Figures, Perform
from benchmarks.statistics import jain
from benchmarks.workspace import Workspace

ENDLESS = 1 << 40
"""Bytes: more than anybody waits for."""


class _Reading(Work):
    def request(self, workspace: Workspace, seed: int) -> dict[str, Any]:
        return {"path": "big"}

    def check(self, figures: Figures, workspace: Workspace) -> list[str]:
        problems = []
        for landed in figures.pop("landed"):
            problems += workspace.compare(Path(landed), workspace.share / "big")
        return problems


class LoadedLatency(_Reading):
    """How long a small operation takes while a large file is read on the same connection."""

    name, title = "loaded-latency", "stat while a large file is read"
    metrics = LATENCIES


class AgainstTcp(_Reading):
    """A reader beside a plain TCP connection (cubic) that reads too, from the same moment on."""

    name, title = "against-tcp", "one reader beside TCP cubic"
    metrics = (
        Metric("share", "its share of the bytes", "%", 1e2, digits=1),
        Metric("jain", "Jain's index", "", more_is_better=True, digits=3),
    )

    def run(self, perform: Perform, workspace: Workspace, link: Link, seed: int) -> Figures:
        with competitor(link) as other:
            figures = perform(
                {"work": self.name, **self.request(workspace, seed)}, lambda event: other.line()
            )
            theirs = other.bytes()
        ours = figures["bytes"]
        return {
            **figures,
            "competitor_bytes": theirs,
            "share": ours / (ours + theirs),
            "jain": jain((ours, theirs)),
        }


class Competitor:
    """The other connection's client, which gets a line when to begin and one when to end."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise LinkError(f"the competitor ended with exit code {self._process.wait()}")
        document: dict[str, Any] = json.loads(line)
        return document

    def line(self) -> None:
        """Begin; the second time: end."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def bytes(self) -> int:
        """How many bytes came meanwhile."""
        return int(self._answer()["bytes"])


@contextmanager
def competitor(link: Link) -> Iterator[Competitor]:
    """A TCP server, and a client of it that waits to begin."""
    program = [sys.executable, "-m", "benchmarks.ends.raw_tcp"]
    common = [link.server.address, str(COMPETITOR_PORT), str(ENDLESS)]
    server = link.server.popen([*program, "serve", *common], start_new_session=True)
    try:
        link.server.wait_for_port(("tcp", COMPETITOR_PORT), process=server)
        with link.client.popen(
            [*program, "compete", *common],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as client:
            try:
                yield Competitor(client)
            finally:
                client.kill()
    finally:
        server.kill()
        server.wait()


class Competing(_Reading):
    """Two connections of the same arm read at once: does each get its half?"""

    name, title = "competing", "two readers at once"
    metrics = (Metric("jain", "Jain's index", "", more_is_better=True, digits=3),)
