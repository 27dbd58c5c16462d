"""The budget of file descriptors for the files that clients have open.

A process may have only so many descriptors, and sockets count too. Without a budget one client
could take them all, and nobody else could open a file or connect.
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import Final

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.overload.budget import SharedBudget

RESERVED: Final = 64
"""Descriptors for the program itself: its files, listeners, threads and folders being read."""
MOST: Final = 1 << 17
"""Files that all clients may have open, however many descriptors there are: each takes memory."""
PER_OPEN: Final = 3
"""Descriptors that an open takes at most: the file, the folder it is in, and a listing."""


def descriptor_limit() -> int:
    """Return how many descriptors this process may have (RLIMIT_NOFILE)."""
    if sys.platform == "win32":
        return 1 << 20
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def sockets_limit() -> int:
    """Return how many connections with a socket each this process may have besides its own files.

    Half of the descriptors stay free: a race for a back end may hold several for a moment.
    """
    return max((descriptor_limit() - RESERVED) // 2, 1)


class OpenFileBudget(SharedBudget):
    """A budget of opens: for all clients together, and for one user.

    `descriptors` is what the process may have. A quarter of it is left to connections over TCP, the
    rest is for opens, at most `MOST`, of which one user may have half.
    """

    def __init__(self, descriptors: int) -> None:
        usable = max(descriptors - RESERVED, 0)
        self.connections: Final = max(usable // 4, 1)
        total = min(max((usable - self.connections) // PER_OPEN, 1), MOST)
        super().__init__(total, max(total // 2, 1))

    def acquire(self, user: str) -> Callable[[], None]:
        """Count an open of a user; call the result once it is closed.

        StatusError TOO_MANY_OPENED_FILES if the user, or all users together, have too many.
        """
        if not self.has_room(user):
            raise StatusError.of(NtStatus.TOO_MANY_OPENED_FILES)
        self.change(user, 1)
        return partial(self.change, user, -1)
