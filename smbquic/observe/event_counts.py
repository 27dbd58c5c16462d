"""How often each kind of audit event happened, whether or not it is recorded."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

MAX_DETAILS: Final = 64
"""Details of one event that are counted apart."""
OTHER: Final = "other"
"""The detail of all others together."""

_DETAILS: Final = {
    "connection": "transport",
    "handshake-failure": "reason",
    "logon-failure": "status",
    "share-denial": "status",
}
"""The field that tells apart the events of one kind. It has words of ours, never of a client."""


class EventCounts:
    """The counts of events, by their kind and a detail, which is empty for most kinds."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {}

    def add(self, event: str, fields: Mapping[str, Any]) -> None:
        """Count an event that has these fields."""
        counts = self._counts.setdefault(event, Counter())
        detail = str(fields.get(_DETAILS.get(event, ""), ""))
        if detail not in counts and len(counts) >= MAX_DETAILS:
            detail = OTHER
        counts[detail] += 1

    def of(self, event: str) -> Mapping[str, int]:
        """Return the counts of one kind, by detail."""
        return self._counts.get(event, {})
