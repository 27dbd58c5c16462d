"""An open file on a share."""

import asyncio
import os
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import suppress
from functools import partial
from types import TracebackType

from smbquic.client import requests
from smbquic.client.concurrency import run_each, run_to_completion
from smbquic.client.file_handle import FileHandle, Reopener
from smbquic.client.opening import Opening
from smbquic.client.range_lock import RangeLock, lock_request
from smbquic.client.tree_connect import TreeConnect, check
from smbquic.errors import (
    RemoteProtocolError,
    SmbError,
    SourceChangedError,
)
from smbquic.ntstatus import NtStatus
from smbquic.protocol.response import Response
from smbquic.wire.close import CloseFlags, CloseResponse
from smbquic.wire.create import CreateResponse
from smbquic.wire.cursor import Buffer
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.file_information import StandardInformation
from smbquic.wire.lock import LockFlags
from smbquic.wire.message import Message

CHUNK = 1 << 20
"""Bytes that one READ or WRITE of a longer transfer moves, where the server allows as much."""

WINDOW = 16
"""READs or WRITEs of one transfer that are under way at once."""


def read_size(tree: TreeConnect) -> int:
    """Return how many bytes one READ of a transfer moves, given the server's limits."""
    negotiated = tree.connection.protocol.negotiated
    assert negotiated is not None
    return _limited(tree, negotiated.max_read_size)


def write_size(tree: TreeConnect) -> int:
    """Return how many bytes one WRITE of a transfer moves, given the server's limits."""
    negotiated = tree.connection.protocol.negotiated
    assert negotiated is not None
    return _limited(tree, negotiated.max_write_size)


def _limited(tree: TreeConnect, size: int) -> int:
    return tree.connection.credits.limit_payload(min(CHUNK, size))


class File:
    """An open file without buffers, used much as one of Python's own, but with `await`.

    Several tasks may use `read_at` and `write_at` at once; `read`, `write` and `seek` share one
    position. With a `reopener`, a file whose connection was lost is opened again when it is used.
    """

    def __init__(
        self,
        tree: TreeConnect,
        path: str,
        opened: CreateResponse,
        reopener: Reopener | None = None,
    ) -> None:
        self.path = path
        self.opened = opened
        self._handle = FileHandle(tree, path, opened.file_id, reopener)
        self._position = 0
        self._closed = False

    @property
    def tree(self) -> TreeConnect:
        """The tree connect that it is open on: a newer one after its connection was lost."""
        return self._handle.tree

    @property
    def file_id(self) -> FileId:
        """Its id on the newest connection; on any other it means nothing."""
        return self._handle.file_id

    async def request(
        self, build: Callable[[FileId], Message], accept: Container[NtStatus] = ()
    ) -> Response:
        """Send the request that `build` makes for the file's id, again after a lost connection.

        Raises `StatusError` for a status that is not in `accept`, else what `compound` raises.
        """
        [response] = await self.compound(lambda file_id: [build(file_id)])
        check(response, self.path, accept)
        return response

    async def compound(self, build: Callable[[FileId], Sequence[Message]]) -> list[Response]:
        """Do the same with related requests in one message; the caller checks each response.

        See `FileHandle.compound`.
        """
        return await self._handle.compound(build)

    @property
    def closed(self) -> bool:
        """Whether the file is closed."""
        return self._closed

    # --- at a position of its own ------------------------------------------------------------

    async def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes from the position on, everything for -1; less only at the end."""
        there = size
        if size < 0 or size > CHUNK:
            left = max(await self.size() - self._position, 0)
            there = left if size < 0 else min(size, left)
        data = await read_range(self, self._position, there)
        self._position += len(data)
        return data

    async def write(self, data: Buffer) -> int:
        """Write all of `data` at the position and move it on; the number of bytes."""
        start, view = self._position, memoryview(data).cast("B")
        await write_range(self, start, view)
        self._position = start + len(view)
        return len(view)

    async def readinto(self, target: bytearray | memoryview) -> int:
        """Read bytes into `target`, as many as it holds; fewer only at the end. Their number."""
        view = memoryview(target).cast("B")
        data = await self.read(len(view))
        view[: len(data)] = data
        return len(data)

    async def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position, from the start, from where it is, or from the file's end."""
        if whence == os.SEEK_CUR:
            offset += self._position
        elif whence == os.SEEK_END:
            offset += await self.size()
        elif whence != os.SEEK_SET:
            raise ValueError(f"whence is 0, 1 or 2, not {whence}")
        if offset < 0:
            raise ValueError("a position before the start of the file")
        self._position = offset
        return offset

    def tell(self) -> int:
        """The position."""
        return self._position

    # --- anywhere -----------------------------------------------------------------------------

    async def read_at(self, offset: int, size: int) -> memoryview:
        """One READ: up to `size` bytes at `offset`, less at the file's end, none past it.

        `size` is at most what the server allows.
        """
        if size == 0:
            return memoryview(b"")
        response = await self.request(
            lambda file_id: requests.read(offset, size, file_id), (NtStatus.END_OF_FILE,)
        )
        if response.status == NtStatus.END_OF_FILE:
            return memoryview(b"")
        data = memoryview(response.body.data)
        if len(data) > size:
            raise RemoteProtocolError(f"the server sent {len(data)} bytes, {size} were asked for")
        return data

    async def write_at(self, offset: int, data: Buffer) -> None:
        """WRITE all of `data`, which is at most what the server allows, at `offset`.

        `data` must not change until this returns.
        """
        view = memoryview(data)
        while view:
            response = await self.request(partial(requests.write, offset, view))
            self._handle.written()
            count: int = response.body.count
            if not 0 < count <= len(view):
                raise RemoteProtocolError(f"the server wrote {count} of {len(view)} bytes")
            offset += count
            view = view[count:]

    # --- locks --------------------------------------------------------------------------------

    def lock(
        self, offset: int, length: int, *, exclusive: bool = True, blocking: bool = True
    ) -> Opening[RangeLock]:
        """Lock a range of the file for this open of it: no other reads or writes there.

        ``async with file.lock(offset, length)`` releases it at the end, ``await file.lock(...)``
        returns the lock. Without `exclusive`, others may read. Without `blocking`, a range that
        another open has locked is a `LockedError`, which is a BlockingIOError. If the
        server has not kept the locks while a connection was lost, the file can only be closed.
        """
        flags = LockFlags.EXCLUSIVE_LOCK if exclusive else LockFlags.SHARED_LOCK
        if not blocking:
            flags |= LockFlags.FAIL_IMMEDIATELY
        return Opening(partial(self._lock, offset, length, flags))

    async def _lock(self, offset: int, length: int, flags: LockFlags) -> RangeLock:
        unlock = partial(self.unlock, offset, length)
        try:
            await self.request(lock_request(offset, length, flags))
        except asyncio.CancelledError:
            # The server may have granted it before it came to the cancellation.
            with suppress(SmbError):
                await run_to_completion(unlock())
            raise
        self._handle.locks += 1
        return RangeLock(offset, length, unlock)

    async def unlock(self, offset: int, length: int) -> None:
        """Release a lock on exactly this range. Raises `StatusError` if there is none."""
        try:
            await self.request(lock_request(offset, length, LockFlags.UNLOCK))
        finally:
            self._handle.locks = max(self._handle.locks - 1, 0)

    # --- the file as a whole ------------------------------------------------------------------

    async def size(self) -> int:
        """How long the file is now, in bytes."""
        response = await self.request(requests.query_standard)
        return StandardInformation.decode(memoryview(response.body.buffer)).end_of_file

    async def truncate(self, size: int | None = None) -> int:
        """Make the file `size` bytes long, by default as long as the position; the new size."""
        if size is None:
            size = self._position
        await self.request(partial(requests.truncate, size))
        return size

    async def flush(self) -> None:
        """Have the server put the file on its disk. Raises `UnflushedError`."""
        await self.request(requests.flush)

    async def close_unchanged(self) -> None:
        """Close the file; `SourceChangedError` if it was changed since it was opened."""
        self.mark_closed()
        response = await self.request(partial(requests.close, attributes=True))
        verify_unchanged(self.path, self.opened, response.body)

    async def close(self) -> None:
        """Close the file; does nothing the second time."""
        if not self._closed:
            self.mark_closed()
            await self.request(requests.close)

    def renamed(self, path: str) -> None:
        """Note that the file was renamed: `path` is where it is opened again if that is needed."""
        self.path = path
        self._handle.renamed(path)

    def stay_lost(self) -> None:
        """Do not open the file again from now on: it is only to be closed after an error."""
        self._handle.stay_lost()

    def mark_closed(self) -> None:
        """Mark the file as closed by other means."""
        self._closed = True
        self._handle.mark_closed()

    async def __aenter__(self) -> "File":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            await self.close()
            return
        self.stay_lost()
        with suppress(SmbError):
            await self.close()


