"""The latest audit records, kept in memory for the status page."""

import heapq
from collections import deque
from collections.abc import Iterator
from typing import Any, Final

from smbquic.lazy_dataclass import dataclass

RECORDS_OF_USERS: Final = 1_000
RECORDS_OF_UNAUTHENTICATED: Final = 500
"""Records that are kept; those of unauthenticated clients apart, so that they replace no others."""


@dataclass(frozen=True, slots=True)
class NumberedRecord:
    """An audit record, with its place in the order of all."""

    number: int
    record: dict[str, Any]


class RecentRecords:
    """The latest audit records, of users and of unauthenticated clients."""

    def __init__(self) -> None:
        self._of_users: deque[NumberedRecord] = deque(maxlen=RECORDS_OF_USERS)
        self._of_unauthenticated: deque[NumberedRecord] = deque(maxlen=RECORDS_OF_UNAUTHENTICATED)
        self._added = 0

    def __len__(self) -> int:
        return len(self._of_users) + len(self._of_unauthenticated)

    def __iter__(self) -> Iterator[NumberedRecord]:
        """Return the records that there are now, the latest first."""
        return heapq.merge(
            list(reversed(self._of_users)),
            list(reversed(self._of_unauthenticated)),
            key=lambda each: each.number,
            reverse=True,
        )

    def add(self, record: dict[str, Any], *, authenticated: bool) -> None:
        """Add a record; the oldest one of its kind goes where there are too many."""
        self._added += 1
        records = self._of_users if authenticated else self._of_unauthenticated
        records.append(NumberedRecord(self._added, record))
