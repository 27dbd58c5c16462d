"""One large file to the server and back, and what an engine alone makes of as many bytes."""

from pathlib import Path

from benchmarks.arms import Arm
from benchmarks.programs import ProgramError
from benchmarks.throughput.bench import FILE, Bench, Figures, Watch, ignore
from benchmarks.throughput.networks import FastNetwork

STORED = "put"
"""The name of the file that a client has stored."""


def transfers(bench: Bench, network: FastNetwork, arm: Arm) -> dict[str, Figures]:
    """Store the file and fetch it, each with a client of its own; both are compared by hash."""
    workspace = bench.workspace
    source, share = workspace.source / FILE, workspace.share
    results = {}
    with arm.start(network, workspace) as running:
        for way, request in (
            ("put", {"work": "bulk-write", "source": str(source), "path": STORED}),
            ("get", {"work": "bulk-read", "path": FILE}),
        ):
            with running.client() as perform:
                watch = Watch(running)
                done = perform(request, ignore)
                results[way] = watch.figures({"bytes": source.stat().st_size, **done})
            if way == "put":
                problems = workspace.compare(share / STORED, source)
            else:
                problems = workspace.compare(Path(done["landed"][0]), share / FILE)
            if problems:
                raise ProgramError("; ".join(problems))
    return results


def stream(bench: Bench, network: FastNetwork, arm: Arm) -> dict[str, Figures]:
    """Send zeros on one stream of an engine."""
    with arm.start(network, bench.workspace) as running, running.client() as perform:
        watch = Watch(running)
        return {"stream": watch.figures(perform({"work": "bulk-write"}, ignore))}
