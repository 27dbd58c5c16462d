"""The parts that all measurements share: networks, files, and how much there is to do."""

from dataclasses import dataclass
from typing import Any

from benchmarks.arms import Running
from benchmarks.throughput.networks import FastNetwork
from benchmarks.usage import peak_memory, tree_cpu_seconds
from benchmarks.workspace import Workspace

MEBIBYTE = 1 << 20
GIBIBYTE = 1 << 30
FILE = "big"
"""The large file, in the share and in what is stored there."""

Figures = dict[str, float]
"""The figures of one measurement, by name: see `results.UNITS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """`seconds` of each smbtorture benchmark, `operations` of each kind, idle `connections`."""

    ordinary: FastNetwork
    jumbo: FastNetwork
    workspace: Workspace
    seconds: int
    operations: int
    connections: int


def percentiles(done: Figures) -> Figures:
    """Return the distribution of operations' times that a client reports, in microseconds."""
    return {name: done[name] * 1e6 for name in ("p50", "p90", "p99", "max")}


def ignore(event: str) -> None:
    """Take no notice of what a client reports on its way."""


class Watch:
    """Follows a server and the two ends of a VPN while a client works."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._before = self._seconds()

    def _seconds(self) -> tuple[float, float]:
        """Return the processor seconds at the server's end, and those of the VPN's other end."""
        server = tree_cpu_seconds(self._running.server.pid)
        if self._running.tunnel is None:
            return server, 0.0
        tunnel = self._running.tunnel
        return server + tree_cpu_seconds(tunnel.server.pid), tree_cpu_seconds(tunnel.client.pid)

    def figures(self, done: dict[str, Any]) -> Figures:
        """Return the figures of a transfer that the client has reported."""
        server, client_vpn = (a - b for a, b in zip(self._seconds(), self._before, strict=True))
        gibibytes = done["bytes"] / GIBIBYTE
        figures = {
            "rate": done["bytes"] / done["seconds"] / 1e6,
            "client_cpu": (done["cpu_seconds"] + client_vpn) / gibibytes,
            "server_cpu": server / gibibytes,
            "server_peak": peak_memory(self._running.server.pid) / MEBIBYTE,
        }
        if "peak_bytes" in done:
            figures["client_peak"] = done["peak_bytes"] / MEBIBYTE
        return figures
