"""A client that asks for a whole file at once and then takes 1 MB/s of what comes.

    slow.py OPTIONS SECONDS      OPTIONS as of work.py

Prints how many bytes it asked for (what it had credits for) and how many it took, as JSON.
"""

import asyncio
import json
import os
import sys
from typing import Any

import uvloop

from benchmarks.headers import CHUNK
from benchmarks.throughput.work import Options, connected

PACE = 1e6
"""Bytes per second."""


async def work(options: Options, seconds: float) -> None:
    """Ask, take one's time, and be gone."""
    taken = 0
    async with connected(options) as share, share.open(options.path) as file:
        connection = share.tree.connection
        size = await file.size()
        transport: Any = connection.transport
        receive = transport.receive

        async def slowly() -> memoryview:
            nonlocal taken
            message: memoryview = await receive()
            taken += len(message)
            await asyncio.sleep(len(message) / PACE)
            return message

        transport.receive = slowly
        reading = [
            asyncio.create_task(file.read_at(offset, CHUNK)) for offset in range(0, size, CHUNK)
        ]
        await asyncio.wait(reading, timeout=seconds)
        asked = connection.protocol.in_flight * CHUNK
        print(json.dumps({"asked": asked, "taken": taken}), flush=True)
        # Nobody will take the rest.
        os._exit(0)


def main() -> None:
    """See the module's docstring."""
    uvloop.run(work(Options(**json.loads(sys.argv[1])), float(sys.argv[2])))


if __name__ == "__main__":
    main()
