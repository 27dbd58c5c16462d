"""Changes in a folder, as the server reports them. [MS-SMB2] 3.2.4.17, [MS-FSCC] 2.7.1"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from enum import StrEnum
from types import TracebackType
from typing import Self

from smbquic.client import requests
from smbquic.client.names import check_listed, join, split_path, to_wire
from smbquic.client.reconnect import ShareTree
from smbquic.client.tree_connect import TreeConnect
from smbquic.errors import ConnectionClosed, NotFoundError
from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus
from smbquic.protocol.response import Response
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.change_notify import ChangeNotifyFlags, ChangeNotifyRequest, CompletionFilter
from smbquic.wire.create import CreateOptions
from smbquic.wire.cursor import Buffer
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.notify_information import (
    NotifyAction,
    NotifyInformation,
    decode_notifications,
)

ANSWER = 1 << 16
"""Bytes of changes that one answer may have; the server keeps as many between two requests."""
MOST_CHANGES = 16_384
"""Changes that are kept for a program that is slow to take them."""
NEW_NAME_TIMEOUT = 1.0
"""Seconds that a rename's old name is kept for its new one, which may come in another answer."""

DEFAULT_CHANGES = (
    CompletionFilter.FILE_NOTIFY_CHANGE_FILE_NAME
    | CompletionFilter.FILE_NOTIFY_CHANGE_DIR_NAME
    | CompletionFilter.FILE_NOTIFY_CHANGE_ATTRIBUTES
    | CompletionFilter.FILE_NOTIFY_CHANGE_SIZE
    | CompletionFilter.FILE_NOTIFY_CHANGE_LAST_WRITE
)
"""The changes that are reported by default: of names, content and attributes."""

_GONE = frozenset({NtStatus.NOTIFY_CLEANUP, NtStatus.DELETE_PENDING})


class ShareChangeKind(StrEnum):
    """A change of a file or folder."""

    ADDED = "added"
    REMOVED = "removed"
    MODIFIED = "modified"
    RENAMED = "renamed"
    STREAM_ADDED = "stream added"
    STREAM_REMOVED = "stream removed"
    STREAM_MODIFIED = "stream modified"
    OVERFLOW = "overflow"
    """More has changed than was kept, or the connection was lost: list the folder again."""


_KINDS: dict[int, ShareChangeKind] = {
    NotifyAction.FILE_ACTION_ADDED: ShareChangeKind.ADDED,
    NotifyAction.FILE_ACTION_REMOVED: ShareChangeKind.REMOVED,
    NotifyAction.FILE_ACTION_REMOVED_BY_DELETE: ShareChangeKind.REMOVED,
    NotifyAction.FILE_ACTION_MODIFIED: ShareChangeKind.MODIFIED,
    NotifyAction.FILE_ACTION_RENAMED_NEW_NAME: ShareChangeKind.ADDED,
    NotifyAction.FILE_ACTION_ADDED_STREAM: ShareChangeKind.STREAM_ADDED,
    NotifyAction.FILE_ACTION_REMOVED_STREAM: ShareChangeKind.STREAM_REMOVED,
    NotifyAction.FILE_ACTION_MODIFIED_STREAM: ShareChangeKind.STREAM_MODIFIED,
}
_OF_STREAMS = {
    ShareChangeKind.STREAM_ADDED,
    ShareChangeKind.STREAM_REMOVED,
    ShareChangeKind.STREAM_MODIFIED,
}


@dataclass(frozen=True, slots=True)
class ShareChange:
    """A change of the file or folder `path`, or of its stream that the path ends with.

    `old_path` is the name before a rename. For an overflow, `path` is the watched folder.
    """

    kind: ShareChangeKind
    path: str
    old_path: str | None = None


