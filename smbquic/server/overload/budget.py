"""An amount that all users have together, of which one user may have only so much.

What a user has the server keep, over all connections and sessions, comes out of a few of these:
without them one user could take everything, and nobody else would have anything left.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

LOCK: Final = 256
"""Bytes that a byte-range lock is counted as."""
CHANGE: Final = 128
"""Bytes of a change in a folder that nobody has asked for yet, besides its name."""
WATCH: Final = 4 << 10
"""Bytes of a folder that is watched, the kernel's part included."""
PIPE: Final = 4 << 10
"""Bytes of an open pipe, besides what waits in it."""
TREE: Final = 512
"""Bytes of a session's connection to a share."""
SESSION: Final = 4 << 10
"""Bytes of a session, where its connection has another one already."""


class SharedBudget:
    """`used` of `total` are taken; one user may have `of_user`."""

    def __init__(self, total: int, of_user: int) -> None:
        self.total: Final = total
        self.of_user: Final = of_user
        self.used = 0
        self._used: Counter[str] = Counter()

    def has_room(self, user: str, amount: int = 1) -> bool:
        """Return whether a user may take so much more."""
        return self.used + amount <= self.total and self._used[user] + amount <= self.of_user

    def change(self, user: str, amount: int) -> None:
        """Count what a user takes, or gives back where it is negative."""
        self.used += amount
        self._used[user] += amount
        if not self._used[user]:
            del self._used[user]


@dataclass(frozen=True, slots=True)
class UserBudget:
    """One user's part of a budget."""

    budget: SharedBudget
    user: str

    def has_room(self, amount: int = 1) -> bool:
        """Return whether the user may take so much more."""
        return self.budget.has_room(self.user, amount)

    def change(self, amount: int) -> None:
        """Count what the user takes, or gives back where it is negative."""
        self.budget.change(self.user, amount)
