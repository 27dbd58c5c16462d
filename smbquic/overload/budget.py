"""A budget that all users share, with a limit for each user.

What the server keeps for a user, over all connections and sessions, is charged to one of a few
budgets. Without the limit for each, one user could take everything.
"""

from collections import Counter
from typing import Final

from smbquic.lazy_dataclass import dataclass

LOCK: Final = 256
"""Bytes that a byte-range lock is counted as."""
CHANGE: Final = 128
"""Bytes of a change in a folder that was not sent yet, besides its name."""
WATCH: Final = 4 << 10
"""Bytes of a folder that is watched, the kernel's part included."""
PIPE: Final = 4 << 10
"""Bytes of an open pipe, besides what waits in it."""
TREE: Final = 512
"""Bytes of a session's connection to a share."""
SESSION: Final = 4 << 10
"""Bytes of a session, where its connection has another one already."""


class SharedBudget:
    """An amount of `total`, of which `used` is taken, and one user may take `of_user`."""

    def __init__(self, total: int, of_user: int) -> None:
        self.total = total
        self.of_user = of_user
        self.used = 0
        self._used: Counter[str] = Counter()

    @property
    def largest(self) -> int:
        """The most that one user has taken."""
        return max(self._used.values(), default=0)

    def has_room(self, user: str, amount: int = 1) -> bool:
        """Return whether a user may take so much more."""
        return self.used + amount <= self.total and self._used[user] + amount <= self.of_user

    def change(self, user: str, amount: int) -> None:
        """Add what a user takes; a negative amount is given back."""
        self.used += amount
        self._used[user] += amount
        if not self._used[user]:
            del self._used[user]


@dataclass(frozen=True, slots=True)
class UserBudget:
    """A budget as one user has it."""

    budget: SharedBudget
    user: str

    def has_room(self, amount: int = 1) -> bool:
        """Return whether the user may take so much more."""
        return self.budget.has_room(self.user, amount)

    def change(self, amount: int) -> None:
        """Add what the user takes; a negative amount is given back."""
        self.budget.change(self.user, amount)
