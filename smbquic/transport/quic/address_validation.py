"""Address validation with Retry packets, before anything is kept for a client ([RFC9000] 8.1.2).

The server answers with a token in a Retry packet. Whoever sends the token back receives what is
sent to that address.
"""

import hashlib
import hmac
from struct import Struct

from smbquic.transport.addresses import SocketAddress
from smbquic.transport.quic.connection_ids import ConnectionIdSource
from smbquic.transport.quic.packet import (
    MAX_CONNECTION_ID_SIZE,
    parse_initial,
    retry,
)
from smbquic.transport.quic.udp import Path

TOKEN_LIFETIME = 30.0
"""Seconds for which a token is valid. A client sends it back at once, so it may be short
([RFC9000] 8.1.4)."""

_TIME = Struct(">Q")
_TAG_SIZE = 16
_SIZES = range(_TIME.size + _TAG_SIZE, _TIME.size + _TAG_SIZE + MAX_CONNECTION_ID_SIZE + 1)


class AddressValidator:
    """The tokens of one listener.

    The server keeps nothing: a token has the time in milliseconds and the connection ID that the
    client used first. It is authenticated together with the address, and with the connection ID
    that the client has to use from then on. It is not encrypted, as the client knows all of it.
    Listeners with the same `key` accept each other's tokens.
    """

    def __init__(self, key: bytes, ids: ConnectionIdSource) -> None:
        self._key = key
        self._ids = ids

    def retry(self, datagram: bytes, path: Path, now: float) -> bytes | None:
        """Return the Retry packet for a client's first datagram; None if that is not valid."""
        initial = parse_initial(datagram)
        if initial is None:
            return None
        source_id = self._ids.new()
        content = _TIME.pack(int(now * 1000)) + initial.destination_id
        return retry(initial, source_id, content + self._tag(content, path[0], source_id))

    def original_id(self, datagram: bytes, path: Path, now: float) -> bytes | None:
        """Return the connection ID that a client used first; None without a valid token."""
        initial = parse_initial(datagram)
        if initial is None or len(initial.token) not in _SIZES:
            return None
        content, tag = initial.token[:-_TAG_SIZE], initial.token[-_TAG_SIZE:]
        expected = self._tag(content, path[0], initial.destination_id)
        if not hmac.compare_digest(tag, expected):
            return None
        # A token that was copied from the network is of use for a moment only.
        (issued,) = _TIME.unpack_from(content)
        return content[_TIME.size :] if now - issued / 1000 <= TOKEN_LIFETIME else None

    def _tag(self, content: bytes, address: SocketAddress, source_id: bytes) -> bytes:
        # Each part with its length, so that no two sets of parts make the same bytes.
        parts = (content, f"{address[0]} {address[1]}".encode(), source_id)
        message = b"".join(bytes([len(part)]) + part for part in parts)
        return hmac.digest(self._key, message, hashlib.sha256)[:_TAG_SIZE]
