"""Memory of the server: for a client that hardly reads, and for many that do nothing."""

from benchmarks.arms import Arm
from benchmarks.throughput.bench import FILE, MEBIBYTE, Bench, Figures, ignore
from benchmarks.throughput.networks import FastNetwork
from benchmarks.usage import memory, peak_memory

RATE = 1e6
"""Bytes per second that a slow reader takes."""


def slow_reader(bench: Bench, network: FastNetwork, arm: Arm) -> dict[str, Figures]:
    """Have a client ask for the whole file at once, and take little of it, for some seconds."""
    request = {"work": "slow-read", "path": FILE, "rate": RATE, "seconds": bench.seconds * 2}
    with arm.start(network, bench.workspace) as running, running.client() as perform:
        before = memory(running.server.pid)
        done = perform(request, ignore)
        growth = peak_memory(running.server.pid) - before
    figures = {"growth": growth, "asked": done["asked"], "taken": done["taken"]}
    return {"reader": {name: size / MEBIBYTE for name, size in figures.items()}}


def idle(bench: Bench, network: FastNetwork, arm: Arm) -> dict[str, Figures]:
    """Have many clients log on and do nothing, and then one more that wants to be served."""
    count = bench.connections
    with arm.start(network, bench.workspace) as running, running.client() as gather:
        before = memory(running.server.pid)
        gathering = gather({"work": "idle", "count": count}, ignore)["seconds"]
        each = (memory(running.server.pid) - before) / count
        with running.client() as perform:
            visit = perform({"work": "visit", "path": FILE}, ignore)["seconds"]
    return {"connections": {"each": each / 1024, "visit": visit, "gathering": gathering}}
