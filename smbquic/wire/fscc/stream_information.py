"""The data streams of a file. [MS-FSCC] 2.4.49"""

from collections.abc import Iterable
from struct import Struct

from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import Buffer, utf16
from smbquic.wire.fscc.chain import encode_chain, iterate_chain

_STREAM = Struct("<IIqq")
_AFTER_NEXT = Struct("<Iqq")
_ALIGNMENT = 8


@dataclass(slots=True)
class StreamInformation:
    """FILE_STREAM_INFORMATION; the default stream is called "::$DATA". [MS-FSCC] 2.4.49"""

    stream_name: str
    stream_size: int
    stream_allocation_size: int

    def encode(self) -> bytes:
        """Encode a single entry, with NextEntryOffset 0."""
        name = utf16(self.stream_name)
        return _STREAM.pack(0, len(name), self.stream_size, self.stream_allocation_size) + name


def encode_streams(streams: Iterable[StreamInformation]) -> bytes:
    """Encode the output of FileStreamInformation."""
    return encode_chain((stream.encode() for stream in streams), _ALIGNMENT)


def decode_streams(data: Buffer) -> list[StreamInformation]:
    """Decode all streams that an answer names. Raises `WireError`."""
    streams = []
    for reader in iterate_chain(data, _STREAM.size):
        length, size, allocation_size = reader.unpack(_AFTER_NEXT)
        streams.append(StreamInformation(reader.text(length), size, allocation_size))
    return streams
