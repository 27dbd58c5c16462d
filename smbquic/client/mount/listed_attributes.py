"""Attributes of files from listings, kept for the programs that look at each file next."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from threading import Lock

from smbquic.client.names import join
from smbquic.client.stat import Stat

LIFETIME = 1.0
"""Seconds that attributes from a listing are used, as by the client of the Linux kernel."""
MOST = 1 << 16
"""Files whose attributes are kept at most."""


class ListedAttributes:
    """The attributes of files that were listed a moment ago; safe for use by several threads.

    ``ls -l`` lists a folder and asks for the attributes of each file then. `clock` gives seconds
    that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._kept: OrderedDict[str, tuple[float, Stat]] = OrderedDict()
        self._changes = 0

    @property
    def changes(self) -> int:
        """How often something was forgotten; a listing that began before is not to be kept."""
        return self._changes

    def keep(self, folder: str, stats: Iterable[Stat], changes: int) -> None:
        """Keep what a listing says, unless something has changed since it began."""
        until = self._clock() + LIFETIME
        with self._lock:
            if changes != self._changes:
                return
            for stat in stats:
                self._kept[join(folder, stat.name)] = until, stat
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)

    def get(self, path: str) -> Stat | None:
        """Return the attributes of a file or folder, if they were listed just now."""
        until, stat = self._kept.get(path, (0.0, None))
        return stat if self._clock() < until else None

    def forget(self, *paths: str) -> None:
        """Drop files that have changed."""
        with self._lock:
            self._changes += 1
            for path in paths:
                self._kept.pop(path, None)

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._changes += 1
            self._kept.clear()
