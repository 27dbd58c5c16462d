"""Awaits a function that blocks, on a thread that nobody has to wait for at the end."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

CLEAN_UP = 5.0
"""Seconds for the function to clean up once it was told to end."""


async def in_thread(function: Callable[[], T], end: Callable[[], None], seconds: float) -> T:
    """Return what `function` returns on a thread of its own. Raises what it raises.

    After `seconds`, and when this is cancelled, `end` is called, which has the function
    raise soon; raises `TimeoutError` then. The thread is a daemon: a function that does not end
    does not keep the program from ending.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()
    # Nobody may be there for its exception any more.
    outcome.add_done_callback(lambda done: done.cancelled() or done.exception())

    def run() -> None:
        try:
            result = function()
        except Exception as error:
            deliver(outcome.set_exception, error)
        else:
            deliver(outcome.set_result, result)

    def deliver(take: Callable[[Any], None], value: object) -> None:
        # The loop may have ended in the meantime.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(lambda: None if outcome.done() else take(value))

    threading.Thread(target=run, daemon=True, name="acme").start()
    try:
        done, _ = await asyncio.wait([outcome], timeout=seconds)
        if done:
            return outcome.result()
        raise TimeoutError
    finally:
        if not outcome.done():
            end()
            await asyncio.wait([outcome], timeout=CLEAN_UP)
