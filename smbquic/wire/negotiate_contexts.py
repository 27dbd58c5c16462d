"""The contexts of NEGOTIATE in dialect 3.1.1. [MS-SMB2] 2.2.3.1, 2.2.4.1

Requests and responses use the same structures; a response names the one algorithm it chose.
"""

from collections.abc import Sequence
from enum import IntEnum
from struct import Struct
from typing import ClassVar, Self

from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import Reader, pack_u16_list, padding, text, utf16
from smbquic.wire.flags import Flags

_CONTEXT = Struct("<HHI")
_TWO_COUNTS = Struct("<HH")
_COUNT = Struct("<H")
_COMPRESSION = Struct("<HHI")
_FLAGS = Struct("<I")
_ALIGNMENT = 8


class NegotiateContextType(IntEnum):
    """Types of negotiate contexts. [MS-SMB2] 2.2.3.1"""

    PREAUTH_INTEGRITY_CAPABILITIES = 0x0001
    ENCRYPTION_CAPABILITIES = 0x0002
    COMPRESSION_CAPABILITIES = 0x0003
    NETNAME_NEGOTIATE_CONTEXT_ID = 0x0005
    TRANSPORT_CAPABILITIES = 0x0006
    RDMA_TRANSFORM_CAPABILITIES = 0x0007
    SIGNING_CAPABILITIES = 0x0008
    CONTEXTTYPE_RESERVED = 0x0100


class HashAlgorithm(IntEnum):
    """Hash functions for pre-authentication integrity. [MS-SMB2] 2.2.3.1.1"""

    SHA_512 = 0x0001


class Cipher(IntEnum):
    """Encryption algorithms. [MS-SMB2] 2.2.3.1.2"""

    AES_128_CCM = 0x0001
    AES_128_GCM = 0x0002
    AES_256_CCM = 0x0003
    AES_256_GCM = 0x0004


class CompressionAlgorithm(IntEnum):
    """Compression algorithms. [MS-SMB2] 2.2.3.1.3"""

    NONE = 0x0000
    LZNT1 = 0x0001
    LZ77 = 0x0002
    LZ77_HUFFMAN = 0x0003
    Pattern_V1 = 0x0004
    LZ4 = 0x0005


class CompressionCapabilityFlags(Flags):
    """Flags of compression; CHAINED allows several algorithms in one message.

    [MS-SMB2] 2.2.3.1.3
    """

    CHAINED = 0x00000001


_NOT_CHAINED = CompressionCapabilityFlags(0)


class TransportCapability(Flags):
    """Capabilities of the transport. [MS-SMB2] 2.2.3.1.5"""

    ACCEPT_TRANSPORT_LEVEL_SECURITY = 0x00000001


class SigningAlgorithm(IntEnum):
    """Signing algorithms. [MS-SMB2] 2.2.3.1.7"""

    HMAC_SHA256 = 0x0000
    AES_CMAC = 0x0001
    AES_GMAC = 0x0002


@dataclass(slots=True)
class PreauthIntegrityCapabilities:
    """SMB2_PREAUTH_INTEGRITY_CAPABILITIES. [MS-SMB2] 2.2.3.1.1"""

    context_type: ClassVar[int] = NegotiateContextType.PREAUTH_INTEGRITY_CAPABILITIES
    hash_algorithms: list[int]
    salt: bytes = b""

    @classmethod
    def decode(cls, data: memoryview) -> Self:
        """Decode the Data of the context. Raises `WireError`."""
        reader = Reader(data)
        count, salt_length = reader.unpack(_TWO_COUNTS)
        return cls(reader.u16_list(count), bytes(reader.take(salt_length)))

    def encode(self) -> bytes:
        """Encode the Data of the context."""
        return b"".join(
            (
                _TWO_COUNTS.pack(len(self.hash_algorithms), len(self.salt)),
                pack_u16_list(self.hash_algorithms),
                self.salt,
            )
        )


@dataclass(slots=True)
class EncryptionCapabilities:
    """SMB2_ENCRYPTION_CAPABILITIES, the preferred cipher first. [MS-SMB2] 2.2.3.1.2"""

    context_type: ClassVar[int] = NegotiateContextType.ENCRYPTION_CAPABILITIES
    ciphers: list[int]

    @classmethod
    def decode(cls, data: memoryview) -> Self:
        """Decode the Data of the context. Raises `WireError`."""
        reader = Reader(data)
        return cls(reader.u16_list(reader.u16()))

    def encode(self) -> bytes:
        """Encode the Data of the context."""
        return _COUNT.pack(len(self.ciphers)) + pack_u16_list(self.ciphers)


