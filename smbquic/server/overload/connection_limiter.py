"""Who may come, and who has to go so that others may.

Connections are counted by address (an IPv6 network of 64 bits is one), and strangers, who have not
logged on, once more. Where there are too many of these, the one that has had the longest time to
log on makes room, if that was at least `PATIENCE`; else whoever comes is turned away. A logon that
failed keeps its place among the strangers for as long as its answer takes, whether its client waits
for that or not, so that hanging up makes nobody's guessing faster.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from smbquic.auth.guard import network
from smbquic.transport.serving import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from smbquic.options.limits import Limits
    from smbquic.server.connection import Connection
    from smbquic.server.overload.scheduler import Fairness
    from smbquic.transport.base import MessageTransport, OnConnection
    from smbquic.transport.serving import Refusals

PATIENCE = 1.0
"""Seconds that a stranger has to log on before it may have to make room for another one."""


class Admission:
    """A server's `Gate`."""

    def __init__(
        self, limits: Limits, fairness: Fairness, refusals: Refusals, refuse: OnConnection
    ) -> None:
        self.refusals = refusals
        self.closed = False
        self._refuse = refuse
        self._limits = limits
        self._fairness = fairness
        self._connections: Counter[str] = Counter()
        self._strangers: dict[Connection, float] = {}
        self._strangers_of: dict[str, dict[Connection, None]] = {}
        self._strange: Counter[str] = Counter()
        self._places = 0
        self._expected: Counter[str] = Counter()

    @property
    def busy(self) -> bool:
        """See `Gate`."""
        return self._fairness.strangers.is_crowded

    def postpone(self, host: str, size: int, receive: Callable[[], object]) -> bool:
        """See `Gate`."""
        if self._fairness.strangers.postpone(network(host), size, receive):
            return True
        self.refusals.note(Refusal.BUSY, host)
        return False

    def spend(self, seconds: float) -> None:
        """See `Gate`."""
        self._fairness.strangers.spend(seconds)

    def admits(self, host: str) -> bool:
        """See `Gate`."""
        place = network(host)
        if self.closed:
            self.refusals.note(Refusal.STOPPING, host)
            return False
        if self._connections[place] >= self._limits.connections_of_address:
            self.refusals.note(Refusal.CONNECTIONS_OF_ADDRESS, host)
            return False
        if self._strange[place] >= self._limits.strangers_of_address:
            own = self._strangers_of.get(place, {})
            return self._make_room(own, host, Refusal.STRANGERS_OF_ADDRESS)
        if self._places >= self._limits.strangers:
            return self._make_room(self._strangers, host, Refusal.STRANGERS)
        return True

    def _make_room(self, strangers: Iterable[Connection], host: str, why: Refusal) -> bool:
        """Hangs up on the first of these if it has been here for long enough."""
        oldest = next(iter(strangers), None)
        now = asyncio.get_running_loop().time()
        if oldest is None or now - self._strangers[oldest] < PATIENCE:
            self.refusals.note(why, host)
            return False
        self._log_off(oldest)
        oldest.drop(why)
        return True

    async def refuse(self, transport: MessageTransport) -> None:
        """See `Gate`."""
        await self._refuse(transport)

    def expect(self, host: str) -> None:
        """See `Gate`: many may come at once, before the first of them is served."""
        place = network(host)
        self._expected[place] += 1
        self._count(place)

    def enter(self, connection: Connection) -> None:
        """A connection is served from now on, as a stranger's."""
        place = connection.place
        if self._expected[place]:
            _take(self._expected, place)
        else:
            self._count(place)
        self._strangers[connection] = asyncio.get_running_loop().time()
        self._strangers_of.setdefault(place, {})[connection] = None

    def _count(self, place: str) -> None:
        self._connections[place] += 1
        self._strange[place] += 1
        self._places += 1

    def logged_on(self, connection: Connection) -> None:
        """A stranger has said who it is."""
        if connection in self._strangers:
            self._log_off(connection)

    def leave(self, connection: Connection) -> None:
        """A connection is gone."""
        _take(self._connections, connection.place)
        seconds = connection.failed_until - asyncio.get_running_loop().time()
        if connection in self._strangers:
            self._log_off(connection, max(0.0, seconds))

    def _log_off(self, connection: Connection, seconds: float = 0.0) -> None:
        """Gives a stranger's place to others, now or in some seconds."""
        del self._strangers[connection]
        own = self._strangers_of[connection.place]
        del own[connection]
        if not own:
            del self._strangers_of[connection.place]
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._free, connection.place)
        else:
            self._free(connection.place)

    def _free(self, place: str) -> None:
        _take(self._strange, place)
        self._places -= 1


def _take(counts: Counter[str], place: str) -> None:
    """One less; those of which there is none take no memory."""
    counts[place] -= 1
    if not counts[place]:
        del counts[place]
