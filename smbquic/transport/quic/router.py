"""Finds the connection that a datagram belongs to ([RFC9000] 5.2)."""

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
    """A connection that receives datagrams."""

    def datagram_received(self, datagram: bytes, path: Path, now: float, ecn: int = 0) -> None:
        """Process one datagram, whatever bytes it has."""

    def segments_received(
        self, segments: bytes, size: int, path: Path, now: float, ecn: int = 0
    ) -> None:
        """Process datagrams of `size` bytes, of which the last may be shorter."""

    def batch_received(self, now: float) -> None:
        """Act on the datagrams that were received, as there are no more for now."""

    def error_received(self, error: OSError) -> None:
        """Act on an error that the network reports about datagrams that were sent."""


Accept = Callable[[bytes, bytes, Path, float, int], Destination | None]
"""Called with a new client's first datagram, the connection ID that it has chosen, the path, the
time, and the codepoint of ECN; returns None if the client is not accepted."""
Versions = Callable[[bytes], tuple[int, ...]]
"""Called with a new client's first datagram; returns the versions of QUIC that it may use."""
Reply = Callable[[bytes, Path], None]
OnUnmatched = Callable[[bytes, Path, float], None]
"""Called with a datagram of an unknown connection, the path and the time."""


class Router:
    """A router of the datagrams of a socket to the connections on it.

    Without `accept` there are only the connections that were added. Other datagrams are dropped,
    except that a client with a version that is none of its `versions` gets a Version Negotiation
    packet, and that `on_unmatched` is called with what may belong to a former connection. The IDs
    that were issued have `id_size` bytes.
    """

    def __init__(
        self,
        accept: Accept | None = None,
        reply: Reply | None = None,
        on_unmatched: OnUnmatched | None = None,
        *,
        versions: Versions = lambda datagram: VERSIONS,
        id_size: int = CONNECTION_ID_SIZE,
    ) -> None:
        self._accept = accept
        self._reply = reply
        self._on_unmatched = on_unmatched
        self._versions = versions
        self._id_end = 1 + id_size
        self._destinations: dict[bytes, Destination] = {}
        # Those that have received something since the last `batch_received`, in order.
        self._active: dict[Destination, None] = {}

    def add(self, connection_id: bytes, destination: Destination) -> None:
        """Pass the datagrams with this connection ID to `destination`."""
        self._destinations[connection_id] = destination

    def destination(self, connection_id: bytes) -> Destination | None:
        """Return who receives the datagrams with this connection ID, if anybody does."""
        return self._destinations.get(connection_id)

    def remove(self, connection_id: bytes) -> None:
        """Pass on no more datagrams with this connection ID."""
        self._destinations.pop(connection_id, None)

    def datagram_received(self, datagram: bytes, path: Path, now: float, ecn: int = 0) -> None:
        """Pass a datagram to its connection."""
        if not datagram:
            return
        # A long header has the length of the connection ID ([RFC9000] 17.2). A short one has not:
        # its reader has to know it ([RFC9000] 17.3.1).
        if datagram[0] & LONG_HEADER:
            if len(datagram) < 7:
                return
            connection_id = datagram[6 : 6 + datagram[5]]
            destination = self._destinations.get(connection_id) or self._new_connection(
                datagram, connection_id, path, now, ecn
            )
        else:
            destination = self._destinations.get(datagram[1 : self._id_end])
            if destination is None and self._on_unmatched is not None:
                self._on_unmatched(datagram, path, now)
        if destination is not None:
            destination.datagram_received(datagram, path, now, ecn)
            self._active[destination] = None

    def segments_received(
        self, segments: bytes, size: int, path: Path, now: float, ecn: int = 0
    ) -> None:
        """Pass on a segment batch, at once if all of it is for one connection."""
        destination = self._destination_of_segments(segments, size)
        if destination is not None:
            destination.segments_received(segments, size, path, now, ecn)
            self._active[destination] = None
            return
        for start in range(0, len(segments), size):
            self.datagram_received(segments[start : start + size], path, now, ecn)

    def _destination_of_segments(self, segments: bytes, size: int) -> Destination | None:
        # The same byte of all datagrams in one slice: several times as fast as one datagram after
        # the other.
        first = segments[::size]
        if not first or max(first) & LONG_HEADER:
            return None
        for at in range(1, self._id_end):
            if segments[at::size].count(segments[at : at + 1]) != len(first):
                return None
        return self._destinations.get(segments[1 : self._id_end])

    def data_received(self, connection_id: bytes) -> None:
        """Let a connection act on what an I/O thread has received for it."""
        destination = self._destinations.get(connection_id)
        if destination is not None:
            self._active[destination] = None

    def batch_received(self, now: float) -> None:
        """Let each connection that has received something answer, once for the whole batch."""
        active, self._active = self._active, {}
        for destination in active:
            destination.batch_received(now)

    def error_received(self, error: OSError) -> None:
        """Pass on an error to a client's connection."""
        # A server's socket is not connected, so the error may be about any of its clients.
        if self._accept is None:
            for destination in set(self._destinations.values()):
                destination.error_received(error)

    def _new_connection(
        self, datagram: bytes, connection_id: bytes, path: Path, now: float, ecn: int
    ) -> Destination | None:
        # A server drops an Initial packet in a smaller datagram ([RFC9000] 14.1): its answer would
        # amplify it. A client chooses an ID of 8 bytes at least ([RFC9000] 7.2).
        if (
            self._accept is None
            or len(datagram) < INTERNET_DATAGRAM
            or not MIN_INITIAL_ID_SIZE <= len(connection_id) <= MAX_CONNECTION_ID_SIZE
        ):
            return None
        version = int.from_bytes(datagram[1:5], "big")
        versions = self._versions(datagram)
        if version in versions:
            if is_initial(datagram, version):
                return self._accept(datagram, connection_id, path, now, ecn)
            return None
        # Version 0 is that of a Version Negotiation packet, which gets no answer ([RFC9000] 6.1).
        if version and self._reply is not None:
            self._reply(version_negotiation(datagram, connection_id, versions), path)
        return None
