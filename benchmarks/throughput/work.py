"""What our client does and how long it takes, in a process of its own.

    work.py OPTIONS      a JSON object; see `Options`

Prints its figures as JSON.
"""

import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import uvloop

from benchmarks.usage import Usage
from smbquic import Share, connect

SMALL = 4096
WARM_UP = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`datagram_size` 0 leaves it to the transport.

    `path` is the file on the share, `local` that of get and put, `count` the number of
    operations of read (4 KiB), open (and close) and echo. A visit is a logon and one read.
    """

    work: Literal["get", "put", "read", "open", "echo", "visit"]
    transport: Literal["quic", "tcp"]
    host: str
    port: int
    user: str
    password: str
    ca: str
    engine: Literal["aioquic", "qh3"] = "qh3"
    datagram_size: int = 0
    path: str = "big"
    local: str = ""
    count: int = 0


def connected(options: Options) -> AbstractAsyncContextManager[Share]:
    """A share, once it is entered."""
    scheme = "smb" if options.transport == "tcp" else "smb+quic"
    return connect(
        f"{scheme}://{options.user}@{options.host}:{options.port}/data",
        password=options.password,
        ca=options.ca,
        engine=options.engine,
        datagram_size=options.datagram_size or None,
    )


async def bulk(share: Share, options: Options) -> dict[str, Any]:
    """The whole file, one way."""
    usage = Usage()
    usage.begin()
    if options.work == "put":
        await share.put(Path(options.local), options.path)
    else:
        await share.get(options.path, Path(options.local))
    usage.end()
    return dict(usage.report())


async def repeat(work: Callable[[], Awaitable[object]], count: int) -> dict[str, Any]:
    """Do something again and again, one at a time, and time each."""
    for _ in range(WARM_UP):
        await work()
    usage = Usage()
    times = []
    usage.begin()
    for _ in range(count):
        started = time.perf_counter()
        await work()
        times.append(time.perf_counter() - started)
    usage.end()
    times.sort()
    quantiles = {f"p{n}": times[min(count * n // 100, count - 1)] for n in (50, 90, 99)}
    return {**usage.report(), **quantiles, "max": times[-1], "rate": count / usage.seconds}


async def small(share: Share, options: Options) -> dict[str, Any]:
    """Many small operations."""
    if options.work == "echo":
        return await repeat(share.tree.connection.echo, options.count)
    if options.work == "open":

        async def open_and_close() -> None:
            async with share.open(options.path):
                pass

        return await repeat(open_and_close, options.count)
    async with share.open(options.path) as file:
        blocks = await file.size() // SMALL
        pick = random.Random(1)

        async def read() -> None:
            data = await file.read_at(SMALL * pick.randrange(blocks), SMALL)
            assert len(data) == SMALL

        return await repeat(read, options.count)


async def work(options: Options) -> dict[str, Any]:
    """Connect, and do it."""
    visit = Usage()
    visit.begin()
    async with connected(options) as share:
        if options.work in ("get", "put"):
            return await bulk(share, options)
        if options.work != "visit":
            return await small(share, options)
        async with share.open(options.path) as file:
            assert len(await file.read_at(0, SMALL)) == SMALL
        visit.end()
        return dict(visit.report())


def main() -> None:
    """See the module's docstring."""
    print(json.dumps(uvloop.run(work(Options(**json.loads(sys.argv[1]))))))


if __name__ == "__main__":
    main()
