"""An event loop on a thread of its own, for callers that have none."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from smbquic.errors import ConnectionClosed

T = TypeVar("T")


class LoopThread:
    """Runs coroutines for threads that wait for them.

    The thread is a daemon: a program that forgets to `stop` still ends.
    """

    def __init__(
        self,
        name: str = "smbquic",
        new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
    ) -> None:
        self._loop = new_loop()
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)
        self._thread.start()

    def _main(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    @property
    def running(self) -> bool:
        """Whether coroutines can still be run."""
        return self._thread.is_alive()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine on the loop. Raises `ConnectionClosed` once it was stopped."""
        if not self.running:
            coroutine.close()
            raise ConnectionClosed("the connection was closed, and its thread has ended")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end. An interrupt of the waiting thread cancels it."""
        future = self.submit(coroutine)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def call(self, function: Callable[[], object]) -> None:
        """Call a function on the loop's thread, some time soon."""
        self._loop.call_soon_threadsafe(function)

    def stop(self) -> None:
        """Cancel what still runs, wait for it, and end the thread. Does nothing the second time."""
        if not self.running:
            return
        self.submit(_cancel_others()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