@dataclass(slots=True)
class CompressionCapabilities:
    """SMB2_COMPRESSION_CAPABILITIES, the preferred algorithm first. [MS-SMB2] 2.2.3.1.3"""

    context_type: ClassVar[int] = NegotiateContextType.COMPRESSION_CAPABILITIES
    compression_algorithms: list[int]
    flags: CompressionCapabilityFlags = _NOT_CHAINED

    @classmethod
    def decode(cls, data: memoryview) -> Self:
        """Decode the Data of the context. Raises `WireError`."""
        reader = Reader(data)
        count, _, flags = reader.unpack(_COMPRESSION)
        return cls(reader.u16_list(count), CompressionCapabilityFlags(flags))

    def encode(self) -> bytes:
        """Encode the Data of the context."""
        algorithms = self.compression_algorithms
        return _COMPRESSION.pack(len(algorithms), 0, self.flags) + pack_u16_list(algorithms)


@dataclass(slots=True)
class NetnameNegotiateContextId:
    """SMB2_NETNAME_NEGOTIATE_CONTEXT_ID: the server name the client asks for.

    [MS-SMB2] 2.2.3.1.4
    """

    context_type: ClassVar[int] = NegotiateContextType.NETNAME_NEGOTIATE_CONTEXT_ID
    net_name: str

    @classmethod
    def decode(cls, data: memoryview) -> Self:
        """Decode the Data of the context. Raises `WireError`."""
        return cls(text(data))

    def encode(self) -> bytes:
        """Encode the Data of the context."""
        return utf16(self.net_name)


@dataclass(slots=True)
class TransportCapabilities:
    """SMB2_TRANSPORT_CAPABILITIES: whether TLS may stand in for SMB encryption.

    [MS-SMB2] 2.2.3.1.5
    """

    context_type: ClassVar[int] = NegotiateContextType.TRANSPORT_CAPABILITIES
    flags: TransportCapability

    @classmethod
    def decode(cls, data: memoryview) -> Self:
        """Decode the Data of the context. Raises `WireError`."""
        return cls(TransportCapability(Reader(data).u32()))

    def encode(self) -> bytes:
        """Encode the Data of the context."""
        return _FLAGS.pack(self.flags)


@dataclass(slots=True)
class SigningCapabilities:
    """SMB2_SIGNING_CAPABILITIES, the preferred algorithm first. [MS-SMB2] 2.2.3.1.7"""

    context_type: ClassVar[int] = NegotiateContextType.SIGNING_CAPABILITIES
    signing_algorithms: list[int]

    @classmethod
    def decode(cls, data: memoryview) -> Self:
        """Decode the Data of the context. Raises `WireError`."""
        reader = Reader(data)
        return cls(reader.u16_list(reader.u16()))

    def encode(self) -> bytes:
        """Encode the Data of the context."""
        return _COUNT.pack(len(self.signing_algorithms)) + pack_u16_list(self.signing_algorithms)


@dataclass(slots=True)
class UnknownContext:
    """A context of a type that is not known here; receivers ignore it. [MS-SMB2] 2.2.3.1"""

    context_type: int
    data: bytes

    def encode(self) -> bytes:
        """Encode the Data of the context."""
        return self.data


NegotiateContext = (
    PreauthIntegrityCapabilities
    | EncryptionCapabilities
    | CompressionCapabilities
    | NetnameNegotiateContextId
    | TransportCapabilities
    | SigningCapabilities
    | UnknownContext
)

_CONTEXTS: dict[
    int,
    type[PreauthIntegrityCapabilities]
    | type[EncryptionCapabilities]
    | type[CompressionCapabilities]
    | type[NetnameNegotiateContextId]
    | type[TransportCapabilities]
    | type[SigningCapabilities],
] = {
    known.context_type: known
    for known in (
        PreauthIntegrityCapabilities,
        EncryptionCapabilities,
        CompressionCapabilities,
        NetnameNegotiateContextId,
        TransportCapabilities,
        SigningCapabilities,
    )
}


def decode_contexts(message: memoryview, offset: int, count: int) -> list[NegotiateContext]:
    """Decode the `count` contexts at `offset` of `message`, in their order. Raises `WireError`.

    Some clients do not begin at a multiple of 8, so the distance from the first one counts.
    """
    contexts: list[NegotiateContext] = []
    reader = Reader(message[offset:])
    for _ in range(count):
        reader.align(_ALIGNMENT)
        context_type, length, _ = reader.unpack(_CONTEXT)
        data = reader.take(length)
        known = _CONTEXTS.get(context_type)
        contexts.append(known.decode(data) if known else UnknownContext(context_type, bytes(data)))
    return contexts


def encode_contexts(contexts: Sequence[NegotiateContext]) -> bytes:
    """Encode all `contexts`, the first of which stands at a multiple of 8 bytes."""
    parts: list[bytes] = []
    size = 0
    for context in contexts:
        data = context.encode()
        parts += (padding(size), _CONTEXT.pack(context.context_type, len(data), 0), data)
        size += len(parts[-3]) + _CONTEXT.size + len(data)
    return b"".join(parts)
