"""A session of a user, with its trees and opens. [MS-SMB2] 3.3.1.8"""

from __future__ import annotations

import asyncio
from dataclasses import field
from math import isinf
from typing import Protocol

from smbquic.errors import StatusError
from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.overload.budget import TREE, UserBudget
from smbquic.protocol.session import ServerSession
from smbquic.server.batches import BATCH, BackgroundTasks, Steps
from smbquic.server.opens.durable_handles import DurableHandleTable
from smbquic.server.opens.open import Open
from smbquic.server.rpc.pipe import Pipe
from smbquic.server.security.accounts import Token, token_of
from smbquic.server.share import PIPE_SHARE, ServedShare
from smbquic.server.tree import ServerTree
from smbquic.storage.partial import is_temporary_name
from smbquic.transport.base import MessageTransport
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.message import Message

# A tree id of 0 means "none" and all ones is what related requests inherit.
_LAST_TREE_ID = 0xFFFF_FFFE


class SessionChannel(Protocol):
    """A connection that a session is bound to."""

    transport: MessageTransport

    def notify(self, session: ServerSession, body: Message) -> bool:
        """Send a message that answers no request; return False if the connection is closed."""

    def count_opens(self, change: int) -> None:
        """Count a file that a session opened or closed."""

    def drop_session(self, session: ServerSession) -> None:
        """Accept no more requests of a session."""


@dataclass(slots=True, eq=False)
class UserSession:
    """The tables of a session. `session` is its part in the protocol: id, identity and keys.

    `channels` are the connections that it is bound to, at least one as long as it lasts. `expiry`
    is the timer for the end of its logon, if that has an end. `memory` is its user's budget for
    what the server keeps, `cost` what the session itself takes of it.
    """

    session: ServerSession
    limits: Limits
    durables: DurableHandleTable
    memory: UserBudget
    cost: int = 0
    channels: list[SessionChannel] = field(default_factory=list)
    trees: dict[int, ServerTree] = field(default_factory=dict)
    opens: dict[int, Open] = field(default_factory=dict)
    pipes: dict[int, Pipe] = field(default_factory=dict)
    last_tree_id: int = 0
    expiry: asyncio.TimerHandle | None = None

    @property
    def token(self) -> Token:
        """The SIDs of the user, for security descriptors."""
        return token_of(self.session.identity)

    def next_tree_id(self) -> int:
        """Return an id that no tree of this session has."""
        tree_id = self.last_tree_id
        while True:
            tree_id = tree_id % _LAST_TREE_ID + 1
            if tree_id not in self.trees:
                self.last_tree_id = tree_id
                return tree_id

    def notify(self, body: Message) -> bool:
        """Send the client a message that answers no request; return False without a connection."""
        return any(connection.notify(self.session, body) for connection in self.channels)

    def join(self, connection: SessionChannel) -> None:
        """Add a connection that the session was bound to."""
        self.channels.append(connection)
        connection.count_opens(len(self.opens))

    def leave(self, connection: SessionChannel) -> None:
        """Remove a connection; the session goes on with the others."""
        self.channels.remove(connection)
        connection.count_opens(-len(self.opens))

    def add(self, entry: Open) -> None:
        """Add an open; the connections are kept alive while there is one."""
        self.opens[entry.file_id.volatile] = entry
        for connection in self.channels:
            connection.count_opens(1)

    def remove(self, entry: Open) -> None:
        """Remove an open."""
        del self.opens[entry.file_id.volatile]
        for connection in self.channels:
            connection.count_opens(-1)

    def close_pipe(self, pipe: Pipe) -> None:
        """Close a pipe."""
        del self.pipes[pipe.file_id.volatile]
        pipe.close()

    def __post_init__(self) -> None:
        self.memory.change(self.cost)

    def connect(self, tree: ServerTree) -> None:
        """Add a tree; raise StatusError INSUFFICIENT_RESOURCES if there are too many."""
        if len(self.trees) >= self.limits.trees or not self.memory.has_room(TREE):
            raise StatusError.of(NtStatus.INSUFFICIENT_RESOURCES)
        self.memory.change(TREE)
        self.trees[tree.tree_id] = tree

    def disconnecting(self, tree: ServerTree) -> Steps:
        """End a tree and every open in it, in steps; nobody can use it from the first one on."""
        del self.trees[tree.tree_id]
        self.memory.change(-TREE)
        for pipe in [pipe for pipe in self.pipes.values() if pipe.tree is tree]:
            self.close_pipe(pipe)
        entries = [entry for entry in self.opens.values() if entry.owner.tree is tree]
        yield from self._closing(entries, keep=False)

    def renew(self) -> None:
        """Start the timer for the end of the logon. [MS-SMB2] 3.3.6.3"""
        self._cancel_expiry()
        seconds = self.limits.session_seconds
        if not isinf(seconds):
            self.expiry = asyncio.get_running_loop().call_later(seconds, self._expire)

    def _expire(self) -> None:
        self.session.expire()

    def _cancel_expiry(self) -> None:
        if self.expiry is not None:
            self.expiry.cancel()
            self.expiry = None

    def ending(self, *, keep: bool) -> Steps:
        """End every tree and open, in steps; `keep` lets durable ones wait for their owner."""
        self._cancel_expiry()
        for pipe in list(self.pipes.values()):
            self.close_pipe(pipe)
        self.memory.change(-self.cost - TREE * len(self.trees))
        self.trees.clear()
        yield from self._closing(list(self.opens.values()), keep=keep)

    def _closing(self, entries: list[Open], *, keep: bool) -> Steps:
        for number, entry in enumerate(entries, 1):
            while (
                self._has(entry)
                and entry.file_state.locks.count_of(entry) > BATCH
                and not (keep and entry.recovery.durable)
            ):
                entry.file_state.locks.remove_some(entry, BATCH)
                yield
            # Another request may have closed it between two batches.
            if self._has(entry):
                if keep and self.durables.keep(entry):
                    entry.detach()
                else:
                    _close_left_open(entry)
            if not number % BATCH and number < len(entries):
                yield

    def _has(self, entry: Open) -> bool:
        return self.opens.get(entry.file_id.volatile) is entry


