"""The contract of a QUIC engine: a sans-IO state machine for one connection with one stream.

Datagrams and the time go in, datagrams and the bytes of stream 0 come out. An adapter for each
library hides everything else, such as further streams, which SMB does not use.
"""

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Protocol

from smbquic.lazy_dataclass import dataclass
from smbquic.transport.base import ClientHello, PathStatistics
from smbquic.transport.quic.connection_ids import ConnectionIdSource
from smbquic.transport.quic.udp import Batch, Path
from smbquic.wire.cursor import Buffer

NO_ERROR = 0x0
INTERNAL_ERROR = 0x1
CRYPTO_ERROR = 0x100
"""The error code of a TLS alert, to which the alert's number is added ([RFC9001] 4.8)."""
UNAUTHENTICATED_WINDOW = 128 << 10
"""Bytes that an unauthenticated peer may send ahead; a message may have half of that."""
SEND_LIMIT = 1 << 20
"""Bytes that were never sent before `send` makes its callers wait."""
SEND_MEMORY = 96 << 20
"""Bytes that all engines of a server together may keep for what they send, beyond a small share of
each connection. An engine gives nothing back before its connection ends."""
STATELESS_RESET = "it does not know this connection any more"
"""The reason phrase for a connection that the peer ended by a stateless reset."""


@dataclass(frozen=True, slots=True)
class DatagramSizes:
    """Sizes of the datagrams of a connection, in bytes of UDP payload.

    Path MTU discovery begins at `start`, which every path carries, and searches up to `most`.
    `ethernet` is what an Ethernet carries. With `private`, the peer is not across the internet.
    With `certain`, losses have nothing to do with the size, as on this machine itself.
    """

    start: int
    most: int
    ethernet: int = 1472
    private: bool = False
    certain: bool = False

    @property
    def jumbo(self) -> bool:
        """Whether a client begins with jumbo frames, and sends smaller ones if they are lost.

        A server whose engine has no path MTU discovery then uses that size, too.
        """
        return self.private and self.most > self.ethernet


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """The engine of a connection, and why it was chosen."""

    engine: str
    reason: str

    def __str__(self) -> str:
        return f"{self.engine}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Security:
    """The outcome of a handshake.

    `certificates` is the peer's chain in DER, leaf first; if the session was `resumed`, the one of
    its first handshake. `group` is that of the key exchange.
    """

    alpn: str
    cipher: str
    server_name: str
    certificates: tuple[bytes, ...]
    resumed: bool = False
    group: str = ""


@dataclass(frozen=True, slots=True)
class CloseReason:
    """The reason for which a connection was closed: error code and phrase ([RFC9000] 19.19).

    The code is one of the application if `application` is set, and else one of QUIC. `ours` means
    that this end closed it, `idle` that the idle timeout is over. `cause` is the error that our own
    verification of the peer's certificate raised.
    """

    code: int
    phrase: str
    application: bool = False
    ours: bool = False
    idle: bool = False
    cause: Exception | None = None


