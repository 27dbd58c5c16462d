"""The parts of the QUIC transport that its tests look into: nobody else touches what is private."""

from typing import Any

from smbquic.transport import quic
from smbquic.transport.quic.connection import QuicConnection
from smbquic.transport.quic.engine import Engine
from smbquic.transport.quic.half_open import HalfOpenHandshakes
from smbquic.transport.quic.transport import QuicTransport
from smbquic.transport.refusals import Refusals
from tests.unit.transport.quic.simulation import library

REBINDINGS = 10
"""Sockets that are made at most for a port that was not used before."""


def handshakes_of(listener: quic.QuicListener) -> HalfOpenHandshakes[QuicConnection]:
    """Return the handshakes that a listener has begun."""
    return listener._half_open


def refusals_of(listener: quic.QuicListener) -> Refusals:
    """Return the counts of what a listener has refused."""
    return listener._refusals


def close_socket(listener: quic.QuicListener) -> None:
    """Close a listener's port without a word to its clients, as the end of its process does."""
    listener._endpoint.close()


def connections_of(listener: quic.QuicListener) -> list[QuicConnection]:
    """Return the connections of a listener."""
    return list(listener._ids)


def local_port(transport: QuicTransport) -> int:
    """Return the port that a client sends from now."""
    port: int = transport.connection._endpoint.local[1]
    return port


def rebind(transport: QuicTransport, used: set[int]) -> None:
    """Have a client send from a port that is not among those that it has `used`, and add it."""
    for _ in range(REBINDINGS):
        transport.connection.rebind()
        if local_port(transport) not in used:
            break
    used.add(local_port(transport))


def engine_of(transport: QuicTransport) -> Engine:
    """Return the engine of a connection."""
    return transport.connection._engine


def library_of(transport: QuicTransport) -> Any:
    """Return the connection of the library that the engine stands on."""
    return library(engine_of(transport))
