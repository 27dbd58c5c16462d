"""The server as a whole: its shares, and what all its connections have in common."""

import asyncio
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import perf_counter

from smbquic.auth.authenticator import Authenticator
from smbquic.auth.guard import GuardLimits, LogonGuard
from smbquic.auth.service_binding import ServerNames, ServiceBinding
from smbquic.errors import AuthenticationError, HandshakeError
from smbquic.ntstatus import NtStatus
from smbquic.observe.audit import AuditEvent, AuditLog, Trail
from smbquic.options.limits import DEFAULT_LIMITS, Limits
from smbquic.pki.access import Decision
from smbquic.pki.reload import ServerCertificates
from smbquic.protocol.server import ServerProtocol
from smbquic.protocol.session import SessionTable
from smbquic.protocol.settings import MESSAGE_OVERHEAD, SINGLE_CREDIT_SIZE, ServerSettings
from smbquic.server.commands import Services, command_table
from smbquic.server.connection import ConnectionServices, ConnectionTable, ServerConnection
from smbquic.server.dispatch import Dispatcher
from smbquic.server.opens.file_table import FileTable
from smbquic.server.overload.budget import SharedBudget
from smbquic.server.overload.connection_limiter import ConnectionLimiter
from smbquic.server.overload.loop_monitor import LoopMonitor
from smbquic.server.overload.scheduler import Scheduler
from smbquic.server.overload.slow_peers import SlowPeerMonitor
from smbquic.server.rpc.services import PipeServices
from smbquic.server.session import UserSessions
from smbquic.server.share import ServedShare
from smbquic.server.shares import ShareTable
from smbquic.transport.base import MessageTransport, Peer
from smbquic.transport.refusals import Refusal, Refusals, log_refusal
from smbquic.wire.negotiate import Capabilities

CAPABILITIES = Capabilities.LEASING | Capabilities.DIRECTORY_LEASING | Capabilities.MULTI_CHANNEL
"""What a server can do and need not be told to: for `ServerSettings.capabilities`."""


STOPPING = "the server is stopping"
"""Why connections are closed in the end."""
THREADS = 64
"""Threads for work on files: enough that the users of a disk that stalls leave some to others."""


