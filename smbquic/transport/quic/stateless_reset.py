"""How a server that has lost its memory says so at once ([RFC9000] 10.3).

The proof that it issued a connection id is derived from that id and from the server's private key,
so that a server which was restarted can give it for a connection it knows nothing of.
"""

import hashlib
import hmac
import os

TOKEN_SIZE = 16
SMALLEST = 21
"""Bytes of the smallest datagram that looks like a packet and carries a token."""
USUAL = 43
"""Bytes of ours, unless what they answer is not larger than that: answers must not chase each
other between two ends that have both lost their memory."""
RATE = 1000
"""Answers a second, so that nobody can keep the server busy with them."""

_SALT = b"smbquic stateless reset"


class StatelessResets:
    """The tokens of one listener, and the datagrams that carry them.

    `secret` is the private key of the listener's certificate, in any lasting form. `place` tells
    apart listeners with the same key: none may speak for the connections of another
    ([RFC9000] 21.11).
    """

    def __init__(self, secret: bytes, place: str) -> None:
        # HKDF-SHA256 for one block ([RFC5869]).
        extracted = hmac.digest(_SALT, secret, hashlib.sha256)
        self._key = hmac.digest(extracted, place.encode() + b"\x01", hashlib.sha256)
        self._second = 0
        self._answers = 0

    def token(self, connection_id: bytes) -> bytes:
        """What the peer is told to recognize the end of this connection id by."""
        return hmac.digest(self._key, connection_id, hashlib.sha256)[:TOKEN_SIZE]

    def answer(self, datagram: bytes, connection_id: bytes, now: float) -> bytes | None:
        """The reset for a datagram with an unknown connection id; always smaller than that."""
        size = min(len(datagram) - 1, USUAL)
        if size < SMALLEST or not self._may_answer(now):
            return None
        noise = os.urandom(size - TOKEN_SIZE)
        return bytes([0x40 | noise[0] & 0x3F]) + noise[1:] + self.token(connection_id)

    def _may_answer(self, now: float) -> bool:
        if self._second != int(now):
            self._second, self._answers = int(now), 0
        self._answers += 1
        return self._answers <= RATE


def is_reset(datagram: bytes, token: bytes | None) -> bool:
    """Whether a datagram for an unknown connection id is the reset that `token` announced."""
    return (
        bool(token)
        and len(datagram) >= SMALLEST
        and hmac.compare_digest(datagram[-TOKEN_SIZE:], token or b"")
    )
