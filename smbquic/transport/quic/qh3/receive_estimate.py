"""How much qh3's core holds of what came out of order, which it does not say.

What came in and was not read yet must be in it, with more or less around it: headers, frames of
other kinds, and the core's own tables, which are large where the pieces are small. Some 60 bytes of
a datagram are none of it, which is also the size of one that only acknowledges.
"""

HEADERS = 64
"""Bytes of each datagram that are no data."""
LARGEST = 1500
FRAGMENTS = 16
"""How much more memory than they have bytes the smallest pieces take. Who has logged on is taken at
its bytes: honest peers send large pieces."""


class ReceiveEstimate:
    """An estimate: `held` is in bytes. Of a `restricted` peer the worst is assumed."""

    def __init__(self, *, restricted: bool) -> None:
        self.restricted = restricted
        self._unread = 0

    @property
    def held(self) -> int:
        """Bytes that the core holds at most."""
        return self._unread * FRAGMENTS if self.restricted else self._unread

    def arrived(self, size: int, datagrams: int) -> None:
        """Take note of datagrams, of `size` bytes together."""
        if self.restricted:
            # A handshake pads its datagrams, to 16,000 bytes within one machine.
            size = min(size, LARGEST * datagrams)
        self._unread = max(0, self._unread + size - HEADERS * datagrams)

    def read(self, size: int) -> None:
        """Take note of bytes that came out of the core."""
        self._unread = max(0, self._unread - size - size // 16)
