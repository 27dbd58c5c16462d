"""Relays SMB over TCP from local programs to a server over QUIC.

Each local connection gets an upstream connection of its own. Messages are relayed whole and
unchanged, so client and server negotiate signing and encryption between the two of them.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Self

from smbquic.errors import SmbError
from smbquic.gateway.forwarding import Direction, forward
from smbquic.transport import tcp
from smbquic.transport.addresses import race
from smbquic.transport.base import Listener, MessageTransport
from smbquic.transport.framing import LARGEST_MESSAGE
from smbquic.transport.serving import MAX_CONNECTIONS

ConnectUpstream = Callable[[], Awaitable[MessageTransport]]
"""Connects to the server. Raises `SmbError` or `OSError`."""
NEXT_SERVER = 1.0
"""Seconds until the next server is tried beside one that does not answer."""

logger = logging.getLogger(__name__)


def _ignore(_: str) -> None:
    """Do nothing."""


async def connect_first(servers: Sequence[ConnectUpstream]) -> MessageTransport:
    """Connect to the first server that can be connected to; the order is that of preference.

    The next one is tried if one fails, or has not answered after a second. Raises the error of the
    first one if all fail.
    """
    return await race(
        servers,
        lambda connect: connect(),
        discard=lambda late: late.close(),
        head_start=NEXT_SERVER,
    )


class Relay:
    """A `Listener` for TCP whose connections are relayed to those that `connect_upstream` makes.

    A slow end slows the other one down; see `forward`. `on_lost` is called with a sentence when the
    server has ended a connection, or cannot be connected to.
    """

    def __init__(
        self,
        connect_upstream: ConnectUpstream,
        on_lost: Callable[[str], object] | None = None,
    ) -> None:
        self._connect_upstream = connect_upstream
        self._on_lost = on_lost or _ignore
        self._listener: Listener

    @classmethod
    async def start(
        cls,
        host: str,
        port: int,
        connect_upstream: ConnectUpstream,
        *,
        max_connections: int = MAX_CONNECTIONS,
        on_lost: Callable[[str], object] | None = None,
    ) -> Self:
        """Listen on `host`; port 0 picks one. Raises what `tcp.listen` raises."""
        relay = cls(connect_upstream, on_lost)
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
            self._on_lost(f"no connection to the server: {error}")
            return
        logger.info("%s:%d is relayed to %s:%d", host, port, *upstream.peer.remote)
        # The relay cannot know whether files are open, so it keeps both connections alive.
        local.keep_alive = upstream.keep_alive = True
        local.max_message_size = upstream.max_message_size = LARGEST_MESSAGE
        try:
            ending = await forward(Direction(local, upstream), Direction(upstream, local))
            logger.info("%s:%d is done: %s", host, port, ending.reason)
            if ending.ended is upstream:
                self._on_lost(f"the server has ended a connection: {ending.reason}")
            local.close(ending.reason)
        finally:
            upstream.close()
            await upstream.wait_closed()
