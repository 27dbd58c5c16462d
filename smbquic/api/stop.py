"""The signals that ask a program to stop."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stop_event() -> Iterator[asyncio.Event]:
    """Yield an event that Ctrl-C and SIGTERM set; inside of the ``with`` they do nothing else."""
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
    """Wait until the program is asked to stop, by Ctrl-C or SIGTERM."""
    with stop_event() as stop:
        await stop.wait()
