"""The one form that the answers of all queries have. [MS-SMB2] 2.2.34, 2.2.36, 2.2.38"""

from dataclasses import dataclass
from struct import Struct
from typing import Self

from smbquic.wire.cursor import HEADER_SIZE, Buffer, part, unpack_body
from smbquic.wire.message import Message

_RESPONSE = Struct("<HHI")
_RESPONSE_SIZE = 9
_BUFFER_OFFSET = HEADER_SIZE + _RESPONSE.size


@dataclass(slots=True)
class OutputResponse(Message):
    """A response that is one buffer, whose format the request decided on.

    What `decode` gives as `buffer` is a slice of the message, not a copy.
    """

    buffer: Buffer = b""

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        _, offset, length = unpack_body(_RESPONSE, message, _RESPONSE_SIZE, cls.__name__)
        return cls(part(message, offset, length, cls.__name__))

    def encode(self) -> bytes:
        """The body, with the buffer copied into it."""
        return b"".join(self.buffers())

    def buffers(self) -> list[Buffer]:
        """The fixed part, then the buffer as it is."""
        size = len(self.buffer)
        return [_RESPONSE.pack(_RESPONSE_SIZE, _BUFFER_OFFSET if size else 0, size), self.buffer]
