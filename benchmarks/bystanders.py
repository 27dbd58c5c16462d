"""How much of the machine other programs took meanwhile: a comparison wants it for itself."""

import os
import resource
import time
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
# Of /proc/stat's first line: waiting is not working.
_IDLE, _WAITING = 3, 4


class Bystanders:
    """From its making to `share`, all of our commands have to begin and to end."""

    def __init__(self) -> None:
        self._at, self._busy, self._ours = time.monotonic(), _busy(), _ours()

    def share(self) -> float:
        """The share of all cores that went to others, 0 to 1."""
        cores = os.cpu_count() or 1
        others = (_busy() - self._busy) - (_ours() - self._ours)
        return min(max(others / (time.monotonic() - self._at) / cores, 0.0), 1.0)


def busy_seconds(first_line: str) -> float:
    """Seconds that the cores worked, all together, of the first line of /proc/stat."""
    # Time of guests is in that of users already.
    fields = [int(field) for field in first_line.split()[1:9]]
    return (sum(fields) - fields[_IDLE] - fields[_WAITING]) / _TICK


def _busy() -> float:
    return busy_seconds(Path("/proc/stat").read_text().partition("\n")[0])


def _ours() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)
