"""Many things at once, but not too many; and things that are not left half done."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")

PATIENCE = 5.0
"""Seconds for what is not left half done when everything is cancelled."""


async def each(items: Iterable[T], work: Callable[[T], Awaitable[None]], *, limit: int) -> None:
    """Do `work` for every item, at most `limit` at a time, begun in order.

    The first failure cancels the rest, waits for it, and is raised.
    """
    iterator = iter(items)

    async def worker() -> None:
        for item in iterator:
            await work(item)

    tasks = [asyncio.create_task(worker()) for _ in range(limit)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def to_the_end(work: Coroutine[Any, Any, T], *, patience: float = PATIENCE) -> T:
    """Await `work`, which goes on to its end even if this task is cancelled meanwhile.

    The cancellation is raised once the work is done, or has taken `patience` seconds more. A second
    cancellation does not wait for that.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.cancelled():
            # The cancellation counts: nobody has to be told of an error.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            await asyncio.wait([task], timeout=patience)
        raise
