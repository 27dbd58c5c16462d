"""The QUIC listeners of a server or a gateway in worker processes."""

from collections.abc import Sequence
from typing import Any

from smbquic.api.listen import ListenAddress, check_listen
from smbquic.api.listening import QuicListening, listener_status
from smbquic.errors import ConfigError
from smbquic.observe.audit import AuditLog
from smbquic.options.server import ListenerOptions
from smbquic.overload.connection_limiter import ConnectionLimiter
from smbquic.pki.reload import ServerCertificates
from smbquic.transport.base import Listener, OnConnection
from smbquic.transport.quic.engine import EngineChoice
from smbquic.transport.serving import Connections
from smbquic.workers.pool import WorkerPool


class WorkerListening(QuicListening):
    """Listeners in worker processes."""

    has_sockets = True

    def __init__(
        self,
        certificates: ServerCertificates,
        options: ListenerOptions,
        limiter: ConnectionLimiter,
        audit: AuditLog,
        count: int,
    ) -> None:
        super().__init__(certificates, options, limiter, audit)
        self._pool = WorkerPool(
            count, self.options, self.limits, certificates, audit, limiter.refusals
        )

    async def listen(self, address: ListenAddress, serve: OnConnection, limit: int) -> Listener:
        """See `QuicListening`."""
        if address.opened is not None:
            raise ConfigError(
                "worker processes open sockets of their own: set workers = 0 for those of systemd"
            )
        if address.port:
            # Sockets that share a port among them share it with those of another server, too.
            await check_listen([str(address)])
        connections = Connections(serve, limit, self.limiter)
        return await self._pool.listen(address.host, address.port, connections)

    async def start(self) -> None:
        """See `QuicListening`."""
        await self._pool.start()

    def reload(self) -> None:
        """See `QuicListening`."""
        self._pool.reload()

    def drain(self) -> None:
        """See `QuicListening`."""
        self._pool.drain()

    def become(self, uid: int, gid: int, groups: Sequence[int]) -> None:
        """See `QuicListening`."""
        self._pool.become(uid, gid, groups)

    async def close(self) -> None:
        """See `QuicListening`."""
        await self._pool.close()

    def engines(self) -> dict[str, EngineChoice]:
        """See `QuicListening`."""
        return dict.fromkeys((each.url for each in self._pool.listeners), self._pool.engine)

    def status(self) -> dict[str, dict[str, Any]]:
        """See `QuicListening`."""
        pool = self._pool
        return {
            each.url: listener_status(pool.engine, pool.lost_packets(each))
            for each in pool.listeners
        }

    def workers(self) -> list[dict[str, Any]]:
        """See `QuicListening`."""
        return self._pool.status()


def quic_listening(
    certificates: ServerCertificates,
    options: ListenerOptions,
    limiter: ConnectionLimiter,
    audit: AuditLog,
    workers: int,
) -> QuicListening:
    """Return the QUIC listeners of a server or a gateway, in so many workers, or in this process.

    Raises `EngineError`, and `ValueError` where there can be no workers.
    """
    if workers:
        return WorkerListening(certificates, options, limiter, audit, workers)
    return QuicListening(certificates, options, limiter, audit)
