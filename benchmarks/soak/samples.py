"""What the server is asked for at regular times: its metrics, and what the kernel knows of it."""

import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

TIMEOUT = 20.0
HELD = (
    *("connections", "sessions", "tree_connects", "opens", "open_files", "durable_opens"),
    *("leases", "locks"),
)
"""What clients hold on the server, and what has to be 0 without clients."""

Labels = tuple[tuple[str, str], ...]
Metrics = Mapping[str, Mapping[Labels, float]]


def parse_metrics(text: str) -> Metrics:
    """Return the values of an exposition, by name and labels."""
    # Imported here: it is of the extra `web`, which other benchmarks do not need.
    from prometheus_client.parser import text_string_to_metric_families

    found: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def read_metrics(url: str) -> Metrics:
    """Ask a server for its metrics. Raises OSError."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=TIMEOUT) as response:
        return parse_metrics(response.read().decode())


def total(metrics: Metrics, name: str) -> float:
    """Return the sum of a metric over all labels; 0 if there is none."""
    return sum(metrics.get(name, {}).values())


def held(metrics: Metrics) -> dict[str, int]:
    """Return what clients hold on the server, by kind."""
    return {kind: int(total(metrics, f"smbquic_{kind}")) for kind in HELD}


class LoopLag:
    """How late the server's event loop was between two expositions."""

    def __init__(self) -> None:
        self._count = self._seconds = 0.0
        self._buckets: dict[float, float] = {}

    def update(self, metrics: Metrics) -> tuple[float, float]:
        """Return the mean since the last call in seconds, and a bound of all but one in a hundred.

        The bound is that of a bucket; it is 0 if nothing was measured.
        """
        name = "smbquic_loop_lag_seconds"
        count, seconds = total(metrics, f"{name}_count"), total(metrics, f"{name}_sum")
        buckets = {
            float(dict(labels)["le"]): value
            for labels, value in metrics.get(f"{name}_bucket", {}).items()
        }
        new = {bound: n - self._buckets.get(bound, 0.0) for bound, n in buckets.items()}
        measured = count - self._count
        mean = (seconds - self._seconds) / measured if measured else 0.0
        enough = (bound for bound in sorted(new) if new[bound] >= 0.99 * measured)
        bound = next(enough, 0.0) if measured else 0.0
        self._count, self._seconds, self._buckets = count, seconds, buckets
        return mean, bound


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of memory, descriptors and threads of a process."""

    rss: int
    pss: int
    descriptors: int
    threads: int


def process_memory(process: int) -> Memory:
    """Return what the kernel knows of a process. Raises OSError once it has ended."""
    place = Path(f"/proc/{process}")
    sizes = _fields((place / "smaps_rollup").read_text().splitlines()[1:])
    status = _fields((place / "status").read_text().splitlines())
    return Memory(
        rss=int(sizes["Rss"].split()[0]) * 1024,
        pss=int(sizes["Pss"].split()[0]) * 1024,
        descriptors=sum(1 for _ in (place / "fd").iterdir()),
        threads=int(status["Threads"]),
    )


def _fields(lines: Iterable[str]) -> dict[str, str]:
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@dataclass(slots=True)
class Sample:
    """One look at the server, and what the clients have done since the look before.

    Processor use is in processors: 1 is a whole one. `others` are processes that are not ours.
    """

    seconds: float
    rss: int
    pss: int
    descriptors: int
    threads: int
    held: dict[str, int]
    quic_connections: int
    tcp_connections: int
    lag_mean: float
    lag_bound: float
    server: float
    clients: float
    others: float
    load: float
    transports: dict[str, dict[str, float]] = field(default_factory=dict)
    """Operations, failures and refusals of each transport, and quantiles of small operations."""
