"""The function that runs a gateway: QUIC for SMB servers that have none."""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import KW_ONLY, field, replace
from typing import Any

from smbquic.api.listen import listen_addresses, listening_on
from smbquic.api.listening import (
    IdentityOptions,
    QuicListening,
    certificates_status,
    decision_by,
    engines_status,
    listeners_status,
)
from smbquic.api.renewing import first_certificate, start_renewing
from smbquic.api.web import recent_records, web_listening, web_status
from smbquic.api.worker_listening import quic_listening
from smbquic.errors import UrlError
from smbquic.gateway.gateway import Gateway
from smbquic.lazy_dataclass import dataclass
from smbquic.observe.audit import AuditLog
from smbquic.options.certificate import IdentityFiles
from smbquic.options.gateway import BackendOptions, PoolOptions
from smbquic.options.keywords import keywords
from smbquic.options.limits import Limits, replaceable
from smbquic.options.model import values_of
from smbquic.options.server import Listen, ListenerOptions, Workers
from smbquic.overload.memory import memory_limit
from smbquic.overload.open_file_budget import descriptor_limit, sockets_limit
from smbquic.pki.acme.renewer import AcmeRenewer
from smbquic.pki.reload import ServerCertificates
from smbquic.web.source import WebControls

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GatewayOptions(ListenerOptions, BackendOptions, IdentityOptions):
    """Where it listens, which certificates it has, and how it treats its back ends."""

    listen: Listen = ("quic://localhost",)
    _: KW_ONLY
    workers: Workers = 0


@dataclass(frozen=True, slots=True)
class RunningGateway:
    """A running gateway. `listeners` are the URLs that it listens on, with their real ports.

    `web` is the URL of the web listener, empty if there is none. `controls` are what its status
    page can do.
    """

    gateway: Gateway
    listeners: list[str]
    _quic: QuicListening
    web: str = ""
    acme: AcmeRenewer | None = None
    controls: WebControls = field(default_factory=WebControls)

    @property
    def certificates(self) -> ServerCertificates:
        """The certificates of its listeners."""
        return self._quic.certificates

    async def drain(self, seconds: float, hurry: asyncio.Event) -> None:
        """Close idle connections, and accept no new ones.

        Returns when no client is left, after `seconds`, or once `hurry` is set. Connections that
        are left are closed when the gateway ends.
        """
        self._quic.drain()
        await self.gateway.drain(seconds, hurry)

    def become(self, uid: int, gid: int, groups: Sequence[int]) -> None:
        """Have the worker processes change to a user permanently, as this process has."""
        self._quic.become(uid, gid, groups)

    def reload(
        self,
        certificates: Sequence[IdentityFiles] | None = None,
        pools: Sequence[PoolOptions] | None = None,
        backends: BackendOptions | None = None,
    ) -> None:
        """Read the certificates and their rules again; replace them, pools and options if given.

        Open connections go on, unless new rules refuse their clients. Raises `PkiError`, `UrlError`
        and ValueError for wrong ones, and keeps the former then.
        """
        if pools is None:
            pools = [each.options for each in self.gateway.pools]
        if backends is None:
            backends = self.gateway.backend_options
        self.gateway.check(pools, backends)
        self.certificates.reload(certificates)
        self.apply()
        self.gateway.reload(pools, backends)
        if self.acme is not None:
            self.acme.retry()

    def use_limits(self, limits: Limits) -> None:
        """Use other limits, also for open connections, except for what `FIXED_LIMITS` names."""
        self.gateway.use_limits(replaceable(limits, self.gateway.limits))

    def apply(self) -> None:
        """Use the certificates that were read, and disconnect clients that their rules refuse."""
        self._quic.apply(self.gateway.connections)

    @property
    def service(self) -> Gateway:
        """See `WebSource`."""
        return self.gateway

    def workers(self) -> list[dict[str, Any]]:
        """Return what is known of the worker processes."""
        return self._quic.workers()

    def unready(self) -> str:
        """Return why no new clients should come now; an empty text if they may."""
        if self.gateway.draining:
            return "it is stopping"
        backends = [backend for pool in self.gateway.pools for backend in pool.backends]
        return "" if any(each.accepts for each in backends) else "no back end is up"

    def status(self) -> dict[str, Any]:
        """Return what the gateway is doing. The values are plain, ready for JSON."""
        listeners = listeners_status(self.listeners, self._quic)
        return {**self.summary(), "listeners": listeners, **self.gateway.status()}

    def summary(self) -> dict[str, Any]:
        """Return the same without what every connection has to be asked for."""
        return {
            "name": socket.gethostname(),
            "pid": os.getpid(),
            "listeners": engines_status(self.listeners, self._quic),
            "certificates": certificates_status(self.certificates, self.acme),
            "memory": {
                "limit": self.memory_limit,
                "resident": self._quic.resident(),
                "waiting": self.gateway.slow_peers.waiting,
            },
            "workers": self.workers(),
            "web": web_status(self.web, self.controls),
        }

    @property
    def memory_limit(self) -> int:
        """The bytes of memory that the gateway needs at most, by its limits."""
        # A client has a connection of its own to a back end; locks and files are the back end's.
        listeners = len(self.listeners)
        limits = replace(self.gateway.limits, user_memory=0)
        workers = len(self.workers())
        return memory_limit(
            limits, quic=listeners, tcp=listeners, shares=0, opens=0, workers=workers
        )


