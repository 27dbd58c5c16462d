"""The server as a whole: its shares, and what all its connections have in common."""

import asyncio
import os
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import perf_counter

from smbquic.auth.logon_limiter import LogonLimiter, LogonLimits
from smbquic.ntstatus import NtStatus
from smbquic.observe.audit import AuditEvent, AuditLog
from smbquic.observe.request_counts import RequestCounts
from smbquic.options.limits import DEFAULT_LIMITS, Limits
from smbquic.overload.budget import SharedBudget
from smbquic.overload.loop_monitor import LoopMonitor
from smbquic.overload.service import LimitedService
from smbquic.protocol.server import ServerProtocol
from smbquic.protocol.session import SessionTable
from smbquic.protocol.settings import LOGON_SIZE, ServerSettings
from smbquic.server.access import AccessPolicy
from smbquic.server.commands import Services, command_table
from smbquic.server.connection import ConnectionServices, ConnectionTable, ServerConnection
from smbquic.server.dispatch import Dispatcher
from smbquic.server.opens.file_table import FileTable
from smbquic.server.rpc.services import PipeServices
from smbquic.server.session import UserSessions
from smbquic.server.share import ServedShare
from smbquic.server.shares import ShareTable
from smbquic.transport.base import MessageTransport
from smbquic.wire.negotiate import GlobalCapabilities

CAPABILITIES = (
    GlobalCapabilities.LEASING
    | GlobalCapabilities.DIRECTORY_LEASING
    | GlobalCapabilities.MULTI_CHANNEL
)
"""The capabilities of every server, for `ServerSettings.capabilities`."""

THREADS = 64
"""Threads for work on files: enough that the users of a disk that stalls leave some for others."""


class Server(LimitedService[ServerConnection]):
    """A server of `shares` to the clients that `access` accepts, over any number of connections.

    `name` is what it calls itself. `serve` is what a listener calls for each connection;
    `listeners` are the URLs of the listeners. Raises ValueError for a share name that is taken.
    """

    connections: ConnectionTable

    def __init__(
        self,
        shares: Iterable[ServedShare],
        access: AccessPolicy,
        settings: ServerSettings,
        *,
        name: str = "SMBQUIC",
        limits: Limits = DEFAULT_LIMITS,
        audit: AuditLog | None = None,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        super().__init__(ConnectionTable(), limits, audit or AuditLog())
        self.name = name
        self.access = access
        self.settings = settings
        self.random = random
        self.logon_limiter = LogonLimiter(_logon_limits(limits))
        self.session_table = SessionTable(random)
        self.sessions = UserSessions()
        self.files = FileTable(limits, self.connections.notify)
        self.shares = ShareTable(shares, self.sessions, self.files.durables, self.files.descriptors)
        self.user_memory = SharedBudget(limits.all_user_memory, limits.user_memory)
        self.threads = ThreadPoolExecutor(THREADS, "smbquic-files")
        self.loop_monitor = LoopMonitor()
        self.listeners: list[str] = []
        pipes = PipeServices(self, access.allows_pipes)
        handlers = Services(self.files, self.sessions, self.shares, pipes, self.listeners)
        self.dispatcher = Dispatcher(command_table(handlers), self.files.next_file_id)
        self.services = ConnectionServices(
            limits=limits,
            sessions=self.sessions,
            durables=self.files.durables,
            create_replays=self.files.create_replays,
            scheduler=self.scheduler,
            limiter=self.connection_limiter,
            user_memory=self.user_memory,
            access=access,
            threads=self.threads,
            loop_monitor=self.loop_monitor,
            connections=self.connections,
            requests=RequestCounts(),
        )

    @property
    def failures(self) -> int:
        """How many requests and connections failed through a bug of the server."""
        return self.services.failures

    @property
    def requests(self) -> RequestCounts:
        """The requests that were answered."""
        return self.services.requests

    def use_limits(self, limits: Limits) -> None:
        """See `LimitedService`."""
        super().use_limits(limits)
        self.services.limits = limits
        self.logon_limiter.limits = _logon_limits(limits)
        self.files.use_limits(limits)
        self.user_memory.total = limits.all_user_memory
        self.user_memory.of_user = limits.user_memory
        for session in self.sessions.values():
            session.limits = limits

    def end_sessions(self, users: Collection[str]) -> int:
        """End the sessions of these users, whose names are in lower case; return how many."""
        ended = [
            session.session
            for session in self.sessions.values()
            if session.session.identity.user.casefold() in users
        ]
        for session in ended:
            self.sessions.end(session, keep=False)
        return len(ended)

    async def serve(self, transport: MessageTransport) -> None:
        """Serve one connection to its end."""
        started = perf_counter()
        connection = self._accept(transport)
        try:
            with self.counted(connection, started):
                await connection.run(partial(self.dispatcher.handle, connection))
        finally:
            connection.trail.record(AuditEvent.DISCONNECTION, reason=connection.ended)

    def _accept(self, transport: MessageTransport) -> ServerConnection:
        peer = transport.peer
        trail = self.audit.begin(peer)
        protocol = ServerProtocol(
            self.settings,
            self.session_table,
            self.access.authenticator_for(peer, self.logon_limiter, trail),
            quic=peer.kind == "quic",
            random=self.random,
        )
        return ServerConnection(self.services, transport, protocol, trail)

    async def refuse(self, transport: MessageTransport) -> None:
        """Answer the first request of a client that is refused, and wait until it disconnects.

        REQUEST_NOT_ACCEPTED says that it may try again; a connection that is just closed could as
        well be one to no server.
        """
        protocol = ServerProtocol(
            self.settings,
            self.session_table,
            self.access.authenticator,
            quic=transport.peer.kind == "quic",
            random=self.random,
        )
        transport.max_message_size = LOGON_SIZE
        for request in protocol.receive(await transport.receive()):
            answer = protocol.fail(request, NtStatus.REQUEST_NOT_ACCEPTED)
            if answer is not None:
                await transport.send(*answer)
        await transport.receive()

    async def close(self) -> None:
        """End every connection and wait for that; durable opens are closed."""
        self.files.durables.close()
        await self.close_connections()
        await self.sessions.background.wait()
        await self.files.wait_closed()
        # Even a disk that does not answer is waited for: its users would lose what they wrote.
        await asyncio.to_thread(self.threads.shutdown)
        self.audit.aggregation.flush()

    def share(self, name: str) -> ServedShare | None:
        """Return the share of that name, in any case; None if there is none, and for IPC$."""
        return self.shares.find(name)

    def count_trees(self) -> dict[str, int]:
        """Return how many clients are connected to each share, by its name."""
        return self.sessions.count_trees()


def _logon_limits(limits: Limits) -> LogonLimits:
    return LogonLimits(
        per_user=limits.failed_logons,
        per_address=limits.failed_logons_of_address,
        seconds=limits.lockout_seconds,
    )
