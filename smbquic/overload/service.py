"""What a server and a gateway have in common: their connections, and the limits on these."""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, Generic, Protocol, TypeVar

from smbquic.observe.audit import AuditEvent, AuditLog
from smbquic.observe.connections import ObservedConnection, ended_connection_facts
from smbquic.options.limits import Limits
from smbquic.overload.connection_limiter import ConnectionLimiter, LimitedConnection
from smbquic.overload.drain import STOPPING, DrainedConnection, drain
from smbquic.overload.scheduler import ScheduledConnection, Scheduler
from smbquic.overload.slow_peers import MonitoredConnection, SlowPeerMonitor
from smbquic.transport.base import MessageTransport
from smbquic.transport.refusals import Refusal, Refusals, log_refusal


class ServedConnection(
    LimitedConnection,
    ScheduledConnection,
    MonitoredConnection,
    DrainedConnection,
    ObservedConnection,
    Protocol,
):
    """A connection, as all of the limits and the status page see it."""


C = TypeVar("C", bound=ServedConnection)


class LimitedService(ABC, Generic[C]):
    """A service whose `connections` are limited, scheduled, monitored and drained.

    `connection_limiter` is the `Limiter` of its listeners. `refusals` counts who was refused, and
    why. `ended_connections` are the facts of the latest ones; the status page sets it, and without
    it they are not remembered. `lost_packets` are those of all connections that have ended.
    """

    def __init__(self, connections: dict[C, None], limits: Limits, audit: AuditLog) -> None:
        self.connections = connections
        self.limits = limits
        self.audit = audit
        self.refusals = Refusals(self._report_refusal)
        self.scheduler = Scheduler(limits)
        self.connection_limiter = ConnectionLimiter(
            limits, self.scheduler, self.refusals, self.refuse
        )
        self.slow_peers = SlowPeerMonitor(connections, limits)
        self.lost_packets = 0
        self.ended_connections: deque[dict[str, Any]] | None = None

    @property
    def draining(self) -> bool:
        """Whether nobody new is accepted, as the service is about to stop."""
        return self.connection_limiter.closed

    @abstractmethod
    async def refuse(self, transport: MessageTransport) -> None:
        """Tell a client that is refused that it may try again, and wait until it disconnects."""

    def use_limits(self, limits: Limits) -> None:
        """Use these limits from now on, also for the connections that there are."""
        self.limits = limits
        self.scheduler.use_limits(limits)
        self.connection_limiter.limits = limits
        self.slow_peers.limits = limits

    @contextmanager
    def counted(self, connection: C, started: float) -> Iterator[None]:
        """Have the limits hold for a connection inside the ``with``.

        `started` is when the work for it has begun, in seconds of `perf_counter`.
        """
        self.connections[connection] = None
        self.connection_limiter.add(connection)
        self.scheduler.add(connection)
        self.slow_peers.start()
        self.connection_limiter.charge(perf_counter() - started)
        try:
            yield
        finally:
            del self.connections[connection]
            if self.ended_connections is not None:
                self.ended_connections.append(ended_connection_facts(connection))
            self.slow_peers.ended(connection)
            self.lost_packets += connection.transport.statistics().lost_packets or 0
            self.scheduler.remove(connection)
            self.connection_limiter.remove(connection)

    def _report_refusal(self, reason: Refusal, client: str, count: int) -> None:
        log_refusal(reason, client, count)
        self.audit.record(AuditEvent.REFUSAL, address=client, reason=reason, count=count)

    async def drain(self, seconds: float, hurry: asyncio.Event) -> None:
        """Close idle connections, and accept no new ones.

        Returns when no client is left, after `seconds`, or once `hurry` is set.
        """
        self.connection_limiter.closed = True
        await drain(self.connections, seconds, hurry)

    async def close_connections(self) -> None:
        """End every connection and wait for that."""
        self.slow_peers.stop()
        for connection in list(self.connections):
            connection.transport.close(STOPPING)
        for connection in list(self.connections):
            await connection.transport.wait_closed()
