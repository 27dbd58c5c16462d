"""Our client: ``python -m benchmarks.ends.client OPTIONS``; works come as lines of JSON.

Prints {"ready": true}, then for each line {"work": NAME, ...} on its standard input one line with
the figures, or {"error": TEXT}. What it fetched stays where "landed" says, for its hash to be
checked by others. Every work has a connection of its own. A work may say that it has
come to a point where something is to happen: {"event": NAME}.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from importlib import import_module

import uvloop

from benchmarks.ends import connecting, operations, transfers
from benchmarks.ends.options import EndOptions
from benchmarks.ends.process import emit, raise_descriptor_limit
from benchmarks.ends.session import Client, Figures, Request
from smbquic.client.late_imports import import_client

WORKS: dict[str, Callable[[Client, Request], Awaitable[Figures]]] = {
    work.__name__.replace("_", "-"): work
    for work in (
        connecting.connect,
        connecting.visit,
        connecting.idle,
        connecting.slow_read,
        transfers.bulk_read,
        transfers.bulk_write,
        transfers.small_read,
        transfers.small_write,
        transfers.competing,
        transfers.against_tcp,
        transfers.address_change,
        operations.listing,
        operations.stat_storm,
        operations.random_read,
        operations.loaded_latency,
        operations.repeated,
        operations.reads_for_a_time,
    )
}


async def main(options: EndOptions) -> None:
    """Do what is asked until nothing more is."""
    # Imported while the first connection is made, if it was not before; that is no part of it.
    import_client(options.transport)
    import_module(f"smbquic.transport.quic.{options.engine}.configuration")
    client = Client(options)
    loop = asyncio.get_running_loop()
    emit(ready=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        request = json.loads(line)
        cpu, lost = time.process_time(), client.lost
        try:
            figures = await WORKS[request["work"]](client, request)
        except Exception as error:
            emit(error=f"{type(error).__name__}: {error}")
        else:
            used = time.process_time() - cpu
            emit(**figures, client_cpu=used, client_lost=client.lost - lost)


if __name__ == "__main__":
    raise_descriptor_limit()
    uvloop.run(main(EndOptions(**json.loads(sys.argv[1]))))
