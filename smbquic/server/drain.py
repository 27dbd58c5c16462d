"""Stops a server gracefully: clients finish what they do, and no new ones are accepted."""

import asyncio

from smbquic.server.connection import ServerConnection
from smbquic.server.server import STOPPING, Server

IDLE_TIMEOUT = 0.5
"""Seconds without a byte either way after which a connection without open files is idle."""
IDLE_TIMEOUT_WITH_OPENS = 2.0
"""The same for a connection with open files, which its client may be about to use."""
CHECK_INTERVAL = 0.1
"""Seconds between two checks of the connections."""


async def drain(server: Server, seconds: float) -> None:
    """Close idle connections until none is left, but for `seconds` at most.

    A connection is closed whatever its client has open, and one at work once it has become idle.
    """
    server.draining = server.connection_limiter.closed = True
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    positions: dict[ServerConnection, tuple[tuple[int, int], float]] = {}
    while server.connections and loop.time() < deadline:
        now = loop.time()
        for connection in list(server.connections):
            flow = connection.transport.flow()
            position = (flow.sent - flow.untaken, flow.received)
            before, since = positions.get(connection, (None, now))
            if position != before:
                positions[connection] = (position, now)
                continue
            timeout = IDLE_TIMEOUT_WITH_OPENS if connection.opens else IDLE_TIMEOUT
            # A client that has responses to take, or whose request is in progress, is not idle,
            # however long nothing moves.
            if now - since >= timeout and not flow.untaken and not connection.pending.is_working:
                connection.transport.close(STOPPING)
        await asyncio.sleep(CHECK_INTERVAL)
