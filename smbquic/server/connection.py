"""One client's connection: messages in, messages out, until one side has had enough."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from time import time
from typing import TYPE_CHECKING

from smbquic.auth.identity import Identity
from smbquic.auth.logon_limiter import network
from smbquic.errors import ConnectionClosed, RemoteProtocolError, StatusError
from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus
from smbquic.observe.audit import AuditEvent, Trail, who
from smbquic.observe.request_counts import RequestCounts
from smbquic.options.limits import Limits
from smbquic.overload.budget import SESSION, SharedBudget, UserBudget
from smbquic.overload.connection_limiter import ConnectionLimiter
from smbquic.overload.loop_monitor import LoopMonitor
from smbquic.overload.refusals import ServerRefusal
from smbquic.overload.scheduler import Scheduler, UserQuota
from smbquic.overload.slow_peers import PeerProgress
from smbquic.pki.certificate_watch import CertificateWatch
from smbquic.protocol.server import ServerProtocol
from smbquic.protocol.session import ServerSession
from smbquic.protocol.settings import LOGON_SIZE, MESSAGE_OVERHEAD
from smbquic.server.access import AccessPolicy
from smbquic.server.notifications import NotificationQueue
from smbquic.server.opens.create_replay import CreateReplayTable
from smbquic.server.opens.durable_handles import DurableHandleTable
from smbquic.server.pending_requests import PendingRequests
from smbquic.server.session import UserSession, UserSessions
from smbquic.transport.base import MessageTransport
from smbquic.transport.refusals import Refusal
from smbquic.wire.cursor import Buffer
from smbquic.wire.message import Message
from smbquic.wire.oplock_break import LeaseBreakNotification

if TYPE_CHECKING:
    from smbquic.observe.request_spans import RequestSpans

_log = logging.getLogger(__name__)


HandleMessage = Callable[[memoryview], Awaitable[list[list[Buffer]]]]
"""Handles one message of a client; returns the responses that are ready."""


@dataclass(slots=True, eq=False)
class ConnectionServices:
    """The parts of a server that all of its connections share.

    `spans` takes the spans of requests, where there are traces. `notified` is set when a
    notification waits to be sent to some client. `failures` counts the requests and connections
    that failed through a bug of the server.
    """

    limits: Limits
    sessions: UserSessions
    durables: DurableHandleTable
    create_replays: CreateReplayTable
    scheduler: Scheduler
    limiter: ConnectionLimiter
    user_memory: SharedBudget
    access: AccessPolicy
    threads: ThreadPoolExecutor
    loop_monitor: LoopMonitor
    connections: ConnectionTable
    requests: RequestCounts
    spans: RequestSpans | None = None
    notified: bool = False
    failures: int = 0


class ServerConnection:
    """A connection to a client: its requests, its sessions, and the protocol on its transport.

    `pending` are the requests that are answered later. `logons` is locked while the response to a
    failed logon is delayed, and `failed_until` is when that ends. `client_network` is the client's
    address, or its IPv6 network, `quota` what its user may use, `progress` how fast it reads and
    writes. `since` is when it began, in Unix time, and `logged_on_users` are those who have logged
    on. `last_message` is the latest one, unless the slow peer monitor has released it since.
    `certificate` watches the end of the client's certificate. `ended` says why the server
    disconnected the client.
    """

    def __init__(
        self,
        services: ConnectionServices,
        transport: MessageTransport,
        protocol: ServerProtocol,
        trail: Trail,
    ) -> None:
        peer = transport.peer
        self.services = services
        self.transport = transport
        self.protocol = protocol
        self.trail = trail
        self.name = f"{peer.kind}://{peer.remote[0]}:{peer.remote[1]}"
        self.pending = PendingRequests(self._task_failed)
        self.certificate = CertificateWatch(
            self.name, services.access.certificates, transport, trail.decided
        )
        self.logons = asyncio.Lock()
        self.failed_until = 0.0
        self.client_network = network(peer.remote[0])
        self.quota: UserQuota = services.scheduler.unauthenticated
        self.progress = PeerProgress()
        self.last_message: memoryview | None = None
        self.since = time()
        self.logged_on_users: dict[str, None] = {}
        self.ended: Refusal | None = None
        self._notifications = NotificationQueue(protocol, self.send, self.pending.spawn)
        self.closed = False
        self.opens = 0
        self.watches = 0

    def users(self) -> set[str]:
        """Return the users of its valid sessions."""
        sessions = self.protocol.sessions.values()
        return {session.identity.user for session in sessions if session.is_valid}

    @property
    def pending_bytes(self) -> int:
        """Bytes of the messages whose requests are not answered yet."""
        return self.pending.size

    @property
    def may_have_opens(self) -> bool:
        """Whether its client has files open."""
        return self.opens > 0

    @property
    def is_working(self) -> bool:
        """Whether a request is in progress that will be answered."""
        return self.pending.is_working

    async def run(self, handle: HandleMessage) -> None:
        """Serve the client until the connection ends, then close what it had open."""
        # Before its logon, a client may not make the server hold more than a logon needs.
        self.transport.max_message_size = LOGON_SIZE
        deadline = asyncio.get_running_loop().call_later(
            self.services.limits.logon_seconds, self._check_logon
        )
        self.certificate.check()
        try:
            await self._serve(handle)
        except ConnectionClosed as end:
            _log.debug("%s: %s", self.name, end)
        except RemoteProtocolError as error:
            self._protocol_error(error)
        except Exception as error:
            self._internal_error(error)
        finally:
            deadline.cancel()
            self.certificate.stop()
            await self._close()

    async def _serve(self, handle: HandleMessage) -> None:
        receive, send, services = self.transport.receive, self.transport.send, self.services
        pending, limit = self.pending, services.limits.pending
        size_limit = services.scheduler.user_limit
        while True:
            try:
                message = await receive()
            except RemoteProtocolError as error:
                # The transport has logged it already.
                raise ConnectionClosed(str(error)) from error
            answers = await handle(message)
            # Megabytes, which stay allocated for the next message; the slow peer monitor releases
            # them where none comes.
            self.last_message = message
            del message
            if services.notified:
                # A notification, such as an oplock break, is sent before the response to the
                # request that caused it: the other client must know before it is done.
                services.notified = False
                await asyncio.sleep(0)
            while answers:
                await send(*answers.pop(0))
            while pending.tasks and pending.is_full(limit, size_limit):
                await pending.wait_for_one()

    async def send(self, message: list[Buffer]) -> None:
        """Send one message; wait while the client does not read."""
        self.quota.charge_response(self, message)
        await self.transport.send(*message)

    def notify(self, session: ServerSession, body: Message) -> bool:
        """Send a message that answers no request; return False if the connection is closed."""
        if self.closed:
            return False
        self.services.notified = True
        self._notifications.add(session, body)
        return True

    def _task_failed(self, error: BaseException) -> None:
        if isinstance(error, RemoteProtocolError):
            self._protocol_error(error)
        elif not isinstance(error, ConnectionClosed):
            self._internal_error(error)

    def _protocol_error(self, error: RemoteProtocolError) -> None:
        _log.warning("%s: closed, as the client broke the protocol: %s", self.name, error)
        self.transport.close(str(error))

    def _internal_error(self, error: BaseException) -> None:
        """Close the connection after a bug of the server to which there is no response."""
        self.services.failures += 1
        _log.error("%s: closed, as the server failed", self.name, exc_info=error)
        self.transport.close("the server failed")

    def _check_logon(self) -> None:
        if not any(session.is_valid for session in self.protocol.sessions.values()):
            seconds = self.services.limits.logon_seconds
            _log.warning("%s: closed, as nobody logged on within %g s", self.name, seconds)
            self.ended = ServerRefusal.NO_LOGON
            self.services.limiter.refusals.counts[ServerRefusal.NO_LOGON] += 1
            self.transport.close("nobody logged on")

    def drop(self, reason: ServerRefusal) -> None:
        """Disconnect at once, whatever still waits to be sent or handled."""
        self.ended = reason
        self.services.limiter.refusals.add(reason, self.name)
        self.transport.drop(reason.text)

    def logged_on(self, session: ServerSession) -> None:
        """Add a session whose logon has just succeeded.

        Raises StatusError INSUFFICIENT_RESOURCES if its user has too many. The first session of a
        connection is never refused: its memory is part of the connection's.
        """
        services = self.services
        memory = UserBudget(services.user_memory, self._user_key(session.identity))
        cost = SESSION if len(self.protocol.sessions) > 1 else 0
        if cost and not memory.has_room(cost):
            self.protocol.drop(session)
            raise StatusError(NtStatus.INSUFFICIENT_RESOURCES, "SESSION_SETUP")
        user_session = UserSession(session, services.limits, services.durables, memory, cost)
        services.sessions[session.id] = user_session
        user_session.renew()
        self.join(user_session)
        _log.info("%s: %s logged on", self.name, session.identity.user or "a guest")
        self.trail.record(AuditEvent.LOGON, **who(session.identity))

    def join(self, session: UserSession) -> None:
        """Serve a session, which is new or was bound to this connection too."""
        negotiated = self.protocol.negotiated
        assert negotiated is not None
        session.join(self)
        if len(self.logged_on_users) < self.services.limits.sessions:
            self.logged_on_users[session.session.identity.user] = None
        self.transport.authenticated()
        self.services.limiter.logged_on(self)
        self.services.scheduler.add(self, self._user_key(session.session.identity))
        self.transport.max_message_size = negotiated.max_transact_size + MESSAGE_OVERHEAD
        if len(self.quota.connections) > self.services.limits.connections_of_user:
            self.drop(ServerRefusal.CONNECTIONS_OF_USER)

    def _user_key(self, identity: Identity) -> str:
        """Return the name of a quota: a user's, or that of the guests from one address."""
        if identity.guest or identity.anonymous:
            return f"guest {self.client_network}"
        return f"user {identity.domain}\\{identity.user}".casefold()

    def count_opens(self, change: int) -> None:
        """Count a file that a session opened or closed; the connection is kept alive for opens."""
        self.opens += change
        self.transport.keep_alive = self.opens > 0

    async def _close(self) -> None:
        self.closed = True
        self.last_message = None
        await self.pending.cancel()
        bound = list(self.protocol.sessions)
        for session in self.protocol.close():
            ending = self.services.sessions.end(session)
            if ending is not None:
                await asyncio.shield(ending)
        for session_id in bound:
            user_session = self.services.sessions.get(session_id)
            if user_session is not None:
                user_session.leave(self)
        self._forward_notifications()
        self.transport.close()

    def _forward_notifications(self) -> None:
        """Send the notifications that were not sent yet on another connection, if there is one.

        [MS-SMB2] 3.3.4.6, 3.3.4.7
        """
        for session, body in self._notifications.unsent:
            user_session = self.services.sessions.get(session.id)
            if isinstance(body, LeaseBreakNotification):
                self.services.connections.notify(self.protocol.client_guid, session.identity, body)
            elif user_session is not None:
                user_session.notify(body)

    def drop_session(self, session: ServerSession) -> None:
        """Accept no more requests of a session, which has ended or moved."""
        self.protocol.drop(session)

    def other_channels(self, session: UserSession) -> list[ServerConnection]:
        """Return the other connections that a session is bound to."""
        return [
            connection
            for connection in self.services.connections
            if connection is not self and connection in session.channels
        ]


class ConnectionTable(dict[ServerConnection, None]):
    """The connections of a server. [MS-SMB2] 3.3.1.5, ConnectionList"""

    def notify(self, client_guid: bytes, owner: Identity, body: Message) -> bool:
        """Send a client a message that answers no request, on the first connection that can.

        Only in a session of the user `owner`, as any client can claim a ClientGuid. Returns False
        if there is none. [MS-SMB2] 3.3.4.7
        """
        return any(
            session.is_valid and session.identity == owner and connection.notify(session, body)
            for connection in self
            if connection.protocol.client_guid == client_guid
            for session in connection.protocol.sessions.values()
        )
