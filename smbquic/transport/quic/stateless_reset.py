"""Stateless resets, by which a restarted server ends its former connections ([RFC9000] 10.3).

The token of a connection ID is derived from that ID and from the server's private key
([RFC9000] 10.3.2), so that a restarted server can send it for a connection that it does not know.
"""

import hashlib
import hmac
import os

TOKEN_SIZE = 16
SMALLEST = 21
"""Bytes of the smallest datagram that looks like a packet and has a token ([RFC9000] 10.3)."""
USUAL = 43
"""Bytes of those that are sent here, unless they answer one that is no larger: each has to be
smaller than what it answers, so that two ends cannot answer each other forever
([RFC9000] 10.3.3)."""
RATE = 1000
"""Stateless resets in a second, so that nobody can keep the server busy with them."""

_SALT = b"smbquic stateless reset"


class StatelessResets:
    """The tokens of one listener, and the datagrams that carry them.

    `secret` is the private key of the listener's certificate, or another one that outlives the
    process, in any form that does not change.
    `place` distinguishes listeners with the same key: a token that one sends must not be good for a
    connection of another ([RFC9000] 21.11).
    """

    def __init__(self, secret: bytes, place: str) -> None:
        # HKDF-SHA256 for one block ([RFC5869]).
        extracted = hmac.digest(_SALT, secret, hashlib.sha256)
        self._key = hmac.digest(extracted, place.encode() + b"\x01", hashlib.sha256)
        self._second = 0
        self._answers = 0

    def token(self, connection_id: bytes) -> bytes:
        """Return the token of a connection ID, which is sent to the peer with the ID."""
        return hmac.digest(self._key, connection_id, hashlib.sha256)[:TOKEN_SIZE]

    def answer(self, datagram: bytes, connection_id: bytes, now: float) -> bytes | None:
        """Return the reset for a datagram with an unknown connection ID; None if none is sent."""
        size = min(len(datagram) - 1, USUAL)
        if size < SMALLEST or not self._may_answer(now):
            return None
        # It looks like a packet with a short header, so that nobody on the path recognizes it.
        noise = os.urandom(size - TOKEN_SIZE)
        return bytes([0x40 | noise[0] & 0x3F]) + noise[1:] + self.token(connection_id)

    def _may_answer(self, now: float) -> bool:
        if self._second != int(now):
            self._second, self._answers = int(now), 0
        self._answers += 1
        return self._answers <= RATE


def is_reset(datagram: bytes, token: bytes | None) -> bool:
    """Return whether a datagram with an unknown connection ID is the reset with this `token`."""
    return (
        bool(token)
        and len(datagram) >= SMALLEST
        and hmac.compare_digest(datagram[-TOKEN_SIZE:], token or b"")
    )
