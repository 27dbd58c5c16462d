"""Types of the wire tests."""

from typing import ClassVar, Protocol, Self

from smbquic.wire.create_context import CreateContext
from smbquic.wire.cursor import Buffer

Field = tuple[int, int] | bytes | str
"""A part that `lay` takes: a width in bytes and a number, bytes as they are, or a string."""


class Structure(Protocol):
    """A structure that can be decoded and encoded."""

    @classmethod
    def decode(cls, data: Buffer, /) -> Self: ...

    def encode(self) -> bytes: ...


class SizedStructure(Structure, Protocol):
    """A structure whose fixed part has `SIZE` bytes."""

    SIZE: ClassVar[int]


class ContextPayload(Structure, Protocol):
    """Return the data of a create context."""

    name: ClassVar[bytes]

    def context(self) -> CreateContext: ...
