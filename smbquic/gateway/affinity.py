"""Remembers which back end a client is on, so that its next connection goes there as well.

A further channel of a session, and a client that reconnects to its durable handles, need the server
that has them. A client is known by its ClientGuid ([MS-SMB2] 2.2.3), which it has before any logon.
"""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Final

MOST: Final = 16_384
"""Clients that are remembered; then the one that was not used for longest is forgotten."""

NO_GUID: Final = bytes(16)
"""What a client sends that has none."""


class AffinityTable:
    """The back ends of clients, by pool and ClientGuid, for `seconds` after they were noted."""

    def __init__(
        self, seconds: float, clock: Callable[[], float] = monotonic, most: int = MOST
    ) -> None:
        self.seconds = seconds
        self._clock = clock
        self._most = most
        self._entries: OrderedDict[tuple[str, bytes], tuple[str, float]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many clients are remembered."""
        return len(self._entries)

    def note(self, pool: str, client_guid: bytes, backend: str) -> None:
        """Remember the back end of a client that has logged on there."""
        if client_guid == NO_GUID or not self.seconds:
            return
        now = self._clock()
        self._entries[pool, client_guid] = backend, now + self.seconds
        self._entries.move_to_end((pool, client_guid))
        while self._entries and (
            len(self._entries) > self._most or next(iter(self._entries.values()))[1] <= now
        ):
            self._entries.popitem(last=False)

    def find(self, pool: str, client_guid: bytes) -> str | None:
        """Return the back end that a client was on; None if that is not known any more."""
        found = self._entries.get((pool, client_guid))
        if found is None or found[1] <= self._clock():
            return None
        return found[0]
