"""The requests of a connection that are answered later, and the tasks that do them."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol


class Cancellable(Protocol):
    """A request that is answered later."""

    def cancel(self) -> None:
        """Have it answered with STATUS_CANCELLED, unless it is done."""


class PendingRequests:
    """The requests of one connection that are answered later.

    `by_message_id` are those that CANCEL can name ([MS-SMB2] 3.3.1.7, AsyncCommandList).
    `unbounded` is how many requests wait for what may never happen, `size` how many bytes of memory
    they all take. `tasks` do them, and send notifications; `on_failure` is called with the error of
    one that fails.
    """

    def __init__(self, on_failure: Callable[[BaseException], None]) -> None:
        self.by_message_id: dict[int, Cancellable] = {}
        self.unbounded = 0
        self.size = 0
        self.tasks: set[asyncio.Task[None]] = set()
        self._on_failure = on_failure

    @property
    def is_working(self) -> bool:
        """Whether a request is in progress that will end by itself."""
        return len(self.tasks) > self.unbounded

    def is_full(self, limit: int, size_limit: int) -> bool:
        """Return whether no more requests may come: so many that end, or with so many bytes."""
        return len(self.tasks) - self.unbounded > limit or (
            # Requests that wait for other clients may need more messages of this one to go on.
            self.size > size_limit and self.is_working
        )

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run work beside the loop of the connection."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._on_failure(error)

    async def wait_for_one(self) -> None:
        """Wait until a task has ended."""
        await asyncio.wait(self.tasks, return_when=asyncio.FIRST_COMPLETED)

    async def cancel(self) -> None:
        """Cancel all tasks, and wait for them."""
        for task in self.tasks:
            task.cancel()
        if self.tasks:
            await asyncio.wait(self.tasks)
