"""The connections that a listener has accepted, from acceptance to their end."""

import asyncio
import logging

from smbquic.errors import RemoteProtocolError, TransportError
from smbquic.transport.base import MessageTransport, OnConnection

MAX_CONNECTIONS = 4096
"""Default limit on connections of one listener at a time.

An idle one that has logged on holds up to 80 KiB, so that these fit into a third of a GiB; what
is left of one GiB is for those that work.
"""
GRACE = 5.0
"""Seconds that a closing listener waits for its connections before it cancels them."""

logger = logging.getLogger(__name__)


class Connections:
    """Runs `on_connection` for each accepted transport, in a task of its own."""

    def __init__(self, on_connection: OnConnection, limit: int = MAX_CONNECTIONS) -> None:
        self._on_connection = on_connection
        self._limit = limit
        self._running: dict[asyncio.Task[None], MessageTransport] = {}
        self._closing = False

    def start(self, transport: MessageTransport) -> None:
        """Serve an accepted connection, or turn it away where the limit is reached."""
        if self._closing or len(self._running) >= self._limit:
            logger.warning(
                "%s:%d was turned away: %d connections are open already",
                *transport.peer.remote,
                len(self._running),
            )
            transport.close("too many connections")
            return
        task = asyncio.get_running_loop().create_task(self._serve(transport))
        self._running[task] = transport
        task.add_done_callback(self._running.pop)

    async def _serve(self, transport: MessageTransport) -> None:
        host, port = transport.peer.remote
        reason = ""
        try:
            await self._on_connection(transport)
        except RemoteProtocolError as error:
            logger.warning("%s:%d broke the protocol: %s", host, port, error)
            reason = "protocol error"
        except TransportError as error:
            logger.info("%s:%d is gone: %s", host, port, error)
        except Exception:
            logger.exception("the connection from %s:%d failed", host, port)
            reason = "internal error"
        finally:
            transport.close(reason)
        await transport.wait_closed()

    async def close(self) -> None:
        """End all connections and wait for them; those that hang are cancelled."""
        self._closing = True
        for transport in self._running.values():
            transport.close("the server is stopping")
        tasks = list(self._running)
        if tasks:
            _, hanging = await asyncio.wait(tasks, timeout=GRACE)
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)
