"""Many clients in a few processes, one server in another, and what came of it."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import smbquic
from smbquic.errors import SmbError
from tests.interop.processes import PASSWORD, SHARE, USER, ServerProcess
from tests.load import common
from tests.load.actor import Difference
from tests.load.client import LoadClient

LOGONS = 4
"""Clients of one process that connect at once."""
PARALLEL = {"quic": "smb+quic", "tcp": "smb"}


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """How many clients do how much, over which transports in turn.

    Each stops after `operations` or `seconds`, whichever comes first.
    """

    clients: int
    processes: int = 1
    seconds: float = 60.0
    operations: int = 1 << 30
    seed: int = 0
    transports: tuple[str, ...] = ("tcp", "quic")


@dataclass(slots=True)
class LoadResult:
    """The work that the clients did, and what was wrong with it."""

    done: Counter[str] = field(default_factory=Counter)
    busy: Counter[str] = field(default_factory=Counter)
    seen: dict[str, list[int]] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, other: "LoadResult") -> None:
        """Take in what others did meanwhile."""
        self.done += other.done
        self.busy += other.busy
        self.differences += other.differences
        self.seconds = max(self.seconds, other.seconds)
        for counter, values in other.seen.items():
            self.seen.setdefault(counter, []).extend(values)

    @property
    def operations(self) -> int:
        """How many operations were done in all."""
        return sum(self.done.values())


def run(plan: LoadPlan, server: ServerProcess) -> LoadResult:
    """Let them loose on the empty share of a server, and look at everything in the end."""
    common.prepare(server.share)
    shares = [range(first, plan.clients, plan.processes) for first in range(plan.processes)]
    with ProcessPoolExecutor(plan.processes, get_context("spawn")) as pool:
        outcome = LoadResult()
        for part in pool.map(_work, *zip(*((plan, server, list(n)) for n in shares), strict=True)):
            outcome.add(part)
    outcome.differences += common.check(server.share, outcome.seen)
    log = server.log.read_text()
    outcome.differences += ["the server failed, see its log"] * ("Traceback" in log)
    return outcome


def _work(plan: LoadPlan, server: ServerProcess, numbers: list[int]) -> LoadResult:
    return asyncio.run(_crowd(plan, server, numbers))


async def _crowd(plan: LoadPlan, server: ServerProcess, numbers: list[int]) -> LoadResult:
    """The clients of one process; they begin once all of them are connected."""
    outcome = LoadResult()
    logons, ready = asyncio.Semaphore(LOGONS), asyncio.Barrier(len(numbers))

    async def one(number: int) -> None:
        try:
            async with contextlib.AsyncExitStack() as stack:
                async with logons:
                    share = await stack.enter_async_context(_connect(plan, server, number))
                    client = LoadClient(share, f"client{number}", f"{plan.seed}/{number}")
                    await share.mkdir(client.actor.home)
                await ready.wait()
                await _live(plan, client, server.share, outcome)
        except (Difference, SmbError) as error:
            outcome.differences.append(f"client{number}: {error}")
            await ready.abort()

    started = time.monotonic()
    await asyncio.gather(*map(one, numbers))
    outcome.seconds = time.monotonic() - started
    return outcome


def _connect(
    plan: LoadPlan, server: ServerProcess, number: int
) -> contextlib.AbstractAsyncContextManager[smbquic.Share]:
    transport = plan.transports[number % len(plan.transports)]
    scheme = PARALLEL[transport]
    url = f"{scheme}://{USER}@localhost:{server.ports[transport]}/{SHARE}"
    return smbquic.connect(url, password=PASSWORD, ca=server.pki.ca, timeout=60.0)


async def _live(plan: LoadPlan, client: LoadClient, root: Path, outcome: LoadResult) -> None:
    end = time.monotonic() + plan.seconds
    try:
        for _ in range(plan.operations):
            if time.monotonic() >= end:
                break
            await client.step()
        await client.actor.compare(root / client.actor.home)
    finally:
        outcome.add(LoadResult(client.done, client.common.busy, client.common.seen))


def lines(plan: LoadPlan, outcome: LoadResult, memory: tuple[int, int, int]) -> Iterator[str]:
    """The report on a run; `memory` is what the server had before, after and at most."""
    rate = outcome.operations / outcome.seconds if outcome.seconds else 0.0
    yield (
        f"{plan.clients} clients over {' and '.join(plan.transports)}, {outcome.seconds:.0f} s:"
        f" {outcome.operations} operations, {rate:.0f} in a second"
    )
    yield ", ".join(f"{what} {count}" for what, count in sorted(outcome.done.items()))
    yield f"refused, as others were there: {sum(outcome.busy.values())}"
    before, after, most = (size / 2**20 for size in memory)
    yield f"memory of the server: {before:.0f} MiB before, {after:.0f} after, {most:.0f} at most"
    yield f"differences: {len(outcome.differences)}"
    yield from outcome.differences
