"""A file that is open on the server, with what is cached of its content."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from smbquic.client.cache.blocks import BLOCK, BlockCache
from smbquic.client.cache.fetching import BlockFetcher
from smbquic.client.cache.server_opens import ServerOpens
from smbquic.client.cache.write_behind import WriteBehind
from smbquic.client.file import File, read_range, read_size, write_range, write_size
from smbquic.client.files import ShareFiles
from smbquic.client.leases import HANDLE, READ, WRITE, CacheLease
from smbquic.client.opening import FileMode
from smbquic.client.stat import Stat
from smbquic.client.tree_connect import TreeConnect
from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.wire.create import (
    CreateDisposition,
    CreateRequest,
    CreateResponse,
)
from smbquic.wire.cursor import Buffer
from smbquic.wire.oplock_break import LeaseBreakNotification

_READING = READ | HANDLE
_WRITING = READ | WRITE | HANDLE


class ContentOwner(Protocol):
    """What knows all files with cached content."""

    def changed(self, content: "CachedContent") -> None:
        """Note that what is known of the metadata of a file is no longer true."""

    def lost(self, content: "CachedContent") -> None:
        """Note that a file may have another name now, and others may need it closed."""

    def renamed(self, content: "CachedContent", path: str) -> None:
        """Note that a file is about to have another path."""

    def now(self) -> float:
        """Return the time of the clock."""


class CachedContent(CacheLease):
    """One file of the share, for all programs that have it open through the cache."""

    def __init__(
        self,
        share: ShareFiles,
        path: str,
        blocks: BlockCache,
        parent_key: bytes | None,
        *,
        owner: "ContentOwner",
    ) -> None:
        super().__init__(_READING, parent_key)
        self.path = path
        self.users: dict[object, Callable[[Exception], None]] = {}
        """Programs' opens of the file, and whom to tell of what was not written."""
        self.opening = asyncio.Lock()
        self.leased_at = 0.0
        self.wrote = False
        """Whether it was written to, which the server tells others when it is closed."""
        self._stat: Stat | None = None
        self._opens = ServerOpens(share, self)
        self._blocks = blocks
        self._owner = owner
        self._size: int | None = None
        """How long the file is; None if that is not known, or others may change it."""
        # Grows with each change of what is known. Whoever waits for an answer of the server
        # compares it: an answer to a question from before a change may be true no more, and is not
        # kept.
        self._version = self._asked_version = 0
        self._fetcher = BlockFetcher(self, blocks, self._fetch_run)
        self._changing = asyncio.Lock()
        self._behind: WriteBehind | None = None
        self._is_closed = False

    # --- opening ------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether it is open on the server."""
        return self._opens.is_open

    @property
    def keeps_name(self) -> bool:
        """Whether its name still means this file, as nobody could take it without a word."""
        return bool(self.state & HANDLE)

    @property
    def is_exact(self) -> bool:
        """Whether nothing of it can change without a word."""
        return bool(self.state & READ)

    async def acquire(self, mode: FileMode) -> None:
        """Have the file open on the server as a mode of `open` says. Called inside `opening`."""
        there = self.is_open
        if there and mode.disposition == CreateDisposition.FILE_CREATE:
            raise StatusError.of(NtStatus.OBJECT_NAME_COLLISION, "CREATE", self.path)
        if mode.writable:
            self.wanted = _WRITING
        # What is open already is there, and is not to be made or emptied by another CREATE.
        disposition = CreateDisposition.FILE_OPEN if there else mode.disposition
        file = await self._opens.acquire(self.path, mode, disposition)
        if file is not None:
            self._note_opened(file.opened)
        if there and mode.disposition == CreateDisposition.FILE_OVERWRITE_IF:
            await self.truncate(0)

    def _note_opened(self, response: CreateResponse) -> None:
        # Without a lease to read, others may have written since the server has answered.
        if self._size is None and self._asked_version == self._version and self.is_exact:
            self._size = response.end_of_file
        self._stat = Stat.of(self.path.rpartition("/")[2], response)

    def request(self, tree: TreeConnect, opening: CreateRequest) -> CreateRequest:
        """See `CacheLease`."""
        asking = super().request(tree, opening)
        self._asked_version = self._version
        return asking

    def opened(self, response: CreateResponse) -> None:
        """See `CacheLease`."""
        before, version = self.is_exact, self._version
        super().opened(response)
        if not before:
            self.leased_at = self._owner.now()
        if version != self._version:
            self._owner.changed(self)

    def take_stat(self) -> Stat | None:
        """Return what the server has just said of the file; None if it was not asked."""
        stat, self._stat = self._stat, None
        return stat

    def renamed(self, path: str) -> None:
        """Note that the file has another path now, after the cache was told of the change."""
        self._owner.renamed(self, path)
        self.path = path
        self._opens.renamed(path)

    # --- reading ------------------------------------------------------------------------------

    async def size(self) -> int:
        """Return how long the file is."""
        if self._size is not None and self.is_exact:
            return self._size
        # The server does not know yet how long the file is with what was written behind.
        await self.drain()
        version = self._version
        size = await self.any_file().size()
        if version == self._version and self.is_exact:
            self._size = size
        return size

    async def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes at `offset`, less only at the end of the file."""
        if self._size is None and self.is_exact:
            await self.size()
        if self._size is None or not self.is_exact:
            await self.drain()
            return await read_range(self._opens.reading, offset, size)
        size = min(size, self._size - offset)
        if size <= 0:
            return b""
        first, last = offset // BLOCK, (offset + size - 1) // BLOCK
        blocks = await self._fetcher.get(range(first, last + 1), self._size, self._run_length())
        data = b"".join(_whole_blocks(blocks))
        return data[offset - first * BLOCK :][:size]

    def read_ahead(self, offset: int, size: int) -> None:
        """Have the blocks of a range on their way."""
        if self.is_exact and self._size is not None:
            last = min(offset + size, self._size)
            blocks = range(offset // BLOCK, -(-last // BLOCK))
            self._fetcher.start(blocks, self._size, self._run_length())

    def _run_length(self) -> int:
        """Return how many blocks one READ moves."""
        return max(read_size(self.any_file().tree) // BLOCK, 1)

    async def _fetch_run(self, first: int, count: int) -> dict[int, bytes]:
        """Read blocks from the server, and keep them if nothing has changed meanwhile."""
        # A READ and a WRITE of the same bytes that are under way together come in any order.
        await self.drain()
        version = self._version
        data = await read_range(self._opens.reading, first * BLOCK, count * BLOCK)
        blocks = {
            first + number: data[number * BLOCK : (number + 1) * BLOCK] for number in range(count)
        }
        if version == self._version and self.is_exact:
            for index, block in blocks.items():
                if block:
                    self._blocks.put(self, index, block)
        return blocks

    def any_file(self) -> File:
        """Return an open of the file on the server, the one that may write if there is one."""
        return self._opens.any

    # --- writing ------------------------------------------------------------------------------

    async def write(self, offset: int, data: Buffer) -> int:
        """Write all of `data` at `offset`, later if the lease allows that; the number of bytes."""
        view = memoryview(data).cast("B")
        if not view:
            return 0
        async with self._changing:
            if self._size is None and self.state & WRITE:
                await self.size()
            self._note_change()
            known = self._size is not None and self.is_exact
            # The blocks first: whoever reads while the WRITE is under way finds the new bytes.
            if known:
                self._overwrite(offset, view)
            if known and self.state & WRITE:
                await self._write_behind().write(offset, view)
            else:
                await self._write_through(offset, view)
        return len(view)

    async def _write_through(self, offset: int, view: memoryview) -> None:
        # What was written before, while there was a lease to, has to be there before.
        await self.drain()
        try:
            await self._send(offset, view)
        except BaseException:
            self.purge()  # nobody knows what is in the file now
            raise
        # Once more: what was read while the WRITE was under way may be from before it.
        self._note_change()

    def _overwrite(self, offset: int, view: memoryview) -> None:
        assert self._size is not None
        end = offset + len(view)
        if offset > self._size:
            self._blocks.drop(self, self._size // BLOCK)  # zeros follow on what it ends with
        self._blocks.overwrite(self, offset, view, at_end=end >= self._size)
        self._size = max(self._size, end)

    def _write_behind(self) -> WriteBehind:
        if self._behind is None:
            self._behind = WriteBehind(
                self._send, write_size(self.any_file().tree), self._write_failed
            )
        return self._behind

    async def _send(self, offset: int, data: Buffer) -> None:
        await write_range(self._opens.writing, offset, memoryview(data))

    def _write_failed(self, error: Exception) -> None:
        self.purge()
        for tell in self.users.values():
            tell(error)

    def _note_change(self) -> None:
        """Note that the file changes through us: what is being read may be from before."""
        self.wrote = True
        self._stat = None
        self._version += 1
        self._fetcher.forget()
        self._owner.changed(self)

    async def drain(self) -> None:
        """Wait until the server has all that was written."""
        if self._behind is not None:
            await self._behind.drain()

    async def truncate(self, size: int) -> None:
        """Make the file `size` bytes long."""
        async with self._changing:
            await self.drain()
            self._note_change()
            self._blocks.drop(self)
            self._size, version = None, self._version
            await self._opens.writing.truncate(size)
            self._blocks.drop(self)  # what was read meanwhile
            if version == self._version and self.is_exact:
                self._size = size
            self._note_change()

    async def flush(self) -> None:
        """Have the server put the file on its disk. Raises `UnflushedError`."""
        await self.drain()
        await self._opens.flush()

    # --- the lease ----------------------------------------------------------------------------

    def purge(self) -> None:
        """See `CacheLease`."""
        self._version += 1
        self._fetcher.forget()
        self._size = self._stat = None
        self._blocks.drop(self)

    def reduce(self, notification: LeaseBreakNotification) -> None:
        """See `CacheLease`."""
        version = self._version
        super().reduce(notification)
        if version != self._version:
            self._owner.changed(self)
        if not self.state & HANDLE:
            self._owner.lost(self)

    async def give_back(self) -> bool:
        """See `CacheLease`."""
        # The server gives the next client its lease once this one is acknowledged: by then what
        # was written has to be there, and a handle closed that is kept for nobody.
        if not self.state & WRITE:
            await self.drain()
        if not self.state & HANDLE and not self.users:
            await self.close()
        return not self._is_closed

    async def close(self) -> None:
        """Send what was written, and close the file on the server."""
        self._is_closed = True
        await self.drain()
        self._fetcher.cancel()
        try:
            await self._opens.close()
        finally:
            self.end()


def _whole_blocks(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield blocks up to the first short one: the file ends there."""
    for block in blocks:
        yield block
        if len(block) < BLOCK:
            return
