"""WRITEs that are sent after `write` has returned."""

import asyncio
from collections.abc import Awaitable, Callable

MOST_UNSENT = 4 << 20
"""Bytes of one file that wait for the server at most. Who breaks the lease waits for them."""

SendWrite = Callable[[int, bytes], Awaitable[None]]
"""Sends bytes for an offset of the file."""


class WriteBehind:
    """What was written to a file and the server does not have yet.

    Small writes that follow on each other become one WRITE of `size` bytes. WRITEs of the same
    place are sent one after the other, those of others at once. `failed` is called with each error.
    """

    def __init__(self, send: SendWrite, size: int, failed: Callable[[Exception], None]) -> None:
        self._send = send
        self._size = size
        self._failed = failed
        self._start = 0
        self._run = bytearray()
        """What follows on `_start`, and is not sent yet."""
        self._under_way: dict[asyncio.Task[None], tuple[int, int]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether the server has everything."""
        return not self._run and not self._under_way

    async def write(self, offset: int, data: memoryview) -> None:
        """Take bytes for an offset; wait while too many are unsent."""
        end = self._start + len(self._run)
        # A run has no gaps and nothing twice, so that one WRITE can carry it.
        if self._run and offset != end:
            self._send_run()
        if not self._run:
            self._start = offset
        self._run += data
        if len(self._run) >= self._size:
            self._send_run()
        while sum(end - start for start, end in self._under_way.values()) > MOST_UNSENT:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)

    async def drain(self) -> None:
        """Wait until the server has answered everything that was written before."""
        self._send_run()
        # A list: the tasks that end take themselves out, and those that begin later do not count.
        if self._under_way:
            await asyncio.wait(list(self._under_way))

    def _send_run(self) -> None:
        """Have what was collected on its way."""
        run, self._run = bytes(self._run), bytearray()
        for first in range(0, len(run), self._size):
            data = run[first : first + self._size]
            start = self._start + first
            # A server may carry out requests in any order: the older bytes must not come last.
            others = [
                task
                for task, (begin, end) in self._under_way.items()
                if begin < start + len(data) and start < end
            ]
            task = asyncio.create_task(self._send_after(others, start, data))
            self._under_way[task] = start, start + len(data)
            task.add_done_callback(self._done)

    async def _send_after(
        self, others: list["asyncio.Task[None]"], start: int, data: bytes
    ) -> None:
        # Not for their success: of one that has failed, all who write are told.
        if others:
            await asyncio.wait(others)
        await self._send(start, data)

    def _done(self, task: "asyncio.Task[None]") -> None:
        del self._under_way[task]
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._failed(error)
