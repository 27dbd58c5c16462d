"""The interface of algorithms that compress messages. [MS-SMB2] 3.1.4.4, 3.1.5.3

No algorithm is negotiated yet: `Negotiated.compression` is None on every connection.
"""

from collections.abc import Sequence
from typing import Protocol

from smbquic.wire.cursor import Buffer


class Compression(Protocol):
    """The compression of the messages of one connection, as both ends have negotiated it."""

    def compress(self, message: Sequence[Buffer]) -> list[Buffer]:
        """Return a whole message behind a compression header, or as it is if that is smaller."""

    def decompress(self, message: memoryview) -> memoryview:
        """Return the message that was compressed behind the header at the start of `message`.

        Raises `WireError` if it does not decompress to the size that its header says, or if that
        is more than the connection allows.
        """
