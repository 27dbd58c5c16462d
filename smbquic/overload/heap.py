"""Makes the C library keep freed memory between messages, and return it after a peak of clients.

glibc gives the memory of a READ of 1 MiB back to the system when the answer is sent, and takes it
anew for the next one: 66,000 page faults for 512 MiB, a third of the processor time of reading
them. So the server has it keep some. What 300 clients leave behind, on the other hand, 400 MiB in
holes between blocks that are in use, it never returns by itself. Returning it took 20 to 120 ms
here, in which no thread can allocate. So it is done while there is no traffic, and in a thread.
"""

import ctypes
from functools import cache

KEPT = 16 << 20
"""Bytes that may stay free at the end of the heap of each thread."""
LARGEST = 9 << 20
"""Blocks up to this size come from the heap: a READ or WRITE of 8 MiB, with its headers."""
WORTHWHILE = 16 << 20
"""Bytes that must have been in use, and are not any more."""
QUIET_SECONDS = 3
"""Seconds without traffic; connections that have ended are answered for about as long."""

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


@cache
def _c_library() -> ctypes.CDLL | None:
    """Return glibc; other C libraries, such as musl's, have no such functions and need none."""
    try:
        library = ctypes.CDLL(None)
        _ = library.malloc_trim, library.mallopt
    except (OSError, AttributeError, TypeError):
        return None
    return library


@cache
def keep_freed_memory() -> None:
    """Have the C library keep freed memory for the next message; of the whole process, once."""
    if (library := _c_library()) is not None:
        library.mallopt(_M_MMAP_THRESHOLD, LARGEST)
        library.mallopt(_M_TRIM_THRESHOLD, KEPT)


def trim() -> None:
    """Return to the system what was freed, where the C library can do that."""
    if (library := _c_library()) is not None:
        library.malloc_trim(0)


class HeapUse:
    """The use of the heap: it is time to call `trim` with memory to return, and no traffic.

    `due` is true if there is memory to return.
    """

    def __init__(self) -> None:
        self.due = False
        self._most = 0
        self._left = 0
        self._moved = 0
        self._quiet = 0

    def update(self, moved: int, held: int, left: int) -> bool:
        """Update the counts, once a second; return whether to trim now.

        `moved` counts all bytes that clients have sent and were sent, `held` is what waits in
        memory for them, `left` how many clients have left so far.
        """
        self._quiet = self._quiet + 1 if moved == self._moved and held < WORTHWHILE else 0
        self._moved = moved
        self._most = max(self._most, held)
        self.due = self._most >= WORTHWHILE or left > self._left
        if not self.due or self._quiet < QUIET_SECONDS:
            return False
        self.due = False
        self._most, self._left, self._quiet = 0, left, 0
        return True
