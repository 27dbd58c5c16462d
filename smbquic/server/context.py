"""The context of a request for its handler: connection, session, tree and open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any, TypeVar

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.protocol.negotiation import Negotiated
from smbquic.protocol.request import Request
from smbquic.server.connection import ServerConnection
from smbquic.server.coroutines import StorageCoroutines
from smbquic.server.opens.channel_sequence import check, is_ordinary
from smbquic.server.opens.file_audit import FileAuditor
from smbquic.server.opens.open import Open
from smbquic.server.opens.open_parts import Requester
from smbquic.server.outcome import Outcome, RetryAfter
from smbquic.server.rpc.pipe import Pipe
from smbquic.server.session import UserSession
from smbquic.server.tree import ServerTree
from smbquic.storage import NotReady
from smbquic.wire.file_id import FileId
from smbquic.wire.negotiate import GlobalCapabilities

_T = TypeVar("_T")


def as_retry(context: Context, reason: RetryAfter | NotReady) -> RetryAfter:
    """Return what has to be waited for; a storage that is not ready begins to prepare itself."""
    if isinstance(reason, RetryAfter):
        return reason
    return RetryAfter([asyncio.ensure_future(context.prepare(reason))])


class Context:
    """One incoming message on its way through its handlers: a request, or a whole compound.

    `received` is when it came, in seconds of `perf_counter`.
    `session` and `tree` are there for every handler whose command needs them (all but NEGOTIATE,
    SESSION_SETUP, ECHO, CANCEL; LOGOFF and TREE_CONNECT have no tree). `entry` is the open that
    `request` is about, once that is known. `file_id` is what a related
    request inherits from the one before it, `failed` how that one failed, `held` how many bytes of
    answers wait for the rest of the compound. A request that had to wait and is tried again finds
    in `waiting_since` the last FileId of the time when it came.
    """

    __slots__ = (
        "_session",
        "_tree",
        "connection",
        "entry",
        "failed",
        "file_id",
        "held",
        "received",
        "related",
        "request",
        "waiting_since",
    )

    def __init__(self, connection: ServerConnection, received: float = 0.0) -> None:
        self.connection = connection
        self.received = received
        self.request: Request | None = None
        self.entry: Open | None = None
        self.related = False
        self.file_id: FileId | None = None
        self.failed: NtStatus | None = None
        self.held = 0
        self.waiting_since: int | None = None
        self._session: UserSession | None = None
        self._tree: ServerTree | None = None

    def describe(self) -> str:
        """Describe the request for the log: command, user and share."""
        command = getattr(self.request and self.request.header.command, "name", "a message")
        user = self._session and self._session.session.identity.user
        share = self._tree and self._tree.share
        on = f" on the share {share.name!r}" if share else ""
        return f"{self.connection.name}: {command} of {user or 'somebody'}{on}"

    def labels(self) -> dict[str, str | int]:
        """Return the attributes of a span of the request, without its outcome."""
        peer = self.connection.transport.peer
        labels: dict[str, str | int] = {
            "network.transport": peer.kind,
            "client.address": peer.remote[0],
            "client.port": peer.remote[1],
            "smb.connection": self.connection.trail.connection,
        }
        if self._session is not None:
            labels["user.name"] = self._session.session.identity.user
        if self._tree is not None and self._tree.share is not None:
            labels["smb.share"] = self._tree.share.name
        return labels

    def begin(self, request: Request, *, session: bool, tree: bool) -> None:
        """Begin the next request: find its session and tree, as far as it needs them.

        A related one goes on with those of its predecessor. Raises StatusError
        USER_SESSION_DELETED, NETWORK_NAME_DELETED or INVALID_PARAMETER, or ACCESS_DENIED for what
        should have been encrypted. [MS-SMB2] 3.3.5.2.7.2, 3.3.5.2.9, 3.3.5.2.11
        """
        self.request, self.entry = request, None
        self.related = request.related
        if not self.related:
            self.file_id = self.failed = self._session = self._tree = None
        if not session:
            return
        user_session = self.connection.services.sessions.get(request.session_id)
        if user_session is None:
            raise StatusError.of(NtStatus.USER_SESSION_DELETED)
        self._session = user_session
        if not tree:
            return
        if not self.related:
            self._tree = user_session.trees.get(request.tree_id)
        elif self._tree is not None:
            request.tree_id = self._tree.tree_id
            if request.tree_id not in user_session.trees:
                self._tree = None
        else:
            raise StatusError.of(NtStatus.INVALID_PARAMETER)
        if self._tree is None:
            raise StatusError.of(NtStatus.NETWORK_NAME_DELETED)
        if self._tree.encrypt and not (request.encrypted or self.transport_security):
            raise StatusError.of(NtStatus.ACCESS_DENIED)

    @property
    def session(self) -> UserSession:
        """The session of the request."""
        assert self._session is not None
        return self._session

    @property
    def tree(self) -> ServerTree:
        """The tree of the request."""
        assert self._tree is not None
        return self._tree

    @property
    def transport_security(self) -> bool:
        """Whether client and server have negotiated that QUIC's encryption is enough."""
        negotiated = self.connection.protocol.negotiated
        return negotiated is not None and negotiated.transport_security

    @property
    def negotiated(self) -> Negotiated:
        """The negotiated parameters; a request with a session comes after NEGOTIATE."""
        negotiated = self.connection.protocol.negotiated
        assert negotiated is not None
        return negotiated

    @property
    def limits(self) -> Limits:
        """The limits of the server."""
        return self.connection.services.limits

    @property
    def coroutines(self) -> StorageCoroutines | None:
        """The runner of handlers that wait for coroutines; None if the storage has none."""
        tree = self._tree
        return None if tree is None or tree.share is None else tree.share.coroutines

    def require_tree(self) -> None:
        """Raise NETWORK_NAME_DELETED if the tree was disconnected while a storage worked."""
        if self.session.trees.get(self.tree.tree_id) is not self._tree:
            raise StatusError.of(NtStatus.NETWORK_NAME_DELETED)

    def requester(self) -> Requester:
        """Return who sends the request."""
        protocol = self.connection.protocol
        return Requester(
            self.session.session.identity,
            protocol.client_guid,
            self.negotiated.dialect,
            leasing=bool(protocol.settings.capabilities & GlobalCapabilities.LEASING),
        )

    def auditor(self) -> FileAuditor | None:
        """Return what records the request's access to files; None where that is not recorded."""
        share, trail = self.tree.share, self.connection.trail
        if not trail.files or share is None:
            return None
        return FileAuditor(trail, self.session.session.identity, share.name)

    def enter(self, tree: ServerTree) -> None:
        """Set the tree that related requests go on with."""
        self._tree = tree

    def open(self, file_id: FileId) -> Open:
        """Return the open of a FileId ([MS-SMB2] 3.3.5.2.7.2 for related requests).

        Raises StatusError FILE_CLOSED if it is not open, or not in this request's tree; or what
        the request before failed with, if that should have opened it.
        """
        file_id = self._inherited(file_id)
        entry = self.session.opens.get(file_id.volatile)
        if (
            entry is None
            or entry.file_id.persistent != file_id.persistent
            or entry.owner.tree is not self._tree
        ):
            raise StatusError.of(NtStatus.FILE_CLOSED)
        request = self.request
        assert request is not None
        if not is_ordinary(request, entry):
            if entry.recovery.create is not None:
                # Whatever is done through an open, its CREATE has been answered.
                self.connection.services.create_replays.remove(entry)
            if self.negotiated.is_smb3:
                check(request, entry)
        self.entry = entry
        return entry

    def pipe(self, file_id: FileId) -> Pipe:
        """Return the pipe of a FileId, in a tree of IPC$."""
        file_id = self._inherited(file_id)
        pipe = self.session.pipes.get(file_id.volatile)
        if (
            pipe is None
            or pipe.file_id.persistent != file_id.persistent
            or pipe.tree is not self._tree
        ):
            raise StatusError.of(NtStatus.FILE_CLOSED)
        return pipe

    def _inherited(self, file_id: FileId) -> FileId:
        """Return the FileId of a request, which a related one may inherit from its predecessor."""
        if self.related and self.file_id is not None:
            return self.file_id
        if self.related and self.failed is not None:
            raise StatusError.of(self.failed)
        self.file_id = file_id
        return file_id

    @property
    def max_size(self) -> int:
        """The largest transact, read or write that was negotiated, in bytes."""
        return self.negotiated.max_transact_size

    async def prepare(self, reason: NotReady) -> None:
        """Have a storage prepare what it was asked for, by its own coroutine or on a thread."""
        if iscoroutinefunction(reason.prepare):
            await reason.prepare()
        else:
            await self._run_in_thread(reason.prepare)

    async def in_thread(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """Run what may block for long on another thread, of which a user has only some.

        Not cancelled with the request: a thread cannot be. What a storage has to prepare is done
        first. One with coroutines does not block: they are waited for.
        """
        while True:
            try:
                if self.coroutines is not None:
                    return await self.coroutines.run(function, *arguments)
                return await self._run_in_thread(function, *arguments)
            except NotReady as reason:
                await self.prepare(reason)

    async def _run_in_thread(self, function: Callable[..., _T], *arguments: Any) -> _T:
        threads = self.connection.quota.threads
        await threads.acquire()
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self.connection.services.threads, function, *arguments)
        future.add_done_callback(lambda _: threads.release())
        # After a cancellation nobody awaits the result: asyncio must not log its failure then.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(future)


Handler = Callable[[Context, Request], Outcome]
"""Handles a request. Raises what it fails with, and `RetryAfter` to be called again later."""
