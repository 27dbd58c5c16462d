"""Freeing the blocks of large files, which takes a disk up to half a second for a gigabyte.

They are freed with the last descriptor of a file that has no name any more: so that is closed on a
thread.
"""

import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

LARGE: Final = 8 << 20
"""Bytes that are freed on the event loop at most: a few milliseconds."""
MOST_WAITING: Final = 64
"""Files that wait for the thread at most, as each takes a descriptor; others are closed at once."""

_PATH: Final = getattr(os, "O_PATH", None)


class DescriptorCloser:
    """Closes descriptors, and has a thread while large files without a name are among them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[int] = deque()
        self._running = False

    def close(self, fd: int) -> None:
        """Close a descriptor, now or soon."""
        status = os.fstat(fd)
        if status.st_nlink or not frees_much(status) or not self._enqueue(fd):
            os.close(fd)

    @contextmanager
    def kept(self, raw: bytes, directory: int, status: os.stat_result) -> Iterator[None]:
        """Keep an entry of a folder that is about to be replaced or removed until the block's end.

        So it is not that which frees its blocks. `status` is that of the entry.
        """
        held = None
        if _PATH is not None and status.st_nlink == 1 and frees_much(status):
            with suppress(OSError):
                held = os.open(raw, _PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        try:
            yield
        finally:
            if held is not None:
                self.close(held)

    def _enqueue(self, fd: int) -> bool:
        """Have the thread close a descriptor; False if too many wait for that."""
        with self._lock:
            if len(self._waiting) >= MOST_WAITING:
                return False
            self._waiting.append(fd)
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="smbquic-closing").start()
        return True

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    # Under the lock, so that whoever comes next starts another thread.
                    self._running = False
                    return
                fd = self._waiting.popleft()
            os.close(fd)


def frees_much(status: os.stat_result, size: int = 0) -> bool:
    """Return whether it takes long to cut a file to `size` bytes. Holes have no blocks."""
    return 512 * status.st_blocks - size > LARGE
