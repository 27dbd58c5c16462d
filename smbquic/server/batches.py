"""Does long work on the event loop in batches, so that other clients are served in between.

A client often decides how much there is to do: ranges in a LOCK request, files that it left open.
Such work is written as a generator that pauses after each batch (`yield`). Most of it is done after
the first batch; only what is not becomes a task.
"""

import asyncio
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Final

from smbquic.server.outcome import Pending, Reply

BATCH: Final = 128
"""Small steps (locks, closed files) in a batch; some milliseconds at most."""

Steps = Generator[None, None, None]
"""Work that pauses after each batch."""

_DONE: Final = object()


def in_batches(steps: Steps, reply: Reply) -> Reply | Pending:
    """Do the first batch at once; return the reply, or work that does the rest before it.

    Raises what the first batch raises. Cancelling the work closes the generator.
    """
    return reply if begin(steps) else Pending(_reply_after(steps, reply))


def begin(steps: Steps) -> bool:
    """Do the first batch; return whether that was all. Raises what it raises."""
    return next(steps, _DONE) is _DONE


async def finish(steps: Steps) -> None:
    """Do the other batches; cancellation closes the generator."""
    # At once, and not by the garbage collector some time: closing undoes what is half done.
    with closing(steps):
        await _go_on(steps)


async def _reply_after(steps: Steps, reply: Reply) -> Reply:
    await finish(steps)
    return reply


async def _go_on(steps: Steps) -> None:
    await asyncio.sleep(0)
    for _ in steps:
        await asyncio.sleep(0)


class BackgroundTasks:
    """Work that is finished in any case, even if its client has disconnected meanwhile."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, steps: Steps) -> asyncio.Task[None] | None:
        """Do the first batch at once; return the task that does the rest, None if that was all."""
        if begin(steps):
            return None
        task = asyncio.get_running_loop().create_task(_go_on(steps))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def when_done(self, callback: Callable[[], object]) -> None:
        """Call `callback` once all is done that has begun by now."""
        running = set(self._tasks)
        if not running:
            callback()

        def finished(task: asyncio.Task[None]) -> None:
            running.discard(task)
            if not running:
                callback()

        for task in tuple(running):
            task.add_done_callback(finished)

    async def wait(self) -> None:
        """Wait until all of it is done."""
        while self._tasks:
            await asyncio.wait(self._tasks)


def after(task: asyncio.Task[None] | None, reply: Reply) -> Reply | Pending:
    """Return the reply, or work that waits for a task of a `BackgroundTasks` before it."""
    return reply if task is None else Pending(_after(task, reply))


async def _after(task: asyncio.Task[None], reply: Reply) -> Reply:
    await asyncio.shield(task)
    return reply
