"""What waits to be given to qh3's core, which copies it, and never gives such memory back.

The core's buffer for sending only ever grows: to twice the bytes that were unsent or
unacknowledged at once. A core that was given whole messages would keep 8 MiB and more for an idle
connection. So it gets a little more than it has sent, and the rest waits here, where it costs
nothing besides the message itself. A path that can have more than `SMALLEST` under way makes the
core's buffer larger, as long as that fits into what all connections of a server have for it.
"""

from collections import deque
from collections.abc import Sequence

from smbquic.transport.quic.engine import SEND_MEMORY
from smbquic.wire.cursor import Buffer

AHEAD = 128 << 10
"""Bytes that the core is given before it has sent them."""
SMALLEST = 2 * AHEAD
"""Bytes that the core may have in any case, sent and unsent."""


class SendMemory:
    """Bytes that the cores of a server have for what is sent, beyond the smallest size."""

    def __init__(self, limit: int = SEND_MEMORY) -> None:
        self._left = limit

    def acquire(self, count: int) -> bool:
        """Take so many bytes, if there are as many left."""
        if count > self._left:
            return False
        self._left -= count
        return True

    def release(self, count: int) -> None:
        """Give bytes back."""
        self._left += count


class SendQueue:
    """Bytes in order that the core has not got yet; `size` is how many there are.

    Without `memory` the core may have as much as the path carries, which is for clients.
    """

    def __init__(self, memory: SendMemory | None) -> None:
        self._memory = memory
        self._buffers: deque[memoryview] = deque()
        self._most = SMALLEST
        self.size = 0

    def room(self, unsent: int, under_way: int) -> int:
        """Return how much the core may be given, which is nothing or enough for some datagrams.

        `unsent` and `under_way` are the bytes that it has.
        """
        room = AHEAD - unsent
        if self._memory is not None:
            if under_way + AHEAD > self._most and self._memory.acquire(self._most):
                self._most *= 2
            room = min(room, self._most - unsent - under_way)
        return room if room >= AHEAD // 2 else 0

    def add(self, buffers: Sequence[Buffer]) -> None:
        """Append buffers, which must not change any more."""
        for buffer in buffers:
            if size := len(buffer):
                self._buffers.append(memoryview(buffer))
                self.size += size

    def take(self, count: int) -> list[memoryview]:
        """Remove the first `count` bytes, or all if there are fewer; in pieces, uncopied."""
        pieces = []
        while count > 0 and self._buffers:
            piece = self._buffers.popleft()
            if len(piece) > count:
                self._buffers.appendleft(piece[count:])
                piece = piece[:count]
            pieces.append(piece)
            self.size -= len(piece)
            count -= len(piece)
        return pieces

    def free(self) -> None:
        """Drop everything, as the core is no more."""
        self._buffers.clear()
        self.size = 0
        if self._memory is not None:
            self._memory.release(self._most - SMALLEST)
            self._most = SMALLEST
