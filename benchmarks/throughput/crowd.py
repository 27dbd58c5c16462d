"""Many connections that log on and then do nothing but keep alive.

    crowd.py OPTIONS COUNT      OPTIONS as of work.py

Prints the seconds that they took to log on, as JSON, and stays until SIGTERM.
"""

import json
import resource
import sys
import time
from contextlib import AsyncExitStack

from benchmarks.throughput.work import Options, connected
from smbquic.cli.loop import run, stop_signal
from smbquic.client.window import each

AT_ONCE = 8


async def gather(options: Options, count: int) -> None:
    """Log on, say so, and wait."""
    started = time.monotonic()
    async with AsyncExitStack() as stack:

        async def join(_: int) -> None:
            share = await stack.enter_async_context(connected(options))
            # As if a file were open: connections without one may fall silent, and end.
            share.tree.connection.hold()

        await each(range(count), join, limit=AT_ONCE)
        print(json.dumps({"seconds": time.monotonic() - started}), flush=True)
        await stop_signal()


def main() -> None:
    """See the module's docstring."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    run(gather(Options(**json.loads(sys.argv[1])), int(sys.argv[2])))


if __name__ == "__main__":
    main()
