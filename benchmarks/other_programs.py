"""How much of the machine other programs took: a measurement wants it for itself.

There are two ways to count, for each has a blind spot. `OtherPrograms` counts all that the cores
did, interrupts included, and takes off what our commands did that have ended. `OtherProcesses`
counts by processes, so ours may still run, and the kernel's work for our packets is not theirs.
"""

import os
import resource
import time
from pathlib import Path

from benchmarks.usage import TICK, descendants, table

# Of /proc/stat's first line: waiting is not working.
_IDLE, _WAITING = 3, 4
_KERNEL = 2
"""The process id of kthreadd, whose children work for whoever keeps them busy."""


class OtherPrograms:
    """The share of the machine that other programs take while this exists.

    All of our commands have to begin after it is made, and to end before `share` is called.
    """

    def __init__(self) -> None:
        self._at, self._busy, self._ours = time.monotonic(), _busy(), _ours()

    def share(self) -> float:
        """Return the share of all cores that went to others, 0 to 1."""
        cores = os.cpu_count() or 1
        others = (_busy() - self._busy) - (_ours() - self._ours)
        return min(max(others / (time.monotonic() - self._at) / cores, 0.0), 1.0)


def busy_seconds(first_line: str) -> float:
    """Return the seconds that all cores worked, from the first line of /proc/stat."""
    # Time of guests is in that of users already.
    fields = [int(field) for field in first_line.split()[1:9]]
    return (sum(fields) - fields[_IDLE] - fields[_WAITING]) / TICK


def _busy() -> float:
    return busy_seconds(Path("/proc/stat").read_text().partition("\n")[0])


def _ours() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


class OtherProcesses:
    """How busy the processes are that are not ours.

    Processes that begin and end between two calls of `load` are only seen where their parent
    counts them.
    """

    def __init__(self) -> None:
        self._before = self._others()
        self._since = time.monotonic()

    def load(self) -> float:
        """Return the processor seconds per second that they used since the last call."""
        now, others = time.monotonic(), self._others()
        used = sum(ticks - self._before.get(number, ticks) for number, ticks in others.items())
        load = used / TICK / max(now - self._since, 0.01)
        self._before, self._since = others, now
        return max(load, 0.0)

    @staticmethod
    def _others() -> dict[int, int]:
        processes = table()
        ours = descendants(os.getpid(), processes) | descendants(_KERNEL, processes)
        return {n: process.ticks for n, process in processes.items() if n not in ours}
