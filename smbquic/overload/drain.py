"""Stops gracefully: clients finish what they do, and idle connections are closed."""

import asyncio
import logging
from collections.abc import Collection
from typing import Protocol

from smbquic.overload.slices import Slices
from smbquic.transport.base import MessageTransport

STOPPING = "the server is stopping"
"""The reason for which connections are closed when the server stops."""
IDLE_TIMEOUT = 0.5
"""Seconds without a byte either way after which a connection without open files is idle."""
IDLE_TIMEOUT_WITH_OPENS = 2.0
"""The same for a connection with open files, which its client may be about to use."""
CHECK_INTERVAL = 0.1
"""Seconds between two checks of the connections."""

_log = logging.getLogger(__name__)


class DrainedConnection(Protocol):
    """A connection, as `drain` sees it."""

    transport: MessageTransport

    @property
    def may_have_opens(self) -> bool:
        """Whether its client may have files open."""

    @property
    def is_working(self) -> bool:
        """Whether a request is in progress that will be answered."""


async def drain(
    connections: Collection[DrainedConnection], seconds: float, hurry: asyncio.Event
) -> None:
    """Close idle connections until none is left, for `seconds`, or until `hurry` is set.

    A connection is closed whatever its client has open, and one at work once it has become idle.
    """
    draining = asyncio.create_task(_close_idle(connections, seconds))
    hurrying = asyncio.create_task(hurry.wait())
    try:
        await asyncio.wait((draining, hurrying), return_when=asyncio.FIRST_COMPLETED)
    finally:
        draining.cancel()
        hurrying.cancel()
    if connections:
        _log.warning(
            "%d connections are closed before their requests are done; for more time, set"
            " drain_seconds in [limits], or --drain-seconds",
            len(connections),
        )


async def _close_idle(connections: Collection[DrainedConnection], seconds: float) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    positions: dict[DrainedConnection, tuple[tuple[int, int], float]] = {}
    while connections and loop.time() < deadline:
        now = loop.time()
        slices = Slices()
        for connection in list(connections):
            await slices.step()
            if connection not in connections:
                continue  # it has ended meanwhile
            flow = connection.transport.flow()
            position = (flow.sent - flow.untaken, flow.received)
            before, since = positions.get(connection, (None, now))
            if position != before:
                positions[connection] = (position, now)
                continue
            timeout = IDLE_TIMEOUT_WITH_OPENS if connection.may_have_opens else IDLE_TIMEOUT
            # A client that has responses to take, or whose request is in progress, is not idle,
            # however long nothing moves.
            if now - since >= timeout and not flow.untaken and not connection.is_working:
                connection.transport.close(STOPPING)
        await asyncio.sleep(CHECK_INTERVAL)
