"""Names and addresses that an administrator has locked out, each for a time."""

import time
from collections.abc import Callable
from math import inf

MAX_LOCKOUTS = 1_000
"""Lockouts at a time. They are made by hand; a further one is refused."""


class Lockouts:
    """A table of locked names. `clock` returns seconds of a monotonic clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def add(self, name: str, seconds: float = inf) -> None:
        """Lock a name for so long, until it is removed by default.

        Raises ValueError if there are too many.
        """
        self._remove_expired()
        if len(self._until) >= MAX_LOCKOUTS and name not in self._until:
            raise ValueError(f"{MAX_LOCKOUTS} are locked out already: let some in again first")
        self._until[name] = self._clock() + seconds

    def remove(self, name: str) -> bool:
        """Let a name in again; return whether it was locked."""
        return self._until.pop(name, 0.0) > self._clock()

    def seconds_left(self, name: str) -> float:
        """Return for how many more seconds a name is locked, 0 if it is not."""
        # Asked for every connection and logon, and almost always empty.
        return max(self._until[name] - self._clock(), 0.0) if name in self._until else 0.0

    def items(self) -> dict[str, float]:
        """Return the locked names, with the seconds that are left."""
        self._remove_expired()
        now = self._clock()
        return {name: until - now for name, until in self._until.items()}

    def _remove_expired(self) -> None:
        now = self._clock()
        self._until = {name: until for name, until in self._until.items() if until > now}
