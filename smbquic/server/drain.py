"""The end of serving: clients finish what they are at, and nobody new comes."""

import asyncio

from smbquic.server.connection import ServerConnection
from smbquic.server.server import STOPPING, Server

QUIET = 0.5
"""Seconds without a byte either way after which a connection without open files is idle."""
QUIET_WITH_OPENS = 2.0
"""The same with open files, which its client may be about to use."""
LOOK = 0.1
"""Seconds between two looks at the connections."""


async def drain(server: Server, seconds: float) -> None:
    """Return once no client is left, but after `seconds` in any case.

    Idle connections are closed, whatever they have open; those at work once they have become idle.
    """
    server.draining = server.connection_limiter.closed = True
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    moved: dict[ServerConnection, tuple[tuple[int, int], float]] = {}
    while server.connections and loop.time() < deadline:
        now = loop.time()
        for connection in list(server.connections):
            flow = connection.transport.flow()
            position = (flow.sent - flow.untaken, flow.received)
            before, since = moved.get(connection, (None, now))
            if position != before:
                moved[connection] = (position, now)
                continue
            patience = QUIET_WITH_OPENS if connection.opens else QUIET
            if now - since >= patience and not flow.untaken and not connection.is_working:
                connection.transport.close(STOPPING)
        await asyncio.sleep(LOOK)
