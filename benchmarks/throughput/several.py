"""Several clients at once, and the processor time of each process of the server."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from benchmarks.arms import Arm
from benchmarks.programs import Perform, ProgramError
from benchmarks.throughput.bench import FILE, GIBIBYTE, Bench, Figures, ignore, percentiles
from benchmarks.throughput.networks import FastNetwork
from benchmarks.usage import TICK, table, tree_cpu_seconds
from benchmarks.workspace import Workspace

CLIENTS = 4
READING = 0.8
"""For how much of the time that the transfers took a fifth client reads beside them."""


def several_clients(bench: Bench, network: FastNetwork, arm: Arm) -> dict[str, Figures]:
    """Have four clients fetch the file at the same time, each into a file of its own.

    The processor time of the server's main process and of its workers are told apart, since the
    workers' shows what they could do with a core each. Then they fetch it once more, while a fifth
    client reads 4 KiB at a time.
    """
    with arm.start(network, bench.workspace) as running, ExitStack() as stack:
        clients = [stack.enter_context(running.client()) for _ in range(CLIENTS)]
        before = _server_seconds(running.server.pid)
        together = fetch_together(bench.workspace, clients)
        main, workers = (
            after - first
            for after, first in zip(_server_seconds(running.server.pid), before, strict=True)
        )
        reader = stack.enter_context(running.client())
        read = _read_beside(bench.workspace, clients, reader, READING * together.seconds)
    gibibytes = together.size / GIBIBYTE
    return {
        "get": {
            "rate": together.size / together.seconds / 1e6,
            "slowest": together.slowest,
            "client_cpu": together.cpu_seconds / gibibytes,
            "main_cpu": main / gibibytes,
            "workers_cpu": workers / gibibytes,
        },
        "read": read,
    }


def _read_beside(
    workspace: Workspace, clients: Sequence[Perform], reader: Perform, seconds: float
) -> Figures:
    """Have a client read blocks for a time while others fetch the file; return how long they take.

    The time has to be shorter than the others take.
    """
    request = {"work": "reads-for-a-time", "path": FILE, "seconds": seconds}
    with ThreadPoolExecutor(1) as thread:
        reading = thread.submit(reader, request, ignore)
        fetch_together(workspace, clients)
        return percentiles(reading.result())


@dataclass(frozen=True, slots=True)
class Together:
    """Transfers at the same time: bytes and processor seconds of all, and how long it took.

    `slowest` is the rate of the slowest client, over the mean of all of their rates.
    """

    size: int
    cpu_seconds: float
    seconds: float
    slowest: float


def fetch_together(workspace: Workspace, clients: Sequence[Perform]) -> Together:
    """Have clients fetch the file at the same time. Raises `ProgramError` if bytes differ."""
    requests = [
        {"work": "bulk-read", "path": FILE, "into": f"got{number}"}
        for number, _ in enumerate(clients)
    ]
    started = time.monotonic()
    with ThreadPoolExecutor(len(clients)) as threads:
        working = [
            threads.submit(perform, request, ignore)
            for perform, request in zip(clients, requests, strict=True)
        ]
        done = [each.result() for each in working]
    seconds = time.monotonic() - started
    problems = [
        problem
        for each in done
        for problem in workspace.compare(Path(each["landed"][0]), workspace.share / FILE)
    ]
    if problems:
        raise ProgramError("; ".join(problems))
    rates = [each["bytes"] / each["seconds"] for each in done]
    return Together(
        sum(each["bytes"] for each in done),
        sum(each["cpu_seconds"] for each in done),
        seconds,
        min(rates) / mean(rates),
    )


def _server_seconds(pid: int) -> tuple[float, float]:
    """Return the processor time so far of the main process, and of all others below it."""
    main = table()[pid].ticks / TICK
    return main, tree_cpu_seconds(pid) - main
