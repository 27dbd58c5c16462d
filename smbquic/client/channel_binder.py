"""Further connections for a session: made once it is there, and again when one was lost."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable

from smbquic.client.connection import ClientConnection
from smbquic.client.retry import BUSY, delays
from smbquic.client.server_addresses import server_addresses
from smbquic.client.session import Session
from smbquic.errors import (
    AuthenticationError,
    ConnectError,
    ConnectionClosed,
    HandshakeError,
    SmbError,
    StatusError,
)

FIRST_DELAY = 1.0
"""Seconds after a connection was lost, or could not be made, until the next attempt."""
LONGEST_DELAY = 60.0
"""Seconds between two attempts at most."""

log = logging.getLogger(__name__)

Connect = Callable[[str], Awaitable[ClientConnection]]
"""Connects to an address of the server as the first connection does, certificate and all."""


class ChannelBinder:
    """Sees to it that a session has `count` connections, as far as its server allows.

    They are spread over the addresses of the server. That they are missing is no error: it is
    logged, and the session works without.
    """

    def __init__(self, session: Session, count: int, connect: Connect) -> None:
        self._session = session
        self._channels = session.channels
        self._count = count
        self._connect = connect
        self._made: list[ClientConnection] = []
        self._addresses: list[str] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to make connections, in the background; see `Channels.settled`."""
        if not self._session.can_bind:
            log.warning(
                "%s: one connection, not %d: the server has no multichannel, or the user is a"
                " guest",
                *(self._session.host, self._count),
            )
            return
        self._channels.settled.clear()
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Make no more connections, and close those that were made."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for connection in self._made:
            await connection.close()

    async def _run(self) -> None:
        try:
            self._addresses = await server_addresses(self._session)
            await self._fill()
        finally:
            self._channels.settled.set()
        clock, pauses = asyncio.get_running_loop().time, delays(FIRST_DELAY, LONGEST_DELAY)
        while self._addresses and not self._channels.first.closed:
            if self._is_complete():
                complete_since = clock()
                await self._channels.wanted.wait()
                # A server that ends each of them soon is not to be asked all the time.
                if clock() - complete_since > LONGEST_DELAY:
                    pauses = delays(FIRST_DELAY, LONGEST_DELAY)
            self._channels.wanted.clear()
            await asyncio.sleep(next(pauses))
            await self._fill()

    def _is_complete(self) -> bool:
        return len(self._channels.connections) >= self._count

    async def _fill(self) -> None:
        """Make the connections that are missing, each address with the fewest first."""
        await self._close_lost()
        candidates = list(self._addresses)
        while candidates and not self._is_complete() and not self._channels.first.closed:
            uses = Counter(
                connection.transport.peer.remote[0] for connection in self._channels.connections
            )
            address = min(candidates, key=lambda each: uses[each])
            try:
                await self._bind(address)
            except SmbError as error:
                candidates.remove(address)
                if not _may_pass(error):
                    # Another attempt would not change it, and may lock the user's account.
                    self._addresses.remove(address)
                log.warning(
                    "%s: %d of %d connections; none to %s: %s",
                    *(self._session.host, len(self._channels.connections), self._count),
                    *(address, error),
                )

    async def _bind(self, address: str) -> None:
        connection = await self._connect(address)
        try:
            await self._session.bind(connection)
        except BaseException:
            await connection.close()
            raise
        self._made.append(connection)
        log.info(
            "%s: connection %d of %d, to %s",
            *(self._session.host, len(self._channels.connections), self._count, address),
        )

    async def _close_lost(self) -> None:
        for connection in [each for each in self._made if each.closed]:
            self._made.remove(connection)
            await connection.close()


def _may_pass(error: SmbError) -> bool:
    """Return whether another attempt may succeed later."""
    if isinstance(error, HandshakeError):
        return error.reason == "refused"  # by a server that ends
    if isinstance(error, StatusError | AuthenticationError):
        return error.status in BUSY
    return isinstance(error, ConnectError | ConnectionClosed)
