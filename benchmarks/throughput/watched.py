"""What a server gives to twenty clients while its status page is open, and what the page takes."""

import time
from contextlib import ExitStack

from benchmarks.arms import Arm, Running
from benchmarks.throughput.bench import Bench, Figures, ignore
from benchmarks.throughput.networks import FastNetwork
from benchmarks.throughput.several import Together, fetch_together
from benchmarks.throughput.web import page_open
from benchmarks.usage import tree_cpu_seconds

CLIENTS = 20
TURNS = 8
"""How often they fetch the file with the page open, and how often without."""
QUIET = 4
"""How many times --seconds nobody does anything, with the page open and without."""


def watched(bench: Bench, network: FastNetwork, arm: Arm) -> dict[str, Figures]:
    """Have twenty clients fetch the file at once, with the status page open and closed, in turns.

    Many more clients are connected and do nothing. In the end nobody does anything, for the
    processor time that the page itself takes: rates change by more than that from one minute to the
    next.
    """
    with_page: list[Together] = []
    without: list[Together] = []
    update = 0.0
    with arm.start(network, bench.workspace) as running, ExitStack() as stack:
        assert running.web is not None, "the arm has a web listener"
        gather = stack.enter_context(running.client())
        gathered = gather({"work": "idle", "count": bench.connections}, ignore)
        clients = [stack.enter_context(running.client()) for _ in range(CLIENTS)]
        # The first time, clients load modules and make their files.
        fetch_together(bench.workspace, clients)
        for turn in range(TURNS):
            # Neither is always the first: a machine may become slower from one to the next.
            for watching in (turn % 2 == 0, turn % 2 == 1):
                if not watching:
                    without.append(fetch_together(bench.workspace, clients))
                    continue
                with page_open(running.web) as answers:
                    with_page.append(fetch_together(bench.workspace, clients))
                update = max(update, answers.longest)
        update_cpu = _update_cpu(running, QUIET * bench.seconds)
    return {
        "get": {
            "rate": _rate(with_page),
            "unwatched": _rate(without),
            "update": update,
            "update_cpu": update_cpu * 1e3,
            "gathering": gathered["seconds"],
        }
    }


def _update_cpu(running: Running, seconds: int) -> float:
    """Return the processor seconds of the server for one update of the page."""
    assert running.web is not None, "the arm has a web listener"
    closed = _idle_cpu(running, seconds)
    with page_open(running.web) as answers:
        opened = _idle_cpu(running, seconds)
    return max(opened - closed, 0.0) / answers.count


def _idle_cpu(running: Running, seconds: int) -> float:
    before = tree_cpu_seconds(running.server.pid)
    time.sleep(seconds)
    return tree_cpu_seconds(running.server.pid) - before


def _rate(transfers: list[Together]) -> float:
    size = sum(each.size for each in transfers)
    return size / sum(each.seconds for each in transfers) / 1e6
