"""Relays SMB over TCP from local programs to a server over QUIC.

Each local connection gets an upstream connection of its own. Messages are relayed whole and
unchanged, so client and server negotiate signing and encryption between the two of them.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Self

from smbquic.errors import RemoteProtocolError, SmbError, TransportError
from smbquic.transport import tcp
from smbquic.transport.base import Listener, MessageTransport
from smbquic.transport.framing import LARGEST_MESSAGE
from smbquic.transport.serving import MAX_CONNECTIONS

ConnectUpstream = Callable[[], Awaitable[MessageTransport]]
"""Connects to the server. Raises `SmbError` or `OSError`."""

logger = logging.getLogger(__name__)


class Relay:
    """A `Listener` for TCP whose connections are relayed to those that `connect_upstream` makes.

    One message at a time is in transfer in each direction, besides what the two transports hold:
    so a slow end slows the other one down.
    """

    def __init__(self, connect_upstream: ConnectUpstream) -> None:
        self._connect_upstream = connect_upstream
        self._listener: Listener

    @classmethod
    async def start(
        cls,
        host: str,
        port: int,
        connect_upstream: ConnectUpstream,
        *,
        max_connections: int = MAX_CONNECTIONS,
    ) -> Self:
        """Listen on `host`; port 0 picks one. Raises what `tcp.listen` raises."""
        relay = cls(connect_upstream)
        relay._listener = await tcp.listen(host, port, relay.serve, max_connections=max_connections)
        return relay

    @property
    def url(self) -> str:
        """Where the relay listens: `tcp://host:port`."""
        return self._listener.url

    async def close(self) -> None:
        """Stop listening and end all connections, on both sides."""
        await self._listener.close()

    async def serve(self, local: MessageTransport) -> None:
        """Relay one local connection to its end."""
        host, port = local.peer.remote
        try:
            upstream = await self._connect_upstream()
        except (SmbError, OSError) as error:
            logger.error("no connection to the server for %s:%d: %s", host, port, error)
            return
        logger.info("%s:%d is relayed to %s:%d", host, port, *upstream.peer.remote)
        # The relay cannot know whether files are open, so it keeps both connections alive.
        local.keep_alive = upstream.keep_alive = True
        local.max_message_size = upstream.max_message_size = LARGEST_MESSAGE
        try:
            reason = await _relay_both_ways(local, upstream)
            logger.info("%s:%d is done: %s", host, port, reason)
            local.close(reason)
        finally:
            upstream.close()
            await upstream.wait_closed()


async def _relay_both_ways(local: MessageTransport, upstream: MessageTransport) -> str:
    """Relay messages until one end has disconnected and all its messages are relayed.

    Returns why it has disconnected.
    """
    directions = {
        asyncio.create_task(_relay_messages(local, upstream)),
        asyncio.create_task(_relay_messages(upstream, local)),
    }
    running = directions
    reason: str | None = None
    try:
        while reason is None and running:
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for direction in done:
                reason = direction.result() or reason
        return reason or ""
    finally:
        for direction in directions:
            direction.cancel()
        await asyncio.gather(*directions, return_exceptions=True)


async def _relay_messages(source: MessageTransport, target: MessageTransport) -> str | None:
    """Relay messages in one direction until an end disconnects.

    Returns why `source` has, or None if `target` has.
    """
    while True:
        try:
            message = await source.receive()
        except (TransportError, RemoteProtocolError) as error:
            return str(error)
        try:
            await target.send(message)
        except TransportError:
            # The other direction finds out why, once it has relayed what is left.
            return None
