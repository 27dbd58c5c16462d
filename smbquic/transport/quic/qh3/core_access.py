"""The two ways to use qh3's core: through its library, and directly.

Both are objects with the same methods. A connection begins with the library, which runs the
handshake, and continues directly unless a qlog trace needs the library.
"""

from collections.abc import Callable
from typing import Any, Protocol

from smbquic.transport.addresses import SocketAddress
from smbquic.transport.quic.packet import LONG_HEADER
from smbquic.transport.quic.qh3.connection import Qh3Connection
from smbquic.wire.cursor import Buffer


class CoreAccess(Protocol):
    """The calls of an engine into its core.

    `send` gives the core bytes for a stream, and `unsent` returns how many it has that were never
    sent. With `is_direct`, datagrams can be made as soon as the core has the bytes.
    """

    is_direct: bool
    send: Callable[[int, Buffer], object]
    unsent: Callable[[int], int]

    def receive(self, datagram: bytes, address: SocketAddress, now: float) -> bool:
        """Process a datagram; return whether the library may have events because of that."""

    def receive_segments(
        self, segments: bytes, size: int, address: SocketAddress, now: float
    ) -> bool:
        """Process datagrams of `size` bytes; return as `receive` does."""


class LibraryAccess:
    """Access through the library, which processes each datagram by itself.

    That is needed during the handshake, and for a qlog trace.
    """

    is_direct = False

    def __init__(self, quic: Qh3Connection) -> None:
        self._quic = quic
        self.send: Callable[[int, Buffer], object] = quic.send_stream_data
        self.unsent: Callable[[int], int] = quic.get_send_buffer_size

    def receive(self, datagram: bytes, address: SocketAddress, now: float) -> bool:
        """See `CoreAccess`."""
        self._quic.receive_datagram(datagram, address, now)
        return True

    def receive_segments(
        self, segments: bytes, size: int, address: SocketAddress, now: float
    ) -> bool:
        """See `CoreAccess`."""
        self._quic.receive_gro_buffer(segments, size, address, now)
        return True


class DirectAccess:
    """Access without the library, which would do the same, but parse each datagram for its log."""

    is_direct = True

    def __init__(self, quic: Qh3Connection) -> None:
        self._quic = quic
        metered: Any = quic._core
        self._metered = metered
        # Methods in Rust, without a call in Python between.
        self.send: Callable[[int, Buffer], object] = metered.core.send_stream
        self.unsent: Callable[[int], int] = metered.core.get_send_buffer_size

    def receive(self, datagram: bytes, address: SocketAddress, now: float) -> bool:
        """See `CoreAccess`."""
        # A long header is of a late handshake packet, which only the library can process.
        if datagram[0] & LONG_HEADER:
            self._quic.receive_datagram(datagram, address, now)
            return True
        return self.receive_segments(datagram, len(datagram), address, now)

    def receive_segments(
        self, segments: bytes, size: int, address: SocketAddress, now: float
    ) -> bool:
        """See `CoreAccess`."""
        metered = self._metered
        metered.receive_gro_buffer(segments, size, address, now)
        # Mostly there is data of the stream and nothing else, which is no event for the library.
        if metered.take_data():
            return False
        # Whatever else there is becomes events of the library, or goes to its TLS.
        self._quic._drain_core()
        return True
