"""Runs a command's coroutine, on uvloop where there is one; signals cancel it."""

import asyncio
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from smbquic.cli.failure import Terminated

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; signals cancel it, so that it can clean up.

    Raises `KeyboardInterrupt` after Ctrl-C, `Terminated` after SIGTERM and SIGHUP.
    """
    if sys.platform == "win32":
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(_terminable(work))


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return a new event loop: uvloop's, where there is one."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()


async def _terminable(work: Coroutine[Any, Any, T]) -> T:
    """Await the work; SIGTERM and SIGHUP cancel it, unless it handles them itself."""
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    received: list[signal.Signals] = []

    def end(number: signal.Signals) -> None:
        received.append(number)
        task.cancel()

    handled = [
        number
        for number in (signal.SIGTERM, signal.SIGHUP)
        # nohup ignores SIGHUP, which must stay so; only the main thread may handle signals.
        if signal.getsignal(number) is signal.SIG_DFL
        and threading.current_thread() is threading.main_thread()
    ]
    for number in handled:
        loop.add_signal_handler(number, end, number)
    try:
        return await work
    except asyncio.CancelledError:
        if received:
            raise Terminated(received[0]) from None
        raise
    finally:
        for number in handled:
            loop.remove_signal_handler(number)


def notify_systemd(state: str) -> None:
    """Notify systemd of the program's state, where it waits for that (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if sys.platform == "win32" or not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.sendto(state.encode("ascii"), address)


@contextmanager
def on_hangup(act: Callable[[], object]) -> Iterator[None]:
    """Call `act` on SIGHUP, where the system has that signal."""
    if sys.platform == "win32":
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, act)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


@contextmanager
def frozen_program() -> Iterator[None]:
    """Exclude all objects that exist by now from garbage collection.

    A full collection would go through all of them again, which holds the event loop for 25 ms.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def allow_many_files() -> None:
    """Raise the limit on descriptors to the hard one; shells set it to 1024 or less."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        # macOS refuses the unlimited value that it reports itself.
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
