"""Records of those who have not logged on: the first ones whole, then only how many there were.

Anybody can connect and fail as often as they like. What is written about that must not grow with
it, nor push out what users did.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

Record = dict[str, Any]

WINDOW: Final = 60.0
"""Seconds for which the records of one event are counted together."""
WHOLE: Final = 100
"""How many records of one event are written whole in that time."""
ADDRESSES: Final = 16
"""How many addresses a record names that stands for others."""


@dataclass(slots=True)
class _Group:
    """The records of one event since `began`; of those that were left out the sum."""

    began: float
    whole: int = 0
    count: int = 0
    first: str = ""
    last: str = ""
    addresses: dict[str, None] = field(default_factory=dict)
    more_addresses: bool = False

    def leave_out(self, record: Record) -> None:
        self.count += 1
        self.last = record["time"]
        self.first = self.first or self.last
        host = str(record.get("address", "")).rpartition(":")[0]
        if host in self.addresses:
            return
        if len(self.addresses) < ADDRESSES:
            self.addresses[host] = None
        else:
            self.more_addresses = True


class Aggregation:
    """Hands records on to `write`, or counts them. `clock` gives seconds that never go back.

    What was counted is written once its time is over and another record comes, and by `flush`.
    """

    def __init__(
        self, write: Callable[[Record], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._clock = clock
        self._groups: dict[str, _Group] = {}

    def add(self, record: Record) -> None:
        """Take one record, which has a `time` and an `event`."""
        self.write_due()
        group = self._groups.setdefault(record["event"], _Group(self._clock()))
        if group.whole < WHOLE:
            group.whole += 1
            self._write(record)
        else:
            group.leave_out(record)

    def write_due(self) -> None:
        """Write the sums whose time is over."""
        now = self._clock()
        over = [event for event, each in self._groups.items() if now - each.began >= WINDOW]
        for event in over:
            self._sum_up(event)

    def flush(self) -> None:
        """Write all sums."""
        for event in list(self._groups):
            self._sum_up(event)

    def _sum_up(self, event: str) -> None:
        group = self._groups.pop(event)
        if not group.count:
            return
        record = {
            "time": group.last,
            "event": event,
            "count": group.count,
            "first": group.first,
            "last": group.last,
            "addresses": list(group.addresses),
        }
        if group.more_addresses:
            record["more_addresses"] = True
        self._write(record)
