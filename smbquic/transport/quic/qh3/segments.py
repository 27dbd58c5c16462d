"""Makes a small answer one segment batch, which the kernel takes in one system call.

All datagrams of a batch have the size of the first, and only the last may be shorter. The core puts
as much data into each, and an acknowledgement into the first if one is due. That one would be
larger, and need a system call of its own; so it gets less data.
"""

from typing import Any

from smbquic.wire.cursor import Buffer

ACKNOWLEDGE = "ack_application"
"""The core's name for the timer of an acknowledgement."""
ROOM_FOR_HEADERS = 64
"""Bytes of a datagram that the core does not fill with data."""
USUAL_ACKNOWLEDGEMENT = 6
"""Bytes of an ACK frame for packets of which none is missing."""


class FirstSegment:
    """The data that the first datagram of a batch takes, so that all have the same size."""

    def __init__(self) -> None:
        # A large message makes several batches anyway, which need not be perfect.
        self._acknowledgement = USUAL_ACKNOWLEDGEMENT

    def part(self, core: Any, message: Buffer, size: int, now: float) -> int:
        """Return how many bytes to write before the first datagram of `size` bytes is made.

        0 if that makes no difference.
        """
        data = size - ROOM_FOR_HEADERS
        # Of two datagrams the second one is shorter anyway.
        if len(message) <= 2 * data:
            return 0
        # The first datagram has an acknowledgement only if one is due now.
        timer = core.get_timer()
        if timer is None or timer[0] != ACKNOWLEDGE or timer[1] > now:
            return 0
        return data - self._acknowledgement

    def learn(self, datagrams: list[bytes]) -> None:
        """Adapt to how much larger the first datagram was than the second one."""
        if len(datagrams) > 2:
            excess = len(datagrams[0]) - len(datagrams[1])
            # A larger difference has another cause than an acknowledgement.
            if abs(excess) < ROOM_FOR_HEADERS:
                self._acknowledgement += excess
