"""The entries of a folder, page by page, also when the connection is lost in between.

A server keeps the position of a listing with its open, which ends with the connection. On a new one
the listing begins again, and leaves out the names that it has had.
"""

import asyncio
from array import array
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from smbquic.client import requests
from smbquic.client.names import check_listed
from smbquic.client.open_slots import OpenSlots
from smbquic.client.reconnect import ShareTree
from smbquic.client.retry import LOSSES_ALLOWED
from smbquic.client.stat import Stat
from smbquic.client.tree_connect import TreeConnect, check
from smbquic.errors import ConnectionClosed, RemoteProtocolError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.response import Response
from smbquic.wire.create import CreateRequest
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.directory_information import DirectoryEntry, decode_entries
from smbquic.wire.fscc.file_information import FileInformationClass
from smbquic.wire.query_directory import QueryDirectoryRequest

PAGE = 1 << 20
"""Bytes of directory entries asked for at a time."""
AHEAD = 2
"""Pages that are asked for while one is looked at: one is on its way, the server lists another."""
LONGEST_LISTING = 512 << 20
"""Bytes that the entries of one folder may need: with names of usual length, over a million."""
_ENTRY_MEMORY = 256
"""Bytes that an entry needs besides those that it came in."""

_ENTRY_CLASS = FileInformationClass.FileIdFullDirectoryInformation
_NO_MORE = (NtStatus.NO_MORE_FILES, NtStatus.NO_SUCH_FILE)


class FolderListing:
    """One listing of the folder that `opening` opens, of the names that match `pattern`."""

    def __init__(
        self,
        share_tree: ShareTree,
        open_slots: OpenSlots,
        path: str,
        opening: CreateRequest,
        pattern: str,
    ) -> None:
        self._share_tree = share_tree
        self._open_slots = open_slots
        self._path = path
        self._opening = opening
        self._pattern = pattern
        # Hashes, of which a million take little memory; two names with the same one are as good as
        # impossible, as nobody else knows how this process computes them.
        self._listed = array("q")

    async def entries(self) -> AsyncGenerator[Stat, None]:
        """Yield the entries while the server lists them."""
        for losses in range(LOSSES_ALLOWED + 1):
            before = frozenset(self._listed)
            tree, file_id, pages = await self._begin()
            try:
                async with aclosing(self._read(tree, file_id, pages)) as listed:
                    async for page in listed:
                        for entry in self._unlisted(page, before):
                            yield entry
                return
            except ConnectionClosed as error:
                if losses == LOSSES_ALLOWED:
                    raise
                await self._share_tree.renew(tree, error)

    def _unlisted(self, page: list[DirectoryEntry], before: frozenset[int]) -> Iterator[Stat]:
        """Yield the entries that were not listed before a connection was lost."""
        for entry in page:
            name = entry.file_name
            key = hash(name)
            if name not in (".", "..") and key not in before:
                self._listed.append(key)
                yield Stat.of(check_listed(name), entry)

    async def _begin(self) -> tuple[TreeConnect, FileId, list[Response]]:
        """Open the folder and ask for the first two pages in the same message.

        The second says of most folders that there is no more.
        """

        async def begin(tree: TreeConnect) -> tuple[TreeConnect, FileId, list[Response]]:
            bodies = [self._opening, self._query(tree), self._query(tree)]
            opened, *pages = await tree.compound(bodies)
            check(opened, self._path)
            return tree, opened.body.file_id, pages

        return await self._open_slots.run(lambda: self._share_tree.repeat(begin, repeatable=True))

    def _query(self, tree: TreeConnect, file_id: FileId = FileId.RELATED) -> QueryDirectoryRequest:
        negotiated = tree.connection.protocol.negotiated
        assert negotiated is not None
        size = min(PAGE, negotiated.max_transact_size)
        return QueryDirectoryRequest(
            file_information_class=_ENTRY_CLASS,
            file_id=file_id,
            output_buffer_length=tree.connection.credits.limit_payload(size),
            file_name=self._pattern,
        )

    async def _read(
        self, tree: TreeConnect, file_id: FileId, first: list[Response]
    ) -> AsyncGenerator[list[DirectoryEntry], None]:
        """Yield the entries of each page, asking for the next ones meanwhile; closes the folder."""
        query = self._query(tree, file_id)
        tree.channels.add_open()
        pages = deque(first)
        following: deque[asyncio.Task[Response]] = deque()
        ended = False
        size = 0
        try:
            while pages or following:
                page = pages.popleft() if pages else await following.popleft()
                if page.status in _NO_MORE:
                    ended = True
                    continue
                check(page, self._path)
                entries = decode_entries(_ENTRY_CLASS, memoryview(page.body.buffer))
                size += len(page.body.buffer) + _ENTRY_MEMORY * len(entries)
                _check_size(self._path, len(entries), size)
                while not (pages or ended) and len(following) < AHEAD:
                    request = tree.request(query, self._path, _NO_MORE)
                    following.append(asyncio.create_task(request))
                yield entries
        finally:
            tree.channels.remove_open()
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)
            if not tree.connection.closed:
                await tree.request(requests.close(file_id), self._path)


def _check_size(path: str, entries: int, size: int) -> None:
    """Raise `RemoteProtocolError` where a server goes on listing for ever."""
    if not entries:
        raise RemoteProtocolError(f"{path or 'the share'}: the server lists on, and nothing new")
    if size > LONGEST_LISTING:
        raise RemoteProtocolError(
            f"{path or 'the share'}: the server lists more than {LONGEST_LISTING >> 20} MiB of"
            " entries in one folder; name those that you want with a pattern"
        )
