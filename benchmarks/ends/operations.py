"""The client's works of many small operations, each of them timed."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from benchmarks.ends.session import BLOCK, Client, Figures, Request, latencies
from benchmarks.usage import Stopwatch
from smbquic import Share


async def listing(client: Client, request: Request) -> Figures:
    """List all entries of a folder."""
    async with client.connected() as share:
        with Stopwatch() as stopwatch:
            names = await share.listdir(request["path"])
    return {**stopwatch.report(), "entries": len(names)}


async def stat_storm(client: Client, request: Request) -> Figures:
    """Ask for the attributes of one file after the other."""
    async with client.connected() as share:
        with Stopwatch() as stopwatch:
            times = [
                await timed(share.stat, f"{request['path']}/{name}") for name in request["names"]
            ]
    return {**stopwatch.report(), **latencies(times)}


async def random_read(client: Client, request: Request) -> Figures:
    """Read blocks anywhere in a file, `depth` at a time."""
    async with client.connected() as share, share.open(request["path"]) as file:
        pick = random.Random(request["seed"])
        blocks = await file.size() // BLOCK
        offsets = iter([BLOCK * pick.randrange(blocks) for _ in range(request["count"])])
        times: list[float] = []

        async def reader() -> None:
            for offset in offsets:
                times.append(await timed(file.read_at, offset, BLOCK))

        with Stopwatch() as stopwatch:
            await asyncio.gather(*(reader() for _ in range(request["depth"])))
    return {**stopwatch.report(), **latencies(times)}


async def loaded_latency(client: Client, request: Request) -> Figures:
    """Ask for a file again and again while a large one is read on the same connection."""
    target = client.folder / "loaded"
    async with client.connected() as share:
        transfer = asyncio.create_task(share.get(request["path"], target))
        times = []
        while not transfer.done():
            times.append(await timed(share.stat, request["path"]))
        await transfer
    return {**latencies(times), "landed": [str(target)]}


async def repeated(client: Client, request: Request) -> Figures:
    """Do one operation `count` times, one at a time, after `warm_up` times that do not count."""
    async with client.connected() as share, AsyncExitStack() as stack:
        operate = await OPERATIONS[request["operation"]](share, request["path"], stack)
        for _ in range(request["warm_up"]):
            await operate()
        with Stopwatch() as stopwatch:
            times = [await timed(operate) for _ in range(request["count"])]
    return {**stopwatch.report(), **latencies(times)}


async def reads_for_a_time(client: Client, request: Request) -> Figures:
    """Read blocks anywhere in a file for some `seconds`, one at a time."""
    async with client.connected() as share, AsyncExitStack() as stack:
        read = await _read(share, request["path"], stack)
        times = []
        end = time.monotonic() + request["seconds"]
        while time.monotonic() < end:
            times.append(await timed(read))
    return latencies(times)


Operation = Callable[[], Awaitable[object]]


async def _echo(share: Share, path: str, stack: AsyncExitStack) -> Operation:
    """Prepare an ECHO."""
    return share.tree.connection.echo


async def _open(share: Share, path: str, stack: AsyncExitStack) -> Operation:
    """Prepare to open and close a file."""

    async def open_and_close() -> None:
        async with share.open(path):
            pass

    return open_and_close


async def _read(share: Share, path: str, stack: AsyncExitStack) -> Operation:
    """Prepare to read a block anywhere in a file."""
    file = await stack.enter_async_context(share.open(path))
    blocks = await file.size() // BLOCK
    pick = random.Random(1)

    async def read() -> None:
        data = await file.read_at(BLOCK * pick.randrange(blocks), BLOCK)
        assert len(data) == BLOCK

    return read


OPERATIONS: dict[str, Callable[[Share, str, AsyncExitStack], Awaitable[Operation]]] = {
    "echo": _echo,
    "open": _open,
    "read": _read,
}


async def timed(work: Callable[..., Awaitable[object]], *arguments: object) -> float:
    """Return how long it takes, in seconds."""
    started = time.perf_counter()
    await work(*arguments)
    return time.perf_counter() - started