async def read_range(file: File, start: int, size: int) -> bytes:
    """Return up to `size` bytes at `start`, less only at the end; many by several READs at once."""
    step = read_size(file.tree)
    if size <= step:
        return bytes(await file.read_at(start, size))
    # The size is the server's word: memory follows what arrives.
    result = bytearray()
    end = size

    def offsets() -> Iterator[int]:
        for offset in range(0, size, step):
            if offset >= end:
                return
            yield offset

    async def fetch(offset: int) -> None:
        nonlocal end
        data = await file.read_at(start + offset, min(step, size - offset))
        reach = offset + len(data)
        if len(result) < reach:
            result.extend(bytes(reach - len(result)))
        result[offset:reach] = data
        if len(data) < min(step, size - offset):
            end = min(end, reach)

    await run_each(offsets(), fetch, limit=min(WINDOW, -(-size // step)))
    return bytes(memoryview(result)[:end])


async def write_range(file: File, start: int, data: memoryview) -> None:
    """Write all of `data` at `start`; much by several WRITEs at once."""
    step = write_size(file.tree)
    if len(data) <= step:
        await file.write_at(start, data)
        return

    async def store(offset: int) -> None:
        await file.write_at(start + offset, data[offset : offset + step])

    await run_each(range(0, len(data), step), store, limit=min(WINDOW, -(-len(data) // step)))


def verify_unchanged(path: str, opened: CreateResponse, closed: CloseResponse) -> None:
    """Raise `SourceChangedError` if a file is not what it was when it was opened.

    The change time counts too: a server may be late with the time of the last write.
    """
    if not closed.flags & CloseFlags.POSTQUERY_ATTRIB:
        return  # the server does not say
    before = (opened.end_of_file, opened.last_write_time, opened.change_time)
    if before != (closed.end_of_file, closed.last_write_time, closed.change_time):
        raise SourceChangedError(
            f"{path}: the file was changed on the server while it was read;"
            " this copy was given up, try again"
        )
