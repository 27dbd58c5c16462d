"""The base of structures that are a row of fields of fixed size."""

from struct import Struct
from typing import Any, ClassVar, Self

from smbquic.wire.cursor import Buffer, unpack
from smbquic.wire.layout import declared_fields, packed_codes


class FixedStructure:
    """A dataclass with slots whose fields say what is on the wire; see `smbquic.wire.layout`."""

    __slots__: tuple[str, ...] = ()
    layout: ClassVar[Struct]
    SIZE: ClassVar[int]

    def __init_subclass__(cls) -> None:
        fields: Any = declared_fields(cls).values()
        cls.layout = Struct(f"<{packed_codes(fields)}")
        cls.SIZE = cls.layout.size

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the beginning of `data`. Raises `WireError`."""
        return cls(*unpack(cls.layout, data))

    def encode(self) -> bytes:
        """Encode the `SIZE` bytes of the structure."""
        return self.layout.pack(*[getattr(self, name) for name in self.__slots__])
