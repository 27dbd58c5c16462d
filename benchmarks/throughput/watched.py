"""What a server gives to twenty clients while its status page is open."""

from contextlib import ExitStack

from benchmarks.arms import Arm
from benchmarks.throughput.bench import Bench, Figures, ignore
from benchmarks.throughput.networks import FastNetwork
from benchmarks.throughput.several import Together, fetch_together
from benchmarks.throughput.web import page_open

CLIENTS = 20
TURNS = 4
"""How often they fetch the file with the page open, and how often without."""


def watched(bench: Bench, network: FastNetwork, arm: Arm) -> dict[str, Figures]:
    """Have twenty clients fetch the file at once, with the status page open and closed, in turns.

    Many more clients are connected and do nothing.
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
        for _ in range(TURNS):
            without.append(fetch_together(bench.workspace, clients))
            with page_open(running.web) as longest:
                with_page.append(fetch_together(bench.workspace, clients))
            update = max(update, longest.seconds)
    return {
        "get": {
            "rate": _rate(with_page),
            "unwatched": _rate(without),
            "update": update,
            "gathering": gathered["seconds"],
        }
    }


def _rate(transfers: list[Together]) -> float:
    size = sum(each.size for each in transfers)
    return size / sum(each.seconds for each in transfers) / 1e6
