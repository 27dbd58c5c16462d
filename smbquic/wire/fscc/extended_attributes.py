"""Extended attributes. [MS-FSCC] 2.4.16"""

from collections.abc import Iterable, Iterator
from struct import Struct

from smbquic.errors import WireError
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import Buffer, Reader
from smbquic.wire.flags import Flags
from smbquic.wire.fscc.chain import encode_chain, iterate_chain

_FULL = Struct("<IBBH")
_FULL_AFTER_NEXT = Struct("<BBH")
_GET = Struct("<IB")
_ALIGNMENT = 4


class EaFlags(Flags):
    """Flags of an extended attribute; FILE_NEED_EA says that programs have to understand it.

    [MS-FSCC] 2.4.16
    """

    FILE_NEED_EA = 0x80


@dataclass(slots=True)
class FullEaInformation:
    """FILE_FULL_EA_INFORMATION: an extended attribute. [MS-FSCC] 2.4.16

    `ea_name` is ASCII of up to 254 bytes; setting an empty value removes the attribute.
    """

    ea_name: bytes
    ea_value: bytes
    flags: int = 0

    def encode(self) -> bytes:
        """Encode a single entry, with NextEntryOffset 0."""
        fixed = _FULL.pack(0, self.flags, len(self.ea_name), len(self.ea_value))
        return b"".join((fixed, self.ea_name, b"\0", self.ea_value))


def encode_full_eas(attributes: Iterable[FullEaInformation]) -> bytes:
    """Encode a list of attributes, as responses, requests and a create context have it."""
    return encode_chain((attribute.encode() for attribute in attributes), _ALIGNMENT)


def decode_full_eas(data: Buffer) -> list[FullEaInformation]:
    """Decode all attributes of a list. Raises `WireError`."""
    return list(iterate_full_eas(data))


def iterate_full_eas(data: Buffer) -> Iterator[FullEaInformation]:
    """Return the attributes of a list, decoded one by one.

    Raises `WireError` at the first bad one.
    """
    for reader in iterate_chain(data, _FULL.size):
        flags, name_length, value_length = reader.unpack(_FULL_AFTER_NEXT)
        name = _terminated(reader, name_length)
        yield FullEaInformation(name, bytes(reader.take(value_length)), flags)


def encode_get_eas(names: Iterable[bytes]) -> bytes:
    """Encode FILE_GET_EA_INFORMATION, the names of the attributes to ask for. [MS-FSCC] 2.4.16.1"""
    return encode_chain((_GET.pack(0, len(name)) + name + b"\0" for name in names), _ALIGNMENT)


def decode_get_eas(data: Buffer) -> list[bytes]:
    """Decode the names in a list of FILE_GET_EA_INFORMATION. Raises `WireError`.

    [MS-FSCC] 2.4.16.1
    """
    return list(iterate_get_eas(data))


def iterate_get_eas(data: Buffer) -> Iterator[bytes]:
    """Return the same names, decoded one by one. Raises `WireError` at the first bad one."""
    return (_terminated(reader, reader.u8()) for reader in iterate_chain(data, _GET.size))


def _terminated(reader: Reader, length: int) -> bytes:
    name = bytes(reader.take(length + 1))
    if name[-1]:
        raise WireError("the name of an extended attribute is not terminated")
    return name[:-1]
