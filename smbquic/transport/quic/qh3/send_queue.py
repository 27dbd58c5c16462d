"""Queue of the data for qh3's core, which copies what it gets and never frees that memory.

The core's buffer for sending only ever grows: to twice the bytes that were unsent or
unacknowledged at once. With whole messages, an idle connection would keep 8 MiB and more. So the
core gets a little more than it has sent, and the rest waits here, where it costs nothing besides
the message itself. If more than `SMALLEST` can be in flight on a path, the core's buffer becomes
larger, as long as that fits into what all connections of a server have for it.
"""

from collections import deque
from collections.abc import Sequence

from smbquic.transport.quic.engine import SEND_MEMORY
from smbquic.wire.cursor import Buffer

AHEAD = 128 << 10
"""Bytes that the core may have that were never sent."""
SMALLEST = 2 * AHEAD
"""Bytes that the core of every connection may have, unsent or in flight."""


class SendMemory:
    """The bytes that all cores of a server may have for sending, beyond the smallest size."""

    def __init__(self, limit: int = SEND_MEMORY) -> None:
        self._left = limit

    def acquire(self, count: int) -> bool:
        """Take so many bytes; return whether there were as many left."""
        if count > self._left:
            return False
        self._left -= count
        return True

    def release(self, count: int) -> None:
        """Give bytes back."""
        self._left += count


class SendQueue:
    """Bytes in order that the core does not have yet; `size` is how many there are.

    Without `memory`, as for a client, the core may have as much as the path carries.
    """

    def __init__(self, memory: SendMemory | None) -> None:
        self._memory = memory
        self._buffers: deque[memoryview] = deque()
        self._most = SMALLEST
        self.size = 0

    def room(self, unsent: int, in_flight: int) -> int:
        """Return how many bytes the core may be given: none, or enough for some datagrams.

        `unsent` and `in_flight` are the bytes that it has.
        """
        room = AHEAD - unsent
        if self._memory is not None:
            # The buffer doubles when it is full, so the limit does, too.
            if in_flight + AHEAD > self._most and self._memory.acquire(self._most):
                self._most *= 2
            # Data in flight stays in the core's buffer until it is acknowledged.
            room = min(room, self._most - unsent - in_flight)
        # Few bytes at a time would be many calls.
        return room if room >= AHEAD // 2 else 0

    def add(self, buffers: Sequence[Buffer]) -> None:
        """Append buffers, which must not change any more."""
        for buffer in buffers:
            if size := len(buffer):
                self._buffers.append(memoryview(buffer))
                self.size += size

    def take(self, count: int) -> list[memoryview]:
        """Remove the first `count` bytes, or all if there are fewer, and return them uncopied."""
        pieces = []
        while count > 0 and self._buffers:
            piece = self._buffers.popleft()
            # Slices of a memoryview copy nothing.
            if len(piece) > count:
                self._buffers.appendleft(piece[count:])
                piece = piece[:count]
            pieces.append(piece)
            self.size -= len(piece)
            count -= len(piece)
        return pieces

    def free(self) -> None:
        """Free everything, once the core is freed."""
        self._buffers.clear()
        self.size = 0
        if self._memory is not None:
            # Only now: the core's buffer never becomes smaller before.
            self._memory.release(self._most - SMALLEST)
            self._most = SMALLEST
