"""The gateway as a whole: its pools, and what all its connections have in common."""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter
from typing import Any

from smbquic.gateway.affinity import AffinityTable
from smbquic.gateway.backend import Backend
from smbquic.gateway.connection import GatewayConnection, GatewayServices
from smbquic.gateway.health import HealthMonitor
from smbquic.gateway.pool import PoolTable
from smbquic.gateway.refusals import Refused
from smbquic.gateway.traffic import TrafficCounts, first_negotiate
from smbquic.ntstatus import NtStatus
from smbquic.observe.audit import AuditEvent, AuditLog
from smbquic.options.gateway import BackendOptions, PoolOptions
from smbquic.options.limits import Limits
from smbquic.overload.service import LimitedService
from smbquic.pki.reload import ServerCertificates
from smbquic.protocol.settings import LOGON_SIZE
from smbquic.transport.base import MessageTransport
from smbquic.wire.error import ErrorResponse
from smbquic.wire.header import Header, HeaderFlags


class Gateway(LimitedService[GatewayConnection]):
    """A gateway to the back ends of `pools`, for clients that `certificates` accept.

    `serve` is what a listener calls for each connection. Raises ValueError and `UrlError` for wrong
    pools.
    """

    def __init__(
        self,
        pools: Iterable[PoolOptions],
        backends: BackendOptions,
        certificates: ServerCertificates,
        limits: Limits,
        audit: AuditLog,
    ) -> None:
        super().__init__({}, limits, audit)
        self.backend_options = backends
        self.pools = PoolTable(pools, backends)
        self.health = HealthMonitor(self._disconnect_unanswered)
        self.counts = TrafficCounts()
        self.bytes_received = self.bytes_sent = 0
        self._services = GatewayServices(
            limits=limits,
            scheduler=self.scheduler,
            limiter=self.connection_limiter,
            affinity=AffinityTable(backends.affinity_seconds),
            counts=self.counts,
            certificates=certificates,
        )

    def start(self) -> None:
        """Begin to check the back ends."""
        self.health.watch(self.pools, self.backend_options)

    def use_limits(self, limits: Limits) -> None:
        """See `LimitedService`."""
        super().use_limits(limits)
        self._services.limits = limits

    def check(self, pools: Iterable[PoolOptions], backends: BackendOptions) -> None:
        """Raise what `reload` would raise for these pools."""
        PoolTable(pools, backends)

    def reload(self, pools: Iterable[PoolOptions], backends: BackendOptions) -> None:
        """Use other pools for new connections; open ones go on, also on a back end that is gone.

        Raises ValueError and `UrlError` for wrong ones, and keeps the former then.
        """
        self.pools = PoolTable(pools, backends, self.pools)
        self.backend_options = backends
        self._services.affinity.seconds = backends.affinity_seconds
        self.health.watch(self.pools, backends)

    def _disconnect_unanswered(self, backend: Backend) -> None:
        """Disconnect clients of a back end that is down and no longer acknowledges what they send.

        So that they go to another one. TCP would take a quarter of an hour to find out.
        """
        for connection in list(self.connections):
            if connection.backend is backend and connection.is_unanswered:
                connection.leave_backend()

    async def serve(self, transport: MessageTransport) -> None:
        """Serve one connection to its end."""
        started = perf_counter()
        connection = GatewayConnection(
            self._services,
            transport,
            self.pools.find(transport.peer.server_name),
            self.audit.begin(transport.peer),
        )
        try:
            with self.counted(connection, started):
                await connection.run()
        finally:
            self._record_end(connection)

    def _record_end(self, connection: GatewayConnection) -> None:
        traffic = connection.traffic
        self.bytes_received += traffic.received
        self.bytes_sent += traffic.sent
        connection.trail.record(
            AuditEvent.DISCONNECTION,
            reason=connection.ended,
            received=traffic.received,
            sent=traffic.sent,
            requests=traffic.requests,
            failed=traffic.failed,
            hidden=traffic.hidden,
            malformed=traffic.malformed or None,
        )

    async def refuse(self, transport: MessageTransport) -> None:
        """Answer the NEGOTIATE of a client that is refused, and wait until it disconnects.

        REQUEST_NOT_ACCEPTED says that it may try again. Raises what `receive` does.
        """
        transport.max_message_size = LOGON_SIZE
        message = await transport.receive()
        try:
            first_negotiate(message)
        except Refused:
            return
        request = Header.decode(message)
        answer = Header(
            request.command,
            request.message_id,
            status=NtStatus.REQUEST_NOT_ACCEPTED,
            credits=1,
            flags=HeaderFlags.SERVER_TO_REDIR,
        )
        await transport.send(answer.encode(), ErrorResponse().encode())
        await transport.receive()

    async def close(self) -> None:
        """End every connection and wait for that."""
        self.health.stop()
        await self.close_connections()
        self.audit.aggregation.flush()

    def status(self) -> dict[str, Any]:
        """Return what the gateway is doing, as plain values."""
        connections = list(self.connections)
        return {
            "draining": self.draining,
            "connections": len(connections),
            "logged_on": sum(each.traffic.logged_on for each in connections),
            "affinities": len(self._services.affinity),
            "received": self.bytes_received + sum(each.traffic.received for each in connections),
            "sent": self.bytes_sent + sum(each.traffic.sent for each in connections),
            "commands": dict(self.counts.commands),
            "failures": dict(self.counts.failures),
            "refused": {str(why): count for why, count in self.refusals.counts.items()},
            "pools": self.pool_status(),
        }

    def pool_status(self) -> list[dict[str, Any]]:
        """Return the pools with their back ends, as plain values."""
        return [
            {
                "name": pool.name,
                "names": list(pool.options.names),
                "backends": [_backend_status(each) for each in pool.backends],
            }
            for pool in self.pools
        ]


def _backend_status(backend: Backend) -> dict[str, Any]:
    return {
        "url": backend.url,
        "state": backend.state,
        "weight": backend.address.weight,
        "connections": backend.connections,
        "total": backend.total,
        "reason": backend.reason or None,
    }
