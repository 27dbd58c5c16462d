"""The client's works about connections: opening one, many, and one that hardly reads."""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

from benchmarks.ends.session import BLOCK, Client, Figures, Request
from benchmarks.headers import CHUNK
from benchmarks.usage import Stopwatch

AT_ONCE = 8
"""How many connections log on at the same time."""


async def connect(client: Client, request: Request) -> Figures:
    """Connect up to the tree: when each stage was over, by the monotonic clock."""
    async with client.connected(resume=request["resume"]) as share:
        stages = [share.stages.begun, *share.stages.over.values()]
        return {"stages": stages, "resumed": share.peer.resumed}


async def visit(client: Client, request: Request) -> Figures:
    """Connect, log on and read one block of a file."""
    stopwatch = Stopwatch()
    stopwatch.begin()
    async with client.connected() as share, share.open(request["path"]) as file:
        assert len(await file.read_at(0, BLOCK)) == BLOCK
        stopwatch.end()
    return dict(stopwatch.report())


async def idle(client: Client, request: Request) -> Figures:
    """Log on `count` times, and keep these connections until this process ends."""
    turns = asyncio.Semaphore(AT_ONCE)
    stack = client.keep(AsyncExitStack())

    async def join() -> None:
        async with turns:
            share = await stack.enter_async_context(client.connected())
        # As if a file were open: connections without one may fall silent, and end.
        share.tree.connection.transport.keep_alive = True

    with Stopwatch() as stopwatch:
        async with asyncio.TaskGroup() as joining:
            for _ in range(request["count"]):
                joining.create_task(join())
    return dict(stopwatch.report())


async def slow_read(client: Client, request: Request) -> Figures:
    """Request a whole file at once, and take `rate` bytes per second of it for some seconds."""
    stack = client.keep(AsyncExitStack())
    share = await stack.enter_async_context(client.connected())
    file = await stack.enter_async_context(share.open(request["path"]))
    connection = share.tree.connection
    transport: Any = connection.transport
    receive = transport.receive
    taken = 0

    async def receive_slowly() -> memoryview:
        nonlocal taken
        message: memoryview = await receive()
        taken += len(message)
        await asyncio.sleep(len(message) / request["rate"])
        return message

    size = await file.size()
    transport.receive = receive_slowly
    started = time.monotonic()
    reading = [asyncio.create_task(file.read_at(start, CHUNK)) for start in range(0, size, CHUNK)]
    client.keep(reading)
    await asyncio.wait(reading, timeout=request["seconds"])
    return {
        "seconds": time.monotonic() - started,
        "asked": connection.protocol.in_flight * CHUNK,
        "taken": taken,
    }
