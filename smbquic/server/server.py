"""The server as a whole: its shares, and what all its connections have in common."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

from smbquic.auth.authenticator import Authenticator
from smbquic.auth.guard import GuardLimits, LogonGuard
from smbquic.auth.identity import Identity
from smbquic.auth.service_binding import ServerNames
from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.observe.audit import AuditLog, Event
from smbquic.options.limits import DEFAULT_LIMITS, Limits
from smbquic.pki.reload import ServerCertificates
from smbquic.protocol.server import ServerConnection
from smbquic.protocol.session import Session, SessionTable
from smbquic.protocol.settings import MESSAGE_OVERHEAD, SINGLE_CREDIT_SIZE, ServerSettings
from smbquic.server.connection import Connection
from smbquic.server.drain import REASON
from smbquic.server.opens.app_instances import AppInstanceTable
from smbquic.server.opens.create_replay import CreateReplayTable
from smbquic.server.opens.durable_handles import DurableHandleTable
from smbquic.server.opens.file_table import FileTable
from smbquic.server.opens.leases import LeaseTable
from smbquic.server.overload.batches import BackgroundTasks
from smbquic.server.overload.budget import SharedBudget
from smbquic.server.overload.connection_limiter import ConnectionLimiter
from smbquic.server.overload.loop_monitor import LoopMonitor
from smbquic.server.overload.open_file_budget import OpenFileBudget, descriptor_limit
from smbquic.server.overload.scheduler import Scheduler
from smbquic.server.overload.slow_peers import SlowPeerMonitor
from smbquic.server.security.descriptor_cache import Descriptors
from smbquic.server.session import UserSession
from smbquic.server.share import Share, check_share_name
from smbquic.transport.base import MessageTransport, Peer
from smbquic.transport.serving import Refusal, Refusals, log_refusal
from smbquic.wire.file_id import FileId
from smbquic.wire.message import Message
from smbquic.wire.negotiate import Capabilities

__all__ = ["CAPABILITIES", "Server", "Share"]

_log = logging.getLogger(__name__)

CAPABILITIES = Capabilities.LEASING | Capabilities.DIRECTORY_LEASING | Capabilities.MULTI_CHANNEL
"""What a server can do and need not be told to: for `ServerSettings.capabilities`."""


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
    `failures` counts requests that failed for reasons nobody thought of; `notified` tells that
    some client is to be sent what answers no request. Raises ValueError for a share name that is
    taken.
    """

    def __init__(
        self,
        shares: Iterable[Share],
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
        self.certificates = certificates
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
        self.shares: dict[str, Share] = {}
        self.session_table = SessionTable(random)
        self.sessions: dict[int, UserSession] = {}
        self.leases = LeaseTable(self)
        self.durables = DurableHandleTable(limits)
        self.app_instances = AppInstanceTable()
        self.create_replays = CreateReplayTable()
        self.files = FileTable(self.leases, self.durables, self.app_instances, self.create_replays)
        self.descriptors = Descriptors()
        self.open_files = OpenFileBudget(descriptor_limit())
        self.user_memory = SharedBudget(limits.all_user_memory, limits.user_memory)
        self.background = BackgroundTasks()
        self.threads = ThreadPoolExecutor(THREADS, "smbquic-files")
        self.loop_monitor = LoopMonitor()
        self.connections: dict[Connection, None] = {}
        self.refusals = Refusals(self._tell)
        self.scheduler = Scheduler(limits)
        self.connection_limiter = ConnectionLimiter(
            limits, self.scheduler, self.refusals, self.refuse
        )
        self.slow_peers = SlowPeerMonitor(self.connections, limits)
        self.listeners: list[str] = []
        self.draining = False
        self.failures = 0
        self.notified = False
        self.notifier = self.files.notifier
        self._last_file_id = 0
        for share in shares:
            check_share_name(share.name)
            key = share.name.casefold()
            if key in self.shares:
                raise ValueError(f"there is a share named {share.name} already")
            self.shares[key] = share

    async def serve(self, transport: MessageTransport) -> None:
        """Runs one connection to its end."""
        started = perf_counter()
        connection = Connection(self, transport)
        self.connections[connection] = None
        self.connection_limiter.add(connection)
        self.scheduler.add(connection)
        self.slow_peers.start()
        self.connection_limiter.charge(perf_counter() - started)
        try:
            await connection.run()
        finally:
            del self.connections[connection]
            self.slow_peers.closed += 1
            self.scheduler.remove(connection)
            self.connection_limiter.remove(connection)
            connection.trail.record(Event.DISCONNECTION, reason=connection.ended)

    async def refuse(self, transport: MessageTransport) -> None:
        """Answers the first request of a client that is turned away, and waits for its end.

        With REQUEST_NOT_ACCEPTED it knows that it may come again; from an end without a word it
        could not tell that the server is there.
        """
        protocol = ServerConnection(
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

    def _tell(self, why: Refusal, who: str, count: int) -> None:
        log_refusal(why, who, count)
        self.audit.record(Event.REFUSAL, address=who, reason=why, count=count)

    async def close(self) -> None:
        """Ends every connection, and waits for it; nobody can come back for what was open."""
        self.durables.close()
        self.slow_peers.stop()
        for connection in list(self.connections):
            connection.transport.close(REASON)
        for connection in list(self.connections):
            await connection.transport.wait_closed()
        await self.background.wait()
        # A disk that does not answer is waited for, as those who use it would lose what they wrote.
        await asyncio.to_thread(self.threads.shutdown)
        self.audit.aggregation.flush()

    def share(self, name: str) -> Share | None:
        """The share of that name, in any case; None for what does not exist, and for IPC$."""
        return self.shares.get(name.casefold())

    def renew(self, share: Share) -> None:
        """Goes on with what was made in the place of a share's folder, if that was deleted.

        Whoever is connected to the former has to connect anew. Raises StatusError BAD_NETWORK_NAME
        if nothing was made there.
        """
        former = share.storage
        try:
            found = former.renewed()
        except OSError as error:
            if not share.missing:
                _log.warning(
                    "share %s: its folder was deleted, and cannot be opened again: %s; once it is"
                    " there, clients can connect to it without a restart",
                    share.name,
                    error,
                )
            share.missing = True
            raise StatusError.of(NtStatus.BAD_NETWORK_NAME, "TREE_CONNECT", share.name) from error
        share.missing = False
        if found is former:
            return
        trees = [
            (session, tree)
            for session in self.sessions.values()
            for tree in session.trees.values()
            if tree.share is share
        ]
        for session, tree in trees:
            self.background.run(session.disconnecting(tree))
        self.durables.close_share(share)
        self.descriptors.forget(former)
        share.replace(found)
        _log.warning(
            "share %s: its folder was deleted and made again: the new one is served, and %d"
            " connections to the former were ended",
            share.name,
            len(trees),
        )

    def allows_pipes(self, peer: Peer) -> bool:
        """Whether a client may open named pipes. [MS-SMB2] 3.3.5.9"""
        if peer.kind != "quic":
            return True
        allowed = self.certificates.allows_pipes(peer.server_name) if self.certificates else None
        return self.pipes_over_quic if allowed is None else allowed

    def next_file_id(self) -> FileId:
        """A FileId that no open of this server has had."""
        self._last_file_id += 1
        return FileId(self._last_file_id, self._last_file_id)

    def notify(self, client_guid: bytes, owner: Identity, body: Message) -> bool:
        """Sends a client what answers no request, on the first of its connections that can.

        Only in a session of the user `owner`: others may have said to be that client. False if
        there is none. [MS-SMB2] 3.3.4.7
        """
        return any(
            session.is_valid and session.identity == owner and connection.notify(session, body)
            for connection in self.connections
            if connection.protocol.client_guid == client_guid
            for session in connection.protocol.sessions.values()
        )

    def end_session(self, session: Session, *, keep: bool = True) -> asyncio.Task[None] | None:
        """Ends a session on all of its connections, and closes what it had open.

        With `keep`, its durable opens wait for its owner's return. Returns the task that closes
        what is left, if there is much; nobody can use the session meanwhile.
        """
        user_session = self.sessions.pop(session.id, None)
        if user_session is None:
            return None
        for connection in user_session.channels:
            connection.protocol.drop(session)
        return self.background.run(user_session.ending(keep=keep))
