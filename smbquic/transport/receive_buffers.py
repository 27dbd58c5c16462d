"""Memory of received messages that is used again for later ones.

The C library gives the memory of a large message back to the system when it is freed, and takes
it anew for the next one. The system hands it out page by page, each zeroed: while a client read
512 MiB that was 66,000 page faults, which cost a fifth of its processor time.
"""

import asyncio
from collections import deque

LIMIT = 20 << 20
"""Bytes that are kept: the messages of 16 READs of 1 MiB that are under way, and some room."""
UNUSED = 5.0
"""Seconds without a large message after which the memory is freed."""
LARGEST_RATIO = 4
"""A message gets a buffer of at most this many times its own size."""


class ReceiveBuffers:
    """The buffers of the last large messages, at most `limit` bytes of them.

    The readers of a message need not give it back: a buffer is used again when no `memoryview` of
    it is left. Several connections may share them; they are freed when the last of these ends.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._buffers: deque[bytearray] = deque()
        self._size = 0
        self._kept_since = 0
        self._users = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def size(self) -> int:
        """Bytes that are kept, including those that are still being read."""
        return self._size

    def take(self, size: int) -> bytearray | None:
        """Return a buffer of at least `size` bytes that nobody reads any more, if there is one."""
        # Messages are mostly read in the order in which they came, so the oldest is the most
        # likely to be free.
        for index, buffer in enumerate(self._buffers):
            if size <= len(buffer) <= LARGEST_RATIO * size and not _is_read(buffer):
                del self._buffers[index]
                self._size -= len(buffer)
                return buffer
        return None

    def keep(self, message: memoryview) -> None:
        """Keep the buffer under `message` for later ones, in place of older ones if need be."""
        buffer = message.obj
        assert isinstance(buffer, bytearray)
        self._kept_since += 1
        self._buffers.append(buffer)
        self._size += len(buffer)
        while self._size > self._limit:
            self._size -= len(self._buffers.popleft())
        if self._timer is None:
            self._start_timer()

    def add_user(self) -> None:
        """Count a connection that begins to use them."""
        self._users += 1

    def remove_user(self) -> None:
        """Count a connection that has ended, and free them all if it was the last one."""
        self._users -= 1
        if self._users == 0:
            self._free()

    def _free(self) -> None:
        self._buffers.clear()
        self._size = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start_timer(self) -> None:
        self._kept_since = 0
        self._timer = asyncio.get_running_loop().call_later(UNUSED, self._free_unused)

    def _free_unused(self) -> None:
        if self._kept_since:
            self._start_timer()
        else:
            self._free()


def _is_read(buffer: bytearray) -> bool:
    """Return whether a `memoryview` of `buffer` is left, so that its size cannot be changed."""
    try:
        buffer.append(0)
    except BufferError:
        return True
    buffer.pop()
    return False
