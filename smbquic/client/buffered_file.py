"""An open file with buffers: it reads ahead of the program, and writes behind it."""

import asyncio
import io
import os
from collections.abc import Coroutine
from typing import Any

from smbquic.client.file import File, read_size, write_size
from smbquic.client.file_handle import Reopener
from smbquic.client.opening import FileMode
from smbquic.client.range_lock import RangeLock
from smbquic.client.tree_connect import TreeConnect
from smbquic.protocol.credits import CREDIT_SIZE
from smbquic.wire.create import CreateResponse
from smbquic.wire.cursor import Buffer
from smbquic.wire.lock import LockFlags

FIRST_READ = CREDIT_SIZE
"""Bytes of the first READ at a position: a program that jumps about may want no more there."""


class BufferedFile(File):
    """A `File` whose small reads and writes do not cost a round trip each.

    A program that reads on gets a buffer at a time, and the next one is asked for before it is
    needed. What it writes is sent when a buffer is full, and an error of that is raised by a later
    call: `write`, `flush`, `drain` or `close`. Several tasks may use one file: each call is done
    before the next begins.

    `buffering` is the size of a buffer: at most what one READ or WRITE moves, and that for -1.
    """

    def __init__(
        self,
        tree: TreeConnect,
        path: str,
        opened: CreateResponse,
        reopener: Reopener | None = None,
        *,
        mode: FileMode,
        buffering: int,
    ) -> None:
        super().__init__(tree, path, opened, reopener)
        self._mode = mode
        self._read_size = read_size(tree)
        self._write_size = write_size(tree)
        if buffering > 0:
            self._read_size = min(buffering, self._read_size)
            self._write_size = min(buffering, self._write_size)
        self._in_use = asyncio.Lock()
        # What was read last, and where it stands in the file. The position may be anywhere.
        self._data = b""
        self._data_start = 0
        # Whether the file ended there when it was read, and no call has returned that yet.
        self._ended = False
        # The READ of what follows `_data`.
        self._ahead: asyncio.Task[bytes] | None = None
        # What was written and not sent yet; it ends at the position.
        self._unsent = bytearray()
        # The WRITE that is under way.
        self._behind: asyncio.Task[None] | None = None

    def readable(self) -> bool:
        """Return whether the file was opened for reading."""
        return self._mode.readable

    def writable(self) -> bool:
        """Return whether the file was opened for writing."""
        return self._mode.writable

    # --- reading ------------------------------------------------------------------------------

    async def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes from the position on, everything for -1; less only at the end."""
        async with self._in_use:
            await self._begin_reading()
            return await (self._read_rest() if size < 0 else self._read(size))

    async def readline(self, size: int = -1) -> bytes:
        """One line with its newline, or up to `size` bytes of it; nothing at the end."""
        async with self._in_use:
            await self._begin_reading()
            return await self._read_line(size)

    def __aiter__(self) -> "BufferedFile":
        return self

    async def __anext__(self) -> bytes:
        line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line

    async def _begin_reading(self) -> None:
        self._check_usable(self._mode.readable, "readable")
        await self.drain()

    async def _read(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size > 0:
            part = self._take(size)
            if part:
                parts.append(part)
                size -= len(part)
            elif parts and self._ended:
                break
            elif size > self._read_size and self._ahead is None:
                # Not worth a buffer: all of it at once, with many READs under way.
                self._data = b""
                parts.append(await super().read(size))
                break
            elif not await self._fill():
                break
        return b"".join(parts)

    async def _read_rest(self) -> bytes:
        parts = [self._take(len(self._data))]
        if self._ahead is not None and await self._fill(ahead=False):
            parts.append(self._take(len(self._data)))
        ended, self._ended = self._ended, False
        if not ended:
            await self._drop()
            parts.append(await self._read_to_end())
        return b"".join(parts)

    async def _read_to_end(self) -> bytes:
        """Read what is left; if it is said to be little, that is a single READ."""
        data = b""
        if self.opened.end_of_file - self._position < self._read_size:
            data = bytes(await super().read_at(self._position, self._read_size))
            self._position += len(data)
            if len(data) < self._read_size:
                return data
        return data + await super().read()

    async def _read_line(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size != 0:
            start = self._position - self._data_start
            if not 0 <= start < len(self._data):
                if (parts and self._ended) or not await self._fill():
                    break
                continue
            newline = self._data.find(b"\n", start)
            whole = len(self._data) if newline < 0 else newline + 1
            part = self._take(whole - start if size < 0 else min(size, whole - start))
            parts.append(part)
            size -= len(part) if size > 0 else 0
            if part.endswith(b"\n"):
                break
        return b"".join(parts)

    def _take(self, size: int) -> bytes:
        """Return up to `size` bytes from the buffer, and move the position behind them."""
        start = self._position - self._data_start
        if not 0 <= start < len(self._data):
            return b""
        part = self._data[start : start + size]
        self._position += len(part)
        return part

    async def _fill(self, *, ahead: bool = True) -> bool:
        """Read a buffer from the position on; False at the end of the file."""
        continues = bool(self._data) and self._position == self._data_start + len(self._data)
        if continues and self._ended:
            self._ended = False
            return False
        size = self._read_size if continues else min(FIRST_READ, self._read_size)
        task, self._ahead = self._ahead, None
        if task is not None and continues:
            data = await task
        else:
            await _cancel(task)
            data = await self._read_directly(self._position, size)
        self._data, self._data_start = data, self._position
        self._ended = 0 < len(data) < size
        if ahead and continues and len(data) == size:
            self._ahead = _start(self._read_directly(self._position + size, size))
        return bool(data)

    async def _read_directly(self, offset: int, size: int) -> bytes:
        return bytes(await super().read_at(offset, size))

    async def _drop(self) -> None:
        """Forget what was read, as it may be something else by now."""
        self._data, self._ended = b"", False
        task, self._ahead = self._ahead, None
        await _cancel(task)

    # --- writing ------------------------------------------------------------------------------

    async def write(self, data: Buffer) -> int:
        """Write all of `data` at the position and move it on; the number of bytes.

        It is sent when a buffer is full, by `drain`, by `flush` or by `close`.
        """
        view = memoryview(data).cast("B")
        async with self._in_use:
            self._check_usable(self._mode.writable, "writable")
            await self._drop()
            if len(view) > self._write_size:
                await self.drain()
                return await super().write(view)
            self._unsent += view
            self._position += len(view)
            while len(self._unsent) >= self._write_size:
                await self._finish_write()
                self._start_write()
            return len(view)

    async def drain(self) -> None:
        """Wait until the server has all that was written, which need not be on its disk."""
        while self._unsent or self._behind is not None:
            if self._behind is None:
                self._start_write()
            await self._finish_write()

    def _start_write(self) -> None:
        if self._behind is not None:
            return
        start = self._position - len(self._unsent)
        data = bytes(self._unsent[: self._write_size])
        del self._unsent[: self._write_size]
        self._behind = _start(super().write_at(start, data))

    async def _finish_write(self) -> None:
        """Wait for the WRITE that is under way, and raise its error.

        A task that is cancelled meanwhile does not cancel the WRITE: the data is not its own.
        """
        task = self._behind
        if task is None:
            return
        await asyncio.wait([task])
        if self._behind is task:
            self._behind = None
            task.result()

    # --- locks --------------------------------------------------------------------------------

    async def _lock(self, offset: int, length: int, flags: LockFlags) -> RangeLock:
        lock = await super()._lock(offset, length, flags)
        await self._drop()  # what others have written before they unlocked it is read anew
        return lock

    async def unlock(self, offset: int, length: int) -> None:
        """Release a lock on exactly this range, once the server has all that was written."""
        try:
            await self.drain()
        finally:
            await super().unlock(offset, length)

    # --- both ---------------------------------------------------------------------------------

    async def read_at(self, offset: int, size: int) -> memoryview:
        """One READ at `offset`, of what the server has after all that was written before.

        `size` is at most what the server allows.
        """
        await self.drain()
        return await super().read_at(offset, size)

    async def write_at(self, offset: int, data: Buffer) -> None:
        """WRITE all of `data`, which is at most what the server allows, at `offset`.

        `data` must not change until this returns.
        """
        await self.drain()
        await self._drop()
        await super().write_at(offset, data)

    async def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position, from the start, from where it is, or from the file's end."""
        async with self._in_use:
            await self.drain()
            return await super().seek(offset, whence)

    async def size(self) -> int:
        """How long the file is now, in bytes."""
        await self.drain()
        return await super().size()

    async def truncate(self, size: int | None = None) -> int:
        """Make the file `size` bytes long, by default as long as the position; the new size."""
        async with self._in_use:
            await self.drain()
            await self._drop()
            return await super().truncate(size)

    async def flush(self) -> None:
        """Have the server put the file on its disk, with all that was written."""
        await self.drain()
        await super().flush()

    async def close(self) -> None:
        """Send what was written and close the file; does nothing the second time."""
        if self.closed:
            return
        async with self._in_use:
            try:
                await self.drain()
            finally:
                await self._drop()
                await super().close()

    def _check_usable(self, allowed: bool, what: str) -> None:
        if self.closed:
            raise ValueError(f"{self.path}: the file is closed")
        if not allowed:
            raise io.UnsupportedOperation(f"{self.path}: the file is not {what} in its mode")


def _start(work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
    """Start a task whose error is nobody's if nobody awaits it."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


async def _cancel(task: "asyncio.Task[Any] | None") -> None:
    if task is not None:
        task.cancel()
        await asyncio.wait([task])
