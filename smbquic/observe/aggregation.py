"""Bounds the records about unauthenticated clients: the first are written, the others counted.

Anybody can connect and fail as often as they like. The records about that must not fill the disk,
nor replace those of users in files that rotate.
"""

import time
from collections.abc import Callable
from dataclasses import field
from typing import Any, Final

from smbquic.lazy_dataclass import dataclass

Record = dict[str, Any]

WINDOW: Final = 60.0
"""Seconds for which the records of one event are counted together."""
WHOLE: Final = 100
"""Records of one event that are written in that time; the others are counted."""
ADDRESSES: Final = 16
"""Addresses that a record with a count names."""


@dataclass(slots=True)
class _EventCount:
    """The records of one event since `began`: how many were written, and how many counted."""

    began: float
    whole: int = 0
    count: int = 0
    first: str = ""
    last: str = ""
    addresses: dict[str, None] = field(default_factory=dict)
    more_addresses: bool = False

    def count_record(self, record: Record) -> None:
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
    """A filter that gives records to `write`, or counts them. `clock` gives monotonic seconds.

    A count is written with the first record after its time, and by `flush`.
    """

    def __init__(
        self, write: Callable[[Record], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._clock = clock
        self._groups: dict[str, _EventCount] = {}

    def add(self, record: Record) -> None:
        """Write or count one record, which has a `time` and an `event`."""
        self.write_due()
        group = self._groups.setdefault(record["event"], _EventCount(self._clock()))
        if group.whole < WHOLE:
            group.whole += 1
            self._write(record)
        else:
            group.count_record(record)

    def write_due(self) -> None:
        """Write the counts whose time is over."""
        now = self._clock()
        over = [event for event, each in self._groups.items() if now - each.began >= WINDOW]
        for event in over:
            self._write_count(event)

    def flush(self) -> None:
        """Write all counts."""
        for event in list(self._groups):
            self._write_count(event)

    def _write_count(self, event: str) -> None:
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
