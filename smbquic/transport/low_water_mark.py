"""How much of a large message has to arrive until its receiver is woken.

On a path that is slower than its receiver, each packet is read alone: 700 times for a message of
1 MiB, with a turn of the event loop each time. Linux can wait until more is there (SO_RCVLOWAT).
"""

import socket
import sys

MARK_PERIOD = 0.01
"""Seconds that what has arrived may wait for more, as fast as the path is now."""
SMALLEST_MARK = 4 << 10
LARGEST_MARK = 64 << 10
"""Bytes. A receiver that gets as much each time needs no mark."""


class LowWaterMark:
    """The mark of one TCP socket, which doubles while it is reached within `MARK_PERIOD`.

    It is never beyond the end of the message, behind which nothing may come. Of everything else,
    as of the end of the connection, the kernel tells at once.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._mark = 1
        self._wanted = 0
        self._received_at = 0.0

    def received(self, size: int, missing: int, now: float) -> None:
        """Set the mark after `size` bytes of a message, of which `missing` bytes are left."""
        if size >= LARGEST_MARK and self._mark == 1:
            return
        if now - self._received_at < MARK_PERIOD:
            self._wanted = min(max(2 * self._wanted, SMALLEST_MARK), LARGEST_MARK)
        else:
            self._wanted //= 2
        self._received_at = now
        mark = max(min(self._wanted, missing), 1)
        if mark != self._mark:
            self._mark = mark
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, mark)

    def unread(self) -> int:
        """Return how many bytes have arrived that the mark keeps from the receiver."""
        # The socket may be closed; that of uvloop would raise another error than the system's.
        if self._mark == 1 or self._sock.fileno() < 0:
            return 0
        # Imported here: Windows has neither.
        import fcntl
        import termios

        return int.from_bytes(fcntl.ioctl(self._sock, termios.FIONREAD, bytes(4)), sys.byteorder)