def _close_left_open(entry: Open) -> None:
    """Close an open that its client has left; delete the file of an unfinished transfer."""
    last = entry.file.name.rpartition("\\")[2]
    if entry.access.granted & AccessMask.DELETE and is_temporary_name(last):
        entry.mode.delete_on_close = True
    entry.close()


class UserSessions(dict[int, UserSession]):
    """The sessions of a server by id; `background` closes what they have left open."""

    def __init__(self) -> None:
        super().__init__()
        self.background = BackgroundTasks()

    def end(self, session: ServerSession, *, keep: bool = True) -> asyncio.Task[None] | None:
        """End a session on all of its connections, and close what it had open.

        With `keep`, its durable opens wait for its owner's return. Returns the task that closes
        what is left, if there is much; nobody can use the session meanwhile.
        """
        user_session = self.pop(session.id, None)
        if user_session is None:
            return None
        for channel in user_session.channels:
            channel.drop_session(session)
        return self.background.run(user_session.ending(keep=keep))

    def disconnect_share(self, share: ServedShare) -> int:
        """End every tree of a share; return how many there were."""
        trees = [
            (session, tree)
            for session in self.values()
            for tree in session.trees.values()
            if tree.share is share
        ]
        for session, tree in trees:
            self.background.run(session.disconnecting(tree))
        return len(trees)

    def count_trees(self) -> dict[str, int]:
        """Return how many trees there are of each share, by its name."""
        uses: dict[str, int] = {}
        for session in self.values():
            for tree in session.trees.values():
                name = PIPE_SHARE if tree.share is None else tree.share.name
                uses[name] = uses.get(name, 0) + 1
        return uses
