"""Gives the datagrams of a QUIC connection to its engine; those of unauthenticated peers later."""

import errno
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Protocol

from smbquic.errors import TransportError
from smbquic.transport.quic.engine import Engine
from smbquic.transport.quic.keep_alive import KeepAlive
from smbquic.transport.quic.lifecycle import Lifecycle
from smbquic.transport.quic.network_errors import NetworkErrors
from smbquic.transport.quic.state import QuicState
from smbquic.transport.quic.udp import Path

if TYPE_CHECKING:
    from smbquic.transport.quic.unauthenticated import UnauthenticatedClient


class ReceivingConnection(Protocol):
    """The connection that datagrams are received for; `name` is how messages call the peer."""

    name: str
    lifecycle: Lifecycle
    keep_alive: KeepAlive
    network_errors: NetworkErrors

    def process(self, now: float) -> None:
        """Act on what the engine was given, and answer."""

    def abort(self, error: TransportError) -> None:
        """End the connection at once, without a reason for the peer."""


class DatagramReceiver:
    """The receiver of the datagrams of one connection: the `Destination` of a router."""

    def __init__(self, engine: Engine, connection: ReceivingConnection) -> None:
        self._engine = engine
        self._connection = connection
        self._unauthenticated: UnauthenticatedClient | None = None

    def restrict(self, client: "UnauthenticatedClient") -> None:
        """Limit what the peer may send until it is `authenticated`, and charge what it costs."""
        self._unauthenticated = client

    def authenticated(self) -> bool:
        """Lift the limits; return whether there were any."""
        restricted, self._unauthenticated = self._unauthenticated is not None, None
        return restricted

    def charge(self, work: Callable[[], None]) -> None:
        """Do `work`, and charge an unauthenticated peer for it."""
        if self._unauthenticated is None:
            work()
        else:
            self._unauthenticated.charge(work)

    def datagram_received(self, datagram: bytes, path: Path, now: float, ecn: int = 0) -> None:
        """Process one datagram, whatever bytes it has."""
        if self._unauthenticated is None:
            self._engine.receive(datagram, path, now, ecn)
        else:
            receive = partial(self._engine.receive, datagram, path, ecn=ecn)
            self._schedule(self._unauthenticated, len(datagram), path, receive)

    def segments_received(
        self, segments: bytes, size: int, path: Path, now: float, ecn: int = 0
    ) -> None:
        """Process a segment batch, whatever bytes it has."""
        if self._unauthenticated is None:
            self._engine.receive_segments(segments, size, path, now, ecn)
        else:
            receive = partial(self._engine.receive_segments, segments, size, path, ecn=ecn)
            self._schedule(self._unauthenticated, len(segments), path, receive)

    def _schedule(
        self,
        client: "UnauthenticatedClient",
        size: int,
        path: Path,
        receive: Callable[[float], object],
    ) -> None:
        connection = self._connection
        if not client.schedule(size, path, receive) and connection.lifecycle.error is None:
            connection.abort(client.refused(connection.name))

    def batch_received(self, now: float) -> None:
        """Act on the datagrams that were received, and answer.

        What is scheduled for later, as it comes from an unauthenticated client, does so by itself.
        """
        connection = self._connection
        connection.network_errors.refused_since, connection.keep_alive.received_at = None, now
        if self._unauthenticated is None:
            connection.process(now)

    def error_received(self, error: OSError) -> None:
        """Act on an error that the network reports."""
        connection = self._connection
        # A datagram that is too large for the interface is lost like any other.
        if connection.lifecycle.error is not None or error.errno == errno.EMSGSIZE:
            return
        if connection.lifecycle.state is QuicState.HANDSHAKE:
            connection.network_errors.during_handshake(error)
        else:
            connection.network_errors.after_handshake(error)
