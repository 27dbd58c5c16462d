"""The reparse point of a symbolic link. [MS-FSCC] 2.1.2"""

from struct import Struct
from typing import Final, Self

from smbquic.errors import WireError
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import Buffer, Reader, utf16

IO_REPARSE_TAG_SYMLINK: Final = 0xA000000C
SYMLINK_FLAG_RELATIVE: Final = 0x00000001

_HEAD = Struct("<IHH")
_FIELDS = Struct("<HHHHI")


@dataclass(slots=True)
class SymbolicLinkReparseData:
    """Symbolic Link Reparse Data Buffer; `flags` may be SYMLINK_FLAG_RELATIVE. [MS-FSCC] 2.1.2.4"""

    substitute_name: str
    print_name: str
    flags: int

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the input of an IOCTL, whose tag has been checked. Raises `WireError`."""
        reader = Reader(data)
        _, length, _ = reader.unpack(_HEAD)
        reader = Reader(reader.take(length))
        *places, flags = reader.unpack(_FIELDS)
        names = []
        for offset, size in (places[:2], places[2:]):
            reader.offset = _FIELDS.size + offset
            names.append(reader.text(size))
        return cls(names[0], names[1], flags)

    def encode(self) -> bytes:
        """Encode the output of an IOCTL."""
        substitute, printed = utf16(self.substitute_name), utf16(self.print_name)
        fields = _FIELDS.pack(0, len(substitute), len(substitute), len(printed), self.flags)
        data = fields + substitute + printed
        return _HEAD.pack(IO_REPARSE_TAG_SYMLINK, len(data), 0) + data


def reparse_tag(data: Buffer) -> int:
    """Return the tag of a REPARSE_DATA_BUFFER. Raises `WireError` for less than one."""
    reader = Reader(data)
    tag, length, _ = reader.unpack(_HEAD)
    if length != reader.remaining:
        raise WireError(f"REPARSE_DATA_BUFFER: {reader.remaining} bytes, said to be {length}")
    return int(tag)
