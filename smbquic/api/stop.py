"""The signals that ask a program to end."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stop_event() -> Iterator[asyncio.Event]:
    """An event that is set when somebody asks the program to end: by Ctrl-C or SIGTERM.

    Inside of the ``with``, those do nothing else.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


async def stop_signal() -> None:
    """Wait until somebody asks the program to end: Ctrl-C or SIGTERM."""
    with stop_event() as stop:
        await stop.wait()
