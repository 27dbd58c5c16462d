"""Identifiers of RPC interfaces, and of the encoding of their calls. [MS-RPCE] 2.2.2.7"""

from struct import Struct
from typing import NamedTuple, Self
from uuid import UUID

from smbquic.wire.cursor import Buffer

_SYNTAX = Struct("<16sHH")

SYNTAX_SIZE = _SYNTAX.size
"""Bytes of a syntax identifier."""


class SyntaxId(NamedTuple):
    """RPC_SYNTAX_IDENTIFIER: an interface or a transfer syntax, and its version.

    [MS-RPCE] 2.2.2.7
    """

    uuid: UUID
    major: int
    minor: int = 0

    @classmethod
    def of(cls, data: Buffer) -> Self:
        """Decode its 20 bytes."""
        uuid, major, minor = _SYNTAX.unpack(data)
        return cls(UUID(bytes_le=uuid), major, minor)

    def encode(self) -> bytes:
        """Encode the 20 bytes."""
        return _SYNTAX.pack(self.uuid.bytes_le, self.major, self.minor)


NDR = SyntaxId(UUID("8a885d04-1ceb-11c9-9fe8-08002b104860"), 2)
"""NDR with 32-bit pointers, which everybody speaks. [MS-RPCE] 2.2.5"""
