"""A file that is open on the server, and opened again when the connection was lost."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from smbquic.client.reconnect import unknown_outcome
from smbquic.client.repeatable import are_repeatable
from smbquic.client.retry import LOSSES_ALLOWED
from smbquic.client.tree_connect import TreeConnect
from smbquic.errors import ConnectionClosed, UnflushedError
from smbquic.lazy_dataclass import dataclass
from smbquic.protocol.response import Response
from smbquic.wire.close import CloseRequest
from smbquic.wire.file_id import FileId
from smbquic.wire.flush import FlushRequest
from smbquic.wire.message import Message


@dataclass(frozen=True, slots=True)
class Reopened:
    """A file that was opened again. `kept` says that the server had kept it open meanwhile."""

    tree: TreeConnect
    file_id: FileId
    kept: bool


class Reopener(Protocol):
    """Opens a file again when its connection was lost."""

    async def open(self, lost: TreeConnect, file_id: FileId, cause: ConnectionClosed) -> Reopened:
        """Open it on a newer connection than that of `lost`, where it had the id `file_id`."""

    def renamed(self, path: str) -> None:
        """Note that the file has another path, by which it is opened again."""

    def closed(self, tree: TreeConnect) -> None:
        """Note that the file is closed, which was open on `tree`."""


class FileHandle:
    """An open on the server: its `file_id`, and the `tree` that this id is valid on.

    Without a `reopener`, a handle whose connection is lost stays lost.
    """

    def __init__(
        self, tree: TreeConnect, path: str, file_id: FileId, reopener: Reopener | None
    ) -> None:
        self.tree = tree
        self.file_id = file_id
        self._path = path
        self._reopener = reopener
        self._stays_lost = reopener is None
        self._lock = asyncio.Lock()
        self._closed = False
        self.locks = 0
        """Ranges that are locked."""
        self._locks_are_lost = False
        self._writes = 0
        """WRITEs that the server has answered."""
        self._flushed_writes = 0
        self._uncertain = False
        """Whether writes that were not flushed may be lost, and nobody was told so yet."""
        tree.channels.add_open()

    async def compound(self, build: Callable[[FileId], Sequence[Message]]) -> list[Response]:
        """Send the related requests that `build` makes for the file's id, and return the responses.

        When the connection is lost, the file is opened again and `build` is called once more.
        Raises `ConnectionClosed` if the server may have carried out what must not be done twice
        (`are_repeatable`) or there is no new connection, `UnflushedError` after a FLUSH.
        """
        for losses in range(LOSSES_ALLOWED + 1):
            tree, file_id, writes = self.tree, self.file_id, self._writes
            bodies = build(file_id)
            if self._locks_are_lost and not isinstance(bodies[-1], CloseRequest):
                raise ConnectionClosed(
                    f"{self._path}: the connection was lost, and its locks with it: others may have"
                    " changed what was locked; close the file and open it again"
                )
            try:
                responses = await tree.compound(bodies)
            except ConnectionClosed as error:
                if self._stays_lost or losses == LOSSES_ALLOWED:
                    raise
                # With other connections, the session has sent again what it may send again.
                goes_on = not tree.connection.closed
                if error.sent and (goes_on or not are_repeatable(bodies)):
                    raise unknown_outcome(error) from error
                await self._renew(tree, error)
                continue
            if isinstance(bodies[-1], FlushRequest) and not responses[-1].status.is_error:
                self._flushed(writes)
            return responses
        raise AssertionError("the last attempt returns or raises")

    async def _renew(self, lost: TreeConnect, cause: ConnectionClosed) -> None:
        """Open the file again, once for all tasks that have lost the same connection."""
        async with self._lock:
            if self.tree is not lost or not lost.connection.closed:
                return
            assert self._reopener is not None
            reopened = await self._reopener.open(lost, self.file_id, cause)
            if not reopened.kept:
                # A server whose machine has failed has lost what was only in its memory.
                self._uncertain |= self._writes != self._flushed_writes
                self._locks_are_lost = self.locks > 0
            self.tree, self.file_id = reopened.tree, reopened.file_id
            if not self._closed:
                lost.channels.remove_open()
                self.tree.channels.add_open()

    def written(self) -> None:
        """Note that a WRITE was answered, which only a FLUSH puts on the disk."""
        self._writes += 1

    def _flushed(self, writes: int) -> None:
        """Note that so many WRITEs are on the disk, or raise where some may have been lost."""
        self._flushed_writes = writes
        if self._uncertain:
            self._uncertain = False
            raise UnflushedError(
                f"{self._path}: the connection was lost and the file opened again; what was"
                " written before and not flushed may be missing: write or verify it once more"
            )

    def renamed(self, path: str) -> None:
        """Note that the file has another path now."""
        self._path = path
        if self._reopener is not None:
            self._reopener.renamed(path)

    def stay_lost(self) -> None:
        """Do not open the file again from now on: it is only to be closed after an error."""
        self._stays_lost = True

    def mark_closed(self) -> None:
        """Note that the file is closed, or about to be."""
        self._closed = True
        self.tree.channels.remove_open()
        if self._reopener is not None:
            self._reopener.closed(self.tree)
