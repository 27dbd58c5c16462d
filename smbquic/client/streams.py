"""Bytes from and to what has no size and no end of its own: pipes, terminals, sockets.

Nothing here holds up the event loop, or a thread that a cancelled transfer would have to wait for:
what may keep us waiting is only read from, or written to, once the system says that it is ready.
"""

import asyncio
import os
import select
import stat
from collections.abc import AsyncGenerator, Callable

from smbquic.client.local import in_thread
from smbquic.wire.cursor import Buffer


def _keeps_waiting(descriptor: int) -> bool:
    """Whether it may take for ever until there is something to read, or room to write."""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)


async def _ready(
    descriptor: int,
    add: Callable[[int, Callable[[], object]], object],
    remove: Callable[[int], object],
) -> None:
    event = asyncio.Event()
    add(descriptor, event.set)
    try:
        await event.wait()
    finally:
        remove(descriptor)


async def read_chunks(descriptor: int, size: int) -> AsyncGenerator[bytes, None]:
    """Read to the end, in chunks of `size` bytes; only the last is shorter. Raises `OSError`.

    The descriptor stays open.
    """
    loop = asyncio.get_running_loop()
    waits = _keeps_waiting(descriptor)
    chunk = bytearray()
    while True:
        if waits:
            await _ready(descriptor, loop.add_reader, loop.remove_reader)
            try:
                data = os.read(descriptor, size - len(chunk))
            except BlockingIOError:
                continue  # somebody else was faster
        else:
            data = await in_thread(os.read, descriptor, size - len(chunk))
        chunk += data
        if data and len(chunk) < size:
            continue
        if chunk:
            yield bytes(chunk)
            chunk.clear()
        if not data:
            return


async def write_all(descriptor: int, data: Buffer) -> None:
    """Write all of `data`. Raises `OSError`, as `BrokenPipeError` if nobody reads any more."""
    loop = asyncio.get_running_loop()
    waits = _keeps_waiting(descriptor)
    view = memoryview(data).cast("B")
    while view:
        if waits:
            await _ready(descriptor, loop.add_writer, loop.remove_writer)
            count = _write_ready(descriptor, view)
        else:
            count = await in_thread(os.write, descriptor, view)
        view = view[count:]


def _write_ready(descriptor: int, view: memoryview) -> int:
    """Write while there is room; the number of bytes. Never waits.

    The descriptor may be a shell's, so it is not set to be non-blocking. But where there is any
    room there is enough for `PIPE_BUF` bytes.
    """
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    done = 0
    while done < len(view) and poll.poll(0):
        done += os.write(descriptor, view[done : done + select.PIPE_BUF])
    return done