class ShareWatch:
    """The changes of a folder: ``async for change in watch``.

    Inside ``async with share.watch(path) as watch``, all changes since it was entered are
    reported. Without it, those since the loop has begun.
    """

    def __init__(
        self, share_tree: ShareTree, path: str, *, recursive: bool, changes: CompletionFilter
    ) -> None:
        self.path = "/".join(split_path(path))
        self._share_tree = share_tree
        self._tree = share_tree.current
        self._recursive = recursive
        self._filter = changes
        self._file_id: FileId | None = None
        self._asked: asyncio.Task[Response] | None = None
        self._receiving: asyncio.Task[None] | None = None
        self._kept: deque[ShareChange] = deque()
        self._arrived = asyncio.Event()
        self._old_name: str | None = None

    async def __aenter__(self) -> Self:
        """Open the folder, and return once the server watches it. Raises `StatusError`."""
        await self._open()
        try:
            await self._begin()
            self._receiving = asyncio.create_task(self._receive())
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Cancel the request that is under way, and close the folder."""
        tasks = [task for task in (self._receiving, self._asked) if task is not None]
        self._receiving = self._asked = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._close()

    def __aiter__(self) -> AsyncGenerator[ShareChange, None]:
        return self._changes() if self._receiving is not None else self._entered()

    async def _entered(self) -> AsyncGenerator[ShareChange, None]:
        async with self, aclosing(self._changes()) as changes:
            async for change in changes:
                yield change

    async def _changes(self) -> AsyncGenerator[ShareChange, None]:
        """Yield what has been kept and what comes. Raises what ends the watch."""
        while True:
            while self._kept:
                yield self._kept.popleft()
            self._arrived.clear()
            if self._receiving is None or self._receiving.done():
                if self._receiving is not None:
                    self._receiving.result()
                return
            await self._arrived.wait()

    # --- the folder on the server ---------------------------------------------------------------

    async def _open(self) -> None:
        access = AccessMask.FILE_LIST_DIRECTORY | requests.STAT
        opening = requests.create(
            to_wire(self.path), access, options=CreateOptions.FILE_DIRECTORY_FILE
        )

        async def send(tree: TreeConnect) -> tuple[TreeConnect, Response]:
            return tree, await tree.request(opening, self.path)

        self._tree, response = await self._share_tree.repeat(send, repeatable=True)
        self._file_id = response.body.file_id
        self._tree.channels.add_open()

    async def _open_again(self, cause: ConnectionClosed) -> None:
        """Open the folder on a new connection, where there is one. Raises `cause` or its like."""
        await self._close()
        await self._share_tree.renew(self._tree, cause)
        await self._open()
        await self._begin()

    async def _close(self) -> None:
        if self._file_id is None:
            return
        file_id, self._file_id = self._file_id, None
        await self._tree.close(file_id, self.path)

    async def _begin(self) -> None:
        """Have the first request under way, and return once the server watches the folder."""
        self._ask()
        await asyncio.sleep(0)  # the request is sent
        await self._reach_server()

    async def _reach_server(self) -> None:
        """Wait for the answer to a request that comes after the first CHANGE_NOTIFY.

        From that on the server keeps the changes between two requests ([MS-FSA] 2.1.5.11).
        """
        assert self._file_id is not None
        await self._tree.request(requests.query_standard(self._file_id), self.path)

    # --- what it reports ------------------------------------------------------------------------

    def _ask(self) -> None:
        """Have a request under way."""
        assert self._file_id is not None
        request = ChangeNotifyRequest(
            ChangeNotifyFlags.WATCH_TREE if self._recursive else 0,
            ANSWER,
            self._file_id,
            self._filter,
        )
        self._asked = asyncio.create_task(
            self._tree.request(request, self.path, {NtStatus.NOTIFY_ENUM_DIR, *_GONE})
        )

    async def _receive(self) -> None:
        """Keep what the answers report, with one request under way all the time."""
        try:
            while True:
                try:
                    response = await self._answer()
                except ConnectionClosed as error:
                    await self._open_again(error)
                    self._overflow()
                    continue
                if response.status in _GONE:
                    raise NotFoundError(response.status, "CHANGE_NOTIFY", self.path)
                self._ask()
                self._keep(response)
        finally:
            self._arrived.set()

    async def _answer(self) -> Response:
        assert self._asked is not None
        if self._old_name is not None:
            await asyncio.wait([self._asked], timeout=NEW_NAME_TIMEOUT)
            if not self._asked.done():
                self._kept.extend(self._without_new_name())
                self._arrived.set()
        return await self._asked

    def _keep(self, response: Response) -> None:
        data: Buffer = response.body.buffer if response.status == NtStatus.SUCCESS else b""
        if not data:
            self._overflow()
            return
        for notification in decode_notifications(memoryview(data)):
            self._kept.extend(self._understood(notification))
        if len(self._kept) > MOST_CHANGES:
            self._overflow()
        self._arrived.set()

    def _overflow(self) -> None:
        """Forget all changes: a program that lists the folder again sees what they were."""
        self._old_name = None
        self._kept.clear()
        self._kept.append(ShareChange(ShareChangeKind.OVERFLOW, self.path))
        self._arrived.set()

    def _understood(self, notification: NotifyInformation) -> Iterator[ShareChange]:
        """Yield the changes that a notification completes; a rename comes as two.

        Without its other half it is a file that came from, or went to, another folder.
        """
        action = notification.action
        if action == NotifyAction.FILE_ACTION_RENAMED_NEW_NAME and self._old_name is not None:
            old_path, self._old_name = self._old_name, None
            yield ShareChange(ShareChangeKind.RENAMED, self._path(notification.file_name), old_path)
            return
        yield from self._without_new_name()
        if action == NotifyAction.FILE_ACTION_RENAMED_OLD_NAME:
            self._old_name = self._path(notification.file_name)
            return
        kind = _KINDS.get(action)
        if kind is None:
            return
        name, mark, stream = notification.file_name, "", ""
        if kind in _OF_STREAMS:
            name, mark, stream = name.partition(":")
        yield ShareChange(kind, f"{self._path(name)}{mark}{stream}")

    def _without_new_name(self) -> Iterator[ShareChange]:
        """Yield what an old name means whose new one has not come."""
        if self._old_name is not None:
            old_name, self._old_name = self._old_name, None
            yield ShareChange(ShareChangeKind.REMOVED, old_name)

    def _path(self, name: str) -> str:
        """Return the path of a name that the server reports. Raises `SecurityError`."""
        path = self.path
        for part in name.split("\\"):
            path = join(path, check_listed(part))
        return path
