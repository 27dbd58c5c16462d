"""Our client: ``python -m benchmarks.ends.client OPTIONS``; works come as lines of JSON.

Prints {"ready": true}, then for each line {"work": NAME, ...} on its standard input one line with
the figures, or {"error": TEXT}. What it fetched stays where "landed" says, for its hash to be
checked by others. Every work has a connection of its own. A work may say that it has
come to a point where something is to happen: {"event": NAME}.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.ends.options import SHARE, USER, EndOptions
from benchmarks.statistics import jain, quantile
from smbquic import EncryptionPolicy, Share, SmbError, TicketCache, connect

# Loaded when the first connection is made, if it was not before; that is no part of connecting.
from smbquic.transport.quic.qh3 import engine  # noqa: F401

BLOCK = 4096
Figures = dict[str, Any]
Request = dict[str, Any]


def emit(**document: Any) -> None:
    """One line for whoever started us."""
    print(json.dumps(document), flush=True)


def latencies(seconds: Sequence[float]) -> Figures:
    """The distribution of some operations' times, in seconds."""
    ordered = sorted(seconds)
    found: Figures = {f"p{n}": quantile(ordered, n / 100) for n in (50, 90, 99)}
    return {**found, "max": ordered[-1], "operations": len(ordered)}


class Client:
    """Does the works."""

    def __init__(self, options: EndOptions) -> None:
        self.options = options
        self.folder = Path(options.folder)
        self.abandoned: list[asyncio.Task[None]] = []
        self.lost = 0
        self.tickets = TicketCache()

    @asynccontextmanager
    async def connected(self, *, resume: bool = False) -> AsyncIterator[Share]:
        """A share. The session of QUIC is a new one, unless it is to be taken up again."""
        options = self.options
        scheme = "smb" if options.transport == "tcp" else "smb+quic"
        sealed = options.encrypt or options.double
        async with connect(
            f"{scheme}://{USER}@{options.host}:{options.port}/{SHARE}",
            password=options.password,
            ca=options.certificate,
            engine=options.engine,
            congestion=options.congestion,
            encryption=EncryptionPolicy.REQUIRED if sealed else EncryptionPolicy.ALLOWED,
            tickets=self.tickets if resume else TicketCache(),
        ) as share:
            try:
                yield share
            finally:
                self.lost += share.statistics().lost_packets or 0

    # --- works ------------------------------------------------------------------------------

    async def connect(self, request: Request) -> Figures:
        """Connect up to the tree: when each stage was over, by the monotonic clock."""
        async with self.connected(resume=request["resume"]) as share:
            stages = [share.stages.begun, *share.stages.over.values()]
            return {"stages": stages, "resumed": share.peer.resumed}

    async def bulk_read(self, request: Request) -> Figures:
        """One file from the server."""
        target = self.folder / "got"
        async with self.connected() as share:
            started = time.monotonic()
            await share.get(request["path"], target)
            seconds = time.monotonic() - started
        return {"seconds": seconds, "bytes": target.stat().st_size, "landed": [str(target)]}

    async def bulk_write(self, request: Request) -> Figures:
        """One file to the server; it is on its disk when the time is over."""
        source = Path(request["source"])
        size = 0

        def count(done: int, total: int) -> None:
            nonlocal size
            size = done

        async with self.connected() as share:
            started = time.monotonic()
            await share.put(source, request["path"], progress=count)
            seconds = time.monotonic() - started
        return {"seconds": seconds, "bytes": size}

    async def small_read(self, request: Request) -> Figures:
        """A folder of small files from the server."""
        target = self.folder / "tree"
        async with self.connected() as share:
            started = time.monotonic()
            done = await share.get_tree(request["path"], target)
            seconds = time.monotonic() - started
        if done.failures:
            raise RuntimeError(f"{len(done.failures)} files failed: {done.failures[0][1]}")
        return {
            "seconds": seconds,
            "bytes": done.bytes,
            "files": done.files,
            "landed": [str(target)],
        }

    async def small_write(self, request: Request) -> Figures:
        """The same, to the server."""
        async with self.connected() as share:
            started = time.monotonic()
            done = await share.put_tree(Path(request["source"]), request["path"])
            seconds = time.monotonic() - started
        if done.failures:
            raise RuntimeError(f"{len(done.failures)} files failed: {done.failures[0][1]}")
        return {"seconds": seconds, "bytes": done.bytes, "files": done.files}

    async def listing(self, request: Request) -> Figures:
        """All entries of a folder."""
        async with self.connected() as share:
            started = time.monotonic()
            names = await share.listdir(request["path"])
            seconds = time.monotonic() - started
        return {"seconds": seconds, "entries": len(names)}

    async def stat_storm(self, request: Request) -> Figures:
        """Ask for one file after the other."""
        async with self.connected() as share:
            started = time.monotonic()
            times = [
                await self.timed(share.stat, f"{request['path']}/{name}")
                for name in request["names"]
            ]
            seconds = time.monotonic() - started
        return {"seconds": seconds, **latencies(times)}

    async def random_read(self, request: Request) -> Figures:
        """Read 4 KiB here and there, `depth` at a time."""
        async with self.connected() as share, share.open(request["path"]) as file:
            pick = random.Random(request["seed"])
            blocks = await file.size() // BLOCK
            places = iter([BLOCK * pick.randrange(blocks) for _ in range(request["count"])])
            times: list[float] = []

            async def reader() -> None:
                for place in places:
                    times.append(await self.timed(file.read_at, place, BLOCK))

            started = time.monotonic()
            await asyncio.gather(*(reader() for _ in range(request["depth"])))
            seconds = time.monotonic() - started
        return {"seconds": seconds, **latencies(times)}

    async def loaded_latency(self, request: Request) -> Figures:
        """Ask for a file again and again while a large one is read on the same connection."""
        target = self.folder / "loaded"
        async with self.connected() as share:
            transfer = asyncio.create_task(share.get(request["path"], target))
            times = []
            while not transfer.done():
                times.append(await self.timed(share.stat, request["path"]))
            await transfer
        return {**latencies(times), "landed": [str(target)]}

    async def competing(self, request: Request) -> Figures:
        """Two connections read a file each, from the same moment on, until the first is done."""
        progress = [0, 0]
        seconds = [0.0, 0.0]

        async def read(index: int) -> None:
            async with self.connected() as share:
                await ready.wait()

                def count(done: int, total: int) -> None:
                    progress[index] = done

                started = time.monotonic()
                await share.get(request["path"], self.folder / f"part{index}", progress=count)
                seconds[index] = time.monotonic() - started

        ready = asyncio.Barrier(2)
        first, second = (asyncio.create_task(read(index)) for index in (0, 1))
        await asyncio.wait((first, second), return_when=asyncio.FIRST_COMPLETED)
        shares = list(progress)
        await asyncio.gather(first, second)
        files = [self.folder / f"part{index}" for index in (0, 1)]
        return {
            "seconds": max(seconds),
            "jain": jain(shares),
            "landed": [str(file) for file in files],
        }

    async def against_tcp(self, request: Request) -> Figures:
        """Read a file, and say when that begins and ends: meanwhile somebody competes."""
        target = self.folder / "against"
        async with self.connected() as share:
            emit(event="begin")
            started = time.monotonic()
            await share.get(request["path"], target)
            emit(event="end")
            seconds = time.monotonic() - started
        return {"seconds": seconds, "bytes": target.stat().st_size, "landed": [str(target)]}

    async def address_change(self, request: Request) -> Figures:
        """Read a file; when a part of it has come, say so: then our address changes."""
        target = self.folder / "moved"
        told = False
        last, gap = time.monotonic(), 0.0

        def count(done: int, total: int) -> None:
            nonlocal told, last, gap
            now = time.monotonic()
            if told:
                gap = max(gap, now - last)
            last = now
            if not told and done > total * 0.3:
                told = True
                emit(event="move")

        async def read() -> None:
            async with self.connected() as share:
                await share.get(request["path"], target, progress=count)

        started = time.monotonic()
        reading = asyncio.create_task(read())
        await asyncio.wait({reading}, timeout=request["patience"])
        if not reading.done():
            # What TCP has lost it does not give up for minutes: nobody waits for that.
            self.abandoned.append(reading)
            reading.cancel()
            return {"survived": 0, "why": f"it stood still for {request['patience']:g} s"}
        try:
            reading.result()
        except (SmbError, OSError) as error:
            target.unlink(missing_ok=True)
            return {"survived": 0, "why": f"{type(error).__name__}: {error}"}
        seconds = time.monotonic() - started
        return {"survived": 1, "seconds": seconds, "gap": gap, "landed": [str(target)]}

    @staticmethod
    async def timed(work: Callable[..., Awaitable[object]], *arguments: object) -> float:
        """How long it takes, in seconds."""
        started = time.perf_counter()
        await work(*arguments)
        return time.perf_counter() - started


async def main() -> None:
    """Do what is asked until nothing more is."""
    client = Client(EndOptions(**json.loads(sys.argv[1])))
    loop = asyncio.get_running_loop()
    emit(ready=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        request = json.loads(line)
        work = getattr(client, request["work"].replace("-", "_"))
        cpu, lost = time.process_time(), client.lost
        try:
            figures = await work(request)
        except Exception as error:
            emit(error=f"{type(error).__name__}: {error}")
        else:
            used = time.process_time() - cpu
            emit(**figures, client_cpu=used, client_lost=client.lost - lost)


if __name__ == "__main__":
    uvloop.run(main())
