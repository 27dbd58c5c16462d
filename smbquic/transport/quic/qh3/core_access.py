"""The two ways to qh3's core: through its library, and directly.

Each is an object with the same methods. A connection begins with the library, which runs the
handshake, and goes on directly where nothing keeps it there.
"""

from collections.abc import Callable
from typing import Any, Protocol

from smbquic.transport.addresses import SocketAddress
from smbquic.transport.quic.packet import LONG_HEADER
from smbquic.transport.quic.qh3.connection import Qh3Connection
from smbquic.wire.cursor import Buffer


class CoreAccess(Protocol):
    """How an engine reaches its core.

    `send` gives it bytes for a stream, and `unsent` tells how many it has that were never sent.
    With `is_direct`, datagrams can be made as soon as it has them.
    """

    is_direct: bool
    send: Callable[[int, Buffer], object]
    unsent: Callable[[int], int]

    def receive(self, datagram: bytes, address: SocketAddress, now: float) -> bool:
        """Give it a datagram; returns whether the library may have events because of that."""

    def receive_segments(
        self, segments: bytes, size: int, address: SocketAddress, now: float
    ) -> bool:
        """Give it datagrams of `size` bytes each; returns as `receive`."""


class LibraryAccess:
    """Through the library, which looks at each datagram.

    It needs that during the handshake, and to write a qlog trace.
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
    """What the library does once the handshake is complete, but for looking at each datagram."""

    is_direct = True

    def __init__(self, quic: Qh3Connection) -> None:
        self._quic = quic
        metered: Any = quic._core
        self._metered = metered
        self.send: Callable[[int, Buffer], object] = metered.core.send_stream
        self.unsent: Callable[[int], int] = metered.core.get_send_buffer_size

    def receive(self, datagram: bytes, address: SocketAddress, now: float) -> bool:
        """See `CoreAccess`: the library knows what to do with a late handshake packet."""
        if datagram[0] & LONG_HEADER:
            self._quic.receive_datagram(datagram, address, now)
            return True
        return self.receive_segments(datagram, len(datagram), address, now)

    def receive_segments(
        self, segments: bytes, size: int, address: SocketAddress, now: float
    ) -> bool:
        """See `CoreAccess`: mostly there is data of the stream, and nothing else."""
        metered = self._metered
        metered.receive_gro_buffer(segments, size, address, now)
        if metered.take_data():
            return False
        self._quic._drain_core()
        return True
