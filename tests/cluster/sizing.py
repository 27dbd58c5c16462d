"""What connections and bytes cost gateways and nodes, to size a cluster on paper."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.cluster import Cluster
from tests.cluster.nodes import processor_seconds, proportional_memory

CONNECTIONS = 200
MIBS = 1024
_ROOT = Path(__file__).parents[2]
_PROGRAMS = {
    "gateway": ("python", "smbquic"),
    "smbd": ("smbd",),
    "ctdb": ("ctdb",),
    "file system": ("gluster",),
}
"""The beginnings of the names of processes on nodes and gateways, by what they are counted as."""


@dataclass
class ResourceCosts:
    """Figures by program: bytes for a connection, and processor seconds for connections and bytes.

    `memory` is what a connection that does nothing takes, `connecting` the processor seconds of a
    connection with its logon, `put` and `get` those of a GiB. `megabytes_per_second` are the rates
    that were seen meanwhile, and `load` the machine's load before and after.
    """

    connections: int
    memory: dict[str, float]
    connecting: dict[str, float]
    put: dict[str, float]
    get: dict[str, float]
    megabytes_per_second: dict[str, float]
    load: tuple[float, float]


def processes(cluster: Cluster) -> dict[str, list[int]]:
    """Return the processes of all machines by what they are counted as."""
    machines = [*cluster.nodes, *cluster.gateways]
    return {
        what: [pid for machine in machines for pid in machine.processes(*names)]
        for what, names in _PROGRAMS.items()
    }


class Meter:
    """What a step has cost each program, also those of its processes that are new."""

    def __init__(self, cluster: Cluster, of: Callable[[Sequence[int]], float]) -> None:
        self._cluster = cluster
        self._of = of
        self._before = self._now()

    def _now(self) -> dict[str, float]:
        return {what: self._of(pids) for what, pids in processes(self._cluster).items()}

    def taken(self, units: float) -> dict[str, float]:
        """Return what a unit of the step has taken."""
        now = self._now()
        return {what: (now[what] - before) / units for what, before in self._before.items()}


def measure(cluster: Cluster) -> ResourceCosts:
    """Measure, with a client that does nothing else."""
    client = cluster.clients[0]
    load = os.getloadavg()[0]
    with client.popen(
        *(sys.executable, "-m", "tests.cluster.sizing_client", client.url),
        *("--ca", str(cluster.ca), "--folder", str(client.folder)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=_ROOT,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def do(command: str, count: int) -> float:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{command} {count}\n")
            process.stdin.flush()
            return float(json.loads(process.stdout.readline())["seconds"])

        do("connect", 1)  # what every later connection finds made
        memory, seconds = Meter(cluster, proportional_memory), Meter(cluster, processor_seconds)
        do("connect", CONNECTIONS)
        connecting, idle = seconds.taken(CONNECTIONS), memory.taken(CONNECTIONS)
        rates, costs = {}, {}
        for what in ("put", "get"):
            seconds = Meter(cluster, processor_seconds)
            rates[what] = MIBS * (1 << 20) / 1e6 / do(what, MIBS)
            costs[what] = seconds.taken(MIBS / 1024)
        process.stdin.close()
    now = os.getloadavg()[0]
    return ResourceCosts(
        CONNECTIONS, idle, connecting, costs["put"], costs["get"], rates, (load, now)
    )


def lines(sizes: ResourceCosts) -> Iterator[str]:
    """Yield the lines of a table."""
    yield (
        f"{'':<14}{'KiB of a connection':>21}{'ms to connect':>15}{'s/GiB written':>15}"
        f"{'s/GiB read':>12}"
    )
    for what in _PROGRAMS:
        yield (
            f"{what:<14}{sizes.memory[what] / 1024:>21.0f}{sizes.connecting[what] * 1e3:>15.1f}"
            f"{sizes.put[what]:>15.2f}{sizes.get[what]:>12.2f}"
        )
    rates = ", ".join(
        f"{what} {rate:.0f} MB/s" for what, rate in sizes.megabytes_per_second.items()
    )
    before, after = sizes.load
    yield f"  {sizes.connections} connections; {rates}; load {before:.1f} before, {after:.1f} after"
