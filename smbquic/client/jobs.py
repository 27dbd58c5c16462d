"""Work that turns up more work while it is done, such as walking a tree."""

import asyncio
from collections.abc import Awaitable, Callable

Job = Callable[[], Awaitable[None]]


class Jobs:
    """Does jobs, the newest first, `limit` at a time. A job may `add` others.

    Newest first means deep before wide, which keeps the list of what is still to be done short.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._queue: asyncio.LifoQueue[Job] = asyncio.LifoQueue()

    def add(self, job: Job) -> None:
        """Have something done."""
        self._queue.put_nowait(job)

    async def run(self, first: Job) -> None:
        """Do `first`, and all that comes of it. The first exception ends it all."""
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
