"""Which connection a datagram belongs to ([RFC9000] 5.2)."""

from collections.abc import Callable
from typing import Protocol

from smbquic.transport.quic.options import INTERNET_DATAGRAM
from smbquic.transport.quic.packet import (
    CONNECTION_ID_SIZE,
    LONG_HEADER,
    MAX_CONNECTION_ID_SIZE,
    MIN_INITIAL_ID_SIZE,
    VERSIONS,
    is_initial,
    version_negotiation,
)
from smbquic.transport.quic.udp import Path


class Destination(Protocol):
    """A connection that datagrams are for."""

    def datagram_received(self, datagram: bytes, path: Path, now: float) -> None:
        """One datagram; any bytes."""

    def segments_received(self, segments: bytes, size: int, path: Path, now: float) -> None:
        """Several datagrams of `size` bytes, of which the last may be shorter; any bytes."""

    def batch_received(self, now: float) -> None:
        """No more datagrams for now."""

    def error_received(self, error: OSError) -> None:
        """The network reported an error about datagrams that were sent."""


Accept = Callable[[bytes, bytes, Path, float], Destination | None]
"""Called with a new client's first datagram, the connection id it chose, the path and the time;
None turns it away."""
Reply = Callable[[bytes, Path], None]
OnUnmatched = Callable[[bytes, Path, float], None]
"""Called with a datagram of a connection that nobody here knows, the path and the time."""


class Router:
    """Receives the datagrams of a socket and hands them to the connections on it.

    Without `accept`, only the connections that were added are heard. Datagrams that belong to
    nobody are dropped, but a client with a version that is not spoken here is told so, and
    `on_unmatched` gets what looks like part of a connection.
    """

    def __init__(
        self,
        accept: Accept | None = None,
        reply: Reply | None = None,
        on_unmatched: OnUnmatched | None = None,
    ) -> None:
        self._accept = accept
        self._reply = reply
        self._on_unmatched = on_unmatched
        self._destinations: dict[bytes, Destination] = {}
        self._active: dict[Destination, None] = {}

    def add(self, connection_id: bytes, destination: Destination) -> None:
        """Datagrams for this connection id are for `destination`."""
        self._destinations[connection_id] = destination

    def destination(self, connection_id: bytes) -> Destination | None:
        """Whom datagrams for this connection id are for."""
        return self._destinations.get(connection_id)

    def remove(self, connection_id: bytes) -> None:
        """Nobody owns this connection id any more."""
        self._destinations.pop(connection_id, None)

    def datagram_received(self, datagram: bytes, path: Path, now: float) -> None:
        """Hand a datagram to whom it is for."""
        if not datagram:
            return
        if datagram[0] & LONG_HEADER:
            if len(datagram) < 7:
                return
            connection_id = datagram[6 : 6 + datagram[5]]
            destination = self._destinations.get(connection_id) or self._new_connection(
                datagram, connection_id, path, now
            )
        else:
            destination = self._destinations.get(datagram[1 : 1 + CONNECTION_ID_SIZE])
            if destination is None and self._on_unmatched is not None:
                self._on_unmatched(datagram, path, now)
        if destination is not None:
            destination.datagram_received(datagram, path, now)
            self._active[destination] = None

    def segments_received(self, segments: bytes, size: int, path: Path, now: float) -> None:
        """Hand a segment batch on, in one piece where all of it is for one connection."""
        destination = self._destination_of_segments(segments, size)
        if destination is not None:
            destination.segments_received(segments, size, path, now)
            self._active[destination] = None
            return
        for start in range(0, len(segments), size):
            self.datagram_received(segments[start : start + size], path, now)

    def _destination_of_segments(self, segments: bytes, size: int) -> Destination | None:
        # A byte of all datagrams at once, which is several times as fast as one after the other.
        first = segments[::size]
        if not first or max(first) & LONG_HEADER:
            return None
        for at in range(1, 1 + CONNECTION_ID_SIZE):
            if segments[at::size].count(segments[at : at + 1]) != len(first):
                return None
        return self._destinations.get(segments[1 : 1 + CONNECTION_ID_SIZE])

    def batch_received(self, now: float) -> None:
        """Let the connections that got something answer, each once."""
        active, self._active = self._active, {}
        for destination in active:
            destination.batch_received(now)

    def error_received(self, error: OSError) -> None:
        """Pass it on to a client's connection; on a server's socket it may be about any of them."""
        if self._accept is None:
            for destination in set(self._destinations.values()):
                destination.error_received(error)

    def _new_connection(
        self, datagram: bytes, connection_id: bytes, path: Path, now: float
    ) -> Destination | None:
        if (
            self._accept is None
            or len(datagram) < INTERNET_DATAGRAM
            or not MIN_INITIAL_ID_SIZE <= len(connection_id) <= MAX_CONNECTION_ID_SIZE
        ):
            return None
        version = int.from_bytes(datagram[1:5], "big")
        if version in VERSIONS:
            if is_initial(datagram, version):
                return self._accept(datagram, connection_id, path, now)
            return None
        if version and self._reply is not None:
            self._reply(version_negotiation(datagram, connection_id), path)
        return None
