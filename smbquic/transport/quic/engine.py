"""What a QUIC engine is to the rest of the transport: a sans-IO state machine with one stream.

Datagrams and the time go in, datagrams and the bytes of stream 0 come out. An adapter per library
hides everything else, such as streams that SMB has no use for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from smbquic.transport.base import ClientHello
from smbquic.transport.quic.udp import Batch, Path
from smbquic.wire.cursor import Buffer

NO_ERROR = 0x0
INTERNAL_ERROR = 0x1
CRYPTO_ERROR = 0x100
"""A TLS alert, whose number is added to it ([RFC9001] 4.8)."""
UNAUTHENTICATED_WINDOW = 128 << 10
"""Bytes that a peer may send ahead before it is known: one message is half of that at most."""
SEND_MEMORY = 96 << 20
"""Bytes that the engines of one server may keep for what they send, all together, beyond a small
share of each connection. What they keep is not given back before the connection ends."""
STATELESS_RESET = "it does not know this connection any more"
"""The reason phrase for a connection that the peer ended by a stateless reset."""


@dataclass(frozen=True, slots=True)
class DatagramSizes:
    """How large datagrams may be, in bytes of UDP payload.

    `start` is safe, `most` is what could be found out to work; `ethernet` is what ordinary
    networks carry, and `private` says that the peer is not across the internet. `certain` sizes
    arrive whatever seems to be lost, as on this machine itself.
    """

    start: int
    most: int
    ethernet: int = 1472
    private: bool = False
    certain: bool = False

    @property
    def jumbo(self) -> bool:
        """Whether a client dares to begin with jumbo frames, and falls back if they are lost.

        A server that cannot search for larger sizes takes them for an invitation.
        """
        return self.private and self.most > self.ethernet


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """Which engine a connection gets, and why it is this one."""

    engine: str
    reason: str

    def __str__(self) -> str:
        return f"{self.engine}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Security:
    """What the handshake settled; `certificates` is the peer's chain in DER, leaf first.

    Where the session was `resumed`, the peer showed them when it began. `group` is the one that the
    keys were exchanged in.
    """

    alpn: str
    cipher: str
    server_name: str
    certificates: tuple[bytes, ...]
    resumed: bool = False
    group: str = ""


@dataclass(frozen=True, slots=True)
class CloseReason:
    """Why a connection was closed: the error code and the reason phrase ([RFC9000] 19.19).

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
"""What a server proves by that it issued a connection id ([RFC9000] 10.3)."""
Verify = Callable[[list[bytes]], object]
"""Verifies the peer's chain (DER, leaf first); raises `HandshakeError` to refuse it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What a server's engine is told of the client whose connection it is for.

    `original_id` is the connection ID that the client made up for the server. After a Retry packet
    `retry_id` is the one that the client was given in it. `first_datagram` is the size of the
    client's first one, in bytes. `reset_token` makes the tokens of stateless resets. With
    `restricted` the peer may send little until it is authenticated.
    """

    original_id: bytes
    first_datagram: int
    retry_id: bytes | None = None
    reset_token: ResetToken | None = None
    restricted: bool = False


class Engine(Protocol):
    """One QUIC connection.

    `now` is `time.monotonic()`: the event loop's own time stands still for whole milliseconds on
    uvloop, in which a paced sender could send thousands of datagrams.
    """

    security: Security | None
    """Set once the peer is known and data may flow."""
    close_reason: CloseReason | None
    """Set once the connection is over, or about to be: nothing more will come of it."""
    finished: bool
    """Whether the peer has ended its side of the stream."""
    capacity: int
    """How many bytes may wait for the application, which limits the size of a message."""
    resized: tuple[int, int] | None
    """Set when another size of datagrams has been settled on: the former one, and the new one.
    Whoever has taken note clears it."""

    @property
    def client_hello(self) -> ClientHello:
        """What the peer has said of itself, as a client."""

    @property
    def connection_id(self) -> bytes:
        """The first connection id by which the peer addresses us."""

    @property
    def datagram_size(self) -> int:
        """Bytes of UDP payload that are sent at once where there is enough to send."""

    @property
    def key_phase(self) -> int:
        """0 or 1: changes as the keys are renewed."""

    @property
    def begun(self) -> bool:
        """Whether a packet of the peer was understood."""

    @property
    def terminated(self) -> bool:
        """Whether nothing remains to be sent or waited for."""

    @property
    def held(self) -> int:
        """Bytes of memory, or an estimate, for what arrived and cannot be read yet."""

    @property
    def unsent(self) -> int:
        """Bytes of the stream that were written and never sent."""

    @property
    def unacknowledged(self) -> int:
        """Bytes of the stream that were written and that the peer has not got, for all we know."""

    @property
    def round_trip(self) -> float | None:
        """Seconds to the peer and back, smoothed; None before anything was measured."""

    @property
    def lost_packets(self) -> int:
        """Packets taken for lost so far, whose contents were sent again."""

    @property
    def idle_timeout(self) -> float:
        """After how many quiet seconds either end gives up."""

    def connect(self, path: Path, now: float) -> None:
        """Begin the handshake, as a client."""

    def receive(self, datagram: bytes, path: Path, now: float) -> None:
        """Take a datagram, whatever it holds; never raises."""

    def receive_segments(self, segments: bytes, size: int, path: Path, now: float) -> None:
        """Take datagrams of `size` bytes each, the last one may be shorter; never raises."""

    def receive_unmatched(self, datagram: bytes, path: Path, now: float) -> None:
        """Take a datagram for a connection id that is none of ours, as a client.

        It may be how the peer says that it has lost its memory ([RFC9000] 10.3); never raises.
        """

    def read(self) -> list[bytes]:
        """What arrived on the stream since the last call, in order."""

    def release(self, count: int) -> bool:
        """Let the peer send `count` bytes more; whether there is something to tell it now."""

    def authenticated(self) -> None:
        """Let a peer of a restricted engine send as much ahead as any, now that it is known."""

    def write(self, *buffers: Buffer) -> None:
        """Send on the stream; the buffers must not change any more."""

    def ping(self) -> None:
        """Ask the peer for a sign of life."""

    def close(self, code: int, reason: str, *, application: bool = True) -> None:
        """End the connection: only a datagram that says so is left to send."""

    def abandon(self) -> None:
        """Drop everything; nothing is sent any more."""

    def free(self) -> None:
        """Free the memory of a connection that has terminated; it cannot be used any more.

        Its parts refer to each other: by itself the memory would wait for the garbage collector.
        """

    def datagrams(self, now: float) -> list[Batch]:
        """What is to be sent now."""

    def timer(self) -> float | None:
        """When `tick` must be called, if nothing else happens."""

    def tick(self, now: float) -> None:
        """The time of `timer` has come."""


class ConnectionIds(Protocol):
    """Who wants to know by which connection ids a peer may address us."""

    def issued(self, connection_id: bytes) -> None:
        """The peer may use this one from now on."""

    def retired(self, connection_id: bytes) -> None:
        """The peer will not use this one any more."""
