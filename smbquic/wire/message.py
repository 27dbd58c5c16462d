"""What all message bodies have in common."""

from abc import ABC, abstractmethod
from struct import Struct
from typing import ClassVar, Self

from smbquic.wire.cursor import Buffer, unpack_body
from smbquic.wire.header import Command

_EMPTY = Struct("<HH")
_EMPTY_SIZE = 4


class Message(ABC):
    """The body of a request or a response; the SMB2 header is not a part of it. [MS-SMB2] 2.2"""

    __slots__ = ()
    command: ClassVar[Command]

    @classmethod
    @abstractmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""

    @abstractmethod
    def encode(self) -> bytes:
        """The body, with offsets that count from a 64-byte header before it."""

    def buffers(self) -> list[Buffer]:
        """The body in parts that belong one after the other, so that no payload is copied."""
        return [self.encode()]


class EmptyMessage(Message):
    """A body that says nothing: four bytes, two of them reserved. [MS-SMB2] 2.2.7"""

    __slots__ = ()

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        unpack_body(_EMPTY, message, _EMPTY_SIZE, cls.__name__)
        return cls()

    def encode(self) -> bytes:
        """The four bytes of the body."""
        return _EMPTY_BODY


_EMPTY_BODY = _EMPTY.pack(_EMPTY_SIZE, 0)
