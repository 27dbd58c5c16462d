"""One client of the gateway, and its connection to a back end."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Awaitable, Coroutine
from time import time
from typing import Any

from smbquic.auth.logon_limiter import network
from smbquic.errors import ConnectError, RemoteProtocolError, TransportError
from smbquic.gateway.affinity import AffinityTable
from smbquic.gateway.backend import Backend
from smbquic.gateway.forwarding import Direction, forward
from smbquic.gateway.logon import LogonUser
from smbquic.gateway.pool import Pool
from smbquic.gateway.proxy_protocol import header_for
from smbquic.gateway.refusals import GatewayRefusal, Refused
from smbquic.gateway.traffic import (
    ConnectionTraffic,
    Event,
    LogonFailed,
    LogonSucceeded,
    TrafficCounts,
    first_negotiate,
)
from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus
from smbquic.observe.audit import AuditEvent, Trail
from smbquic.options.limits import Limits
from smbquic.overload.connection_limiter import ConnectionLimiter
from smbquic.overload.refusals import ServerRefusal
from smbquic.overload.scheduler import Scheduler, UserQuota, acquire_time
from smbquic.overload.slow_peers import PeerProgress
from smbquic.pki.certificate_watch import CertificateWatch
from smbquic.pki.reload import ServerCertificates
from smbquic.protocol.settings import LOGON_SIZE
from smbquic.transport.addresses import race
from smbquic.transport.base import MessageTransport
from smbquic.transport.framing import LARGEST_MESSAGE
from smbquic.transport.refusals import Refusal

NEXT_BACKEND = 0.5
"""Seconds until the next back end is tried beside one that does not answer."""

MOST_TIMEOUTS = 3
"""Times in a row that TCP has sent something again to a back end which fails its checks, too."""

REFUSED_CREDENTIALS = frozenset(
    {
        NtStatus.NO_SUCH_USER,
        NtStatus.WRONG_PASSWORD,
        NtStatus.LOGON_FAILURE,
        NtStatus.ACCOUNT_RESTRICTION,
        NtStatus.INVALID_LOGON_HOURS,
        NtStatus.INVALID_WORKSTATION,
        NtStatus.PASSWORD_EXPIRED,
        NtStatus.ACCOUNT_DISABLED,
        NtStatus.LOGON_TYPE_NOT_GRANTED,
        NtStatus.ACCOUNT_EXPIRED,
        NtStatus.PASSWORD_MUST_CHANGE,
        NtStatus.ACCOUNT_LOCKED_OUT,
    }
)
"""What a guess of a password is answered with. Other failures, as of a binding, say nothing."""

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class GatewayServices:
    """The parts of a gateway that all of its connections share."""

    limits: Limits
    scheduler: Scheduler
    limiter: ConnectionLimiter
    affinity: AffinityTable
    counts: TrafficCounts
    certificates: ServerCertificates


class GatewayConnection:
    """A client, which is connected to a back end of `pool` once it has sent a NEGOTIATE.

    `quota` is what its user may use, `progress` how fast it reads and writes, `failed_until` when
    the answer to a failed logon is due. `since` is when it began, in Unix time, and
    `logged_on_users` are those who have logged on. `ended` says why the gateway disconnected the
    client.
    """

    def __init__(
        self,
        services: GatewayServices,
        transport: MessageTransport,
        pool: Pool | None,
        trail: Trail,
    ) -> None:
        peer = transport.peer
        self.services = services
        self.transport = transport
        self.pool = pool
        self.trail = trail
        self.name = f"{peer.kind}://{peer.remote[0]}:{peer.remote[1]}"
        self.client_network = network(peer.remote[0])
        self.quota: UserQuota = services.scheduler.unauthenticated
        self.progress = PeerProgress()
        self.failed_until = 0.0
        self.last_message: memoryview | None = None
        self.since = time()
        self.ended: Refusal | None = None
        self.backend: Backend | None = None
        self.traffic = ConnectionTraffic(
            services.counts,
            require_encryption=pool is not None and pool.options.require_encryption_to_backend,
        )
        self.certificate = CertificateWatch(
            self.name, services.certificates, transport, trail.decided
        )
        self._upstream: MessageTransport | None = None
        self._client_guid = b""
        self.logged_on_users: dict[str, None] = {}

    def users(self) -> list[str]:
        """Return the users that have logged on, as far as their names show."""
        return list(self.logged_on_users)

    @property
    def pending_bytes(self) -> int:
        """Bytes that wait for the back end to take them, or to be sent to the client."""
        if self._upstream is None:
            return 0
        flow = self._upstream.flow()
        return flow.kept + flow.unfetched

    @property
    def may_have_opens(self) -> bool:
        """Whether the client may have files open: the gateway cannot see it."""
        return self.traffic.logged_on

    @property
    def is_working(self) -> bool:
        """Whether something waits for the back end, or to be sent to the client."""
        return self.pending_bytes > 0

    @property
    def is_unanswered(self) -> bool:
        """Whether the back end's machine acknowledges nothing any more, not even by TCP.

        A back end that is only slow, or whose smbd hangs, still acknowledges.
        """
        if self._upstream is None:
            return False
        return (self._upstream.statistics().timeouts or 0) >= MOST_TIMEOUTS

    def leave_backend(self) -> None:
        """Disconnect the client from a back end that is gone without a word."""
        if self.ended is None:
            self._refuse(GatewayRefusal.BACKEND_LOST, "its back end acknowledges nothing")

    async def run(self) -> None:
        """Serve the client until one end of the connection has disconnected."""
        self.transport.max_message_size = LOGON_SIZE
        loop = asyncio.get_running_loop()
        deadline = loop.call_later(self.services.limits.logon_seconds, self._check_logon)
        self.certificate.check()
        try:
            await self._serve()
        except Refused as refused:
            self._refuse(refused.reason, refused.detail)
        except (TransportError, RemoteProtocolError) as end:
            _log.debug("%s: %s", self.name, end)
        finally:
            deadline.cancel()
            self.certificate.stop()
            self.transport.close()

    async def _serve(self) -> None:
        first = await self.transport.receive()
        self._client_guid = first_negotiate(first).client_guid
        if self.pool is None:
            raise Refused(GatewayRefusal.NO_POOL)
        backend, upstream = await self._connect(self.pool)
        self.backend, self._upstream = backend, upstream
        backend.connections += 1
        backend.total += 1
        self.trail.record(AuditEvent.BACKEND, pool=self.pool.name, backend=backend.url)
        upstream.max_message_size = LOGON_SIZE
        try:
            self.traffic.request(first)
            await upstream.send(first)
            del first
            await self._forward(upstream)
        finally:
            backend.connections -= 1
            if self.traffic.logged_on:
                self.services.affinity.note(self.pool.name, self._client_guid, backend.url)
            upstream.close()
            await upstream.wait_closed()

    async def _connect(self, pool: Pool) -> tuple[Backend, MessageTransport]:
        """Connect to the best back end that answers. Raises `Refused`."""
        candidates = pool.candidates(self._client_guid, self.services.affinity)
        preamble = header_for(self.transport.peer) if pool.options.proxy_protocol else b""

        async def attempt(backend: Backend) -> tuple[Backend, MessageTransport]:
            try:
                return backend, await backend.connect(preamble)
            except ConnectError as error:
                if not _lacks_descriptors(error):
                    backend.connection_failed(str(error))
                raise

        if not candidates:
            detail = f"pool {pool.name}: all are down or drained"
            raise Refused(GatewayRefusal.NO_BACKEND, detail)
        try:
            with candidates[0].chosen():
                return await race(
                    candidates,
                    attempt,
                    discard=lambda late: late[1].close(),
                    head_start=NEXT_BACKEND,
                )
        except ConnectError as error:
            raise Refused(GatewayRefusal.NO_BACKEND, f"pool {pool.name}: {error}") from error

    async def _forward(self, upstream: MessageTransport) -> None:
        ending = await forward(
            Direction(self.transport, upstream, self._request, self._charge),
            Direction(upstream, self.transport, self._response, self._charge),
        )
        if ending.ended is upstream:
            raise Refused(GatewayRefusal.BACKEND_LOST, ending.reason)

    def _charge(self, seconds: float) -> None:
        self.quota.charge(seconds)

    def _request(self, message: memoryview) -> Coroutine[Any, Any, None] | None:
        """Read a message of the client; it waits if its user has had its share of the time."""
        self.traffic.request(message)
        return acquire_time(self) if self.quota.is_exhausted() else None

    def _response(self, message: memoryview) -> Awaitable[None] | None:
        """Read a message of the back end; one that says that logons have failed waits."""
        guesses = sum(map(self._handle, self.traffic.response(message)))
        self.quota.charge_response(self, (message,))
        return self._delay(guesses) if guesses else None

    def _handle(self, event: Event) -> bool:
        """Note what has happened; return whether it was a wrong guess at a password."""
        if isinstance(event, LogonSucceeded):
            self._logged_on(event.who, guest=event.guest)
            return False
        status = NtStatus.of(event.status)
        if isinstance(event, LogonFailed):
            self.trail.record(AuditEvent.LOGON_FAILURE, status=status.label, **_named(event.who))
            return event.status in REFUSED_CREDENTIALS
        granted = status == NtStatus.SUCCESS
        self.trail.record(
            AuditEvent.SHARE_ACCESS if granted else AuditEvent.SHARE_DENIAL,
            path=event.path,
            status=None if granted else status.label,
            **_named(event.who),
        )
        return False

    def _delay(self, guesses: int) -> Coroutine[Any, Any, None]:
        """Count wrong guesses at passwords, all of one message, and return what waits for them."""
        # As in a server, so that nobody guesses faster: not by disconnecting, nor in a compound.
        delay = guesses * self.services.limits.failed_logon_delay
        self.failed_until = asyncio.get_running_loop().time() + delay
        self.services.limiter.refusals.counts[ServerRefusal.FAILED_LOGON] += guesses
        return asyncio.sleep(delay)

    def _logged_on(self, who: LogonUser | None, *, guest: bool) -> None:
        """Lift the limits for clients that have not logged on."""
        services, transport = self.services, self.transport
        self.trail.record(AuditEvent.LOGON, **_named(who), guest=guest or None)
        _log.info("%s: %s logged on", self.name, who.user if who else "somebody")
        if who is not None and len(self.logged_on_users) < services.limits.sessions:
            self.logged_on_users[who.user] = None
        transport.authenticated()
        services.limiter.logged_on(self)
        services.scheduler.add(self, self._user_key(who, guest=guest))
        transport.max_message_size = LARGEST_MESSAGE
        if self._upstream is not None:
            self._upstream.max_message_size = LARGEST_MESSAGE
            self._upstream.keep_alive = True
        # The gateway cannot see whether files are open, so it keeps both connections alive.
        transport.keep_alive = True
        if self.pool is not None and self.backend is not None:
            services.affinity.note(self.pool.name, self._client_guid, self.backend.url)
        if len(self.quota.connections) > services.limits.connections_of_user:
            self.drop(ServerRefusal.CONNECTIONS_OF_USER)

    def _user_key(self, who: LogonUser | None, *, guest: bool) -> str:
        """Return the name of a quota: a user's, or that of an address without known users."""
        if who is None or guest:
            return f"address {self.client_network}"
        return f"user {who.domain}\\{who.user}".casefold()

    def _check_logon(self) -> None:
        if not self.traffic.logged_on:
            self._refuse(ServerRefusal.NO_LOGON)

    def _refuse(self, reason: Refusal, detail: str = "") -> None:
        """Disconnect the client, and tell it why."""
        self.ended = reason
        self.services.limiter.refusals.add(reason, self.name)
        if detail:
            _log.info("%s: %s", self.name, detail)
        # Without "was disconnected", which the client sees.
        self.transport.close(reason.text.partition(": ")[2])

    def drop(self, reason: Refusal) -> None:
        """Disconnect at once, whatever still waits to be sent."""
        self.ended = reason
        self.services.limiter.refusals.add(reason, self.name)
        self.transport.drop(reason.text)


def _lacks_descriptors(error: ConnectError) -> bool:
    """Return whether this process has too many sockets, which is no fault of a back end."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE)


def _named(who: LogonUser | None) -> dict[str, Any]:
    """Return the fields that name a user, as far as its logon shows."""
    return {} if who is None else {"user": who.user, "domain": who.domain or None}
