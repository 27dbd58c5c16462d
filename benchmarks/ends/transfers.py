"""The client's works that move files."""

import asyncio
import time
from pathlib import Path

from benchmarks.ends.process import emit
from benchmarks.ends.session import Client, Figures, Request
from benchmarks.statistics import jain
from benchmarks.usage import Stopwatch
from smbquic import SmbError, TreeResult


async def bulk_read(client: Client, request: Request) -> Figures:
    """Fetch one file, into the one that is named if several clients do it at once."""
    target = client.folder / request.get("into", "got")
    async with client.connected() as share:
        with Stopwatch() as stopwatch:
            await share.get(request["path"], target)
    return {**stopwatch.report(), "bytes": target.stat().st_size, "landed": [str(target)]}


async def bulk_write(client: Client, request: Request) -> Figures:
    """Store one file; it is on the server's disk when the time is over."""
    source = request["source"]
    async with client.connected() as share:
        with Stopwatch() as stopwatch:
            await share.put(source, request["path"])
    return {**stopwatch.report(), "bytes": _size_of(source)}


def _size_of(file: str) -> int:
    return Path(file).stat().st_size


async def small_read(client: Client, request: Request) -> Figures:
    """Fetch a folder of small files."""
    target = client.folder / "tree"
    async with client.connected() as share:
        with Stopwatch() as stopwatch:
            done = await share.get_tree(request["path"], target)
    return {**stopwatch.report(), **_counted(done), "landed": [str(target)]}


async def small_write(client: Client, request: Request) -> Figures:
    """Store a folder of small files."""
    async with client.connected() as share:
        with Stopwatch() as stopwatch:
            done = await share.put_tree(Path(request["source"]), request["path"])
    return {**stopwatch.report(), **_counted(done)}


def _counted(done: TreeResult) -> Figures:
    if done.failures:
        raise RuntimeError(f"{len(done.failures)} files failed: {done.failures[0][1]}")
    return {"bytes": done.bytes, "files": done.files}


async def competing(client: Client, request: Request) -> Figures:
    """Read a file on each of two connections, from the same moment on, until one is done."""
    progress = [0, 0]
    seconds = [0.0, 0.0]

    async def read(index: int) -> None:
        async with client.connected() as share:
            await ready.wait()

            def count(done: int, total: int) -> None:
                progress[index] = done

            started = time.monotonic()
            await share.get(request["path"], client.folder / f"part{index}", progress=count)
            seconds[index] = time.monotonic() - started

    ready = asyncio.Barrier(2)
    first, second = (asyncio.create_task(read(index)) for index in (0, 1))
    await asyncio.wait((first, second), return_when=asyncio.FIRST_COMPLETED)
    shares = list(progress)
    await asyncio.gather(first, second)
    files = [client.folder / f"part{index}" for index in (0, 1)]
    return {
        "seconds": max(seconds),
        "jain": jain(shares),
        "landed": [str(file) for file in files],
    }


async def against_tcp(client: Client, request: Request) -> Figures:
    """Read a file, and report when that begins and ends: another connection competes with it."""
    target = client.folder / "against"
    async with client.connected() as share:
        emit(event="begin")
        with Stopwatch() as stopwatch:
            await share.get(request["path"], target)
            emit(event="end")
    return {**stopwatch.report(), "bytes": target.stat().st_size, "landed": [str(target)]}


async def address_change(client: Client, request: Request) -> Figures:
    """Read a file, and report when a part of it has come: then the client's address changes."""
    target = client.folder / "moved"
    reported = False
    last, gap = time.monotonic(), 0.0

    def count(done: int, total: int) -> None:
        nonlocal reported, last, gap
        now = time.monotonic()
        if reported:
            gap = max(gap, now - last)
        last = now
        if not reported and done > total * 0.3:
            reported = True
            emit(event="move")

    async def read() -> None:
        async with client.connected() as share:
            await share.get(request["path"], target, progress=count)

    started = time.monotonic()
    reading = asyncio.create_task(read())
    await asyncio.wait({reading}, timeout=request["patience"])
    if not reading.done():
        # TCP does not give up what it has lost for minutes: nobody waits for that.
        client.keep(reading).cancel()
        return {"survived": 0, "why": f"it stood still for {request['patience']:g} s"}
    try:
        reading.result()
    except (SmbError, OSError) as error:
        target.unlink(missing_ok=True)
        return {"survived": 0, "why": f"{type(error).__name__}: {error}"}
    seconds = time.monotonic() - started
    return {"survived": 1, "seconds": seconds, "gap": gap, "landed": [str(target)]}
