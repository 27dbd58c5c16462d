"""An estimate of what an engine's library keeps of what was received out of order.

qh3's core and quinn-proto do not report it. What was received and not read yet must be there, with
more or less around it: headers, frames of other kinds, and the library's own tables, which are
large if the segments are small. Some 60 bytes of a datagram are no data, which is also the size of
one that only acknowledges.
"""

HEADERS = 64
"""Bytes of each datagram that are no data."""
LARGEST = 1500
"""Bytes of a datagram that are counted for a peer that has not logged on."""
FRAGMENTS = 16
"""How many times their bytes the smallest segments take as memory. Only the bytes are counted for a
peer that has logged on: honest peers send large segments."""


class ReceiveEstimate:
    """The estimate for one connection; for a `restricted` peer the worst is assumed."""

    def __init__(self, *, restricted: bool) -> None:
        self.restricted = restricted
        self._unread = 0

    @property
    def held(self) -> int:
        """Bytes of memory that the library keeps at most."""
        return self._unread * FRAGMENTS if self.restricted else self._unread

    def arrived(self, size: int, datagrams: int) -> None:
        """Count datagrams that were received, of `size` bytes together."""
        if self.restricted:
            # A handshake pads its datagrams, to 16,000 bytes within one machine.
            size = min(size, LARGEST * datagrams)
        unread = self._unread + size - HEADERS * datagrams
        # Never less than nothing: what only acknowledges may be shorter than the headers assumed.
        self._unread = unread if unread > 0 else 0

    def read(self, size: int) -> None:
        """Count bytes that were read from the library."""
        # A sixteenth more, so that headers that were underestimated do not add up.
        unread = self._unread - size - size // 16
        self._unread = unread if unread > 0 else 0

    def exchanged(self, size: int, datagrams: int, read: int) -> None:
        """Count datagrams that were received, of `size` bytes together, and bytes read after it."""
        # Mostly all that has come is read at once, and the estimate stays nothing.
        if self._unread or size - HEADERS * datagrams > read:
            self.arrived(size, datagrams)
            self.read(read)
