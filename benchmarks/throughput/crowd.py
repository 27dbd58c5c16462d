"""Many connections that log on and then do nothing but keep alive.

    crowd.py OPTIONS COUNT      OPTIONS as of work.py

Prints the seconds that they took to log on, as JSON, and stays until SIGTERM.
"""

import asyncio
import json
import resource
import sys
import time
from contextlib import AsyncExitStack

import uvloop

from benchmarks.throughput.work import Options, connected
from smbquic import stop_signal

AT_ONCE = 8


async def gather(options: Options, count: int) -> None:
    """Log on, say so, and wait."""
    started = time.monotonic()
    turns = asyncio.Semaphore(AT_ONCE)
    async with AsyncExitStack() as stack:

        async def join() -> None:
            async with turns:
                share = await stack.enter_async_context(connected(options))
            # As if a file were open: connections without one may fall silent, and end.
            share.tree.connection.hold()

        async with asyncio.TaskGroup() as joining:
            for _ in range(count):
                joining.create_task(join())
        print(json.dumps({"seconds": time.monotonic() - started}), flush=True)
        await stop_signal()


def main() -> None:
    """See the module's docstring."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvloop.run(gather(Options(**json.loads(sys.argv[1])), int(sys.argv[2])))


if __name__ == "__main__":
    main()
