"""NDR, the way to put the arguments of a call into bytes: little-endian, 32-bit pointers.

Every value is aligned to its own size, counted from the beginning of the stub. What a pointer in
a structure points at comes after the structure, in the order of the pointers. [C706] 14
"""

from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any

from smbquic.errors import WireError
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import Buffer, Reader, text

_U32 = Struct("<I")
_STRING = Struct("<III")
_FIRST_REFERENT = 0x0002_0000
_REFERENT_STEP = 4


class NdrReader(Reader):
    """A reader of a stub. Raises `WireError`."""

    __slots__ = ()

    def aligned_u32(self) -> int:
        """Read an unsigned long."""
        self.align(4)
        return self.u32()

    def pointer(self) -> bool:
        """Read a pointer, of which only matters whether it is null."""
        return bool(self.aligned_u32())

    def string(self) -> str:
        """Read a conformant and varying string of 16-bit characters, without its terminator."""
        self.align(4)
        maximum, offset, count = self.unpack(_STRING)
        if offset or count > maximum:
            raise WireError(f"a string of {count} characters from {offset} on of {maximum}")
        return text(self.take(2 * count)).removesuffix("\0")

    def optional_string(self) -> str | None:
        """Read a pointer that is no part of a structure, and right behind it the string."""
        return self.string() if self.pointer() else None

    def octets(self) -> bytes:
        """Read a conformant array of bytes."""
        return bytes(self.take(self.aligned_u32()))


class NdrWriter:
    """A writer of a stub."""

    __slots__ = ("_referent", "data")

    def __init__(self) -> None:
        self.data = bytearray()
        self._referent = _FIRST_REFERENT

    def u32(self, value: int) -> None:
        """Write an unsigned long."""
        self._align(4)
        self.data += _U32.pack(value)

    def pointer(self, *, null: bool) -> None:
        """Write a pointer to something that follows, or to nothing."""
        self.u32(0 if null else self._referent)
        if not null:
            self._referent += _REFERENT_STEP

    def string(self, value: str) -> None:
        """Write a conformant and varying string of 16-bit characters, with a terminator."""
        encoded = f"{value}\0".encode("utf-16-le", "surrogatepass")
        count = len(encoded) // 2
        self._align(4)
        self.data += _STRING.pack(count, 0, count)
        self.data += encoded

    def optional_string(self, value: str | None) -> None:
        """Write a pointer that is no part of a structure, and right behind it the string."""
        self.pointer(null=value is None)
        if value is not None:
            self.string(value)

    def octets(self, value: Buffer) -> None:
        """Write a conformant array of bytes."""
        self.u32(len(value))
        self.data += value

    def _align(self, boundary: int) -> None:
        self.data += bytes(-len(self.data) % boundary)


U32, STRING, SIZED_OCTETS = "u32", "string", "sized octets"
"""The kinds of a field: a number; a pointer to a string; a count, and a pointer to that many
bytes."""


@dataclass(frozen=True, slots=True)
class NdrStructure:
    """A structure: the names of its fields and their kinds, in order."""

    fields: Sequence[tuple[str, str]]

    def write(self, writer: NdrWriter, value: Any) -> Callable[[], None]:
        """Write `value`, whose attributes are the fields; the result writes what it points at."""
        behind: list[Callable[[], None]] = []
        for name, kind in self.fields:
            field = getattr(value, name)
            if kind is U32:
                writer.u32(field)
                continue
            if kind is SIZED_OCTETS:
                writer.u32(len(field or b""))
            writer.pointer(null=field is None)
            if field is not None:
                write = writer.string if kind is STRING else writer.octets
                behind.append(_later(write, field))
        return lambda: _run(behind)

    def read(self, reader: NdrReader, value: Any) -> Callable[[], None]:
        """Read into the attributes of `value`; the result reads what it points at."""
        behind: list[Callable[[], None]] = []
        for name, kind in self.fields:
            if kind is U32:
                setattr(value, name, reader.aligned_u32())
                continue
            if kind is SIZED_OCTETS:
                reader.aligned_u32()
            setattr(value, name, None)
            if reader.pointer():
                read = reader.string if kind is STRING else reader.octets
                behind.append(_store(value, name, read))
        return lambda: _run(behind)


def _run(steps: list[Callable[[], None]]) -> None:
    for step in steps:
        step()


def _later(write: Callable[[Any], None], field: Any) -> Callable[[], None]:
    return lambda: write(field)


def _store(value: Any, name: str, read: Callable[[], Any]) -> Callable[[], None]:
    return lambda: setattr(value, name, read())
