"""Gives memory back to the system that a crowd of clients has left behind.

The C library keeps what is freed: after 300 clients that was 400 MiB, in holes between what lives
on, and it returns none of it by itself. Returning it took 20 to 120 ms here, in which nobody else
can allocate. So it is done when the clients are quiet, and in a thread.
"""

import ctypes
from collections.abc import Callable
from functools import cache

WORTHWHILE = 16 << 20
"""Bytes that must have been in use, and are not any more."""
QUIET = 3
"""Seconds without traffic; connections that have ended are answered for about as long."""


@cache
def _trim() -> Callable[[int], int] | None:
    """glibc has it; other C libraries, such as musl's, return memory on their own."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return None


def trim() -> None:
    """Return to the system what was freed, where the C library can do that."""
    if (function := _trim()) is not None:
        function(0)


class HeapUse:
    """Says when it is worthwhile, and harmless, to call `trim`.

    `due` says that it is worthwhile, and only has to wait for a quiet moment.
    """

    def __init__(self) -> None:
        self.due = False
        self._most = 0
        self._left = 0
        self._moved = 0
        self._quiet = 0

    def note(self, moved: int, held: int, left: int) -> bool:
        """Take note of how things are, which is done every second; returns whether to trim now.

        `moved` counts all bytes that clients have sent and were sent, `held` is what waits in
        memory for them, `left` how many clients have left so far.
        """
        self._quiet = self._quiet + 1 if moved == self._moved and held < WORTHWHILE else 0
        self._moved = moved
        self._most = max(self._most, held)
        self.due = self._most >= WORTHWHILE or left > self._left
        if not self.due or self._quiet < QUIET:
            return False
        self.due = False
        self._most, self._left, self._quiet = 0, left, 0
        return True
