"""Runs the coroutines of the shell on a thread of their own, where the connection stays alive.

The main thread waits for what the user types, and gets the signals.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from types import FrameType
from typing import Any, NoReturn, TypeVar

from smbquic.cli.failure import Terminated
from smbquic.cli.loop import new_event_loop
from smbquic.client.background import LoopThread

T = TypeVar("T")

SIGNAL_INTERVAL = 0.25
"""Seconds between two looks for signals."""
_ENDING = ("SIGTERM", "SIGHUP")
"""Signals that end the program."""


class Worker:
    """A thread with an event loop, on which one command after the other runs."""

    def __init__(self, new_loop: Callable[[], asyncio.AbstractEventLoop] = new_event_loop) -> None:
        self._loop = LoopThread(new_loop=new_loop)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end.

        Ctrl-C, SIGTERM and SIGHUP cancel it, and are raised once it has cleaned up. A second one
        cancels the cleaning up, too.
        """
        task: asyncio.Task[Any] | None = None
        early = False
        received: list[int] = []
        done = threading.Event()

        async def main() -> T:
            nonlocal task
            task = asyncio.current_task()
            if early:
                cancel()
            return await work

        def cancel() -> None:
            nonlocal early
            if task is None:
                early = True
            else:
                task.cancel()

        def interrupt(number: int, frame: FrameType | None) -> None:
            received.append(number)
            self._loop.call(cancel)

        with _handled(interrupt):
            future = self._loop.submit(main())
            future.add_done_callback(lambda _: done.set())
            # The system may give a signal to another thread, which does not wake this one up.
            while not done.wait(SIGNAL_INTERVAL):
                pass
        if received:
            if not future.cancelled():
                future.exception()  # the signal is what is raised
            _raise(received[0])
        return future.result()

    @contextmanager
    def entered(self, manager: AbstractAsyncContextManager[T]) -> Iterator[T]:
        """Enter an asynchronous context manager for the time of the ``with``."""
        value = self.run(manager.__aenter__())
        try:
            yield value
        finally:
            self.run(manager.__aexit__(None, None, None))

    def stop(self) -> None:
        """End the thread."""
        self._loop.stop()


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Have a function called on signals that would raise something in the main thread.

    What is raised while others wait for the main thread could be raised at any place of it.
    """
    before = {number: signal.getsignal(number) for number in _numbers("SIGINT", *_ENDING)}
    replaced = {number: each for number, each in before.items() if callable(each)}
    for number in replaced:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, each in replaced.items():
            signal.signal(number, each)


def _raise(number: int) -> NoReturn:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise Terminated(signal.Signals(number))


def _numbers(*names: str) -> list[signal.Signals]:
    """Return the signals that this system has."""
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Raise `Terminated` in the main thread on SIGTERM and SIGHUP, unless they are handled."""

    def end(number: int, frame: FrameType | None) -> None:
        _raise(number)

    handled = [each for each in _numbers(*_ENDING) if signal.getsignal(each) is signal.SIG_DFL]
    for number in handled:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)
