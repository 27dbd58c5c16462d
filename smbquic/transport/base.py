"""The contract of a transport, which is the same over TCP and QUIC."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, NamedTuple, Protocol

from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import Buffer


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection, and the properties of the channel to it.

    `certificates` is the peer's chain in DER, leaf first, and empty unless it was verified; `leaf`
    is its leaf, verified or not. `own_leaf` is the one that this end has shown as a server, in DER:
    a later one may have taken its place since. On an `encrypted` channel the transport encrypts the
    messages; on an `authenticated` one a certificate has proved the peer's name. Over a Unix
    socket, `remote` is its path with port 0. `handshake_seconds` is the time from the first packet
    to a usable connection. `engine` is the QUIC library of this end, and `engine_reason` why it was
    chosen; both are empty over TCP. If the TLS session was `resumed`, the certificates are of its
    first handshake, and were verified again. `group` is that of the key exchange. `resolved_by` is
    who has resolved the peer's name: `system`, or a URL. `trace_id` is the connection ID, in
    hexadecimal digits, that a client has chosen first, by which the qlog traces of both ends are
    named.
    """

    kind: Literal["quic", "tcp", "unix"]
    local: tuple[str, int]
    remote: tuple[str, int]
    server_name: str = ""
    alpn: str = ""
    cipher: str = ""
    certificates: tuple[bytes, ...] = ()
    encrypted: bool = False
    authenticated: bool = False
    handshake_seconds: float = 0.0
    engine: str = ""
    engine_reason: str = ""
    resumed: bool = False
    resolved_by: str = ""
    group: str = ""
    leaf: bytes = b""
    own_leaf: bytes = b""
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class ClientHello:
    """The claims of a client in its handshake so far, true or not.

    `server_name` is the one that it has asked for. `certificates` are those that it has shown, in
    DER, leaf first. They need not be verified, and it may not have their key.
    """

    server_name: str = ""
    certificates: tuple[bytes, ...] = ()


class EcnCounts(NamedTuple):
    """How many packets had each mark of ECN ([RFC3168] 5).

    A congested network turns the others into `ce` (congestion experienced).
    """

    ect0: int
    ect1: int
    ce: int


@dataclass(frozen=True, slots=True)
class PathStatistics:
    """Measurements on the path of a connection; over TCP, where the kernel has them, mostly None.

    `round_trip` is in seconds, smoothed, and None before the first measurement. `datagram_size` is
    the UDP payload of a full datagram in bytes. `lost_packets` were declared lost, so that their
    contents were sent again. `timeouts` is how often in a row something was sent again that the
    peer has not acknowledged; None except over TCP on Linux. `congestion_window` is how many bytes
    may be in flight, None except over QUIC. `ecn_received` are the marks of the datagrams that have
    arrived, None with an engine that does not see them; `ecn_reported` are those of what was sent,
    as the peer reports them ([RFC9000] 13.4.1), None if it reports none.
    """

    round_trip: float | None = None
    datagram_size: int | None = None
    lost_packets: int | None = None
    timeouts: int | None = None
    congestion_window: int | None = None
    ecn_received: EcnCounts | None = None
    ecn_reported: EcnCounts | None = None

    def figures(self) -> dict[str, Any]:
        """Return what people are shown of it, as plain values; the round trip is in ms."""
        return {
            "round_trip_ms": self.round_trip and round(self.round_trip * 1000, 3),
            "lost_packets": self.lost_packets,
            "ecn_received": self.ecn_received and self.ecn_received._asdict(),
            "ecn_reported": self.ecn_reported and self.ecn_reported._asdict(),
        }


@dataclass(frozen=True, slots=True)
class Flow:
    """The progress of messages in both directions, in bytes.

    `sent` is all that was sent so far, and `untaken` how much of it the peer has not taken. That
    takes `kept` bytes of memory: more, as a message is kept as a whole until its end was taken.
    `received` is all that was received, and `unfetched` how much of it waits to be fetched.
    `messages` is how many are complete; `unfinished` means that the rest of one is awaited.
    """

    sent: int
    untaken: int
    kept: int
    received: int
    unfetched: int
    messages: int
    unfinished: bool


class MessageTransport(Protocol):
    """One connection that carries whole SMB messages both ways.

    With `keep_alive`, which is False at first, the transport keeps a connection up that sends
    nothing; it is set while there are opens. `max_message_size` is the largest message that is
    accepted from the peer, in bytes without the prefix; a change is effective from the next message
    on.
    """

    peer: Peer
    keep_alive: bool
    max_message_size: int

    def authenticated(self) -> None:
        """Lift the limits for clients that have not logged on, as the peer has."""

    def send_now(self, *buffers: Buffer) -> bool:
        """Send one message if that needs no waiting; return whether it was sent.

        As `send`, but returns False if the connection has ended.
        """

    async def send(self, *buffers: Buffer) -> None:
        """Send one message, made of `buffers` in order.

        Waits while the peer or the network cannot take more. The transport may keep the buffers
        until the peer has them, so they must not change any more. Raises `ConnectionClosed`, and
        `LocalProtocolError` for a message that is too long for its prefix.
        """

    async def receive(self) -> memoryview:
        """Wait for one whole message, without its prefix: writable, in memory of its own.

        Once everything that has arrived before the end is fetched, raises `ConnectionClosed`, or
        `RemoteProtocolError` if the peer has sent something that is no message. May be cancelled
        without losing a message.
        """

    def close(self, reason: str = "", *, answered: bool = False) -> None:
        """Close the connection: what was sent is still delivered, nothing more is received.

        `answered` says that the peer has answered all of it, and so has received it.
        """

    def statistics(self) -> PathStatistics:
        """Return what was measured on the path, also after the connection has ended."""

    def drop(self, reason: str) -> None:
        """End the connection at once; what waits for either side is dropped."""

    async def wait_closed(self) -> None:
        """Wait until the connection is closed at both ends, or given up."""

    def flow(self) -> Flow:
        """Return how far the messages have got."""


class Listener(Protocol):
    """A listener for connections at `url`, which has the real port."""

    url: str

    async def close(self) -> None:
        """Stop accepting, end the connections that were accepted, and wait for both."""


OnConnection = Callable[[MessageTransport], Awaitable[None]]
"""Runs one accepted connection to its end; the listener closes the transport when it returns."""
