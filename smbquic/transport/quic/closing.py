"""The end of a QUIC connection: CONNECTION_CLOSE for the peer, an error for the application."""

from smbquic.errors import ConnectionClosed, IdleTimeout, RemoteProtocolError, TransportError
from smbquic.transport.quic.engine import CloseReason
from smbquic.transport.quic.udp import Batch, UdpEndpoint

MAX_CLOSE_REPEATS = 16
"""How often the peer is sent CONNECTION_CLOSE again in the closing period."""


class ConnectionClose:
    """The datagrams with CONNECTION_CLOSE, which are sent again to a peer that goes on sending.

    It may not have received them ([RFC9000] 10.2.1).
    """

    def __init__(self, datagrams: list[Batch], endpoint: UdpEndpoint) -> None:
        self._datagrams = datagrams
        self._endpoint = endpoint
        self._repeats = 0

    def repeat(self) -> None:
        """Send them again, up to a limit: two ends that answer each other would not stop."""
        self._repeats += 1
        if self._repeats <= MAX_CLOSE_REPEATS:
            for datagrams, path in self._datagrams:
                self._endpoint.send(datagrams, path)


def error_of(
    close_reason: CloseReason, peer: str, idle_timeout: float, *, in_message: bool
) -> TransportError | RemoteProtocolError:
    """Return the error for an established connection with `peer` that was closed."""
    if close_reason.idle:
        return IdleTimeout(f"{peer} has sent nothing for {idle_timeout:g} s")
    if close_reason.ours:
        return RemoteProtocolError(f"{peer} broke the QUIC protocol: {close_reason.phrase}")
    reason = close_reason.phrase or (f"error {close_reason.code}" if close_reason.code else "")
    return closed_by_peer(peer, reason, in_message=in_message)


def closed_by_peer(peer: str, reason: str = "", *, in_message: bool) -> ConnectionClosed:
    """Return the error for a connection that `peer` closed; `in_message` if it cut one short."""
    middle = " in the middle of a message" if in_message else ""
    said = f": {reason}" if reason else ""
    return ConnectionClosed(f"{peer} closed the connection{middle}{said}")