class Server:
    """Serves `shares` to whom `authenticator` lets in, over any number of connections.

    `name` is what it calls itself; `pipes_over_quic` lets clients list the shares over QUIC too.
    `certificates` know better for their names, and say whom a client may log on as. `names` are
    those that a logon may be meant for; None leaves that unchecked.

    `serve` is what a listener calls for each of them, `connection_limiter` its gate; `listeners`
    are the URLs of those. `refusals` counts who was refused, and why.
    While `draining`, nobody new is let in.
    Raises ValueError for a share name that is taken.
    """

    def __init__(
        self,
        shares: Iterable[ServedShare],
        authenticator: Authenticator,
        settings: ServerSettings,
        *,
        limits: Limits = DEFAULT_LIMITS,
        random: Callable[[int], bytes] = os.urandom,
        audit: AuditLog | None = None,
        name: str = "SMBQUIC",
        pipes_over_quic: bool = False,
        certificates: ServerCertificates | None = None,
        names: ServerNames | None = None,
    ) -> None:
        self.name = name
        self.names = names
        self.pipes_over_quic = pipes_over_quic
        self.audit = audit or AuditLog()
        self.authenticator = authenticator
        self.guard = LogonGuard(
            GuardLimits(
                per_user=limits.failed_logons,
                per_address=limits.failed_logons_of_address,
                seconds=limits.lockout_seconds,
            )
        )
        self.settings = settings
        self.limits = limits
        self.random = random
        self.session_table = SessionTable(random)
        self.sessions = UserSessions()
        self.connections = ConnectionTable()
        self.files = FileTable(limits, self.connections.notify)
        self.shares = ShareTable(shares, self.sessions, self.files)
        self.user_memory = SharedBudget(limits.all_user_memory, limits.user_memory)
        self.threads = ThreadPoolExecutor(THREADS, "smbquic-files")
        self.loop_monitor = LoopMonitor()
        self.refusals = Refusals(self._report_refusal)
        self.scheduler = Scheduler(limits)
        self.connection_limiter = ConnectionLimiter(
            limits, self.scheduler, self.refusals, self.refuse
        )
        self.slow_peers = SlowPeerMonitor(self.connections, limits)
        self.listeners: list[str] = []
        self.draining = False
        pipes = PipeServices(self, self.allows_pipes)
        handlers = Services(self.files, self.sessions, self.shares, pipes, self.listeners)
        self.dispatcher = Dispatcher(command_table(handlers), self.files.next_file_id)
        self.services = ConnectionServices(
            limits=limits,
            sessions=self.sessions,
            files=self.files,
            scheduler=self.scheduler,
            limiter=self.connection_limiter,
            user_memory=self.user_memory,
            certificates=certificates,
            threads=self.threads,
            loop_monitor=self.loop_monitor,
            connections=self.connections,
        )

    @property
    def failures(self) -> int:
        """How many requests and connections failed for reasons nobody thought of."""
        return self.services.failures

    async def serve(self, transport: MessageTransport) -> None:
        """Runs one connection to its end."""
        started = perf_counter()
        connection = self._accept(transport)
        self.connections[connection] = None
        self.connection_limiter.add(connection)
        self.scheduler.add(connection)
        self.slow_peers.start()
        self.connection_limiter.charge(perf_counter() - started)
        try:
            await connection.run(partial(self.dispatcher.handle, connection))
        finally:
            del self.connections[connection]
            self.slow_peers.closed += 1
            self.scheduler.remove(connection)
            self.connection_limiter.remove(connection)
            connection.trail.record(AuditEvent.DISCONNECTION, reason=connection.ended)

    def _accept(self, transport: MessageTransport) -> ServerConnection:
        peer = transport.peer
        trail = self.audit.begin(peer)
        certificate = peer.certificates[0] if peer.certificates else b""
        check = None
        if self.services.certificates is not None and peer.kind == "quic":
            check = partial(check_user, self.services.certificates, peer, trail)
        guard = self.guard.for_connection(peer.remote[0], certificate, check)
        protocol = ServerProtocol(
            self.settings,
            self.session_table,
            self.authenticator.for_connection(guard, self._service_binding(peer)),
            quic=peer.kind == "quic",
            random=self.random,
        )
        return ServerConnection(self.services, transport, protocol, trail)

    def _service_binding(self, peer: Peer) -> ServiceBinding | None:
        """What logons of a client have to be meant for; None where that is not checked."""
        if self.names is None:
            return None
        shown = None
        if self.services.certificates is not None and peer.kind == "quic":
            shown = self.services.certificates.find(peer.server_name)
        return ServiceBinding(self.names, peer.local[0], shown.end_point if shown else b"")

    async def refuse(self, transport: MessageTransport) -> None:
        """Answers the first request of a client that is turned away, and waits for its end.

        With REQUEST_NOT_ACCEPTED it knows that it may come again; from an end without a word it
        could not tell that the server is there.
        """
        protocol = ServerProtocol(
            self.settings,
            self.session_table,
            self.authenticator,
            quic=transport.peer.kind == "quic",
            random=self.random,
        )
        transport.max_message_size = SINGLE_CREDIT_SIZE + MESSAGE_OVERHEAD
        for request in protocol.receive(await transport.receive()):
            answer = protocol.fail(request, NtStatus.REQUEST_NOT_ACCEPTED)
            if answer is not None:
                await transport.send(*answer)
        await transport.receive()

    def _report_refusal(self, reason: Refusal, client: str, count: int) -> None:
        log_refusal(reason, client, count)
        self.audit.record(AuditEvent.REFUSAL, address=client, reason=reason, count=count)

    async def close(self) -> None:
        """Ends every connection, and waits for it; nobody can come back for what was open."""
        self.files.durables.close()
        self.slow_peers.stop()
        for connection in list(self.connections):
            connection.transport.close(STOPPING)
        for connection in list(self.connections):
            await connection.transport.wait_closed()
        await self.sessions.background.wait()
        # A disk that does not answer is waited for, as those who use it would lose what they wrote.
        await asyncio.to_thread(self.threads.shutdown)
        self.audit.aggregation.flush()

    def share(self, name: str) -> ServedShare | None:
        """Return the share of that name, in any case; None if there is none, and for IPC$."""
        return self.shares.find(name)

    def count_trees(self) -> dict[str, int]:
        """Return how many clients are connected to each share, by its name."""
        return self.sessions.count_trees()

    def allows_pipes(self, peer: Peer) -> bool:
        """Whether a client may open named pipes. [MS-SMB2] 3.3.5.9"""
        if peer.kind != "quic":
            return True
        certificates = self.services.certificates
        allowed = certificates.allows_pipes(peer.server_name) if certificates else None
        return self.pipes_over_quic if allowed is None else allowed


def check_user(certificates: ServerCertificates, peer: Peer, trail: Trail, user: str) -> None:
    """Raises `AuthenticationError` if the client's certificate is not for this user."""
    try:
        decision = certificates.decide_logon(peer.server_name, peer.certificates, user)
    except HandshakeError as error:
        decision = Decision(False, str(error))
    if decision is None:
        return
    trail.decided(decision, user)
    if not decision.granted:
        raise AuthenticationError(f"{user}: {decision.reason}", NtStatus.ACCESS_DENIED)
