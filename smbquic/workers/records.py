"""The records between the messages of a connection that a worker has handed over.

Each has the prefix of Direct TCP: a type octet, which is 0 for a message, and its length in 3
bytes. A worker may be attacked by what it decrypts, so the main process decodes nothing of a
worker but these few fields.
"""

import json
from base64 import b64decode, b64encode
from dataclasses import asdict
from enum import IntEnum
from struct import Struct
from typing import Any

from smbquic.errors import ConnectionClosed, IdleTimeout, RemoteProtocolError
from smbquic.lazy_dataclass import dataclass
from smbquic.transport.base import EcnCounts, PathStatistics, Peer
from smbquic.wire.cursor import Buffer

MAX_RECORD = 4 << 10
"""Bytes of a record that is no message."""
PEER_LIMIT = 1 << 20
"""Bytes of the first message, which describes the peer: before its logon a client sends 256 KiB at
most, so that its certificates have less."""
TEXT_LIMIT = 1024

UNKNOWN = PathStatistics()

_NO_COUNTS = EcnCounts(-1, -1, -1)
_PROGRESS = Struct(">qQQQ?dqqq6q")
_SIZE = Struct(">Q")


class RecordKind(IntEnum):
    """The type octet of a record. The first four are for the worker, the others from it."""

    MESSAGE = 0
    CLOSE = 1
    AUTHENTICATED = 2
    KEEP_ALIVE = 3
    MAX_MESSAGE_SIZE = 4
    PROGRESS = 5
    ENDED = 6


def record(kind: RecordKind, body: bytes = b"") -> bytes:
    """Return a record with its prefix."""
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def kind_of(octet: int) -> RecordKind:
    """Return the kind of a record. Raises `RemoteProtocolError`."""
    try:
        return RecordKind(octet)
    except ValueError:
        raise RemoteProtocolError(f"there is no record of the type {octet}") from None


def text(value: str) -> bytes:
    """Return a text for a record, which may be shortened."""
    return value.encode()[:TEXT_LIMIT]


def text_of(body: bytes) -> str:
    """Return the text of a record."""
    return body.decode(errors="replace")


def size(value: int) -> bytes:
    """Return a size for a record."""
    return _SIZE.pack(value)


def size_of(body: bytes) -> int:
    """Return the size in a record. Raises `RemoteProtocolError`."""
    if len(body) != _SIZE.size:
        raise RemoteProtocolError("a size has 8 bytes")
    (value,) = _SIZE.unpack(body)
    return int(value)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the messages of a connection have got at the client's end, as of `Flow`.

    `taken` are the bytes that the client has taken of what was sent, with their prefixes; less than
    none if more waits to be acknowledged, as what an engine counts besides the messages.
    """

    taken: int = 0
    received: int = 0
    unfetched: int = 0
    messages: int = 0
    unfinished: bool = False
    path: PathStatistics = UNKNOWN

    def encode(self) -> bytes:
        """Return the body of the record. What is None becomes -1."""
        path = self.path
        return _PROGRESS.pack(
            self.taken,
            self.received,
            self.unfetched,
            self.messages,
            self.unfinished,
            -1.0 if path.round_trip is None else path.round_trip,
            -1 if path.datagram_size is None else path.datagram_size,
            -1 if path.lost_packets is None else path.lost_packets,
            -1 if path.congestion_window is None else path.congestion_window,
            *(path.ecn_received or _NO_COUNTS),
            *(path.ecn_reported or _NO_COUNTS),
        )

    @classmethod
    def decode(cls, body: bytes) -> "Progress":
        """Decode the body of a record. Raises `RemoteProtocolError`."""
        if len(body) != _PROGRESS.size:
            raise RemoteProtocolError(f"the progress of a connection has {_PROGRESS.size} bytes")
        taken, received, unfetched, messages, unfinished, *measured = _PROGRESS.unpack(body)
        round_trip, datagram_size, lost, window, *marks = measured
        path = PathStatistics(
            round_trip=None if round_trip < 0 else round_trip,
            datagram_size=None if datagram_size < 0 else datagram_size,
            lost_packets=None if lost < 0 else lost,
            congestion_window=None if window < 0 else window,
            ecn_received=None if marks[0] < 0 else EcnCounts(*marks[:3]),
            ecn_reported=None if marks[3] < 0 else EcnCounts(*marks[3:]),
        )
        return cls(taken, received, unfetched, messages, unfinished, path)


_ENDS: tuple[type[ConnectionClosed | RemoteProtocolError], ...] = (
    RemoteProtocolError,
    IdleTimeout,
    ConnectionClosed,
)


def end(error: Exception) -> bytes:
    """Return the body of the record about the end of a connection."""
    kind = next((n for n, each in enumerate(_ENDS) if isinstance(error, each)), len(_ENDS) - 1)
    return bytes([kind]) + text(str(error))


def end_of(body: bytes) -> ConnectionClosed | RemoteProtocolError:
    """Return the error of a record about an end. Raises `RemoteProtocolError`."""
    if not body or body[0] >= len(_ENDS):
        raise RemoteProtocolError("the end of a connection has no reason")
    return _ENDS[body[0]](text_of(body[1:]))


def encode_peer(peer: Peer) -> bytes:
    """Return the first message of a connection, which describes its peer."""
    fields: dict[str, Any] = asdict(peer)
    fields["certificates"] = [_base64(each) for each in peer.certificates]
    fields["leaf"], fields["own_leaf"] = _base64(peer.leaf), _base64(peer.own_leaf)
    return json.dumps(fields).encode()


def decode_peer(message: Buffer) -> Peer:
    """Decode the first message of a connection. Raises `RemoteProtocolError`."""
    try:
        fields = json.loads(bytes(message))
        fields["certificates"] = tuple(map(b64decode, fields["certificates"]))
        for leaf in ("leaf", "own_leaf"):
            fields[leaf] = b64decode(fields[leaf])
        for address in ("local", "remote"):
            host, port = fields[address]
            fields[address] = str(host), int(port)
        return Peer(**fields)
    except (ValueError, TypeError, KeyError) as error:
        raise RemoteProtocolError(f"the peer of a connection is not described: {error}") from error


def _base64(data: bytes) -> str:
    return b64encode(data).decode()
