"""The headers of encrypted and of compressed messages. [MS-SMB2] 2.2.41, 2.2.42"""

from struct import Struct
from typing import Self

from smbquic.errors import WireError
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import Buffer, Reader, unpack
from smbquic.wire.flags import Flags
from smbquic.wire.negotiate_contexts import CompressionAlgorithm

TRANSFORM_PROTOCOL_ID = b"\xfdSMB"
COMPRESSION_PROTOCOL_ID = b"\xfcSMB"

_TRANSFORM = Struct("<4s16s16sIHHQ")
_AUTHENTICATED_FROM = 20
_UNCHAINED = Struct("<4sIHHI")
_CHAINED = Struct("<4sI")
_PAYLOAD = Struct("<HHI")
_SIZE = Struct("<I")
_PATTERN = Struct("<BBHI")

TRANSFORM_HEADER_SIZE = _TRANSFORM.size


class TransformFlags(Flags):
    """Flags of a transformed message; in 3.0 and 3.0.2 its algorithm. [MS-SMB2] 2.2.41"""

    ENCRYPTED = 0x0001


@dataclass(slots=True)
class TransformHeader:
    """SMB2 TRANSFORM_HEADER, 52 bytes; the encrypted message follows it. [MS-SMB2] 2.2.41

    The cipher's nonce is the beginning of `nonce` (16 bytes, zeroes at the end).
    """

    session_id: int
    nonce: bytes
    original_message_size: int
    flags: int = 0x0001
    signature: bytes = bytes(16)

    @classmethod
    def decode(cls, message: Buffer) -> Self:
        """Decode the header that `message` starts with. Raises `WireError`."""
        protocol_id, signature, nonce, size, _, flags, session_id = unpack(_TRANSFORM, message)
        if protocol_id != TRANSFORM_PROTOCOL_ID:
            raise WireError("TRANSFORM_HEADER: the protocol id is another one")
        return cls(session_id, nonce, size, flags, signature)

    def encode(self) -> bytes:
        """Encode the 52 bytes of the header."""
        return _TRANSFORM.pack(
            TRANSFORM_PROTOCOL_ID,
            self.signature,
            self.nonce,
            self.original_message_size,
            0,
            self.flags,
            self.session_id,
        )

    def authenticated(self) -> bytes:
        """Return the part of the header that `signature` covers along with the message."""
        return self.encode()[_AUTHENTICATED_FROM:]


class CompressionFlags(Flags):
    """Flags of a compressed message: chained or not. [MS-SMB2] 2.2.42"""

    CHAINED = 0x0001


_NOT_CHAINED = CompressionFlags(0)


@dataclass(slots=True)
class CompressionTransformHeader:
    """SMB2_COMPRESSION_TRANSFORM_HEADER_UNCHAINED, 16 bytes. [MS-SMB2] 2.2.42.1

    `offset` bytes that are not compressed follow, then the compressed segment. If `flags` of what
    was decoded has CHAINED, the message is of the other form: `CompressedChain.decode` it.
    """

    original_compressed_segment_size: int
    compression_algorithm: int
    offset: int
    flags: CompressionFlags = _NOT_CHAINED

    @classmethod
    def decode(cls, message: Buffer) -> Self:
        """Decode the header that `message` starts with. Raises `WireError`."""
        protocol_id, size, algorithm, flags, offset = unpack(_UNCHAINED, message)
        if protocol_id != COMPRESSION_PROTOCOL_ID:
            raise WireError("COMPRESSION_TRANSFORM_HEADER: the protocol id is another one")
        return cls(size, algorithm, offset, CompressionFlags(flags))

    def encode(self) -> bytes:
        """Encode the 16 bytes of the header."""
        return _UNCHAINED.pack(
            COMPRESSION_PROTOCOL_ID,
            self.original_compressed_segment_size,
            self.compression_algorithm,
            self.flags,
            self.offset,
        )


@dataclass(slots=True)
class CompressedPayload:
    """SMB2_COMPRESSION_CHAINED_PAYLOAD_HEADER and the payload. [MS-SMB2] 2.2.42.2.1

    `original_payload_size` is on the wire for LZNT1, LZ77, LZ77+Huffman and LZ4 only.
    """

    compression_algorithm: int
    payload: Buffer
    original_payload_size: int = 0


_SIZED = frozenset(
    {
        CompressionAlgorithm.LZNT1,
        CompressionAlgorithm.LZ77,
        CompressionAlgorithm.LZ77_HUFFMAN,
        CompressionAlgorithm.LZ4,
    }
)


@dataclass(slots=True)
class CompressedChain:
    """SMB2_COMPRESSION_TRANSFORM_HEADER_CHAINED and all its payloads. [MS-SMB2] 2.2.42.2"""

    original_compressed_segment_size: int
    payloads: list[CompressedPayload]

    @classmethod
    def decode(cls, message: Buffer) -> Self:
        """Decode the whole compressed message; payloads are not copied. Raises `WireError`."""
        reader = Reader(message)
        protocol_id, size = reader.unpack(_CHAINED)
        if protocol_id != COMPRESSION_PROTOCOL_ID:
            raise WireError("COMPRESSION_TRANSFORM_HEADER: the protocol id is another one")
        payloads: list[CompressedPayload] = []
        while reader.remaining:
            algorithm, flags, length = reader.unpack(_PAYLOAD)
            if bool(flags & CompressionFlags.CHAINED) == bool(payloads):
                raise WireError("only the first payload of a chain has the CHAINED flag")
            payload = Reader(reader.take(length))
            original_size = payload.u32() if algorithm in _SIZED else 0
            payloads.append(
                CompressedPayload(algorithm, payload.take(payload.remaining), original_size)
            )
        return cls(size, payloads)

    def buffers(self) -> list[Buffer]:
        """Return the whole compressed message, in parts."""
        parts: list[Buffer] = [
            _CHAINED.pack(COMPRESSION_PROTOCOL_ID, self.original_compressed_segment_size)
        ]
        flags = CompressionFlags.CHAINED
        for payload in self.payloads:
            size = b""
            if payload.compression_algorithm in _SIZED:
                size = _SIZE.pack(payload.original_payload_size)
            length = len(size) + len(payload.payload)
            parts += (
                _PAYLOAD.pack(payload.compression_algorithm, flags, length) + size,
                payload.payload,
            )
            flags = _NOT_CHAINED
        return parts


@dataclass(slots=True)
class CompressionPatternPayloadV1:
    """SMB2_COMPRESSION_PATTERN_PAYLOAD_V1: one byte, many times. [MS-SMB2] 2.2.42.2.2"""

    pattern: int
    repetitions: int

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the payload of a chain. Raises `WireError`."""
        pattern, _, _, repetitions = unpack(_PATTERN, data)
        return cls(pattern, repetitions)

    def encode(self) -> bytes:
        """Encode the 8 bytes."""
        return _PATTERN.pack(self.pattern, 0, 0, self.repetitions)
