"""The preauthentication integrity hash of dialect 3.1.1. [MS-SMB2] 3.2.5.2, 3.3.5.4."""

import hashlib
from typing import Self

from smbquic.wire.cursor import Buffer

_SIZE = 64


class PreauthHash:
    """A running SHA-512 over the messages that set up a connection or a session.

    The keys of 3.1.1 are derived from it: both ends have the same keys only if nobody changed these
    messages on their way. A session's hash starts as a copy of its connection's, taken after
    NEGOTIATE.
    """

    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value = bytes(_SIZE)

    @property
    def value(self) -> bytes:
        """The hash so far: 64 bytes, all zero before the first message."""
        return self._value

    def update(self, *message: Buffer) -> None:
        """Add one whole message from the SMB2 header on, given in one or more buffers."""
        digest = hashlib.sha512(self._value)
        for buffer in message:
            digest.update(buffer)
        self._value = digest.digest()

    def copy(self) -> Self:
        """Return an independent hash that goes on from this value."""
        twin = type(self)()
        twin._value = self._value
        return twin
