"""The response that says that a request failed. [MS-SMB2] 2.2.2

The status itself is in the SMB2 header.
"""

from collections.abc import Sequence
from enum import IntEnum
from struct import Struct
from typing import Self

from smbquic.errors import WireError
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import HEADER_SIZE, Buffer, Reader, padding, unpack_body, utf16
from smbquic.wire.flags import Flags
from smbquic.wire.message import Message

_ERROR = Struct("<HBBI")
_ERROR_SIZE = 9
_CONTEXT = Struct("<II")
_SYMLINK = Struct("<IIIHHHHHHI")
_SYMLINK_ERROR_TAG = 0x4C4D5953
_IO_REPARSE_TAG_SYMLINK = 0xA000000C
_ALIGNMENT = 8


class ErrorId(IntEnum):
    """Kinds of error contexts. [MS-SMB2] 2.2.2.1"""

    DEFAULT = 0x00000000
    SHARE_REDIRECT = 0x72645253


@dataclass(slots=True)
class ErrorContext:
    """SMB2 ERROR Context Response. [MS-SMB2] 2.2.2.1"""

    error_id: int
    error_context_data: bytes


@dataclass(slots=True)
class ErrorResponse(Message):
    """SMB2 ERROR Response, the answer of every command that failed. [MS-SMB2] 2.2.2

    With a nonzero `error_context_count` (3.1.1 only), `error_data` is a list of contexts.
    """

    error_data: bytes = b""
    error_context_count: int = 0

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """Decode the body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        _, context_count, _, byte_count = unpack_body(_ERROR, message, _ERROR_SIZE, cls.__name__)
        data = Reader(message, HEADER_SIZE + _ERROR.size).take(byte_count)
        return cls(bytes(data), context_count)

    @classmethod
    def of_contexts(cls, contexts: Sequence[ErrorContext]) -> Self:
        """Return the response that carries `contexts`."""
        data = b""
        for context in contexts:
            data += padding(len(data))
            data += _CONTEXT.pack(len(context.error_context_data), context.error_id)
            data += context.error_context_data
        return cls(data, len(contexts))

    def contexts(self) -> list[ErrorContext]:
        """Return the contexts that `error_data` consists of. Raises `WireError`."""
        reader = Reader(self.error_data)
        found = []
        for _ in range(self.error_context_count):
            reader.align(_ALIGNMENT)
            length, error_id = reader.unpack(_CONTEXT)
            found.append(ErrorContext(error_id, bytes(reader.take(length))))
        return found

    def encode(self) -> bytes:
        """Encode the body; without data it still has one byte of it, as its StructureSize says."""
        fixed = _ERROR.pack(_ERROR_SIZE, self.error_context_count, 0, len(self.error_data))
        return fixed + (self.error_data or b"\0")


class SymlinkFlags(Flags):
    """Flags of a symbolic link; a RELATIVE target starts at the link's folder.

    [MS-SMB2] 2.2.2.2.1
    """

    RELATIVE = 0x00000001


@dataclass(slots=True)
class SymbolicLinkErrorResponse:
    """ErrorData of STATUS_STOPPED_ON_SYMLINK: the link's target. [MS-SMB2] 2.2.2.2.1

    `unparsed_path_length` counts the bytes at the end of the path that come after the link.
    """

    unparsed_path_length: int
    substitute_name: str
    print_name: str
    flags: SymlinkFlags

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the ErrorData, or the data of its error context. Raises `WireError`."""
        reader = Reader(data)
        _, tag, reparse_tag, _, unparsed, *names, flags = reader.unpack(_SYMLINK)
        if tag != _SYMLINK_ERROR_TAG or reparse_tag != _IO_REPARSE_TAG_SYMLINK:
            raise WireError("the error data is not about a symbolic link")
        substitute_offset, substitute_length, print_offset, print_length = names
        start = reader.offset
        reader.offset = start + substitute_offset
        substitute_name = reader.text(substitute_length)
        reader.offset = start + print_offset
        return cls(unparsed, substitute_name, reader.text(print_length), SymlinkFlags(flags))

    def encode(self) -> bytes:
        """Encode the ErrorData."""
        substitute, printed = utf16(self.substitute_name), utf16(self.print_name)
        buffer = substitute + printed
        fixed = _SYMLINK.pack(
            _SYMLINK.size - 4 + len(buffer),
            _SYMLINK_ERROR_TAG,
            _IO_REPARSE_TAG_SYMLINK,
            12 + len(buffer),
            self.unparsed_path_length,
            0,
            len(substitute),
            len(substitute),
            len(printed),
            self.flags,
        )
        return fixed + buffer
