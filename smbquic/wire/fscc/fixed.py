"""The base of structures that are a row of fields of fixed size."""

from struct import Struct
from typing import ClassVar, Self

from smbquic.wire.cursor import Buffer, unpack


class FixedStructure:
    """A dataclass with slots whose fields are those of its `layout`, in their order."""

    __slots__: tuple[str, ...] = ()
    layout: ClassVar[Struct]
    SIZE: ClassVar[int]

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """From the beginning of `data`. Raises `WireError`."""
        return cls(*unpack(cls.layout, data))

    def encode(self) -> bytes:
        """The `SIZE` bytes of the structure."""
        return self.layout.pack(*[getattr(self, name) for name in self.__slots__])