@keywords(GatewayOptions)
@asynccontextmanager
async def gateway(
    pools: Sequence[PoolOptions], options: GatewayOptions
) -> AsyncIterator[RunningGateway]:
    """Run a gateway until the end of the ``async with``; it is entered once all listeners listen.

    The options are those of `GatewayOptions`. Raises `UrlError`, ValueError, `ListenError` for an
    address that cannot be had, `PkiError`, `EngineError`, and `ConfigError` for a web listener
    without the extra `web`.
    """
    addresses = listen_addresses(options.listen, options.sockets)
    for address in addresses:
        if address.transport != "quic":
            raise UrlError(f"{address}: a gateway listens on quic://HOST:PORT")
    if not options.identities:
        raise ValueError("a gateway needs a certificate and its key")
    async with AsyncExitStack() as stack:
        renewer = await first_certificate(options.acme, options.acme_sockets, stack)
        certificates = ServerCertificates(options.identities)
        audit = AuditLog(
            options.audit,
            unauthenticated=options.audit_unauthenticated,
            decide=decision_by(certificates),
            recent=recent_records(options.web),
        )
        backends = BackendOptions(**values_of(options, BackendOptions))
        made = Gateway(pools, backends, certificates, options.limits, audit)
        stack.push_async_callback(made.close)
        listening = quic_listening(
            certificates, options, made.connection_limiter, audit, options.workers
        )
        stack.push_async_callback(listening.close)
        listeners = []
        sockets = 2 if listening.has_sockets else 1
        limit = _connections_of_listener(options, len(addresses), per_connection=sockets)
        for address in addresses:
            with listening_on(address):
                listeners.append(await listening.listen(address, made.serve, limit))
            stack.push_async_callback(listeners[-1].close)
        await listening.start()
        running = RunningGateway(made, [each.url for each in listeners], listening, acme=renewer)
        made.start()
        watching = asyncio.create_task(certificates.watch(running.apply))
        stack.callback(watching.cancel)
        start_renewing(renewer, audit, stack)
        web = await stack.enter_async_context(web_listening(running, options.web))
        yield replace(running, web=web)


def _connections_of_listener(
    options: GatewayOptions, listeners: int, *, per_connection: int
) -> int:
    """Return how many connections each of the listeners takes, if each has so many sockets.

    That is one to a back end, and maybe one to a worker process.
    """
    most = max(sockets_limit() // per_connection // max(listeners, 1), 1)
    if most < options.limits.connections:
        _log.warning(
            "each listener takes at most %d clients at a time, as this process may have %d"
            " descriptors: raise their number (ulimit -n, or LimitNOFILE of systemd)",
            most,
            descriptor_limit(),
        )
    return min(options.limits.connections, most)
