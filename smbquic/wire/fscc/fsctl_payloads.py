"""Input and output of the controls of a file system (FSCTL). [MS-FSCC] 2.3"""

from collections.abc import Iterable
from struct import Struct
from typing import ClassVar, Self

from smbquic.errors import WireError
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import Buffer, Reader, utf16
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.fixed import FixedStructure
from smbquic.wire.layout import S64, U16, U32, U64

_RANGE = Struct("<QQ")
_DUPLICATE = Struct("<16sQQQ")
_TRIM = Struct("<II")
_PIPE_WAIT = Struct("<qIBx")
_PIPE_PEEK = Struct("<IIII")


@dataclass(slots=True)
class FileRange(FixedStructure):
    """FILE_ALLOCATED_RANGE_BUFFER and FILE_LEVEL_TRIM_RANGE, in bytes.

    [MS-FSCC] 2.3.52, 2.3.13.1
    """

    file_offset: U64
    length: U64


def encode_ranges(ranges: Iterable[FileRange]) -> bytes:
    """Encode the output of QUERY_ALLOCATED_RANGES. [MS-FSCC] 2.3.52"""
    return b"".join(entry.encode() for entry in ranges)


def decode_ranges(data: Buffer) -> list[FileRange]:
    """Decode the ranges that fill `data`. Raises `WireError`."""
    if len(data) % _RANGE.size:
        raise WireError(f"{len(data)} bytes are no whole number of ranges")
    return [FileRange(*fields) for fields in _RANGE.iter_unpack(data)]


@dataclass(slots=True)
class FileZeroDataInformation(FixedStructure):
    """FILE_ZERO_DATA_INFORMATION: the range up to `beyond_final_zero`. [MS-FSCC] 2.3.85"""

    file_offset: S64
    beyond_final_zero: S64


@dataclass(slots=True)
class DuplicateExtentsData:
    """SMB2_DUPLICATE_EXTENTS_DATA, in bytes. [MS-FSCC] 2.3.7.2"""

    SIZE: ClassVar[int] = _DUPLICATE.size
    source_file_id: FileId
    source_file_offset: int
    target_file_offset: int
    byte_count: int

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the input of the IOCTL. Raises `WireError`."""
        file_id, source, target, count = Reader(data).unpack(_DUPLICATE)
        return cls(FileId.decode(file_id), source, target, count)

    def encode(self) -> bytes:
        """Encode the input of the IOCTL."""
        return _DUPLICATE.pack(
            self.source_file_id.encode(),
            self.source_file_offset,
            self.target_file_offset,
            self.byte_count,
        )


@dataclass(slots=True)
class FileLevelTrim:
    """FILE_LEVEL_TRIM: parts of a file that nobody needs any more. [MS-FSCC] 2.3.13"""

    key: int
    ranges: list[FileRange]

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the input of the IOCTL. Raises `WireError`."""
        reader = Reader(data)
        key, count = reader.unpack(_TRIM)
        return cls(key, decode_ranges(reader.take(count * _RANGE.size)))

    def encode(self) -> bytes:
        """Encode the input of the IOCTL."""
        return _TRIM.pack(self.key, len(self.ranges)) + encode_ranges(self.ranges)


@dataclass(slots=True)
class FileLevelTrimOutput(FixedStructure):
    """FILE_LEVEL_TRIM_OUTPUT. [MS-FSCC] 2.3.14"""

    num_ranges_processed: U32


@dataclass(slots=True)
class CompressionState(FixedStructure):
    """CompressionState of a file; 0 is none. [MS-FSCC] 2.3.22, 2.3.67"""

    compression_state: U16


@dataclass(slots=True)
class PipeWaitRequest:
    r"""FSCTL_PIPE_WAIT Request; `name` lacks ``\pipe\``, `timeout` is in units of 100 ms.

    [MS-FSCC] 2.3.49
    """

    timeout: int
    timeout_specified: bool
    name: str

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the input of the IOCTL. Raises `WireError`."""
        reader = Reader(data)
        timeout, length, specified = reader.unpack(_PIPE_WAIT)
        return cls(timeout, bool(specified), reader.text(length))

    def encode(self) -> bytes:
        """Encode the input of the IOCTL."""
        name = utf16(self.name)
        return _PIPE_WAIT.pack(self.timeout, len(name), self.timeout_specified) + name


@dataclass(slots=True)
class PipePeekReply:
    """FSCTL_PIPE_PEEK Reply; sizes are bytes, `named_pipe_state` compares with `PipeState`.

    [MS-FSCC] 2.3.46
    """

    named_pipe_state: int
    read_data_available: int
    number_of_messages: int
    message_length: int
    data: Buffer = b""

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the output of the IOCTL. Raises `WireError`."""
        reader = Reader(data)
        state, available, messages, length = reader.unpack(_PIPE_PEEK)
        return cls(state, available, messages, length, reader.take(reader.remaining))

    def encode(self) -> bytes:
        """Encode the output of the IOCTL."""
        fixed = _PIPE_PEEK.pack(
            self.named_pipe_state,
            self.read_data_available,
            self.number_of_messages,
            self.message_length,
        )
        return b"".join((fixed, self.data))
