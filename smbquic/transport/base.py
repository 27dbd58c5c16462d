"""What every transport looks like from above, whatever it runs on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from smbquic.wire.cursor import Buffer


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, and by which channel.

    `certificates` is the peer's chain in DER, leaf first, and only ever a verified one; `leaf` is
    its leaf, verified or not.
    `encrypted` says that the channel itself hides the messages, `authenticated` that the peer
    proved its name to us with a certificate. `handshake_seconds` is the time from the first
    packet to a usable connection. `engine` is the QUIC library that this end uses, and
    `engine_reason` why it is this one; both are empty over TCP. `resumed` says that the session is
    an earlier one, resumed: the certificates were shown then, and verified once more now.
    `group` is the one that the keys were exchanged in. `resolved_by` is who gave the address of
    the name that was connected to: `system`, or a URL.
    """

    kind: Literal["quic", "tcp"]
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


@dataclass(frozen=True, slots=True)
class ClientHello:
    """What a client has said of itself in a handshake so far, true or not.

    `server_name` is the one that it asked for. `certificates` are those that it showed, in DER,
    leaf first; nobody need have verified them, nor has it proved that they are its own.
    """

    server_name: str = ""
    certificates: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class PathStatistics:
    """What a connection has seen of its path so far. Over TCP only the kernel knows: all is None.

    `round_trip` is in seconds, smoothed, and None before anything was measured. `datagram_size` is
    the UDP payload of a full datagram in bytes. `lost_packets` were sent and taken for lost, so
    that what they carried was sent again.
    """

    round_trip: float | None = None
    datagram_size: int | None = None
    lost_packets: int | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """How far messages have got both ways, in bytes.

    `sent` is all that was sent so far, `untaken` how much of it waits for the peer. That keeps
    `kept` bytes of memory: more, as a message that was begun is kept as a whole.
    `received` is all that came, `unfetched` how much of it waits in memory to be fetched.
    `messages` counts those that are complete; `unfinished` says that the rest of one is awaited.
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

    `keep_alive`, False at first, asks the transport to keep a quiet connection up; whoever holds
    opens on it sets it. `max_message_size` is the largest message accepted from the peer, in
    bytes without the prefix; it may be changed at any time and holds from the next message on.
    """

    peer: Peer
    keep_alive: bool
    max_message_size: int

    def authenticated(self) -> None:
        """Let the peer send and cost as much as any user, now that it has logged on."""

    def send_now(self, *buffers: Buffer) -> bool:
        """Send one message if that needs no waiting; whether it did, and it was sent.

        As `send`, but nothing is raised for a connection that has ended: that is left to `send`.
        """

    async def send(self, *buffers: Buffer) -> None:
        """Send one message, made of `buffers` in order.

        Waits while the peer or the network cannot take more. The transport may hold on to the
        buffers until the peer has them, so they must not change any more. Raises
        `ConnectionClosed`, and `LocalProtocolError` for a message too long for its prefix.
        """

    async def receive(self) -> memoryview:
        """Wait for one whole message, without its prefix: writable, in memory of its own.

        Raises `ConnectionClosed` once everything that came before the end was fetched, whether
        the end was an orderly one or not, and `RemoteProtocolError` where the peer sent what is
        no message. May be cancelled without losing a message.
        """

    def close(self, reason: str = "") -> None:
        """Begin an orderly end: what was sent still goes out, nothing more is received."""

    def statistics(self) -> PathStatistics:
        """What it has seen of its path so far; it may be asked after its end too."""

    def drop(self, reason: str) -> None:
        """End it now, with all that still waits for either side."""

    async def wait_closed(self) -> None:
        """Wait until the connection is gone."""

    def flow(self) -> Flow:
        """How far the messages have got."""


class Listener(Protocol):
    """Something that accepts connections; `url` names where, with the real port."""

    url: str

    async def close(self) -> None:
        """Stop accepting, end the connections that were accepted, and wait for both."""


OnConnection = Callable[[MessageTransport], Awaitable[None]]
"""Runs one accepted connection to its end; the listener closes the transport when it returns."""
