"""A program's open of a file whose content is cached."""

import io
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType

from smbquic.client.cache.content import CachedContent
from smbquic.client.opening import FileMode
from smbquic.errors import SmbError
from smbquic.wire.cursor import Buffer

FIRST_AHEAD = 256 << 10
MOST_AHEAD = 4 << 20
"""Bytes that are read ahead of a program that reads on: at first, and at most."""


class CachedFile:
    """An open file that is read and written at any offset, by any number of tasks.

    What was read stays for the next time, what follows is read ahead, and what is written is sent
    later, all of it as far as the lease on the file allows. `close` and `flush` send what was
    written; an error of that is raised by them, or by the next `write` or `truncate`.
    """

    def __init__(
        self,
        path: str,
        mode: FileMode,
        content: CachedContent,
        release: Callable[["CachedFile"], Awaitable[None]],
    ) -> None:
        self.path = path
        self.mode = mode
        self.content = content
        self._release = release
        self._closed = False
        self._failure: Exception | None = None
        self._next = 0
        """Where a program reads that goes on as it has begun."""
        self._ahead = FIRST_AHEAD
        self._asked_up_to = 0
        content.users[self] = self._write_failed

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._closed

    async def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes at `offset`, less only at the end of the file."""
        self._check(self.mode.readable, "readable")
        self._read_ahead(offset, offset + size)
        return await self.content.read(offset, size)

    def _read_ahead(self, offset: int, end: int) -> None:
        """Have more on its way for a program that reads on, the more the longer it does."""
        if offset != self._next:
            self._ahead, self._asked_up_to = FIRST_AHEAD, 0
        elif end + self._ahead // 2 > self._asked_up_to and offset > 0:
            start = max(end, self._asked_up_to)
            self._asked_up_to = end + self._ahead
            self._ahead = min(2 * self._ahead, MOST_AHEAD)
            self.content.read_ahead(start, self._asked_up_to - start)
        self._next = end

    async def write(self, offset: int, data: Buffer) -> int:
        """Write all of `data` at `offset`; the number of bytes."""
        self._check(self.mode.writable, "writable")
        self._raise_failure()
        return await self.content.write(offset, data)

    async def truncate(self, size: int) -> None:
        """Make the file `size` bytes long."""
        self._check(self.mode.writable, "writable")
        self._raise_failure()
        await self.content.truncate(size)

    async def size(self) -> int:
        """Return how long the file is now, with what was written."""
        return await self.content.size()

    async def drain(self) -> None:
        """Wait until the server has all that was written, which need not be on its disk."""
        await self.content.drain()
        self._raise_failure()

    async def flush(self) -> None:
        """Have the server put the file on its disk. Raises `UnflushedError`."""
        await self.content.flush()
        self._raise_failure()

    async def close(self) -> None:
        """Send what was written and close the file; does nothing the second time."""
        if self._closed:
            return
        self._closed = True
        try:
            await self.content.drain()
        finally:
            await self._release(self)
        self._raise_failure()

    def _write_failed(self, error: Exception) -> None:
        if self.mode.writable:
            self._failure = error

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _check(self, allowed: bool, what: str) -> None:
        if self._closed:
            raise ValueError(f"{self.path}: the file is closed")
        if not allowed:
            raise io.UnsupportedOperation(f"{self.path}: the file is not {what} in its mode")

    async def __aenter__(self) -> "CachedFile":
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
        with suppress(SmbError):
            await self.close()