ResetToken = Callable[[bytes], bytes]
"""Makes the token of a stateless reset for a connection ID of this server ([RFC9000] 10.3)."""
Verify = Callable[[list[bytes]], object]
"""Verifies the peer's chain (DER, leaf first); raises `HandshakeError` to refuse it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """The facts about a new client that a server's engine is made with.

    `original_id` is the connection ID that the client has chosen for the server. `retry_id` is the
    one that the client was given in a Retry packet, if it got one. `first_datagram` is the size of
    the client's first datagram, in bytes. `connection_ids` makes all IDs that the client is given,
    and `reset_token` the tokens of stateless resets. A `restricted` peer may send little until it
    is authenticated.
    """

    original_id: bytes
    first_datagram: int
    retry_id: bytes | None = None
    connection_ids: ConnectionIdSource = field(default_factory=ConnectionIdSource)
    reset_token: ResetToken | None = None
    restricted: bool = False


class Engine(Protocol):
    """One QUIC connection.

    `now` is `time.monotonic()`: the event loop's own time stands still for whole milliseconds on
    uvloop, in which a paced sender could send thousands of datagrams.
    """

    security: Security | None
    """Set once the handshake is complete at both ends, and data may flow."""
    close_reason: CloseReason | None
    """Set once either end has closed the connection, or it has failed."""
    finished: bool
    """Whether the peer has ended its side of the stream."""
    capacity: int
    """Bytes that may wait for the application; a message cannot be larger."""
    resized: tuple[int, int] | None
    """Set when the size of the datagrams has changed: the former one, and the new one. The reader
    sets it to None again."""

    @property
    def client_hello(self) -> ClientHello:
        """The claims of a client in its handshake so far."""

    @property
    def connection_id(self) -> bytes:
        """The first connection ID by which the peer addresses this end."""

    @property
    def key_phase(self) -> int:
        """The key phase bit, 0 or 1, which changes with each key update ([RFC9001] 6)."""

    @property
    def begun(self) -> bool:
        """Whether a packet of the peer could be decrypted."""

    @property
    def terminated(self) -> bool:
        """Whether the closing or draining period is over: nothing is sent or awaited any more."""

    @property
    def held(self) -> int:
        """Bytes of memory, or an estimate, for what was received out of order."""

    @property
    def partial(self) -> int:
        """Bytes of a message that wait for its rest here, as it is passed on as a whole."""

    @property
    def unsent(self) -> int:
        """Bytes of the stream that were written and never sent."""

    @property
    def unacknowledged(self) -> int:
        """Bytes of the stream that were written and not acknowledged, or an estimate."""

    @property
    def idle_timeout(self) -> float:
        """Seconds without a packet after which either end gives up ([RFC9000] 10.1)."""

    def statistics(self) -> PathStatistics:
        """Return what was measured on the path so far."""

    def connect(self, path: Path, now: float) -> None:
        """Begin the handshake, as a client."""

    def receive(self, datagram: bytes, path: Path, now: float, ecn: int = 0) -> None:
        """Process a datagram, whatever bytes it has; never raises.

        `ecn` is the codepoint in its IP header, which says whether the path is congested ([RFC9000]
        13.4). An engine without the capability ignores it.
        """

    def receive_segments(
        self, segments: bytes, size: int, path: Path, now: float, ecn: int = 0
    ) -> None:
        """Process datagrams of `size` bytes, of which the last may be shorter; never raises."""

    def receive_unmatched(self, datagram: bytes, path: Path, now: float) -> None:
        """Process a datagram with an unknown connection ID, as a client; never raises.

        It may be a stateless reset ([RFC9000] 10.3).
        """

    def read(self) -> Sequence[bytes | bytearray]:
        """Return what has arrived on the stream since the last call, in order.

        A `bytearray` is one whole message with its prefix, in memory of its own.
        """

    def release(self, count: int) -> bool:
        """Let the peer send `count` bytes more; return whether that is to be announced now."""

    def authenticated(self) -> None:
        """Let the peer of a restricted engine send as much ahead as any other."""

    def write(self, *buffers: Buffer) -> None:
        """Send on the stream; the buffers must not change any more."""

    def ping(self) -> None:
        """Send a PING, which the peer has to acknowledge."""

    def close(self, code: int, reason: str, *, application: bool = True) -> None:
        """Close the connection: only CONNECTION_CLOSE is left to be sent."""

    def abandon(self) -> None:
        """Terminate the connection at once; nothing is sent any more."""

    def free(self) -> None:
        """Free the memory of a connection that has terminated; it cannot be used any more.

        Its parts refer to each other: by itself the memory would wait for the garbage collector.
        """

    def datagrams(self, now: float) -> list[Batch]:
        """Return the datagrams that are to be sent now."""

    def timer(self) -> float | None:
        """Return when `tick` has to be called, if nothing else happens before."""

    def tick(self, now: float) -> None:
        """Act on the timer."""


class ConnectionIds(Protocol):
    """A table of the connection IDs by which the peer may address this end ([RFC9000] 5.1)."""

    def issued(self, connection_id: bytes) -> None:
        """Add a connection ID that the peer may use from now on."""

    def retired(self, connection_id: bytes) -> None:
        """Remove a connection ID that the peer does not use any more."""
