"""What a handler gets to work with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.wire.file_id import FileId

if TYPE_CHECKING:
    from smbquic.protocol.server import Request
    from smbquic.server.connection import Connection
    from smbquic.server.open import Open
    from smbquic.server.server import Server
    from smbquic.server.session import SessionState
    from smbquic.server.tree import Tree

_T = TypeVar("_T")


@dataclass(slots=True, frozen=True)
class Answer:
    """A response body that goes out with a status other than success.

    For the few cases where [MS-SMB2] 3.3.4.4 wants both: BUFFER_OVERFLOW,
    MORE_PROCESSING_REQUIRED, NOTIFY_ENUM_DIR.
    """

    status: NtStatus
    body: Any


class Context:
    """One incoming message on its way through its handlers: a request, or a whole compound.

    `session` and `tree` are set for every handler whose command needs them (all but NEGOTIATE,
    SESSION_SETUP, ECHO, CANCEL; LOGOFF and TREE_CONNECT have no tree). `file_id` is what a related
    request inherits from the one before it.
    """

    __slots__ = ("connection", "file_id", "related", "server", "session", "tree")

    server: Server
    connection: Connection
    session: SessionState
    tree: Tree
    file_id: FileId | None
    related: bool

    def __init__(self, server: Server, connection: Connection) -> None:
        self.server = server
        self.connection = connection
        self.file_id = None
        self.related = False

    def open(self, file_id: FileId) -> Open:
        """What a FileId of a request stands for ([MS-SMB2] 3.3.5.2.7.2 for related ones).

        Raises StatusError FILE_CLOSED if it is not open, or not in this request's tree.
        """
        if self.related and self.file_id is not None:
            file_id = self.file_id
        else:
            self.file_id = file_id
        entry = self.session.opens.get(file_id.volatile)
        if (
            entry is None
            or entry.file_id.persistent != file_id.persistent
            or entry.tree is not self.tree
        ):
            raise StatusError.of(NtStatus.FILE_CLOSED)
        return entry

    @property
    def max_size(self) -> int:
        """The largest transact, read or write that was negotiated, in bytes."""
        return self.connection.protocol.max_size

    async def in_thread(self, entry: Open, function: Callable[..., _T], *arguments: Any) -> _T:
        """Runs what may block for long on another thread; `entry` stays open meanwhile.

        Not cancelled with the request: a thread cannot be.
        """
        entry.hold()
        future = asyncio.get_running_loop().run_in_executor(None, function, *arguments)
        future.add_done_callback(lambda _: entry.release())
        return await asyncio.shield(future)


Handler = Callable[["Context", "Request"], "Any | Awaitable[Any]"]
"""Gives the response body (or an `Answer`), or an awaitable of it for what may block."""
