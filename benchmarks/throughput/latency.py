"""Small operations, one at a time: what a message costs, not a byte."""

from contextlib import ExitStack

from benchmarks import samba
from benchmarks.arms import Arm
from benchmarks.ends.options import USER
from benchmarks.throughput.bench import FILE, Bench, Figures, ignore, percentiles
from benchmarks.throughput.networks import FastNetwork
from benchmarks.throughput.web import metrics_fetched
from benchmarks.usage import tree_cpu_seconds

OPERATIONS = ("read", "open", "echo")
WARM_UP = 200
TESTS = {
    "echo": "smb2.bench.echo",
    "read": "smb2.bench.read",
    "open": "smb2.bench.path-contention-shared",
}
"""Our name of a test, and that of smbtorture."""


def latencies(bench: Bench, network: FastNetwork, arm: Arm) -> dict[str, Figures]:
    """Measure our own client and server, each on a core of its own.

    If the server has a web listener, its metrics are fetched meanwhile.
    """
    count = bench.operations
    results = {}
    with arm.start(network.pinned(), bench.workspace) as running, ExitStack() as stack:
        server = running.server.pid
        if running.web is not None:
            stack.enter_context(metrics_fetched(running.web))
        for operation in OPERATIONS:
            request = {
                **{"work": "repeated", "operation": operation, "path": FILE},
                **{"warm_up": WARM_UP, "count": count},
            }
            with running.client() as perform:
                before = tree_cpu_seconds(server)
                done = perform(request, ignore)
                used = tree_cpu_seconds(server) - before
            results[operation] = {
                "operations": count / done["seconds"],
                **percentiles(done),
                "client_us": done["cpu_seconds"] / count * 1e6,
                "server_us": used / count * 1e6,
            }
    return results


def torture(bench: Bench, network: FastNetwork, arm: Arm) -> dict[str, Figures]:
    """Run smbtorture's benchmarks against our server, each end on a core of its own."""
    return _torture(bench, network, arm, USER)


def torture_smbd(bench: Bench, network: FastNetwork, arm: Arm) -> dict[str, Figures]:
    """Run the same against smbd."""
    return _torture(bench, network, arm, samba.user())


def _torture(bench: Bench, network: FastNetwork, arm: Arm, user: str) -> dict[str, Figures]:
    network, password = network.pinned(), bench.workspace.password
    results = {}
    with arm.start(network, bench.workspace) as running:
        for name, test in TESTS.items():
            rates = samba.smbtorture(
                network.client, running.address, user, password, test, bench.seconds
            )
            results[name] = {"operations": rates[name]}
    return results
