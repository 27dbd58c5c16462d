"""Reading and writing the primitives that all structures are made of."""

import struct
from collections.abc import Sequence
from struct import Struct
from typing import Any

from smbquic.errors import LocalProtocolError, WireError

Buffer = bytes | bytearray | memoryview

HEADER_SIZE = 64
"""The size of the SMB2 header, from whose start the offsets in a message count."""

_U8 = Struct("<B")
_U16 = Struct("<H")
_U32 = Struct("<I")
_U64 = Struct("<Q")
_MAX_TEXT = 0xFFFE


class Reader:
    """A position in a buffer; every read moves it on. Raises `WireError` past the end."""

    __slots__ = ("data", "offset")

    def __init__(self, data: Buffer, offset: int = 0) -> None:
        self.data = memoryview(data)
        self.offset = offset

    @property
    def remaining(self) -> int:
        """How many bytes are left."""
        return len(self.data) - self.offset

    def unpack(self, fixed: Struct) -> tuple[Any, ...]:
        """Read the fields of a fixed structure."""
        fields = unpack(fixed, self.data, self.offset)
        self.offset += fixed.size
        return fields

    def u8(self) -> int:
        """Read one byte."""
        return int(self.unpack(_U8)[0])

    def u16(self) -> int:
        """Read an unsigned 16-bit integer."""
        return int(self.unpack(_U16)[0])

    def u32(self) -> int:
        """Read an unsigned 32-bit integer."""
        return int(self.unpack(_U32)[0])

    def u64(self) -> int:
        """Read an unsigned 64-bit integer."""
        return int(self.unpack(_U64)[0])

    def take(self, size: int) -> memoryview:
        """Read the next `size` bytes, not copied."""
        if size > self.remaining:
            raise WireError(f"{size} bytes are announced and {self.remaining} are left")
        start = self.offset
        self.offset += size
        return self.data[start : self.offset]

    def u16_list(self, count: int) -> list[int]:
        """Read an array of `count` unsigned 16-bit integers."""
        return u16_list(self.take(2 * count))

    def text(self, size: int) -> str:
        """Read a UTF-16 string of `size` bytes."""
        return text(self.take(size))

    def align(self, boundary: int) -> None:
        """Skip to the next multiple of `boundary`, which may lie past the end."""
        self.offset += -self.offset % boundary


def unpack(fixed: Struct, data: Buffer, offset: int = 0) -> tuple[Any, ...]:
    """Return the fields of a fixed structure at `offset`. Raises `WireError` if it is cut short."""
    try:
        return fixed.unpack_from(data, offset)
    except struct.error as error:
        raise WireError(
            f"{fixed.size} bytes are needed at offset {offset} and {len(data)} are there in all"
        ) from error


def unpack_body(
    fixed: Struct, message: memoryview, structure_size: int, name: str
) -> tuple[Any, ...]:
    """Return the fixed part of the body of `message`, which starts at the SMB2 header.

    The first field is StructureSize and must be `structure_size`. Raises `WireError`, which calls
    the structure by `name`.
    """
    try:
        fields = fixed.unpack_from(message, HEADER_SIZE)
    except struct.error as error:
        raise WireError(f"{name}: {len(message)} bytes are too few") from error
    if fields[0] != structure_size:
        raise WireError(f"{name}: StructureSize is {fields[0]}, not {structure_size}")
    return fields


def utf16(name: str) -> bytes:
    """Encode `name` as UTF-16LE without a terminator.

    Lone surrogates pass, because file systems that store 16-bit units have such names. Raises
    `LocalProtocolError` above 65534 bytes.
    """
    encoded = name.encode("utf-16-le", "surrogatepass")
    if len(encoded) > _MAX_TEXT:
        raise LocalProtocolError(f"a name of {len(name)} characters is too long for SMB")
    return encoded


def text(data: Buffer) -> str:
    """Return the string that `data` is the UTF-16LE of; lone surrogates pass.

    Raises `WireError`.
    """
    try:
        return str(data, "utf-16-le", "surrogatepass")
    except UnicodeDecodeError as error:
        raise WireError(f"a string of {len(data)} bytes is not UTF-16") from error


def u16_list(data: Buffer) -> list[int]:
    """Return the unsigned 16-bit integers that fill `data`, whose size must be even."""
    return [value for (value,) in _U16.iter_unpack(data)]


def pack_u16_list(values: Sequence[int]) -> bytes:
    """Encode `values` as an array of unsigned 16-bit integers."""
    return b"".join(map(_U16.pack, values))


def padding(size: int, boundary: int = 8) -> bytes:
    """Return the zero bytes that bring `size` up to a multiple of `boundary`."""
    return bytes(-size % boundary)
