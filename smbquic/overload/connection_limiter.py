"""Limits the number of connections: of all clients, of one address, and before a logon.

Connections are counted by address (an IPv6 network of 64 bits is one), and the unauthenticated ones
once more. Where there are too many of these, the oldest is disconnected for a new one, if it had
at least `MINIMUM_TIME` to log on; else the new one is refused. After a failed logon a connection
counts as unauthenticated for as long as the response is delayed, even if its client disconnects, so
that nobody guesses passwords faster by disconnecting.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol

from smbquic.auth.lockouts import Lockouts
from smbquic.auth.logon_limiter import network
from smbquic.options.limits import Limits
from smbquic.overload.refusals import ServerRefusal
from smbquic.overload.scheduler import Scheduler
from smbquic.transport.base import MessageTransport, OnConnection
from smbquic.transport.refusals import Refusals

MINIMUM_TIME = 1.0
"""Seconds that a client has to log on before it may be disconnected for another one."""


class LimitedConnection(Protocol):
    """A connection, as the limiter sees it.

    `failed_until` is when the answer to a failed logon is due, in seconds of the loop's clock.
    """

    failed_until: float

    @property
    def client_network(self) -> str:
        """The client's address, or its IPv6 network of 64 bits."""

    def drop(self, reason: ServerRefusal) -> None:
        """Disconnect at once."""


class ConnectionLimiter:
    """A server's `Limiter`: decides about every connection that a listener is about to accept.

    `lockouts` are the addresses, and IPv6 networks, that an administrator has locked out.
    `limits` may be replaced at any time.
    """

    def __init__(
        self, limits: Limits, scheduler: Scheduler, refusals: Refusals, refuse: OnConnection
    ) -> None:
        self.refusals = refusals
        self.closed = False
        self.lockouts = Lockouts()
        self._refuse = refuse
        self.limits = limits
        self._scheduler = scheduler
        self._connections: Counter[str] = Counter()
        self._unauthenticated: dict[LimitedConnection, float] = {}
        self._unauthenticated_of: dict[str, dict[LimitedConnection, None]] = {}
        self._places_of: Counter[str] = Counter()
        self._places = 0
        self._expected: Counter[str] = Counter()

    @property
    def unauthenticated(self) -> int:
        """How many connections have not logged on, or have just failed to."""
        return self._places

    @property
    def busy(self) -> bool:
        """See `Limiter`."""
        return self._scheduler.unauthenticated.is_crowded

    def postpone(self, host: str, size: int, receive: Callable[[], object]) -> bool:
        """See `Limiter`."""
        if self._scheduler.unauthenticated.postpone(network(host), size, receive):
            return True
        self.refusals.add(ServerRefusal.BUSY, host)
        return False

    def charge(self, seconds: float) -> None:
        """See `Limiter`."""
        self._scheduler.unauthenticated.charge(seconds)

    def admits(self, host: str) -> bool:
        """See `Limiter`."""
        client = network(host)
        # The counters are of networks: a client with IPv6 has 2**64 addresses.
        if self.closed:
            self.refusals.add(ServerRefusal.STOPPING, host)
            return False
        if self.lockouts.seconds_left(client):
            self.refusals.add(ServerRefusal.LOCKED_OUT, host)
            return False
        # The limits of one address first: whoever exceeds them must not cost others their
        # connections, as the limit of all may do below.
        if self._connections[client] >= self.limits.connections_of_address:
            self.refusals.add(ServerRefusal.CONNECTIONS_OF_ADDRESS, host)
            return False
        if self._places_of[client] >= self.limits.unauthenticated_of_address:
            own = self._unauthenticated_of.get(client, {})
            return self._make_room(own, host, ServerRefusal.UNAUTHENTICATED_OF_ADDRESS)
        if self._places >= self.limits.unauthenticated:
            return self._make_room(self._unauthenticated, host, ServerRefusal.UNAUTHENTICATED)
        return True

    def _make_room(
        self, connections: Iterable[LimitedConnection], host: str, reason: ServerRefusal
    ) -> bool:
        """Disconnect the oldest of these connections, if it had time enough to log on."""
        # The oldest one has had the most time, and is the least likely to log on still. Without the
        # minimum, a flood of new connections would disconnect every honest client in its handshake.
        oldest = next(iter(connections), None)
        now = asyncio.get_running_loop().time()
        if oldest is None or now - self._unauthenticated[oldest] < MINIMUM_TIME:
            self.refusals.add(reason, host)
            return False
        # Out of the tables first: `drop` ends the connection, which calls `remove` later.
        self._remove_unauthenticated(oldest)
        oldest.drop(reason)
        return True

    async def refuse(self, transport: MessageTransport) -> None:
        """See `Limiter`."""
        await self._refuse(transport)

    def expect(self, host: str) -> None:
        """See `Limiter`."""
        client = network(host)
        # Many may be accepted before the task of the first one runs and calls `add`: they count.
        self._expected[client] += 1
        self._count(client)

    def add(self, connection: LimitedConnection) -> None:
        """Count a connection that is served from now on, and has not logged on."""
        client = connection.client_network
        # It was counted when it was accepted.
        if self._expected[client]:
            _decrement(self._expected, client)
        else:
            self._count(client)
        self._unauthenticated[connection] = asyncio.get_running_loop().time()
        self._unauthenticated_of.setdefault(client, {})[connection] = None

    def _count(self, client: str) -> None:
        self._connections[client] += 1
        self._places_of[client] += 1
        self._places += 1

    def logged_on(self, connection: LimitedConnection) -> None:
        """Count a connection as authenticated from now on."""
        if connection in self._unauthenticated:
            self._remove_unauthenticated(connection)

    def remove(self, connection: LimitedConnection) -> None:
        """Remove a connection that has ended."""
        # Among all connections its place is free at once, among the unauthenticated ones maybe
        # later.
        _decrement(self._connections, connection.client_network)
        seconds = connection.failed_until - asyncio.get_running_loop().time()
        if connection in self._unauthenticated:
            self._remove_unauthenticated(connection, max(0.0, seconds))

    def _remove_unauthenticated(self, connection: LimitedConnection, seconds: float = 0.0) -> None:
        """Free the place of an unauthenticated connection, now or in some seconds."""
        client = connection.client_network
        del self._unauthenticated[connection]
        own = self._unauthenticated_of[client]
        del own[connection]
        if not own:
            del self._unauthenticated_of[client]
        # Until the response to a failed logon would have been sent, the place stays taken: a client
        # that disconnects does not guess passwords faster.
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._free_place, client)
        else:
            self._free_place(client)

    def _free_place(self, client: str) -> None:
        _decrement(self._places_of, client)
        self._places -= 1


def _decrement(counts: Counter[str], client: str) -> None:
    """Subtract one; remove a count of 0, so that former clients take no memory."""
    counts[client] -= 1
    if not counts[client]:
        del counts[client]
