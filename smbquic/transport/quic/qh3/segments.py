"""How a small answer becomes one segment batch, which the kernel takes in one system call.

All datagrams of a batch have the size of the first, and only the last may be shorter. The core
fills each with as much data, and the first of them with an acknowledgement besides where one is
due: that one is larger then, and needs a system call of its own. So it gets less data.
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
    """Finds how much of a message the first datagram takes, so that all have the same size.

    A large message makes several batches anyway.
    """

    def __init__(self) -> None:
        self._acknowledgement = USUAL_ACKNOWLEDGEMENT

    def part(self, core: Any, message: Buffer, size: int, now: float) -> int:
        """How many bytes of a message to write before the first datagram of `size` bytes is made.

        0 where that makes no difference.
        """
        data = size - ROOM_FOR_HEADERS
        # Of two datagrams the second one is the shorter anyway.
        if len(message) <= 2 * data:
            return 0
        timer = core.get_timer()
        if timer is None or timer[0] != ACKNOWLEDGE or timer[1] > now:
            return 0
        return data - self._acknowledgement

    def learn(self, datagrams: list[bytes]) -> None:
        """Note how well the first datagram fits to the others."""
        if len(datagrams) > 2:
            excess = len(datagrams[0]) - len(datagrams[1])
            if abs(excess) < ROOM_FOR_HEADERS:
                self._acknowledgement += excess
