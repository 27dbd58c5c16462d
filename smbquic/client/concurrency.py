"""Coroutines that run at once: up to a limit, on their own, or to their end when cancelled."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from smbquic.token_bucket import TokenBucket

T = TypeVar("T")

BURST = 0.1
"""Seconds of an idle time that are made up for where the rate of bytes is limited."""
CANCELLATION_TIMEOUT = 5.0
"""Seconds that a cancelled task waits for work that must not be interrupted."""


async def run_each(items: Iterable[T], work: Callable[[T], Awaitable[None]], *, limit: int) -> None:
    """Call `work` for every item, for at most `limit` at a time, in the order of the items.

    The first error cancels the other calls, waits for their end, and is raised.
    """
    iterator = iter(items)

    async def worker() -> None:
        for item in iterator:
            await work(item)

    tasks = [asyncio.create_task(worker()) for _ in range(limit)]
    try:
        if tasks:
            # `gather` would pass a cancellation on, and a second one would follow below: that ends
            # even what a task does to clean up.
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def run_window(
    items: Iterable[T], work: Callable[[T], Coroutine[Any, Any, None]], *, limit: int
) -> None:
    """Call `work` for every item, none of them before the call `limit` items before it has ended.

    So whatever has been done at any time, only the last `limit` items of it may be incomplete. The
    first error cancels the other calls, waits for their end, and is raised.
    """
    under_way: deque[asyncio.Task[None]] = deque()
    try:
        for item in items:
            if len(under_way) == limit:
                await under_way[0]
                under_way.popleft()
            under_way.append(asyncio.create_task(work(item)))
        while under_way:
            await under_way[0]
            under_way.popleft()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


class ByteBudget:
    """Bounds the bytes that several tasks have in memory: first come, first served."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._free = size
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._rate: TokenBucket | None = None

    def limit_rate(self, rate: float | None) -> None:
        """Let tasks have no more than `rate` further bytes in a second; None for no limit."""
        self._rate = None if rate is None else TokenBucket(rate, rate * BURST)

    @property
    def free(self) -> int:
        """Bytes that no task has."""
        return self._free

    @asynccontextmanager
    async def hold(self, count: int) -> AsyncIterator[None]:
        """Have `count` bytes inside the ``async with``; more than there are means all of them."""
        count = min(count, self._size)
        await self._acquire(count)
        try:
            if self._rate is not None:
                await asyncio.sleep(self._rate.delay(asyncio.get_running_loop().time(), count))
            yield
        finally:
            self._release(count)

    async def _acquire(self, count: int) -> None:
        if not self._queue and count <= self._free:
            self._free -= count
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((count, granted))
        try:
            await granted
        except asyncio.CancelledError:
            # It may be cancelled after it was given its bytes and before it has run.
            self._release(0 if granted.cancelled() else count)
            raise

    def _release(self, count: int) -> None:
        self._free += count
        while self._queue:
            wanted, granted = self._queue[0]
            if not granted.done():
                if wanted > self._free:
                    return
                self._free -= wanted
                granted.set_result(None)
            self._queue.popleft()  # a task that was cancelled has left its place behind


Job = Callable[[], Awaitable[None]]


class JobQueue:
    """Runs jobs that add further jobs, as walking a tree does: the newest first, `limit` at a time.

    Newest first means deep before wide, which keeps the queue short.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._queue: asyncio.LifoQueue[Job] = asyncio.LifoQueue()

    def add(self, job: Job) -> None:
        """Queue a job."""
        self._queue.put_nowait(job)

    async def run(self, first: Job) -> None:
        """Run `first` and all jobs that it leads to. The first error cancels the others."""
        self.add(first)
        tasks = [asyncio.create_task(self._work()) for _ in range(self._limit)]
        tasks.append(asyncio.create_task(self._queue.join()))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            job = await self._queue.get()
            await job()
            self._queue.task_done()


class RunningTasks:
    """Coroutines that nobody waits for now, each as a task of its own."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine; it is referred to from here until it ends."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def wait(self) -> None:
        """Wait until all have ended, those too that are started meanwhile."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def cancel(self) -> None:
        """Cancel all, and wait until they have ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def run_to_completion(
    work: Coroutine[Any, Any, T],
    *,
    timeout: float = CANCELLATION_TIMEOUT,  # noqa: ASYNC109 (it counts from the cancellation)
) -> T:
    """Await `work`, which is not cancelled if this task is.

    The cancellation is raised once the work is done, or after `timeout` seconds more. A second
    cancellation is raised at once.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.cancelled():
            # The cancellation is what is raised; an error of the work is not reported besides.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            await asyncio.wait([task], timeout=timeout)
        raise
