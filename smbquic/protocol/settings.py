"""The settings of each end: dialects, algorithms, policies. [MS-SMB2] 3.2.1.1, 3.3.1.5"""

from enum import Enum

from smbquic.lazy_dataclass import dataclass
from smbquic.wire.negotiate import Dialect, GlobalCapabilities
from smbquic.wire.negotiate_contexts import Cipher, SigningAlgorithm

DIALECTS = (
    Dialect.SMB_2_0_2,
    Dialect.SMB_2_1,
    Dialect.SMB_3_0,
    Dialect.SMB_3_0_2,
    Dialect.SMB_3_1_1,
)
MINIMUM_DIALECT = Dialect.SMB_3_0
"""The oldest dialect that a server speaks by default: those before have weaker signatures."""
DIALECT_NAMES = {dialect.label: dialect for dialect in DIALECTS}
"""The dialects by how they are written, such as 3.1.1."""
CIPHERS = (Cipher.AES_128_GCM, Cipher.AES_128_CCM, Cipher.AES_256_GCM, Cipher.AES_256_CCM)
SIGNING_ALGORITHMS = (
    SigningAlgorithm.AES_GMAC,
    SigningAlgorithm.AES_CMAC,
    SigningAlgorithm.HMAC_SHA256,
)
MAX_SIZE = 8 << 20
"""Largest READ, WRITE or transaction in bytes, as Windows has it. [MS-SMB2] 3.3.5.4 <283>"""

SINGLE_CREDIT_SIZE = 65536
"""The same for SMB 2.0.2, which knows no multi-credit messages."""

MESSAGE_OVERHEAD = 65536
"""Bytes that a message may have besides its payload: headers, names, contexts, other requests of
a compound."""

LOGON_SIZE = SINGLE_CREDIT_SIZE + MESSAGE_OVERHEAD
"""Bytes of the largest message before a logon."""


_NO_CAPABILITIES = GlobalCapabilities(0)


class SigningPolicy(Enum):
    """A server's policy for signatures: it requires them, or leaves them to its clients."""

    REQUIRED = "required"
    NEGOTIATED = "negotiated"


class EncryptionPolicy(Enum):
    """A policy for the encryption of SMB messages."""

    OFF = "off"
    ALLOWED = "allowed"
    REQUIRED = "required"


class EncryptionOverQuic(Enum):
    """A server's policy for SMB encryption where QUIC encrypts already. [MS-SMB2] 3.3.1.5

    SKIP lets a client that asks for it leave it out (DisableEncryptionOverSecureTransport); ALLOW
    has it as over TCP; REQUIRE demands it of every session.
    """

    SKIP = "skip"
    ALLOW = "allow"
    REQUIRE = "require"


def dialects_from(minimum: Dialect) -> tuple[Dialect, ...]:
    """Return the dialects that are not older than `minimum`."""
    return tuple(dialect for dialect in DIALECTS if dialect >= minimum)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """The offer of a server; its algorithms in the order of preference.

    `signing_required` demands that every session is signed or encrypted, except a guest's, which
    has no key; without, clients decide.

    `capabilities` are those of the server above that are announced to clients which can use
    them: LEASING, DIRECTORY_LEASING, MULTI_CHANNEL.
    """

    guid: bytes
    dialects: tuple[Dialect, ...] = dialects_from(MINIMUM_DIALECT)
    ciphers: tuple[Cipher, ...] = CIPHERS
    signing_algorithms: tuple[SigningAlgorithm, ...] = SIGNING_ALGORITHMS
    signing_required: bool = True
    encryption: EncryptionPolicy = EncryptionPolicy.ALLOWED
    encryption_over_quic: EncryptionOverQuic = EncryptionOverQuic.SKIP
    capabilities: GlobalCapabilities = _NO_CAPABILITIES
    max_size: int = MAX_SIZE
    max_credits: int = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """The offer of a client; its algorithms in the order of preference.

    `skip_encryption_over_quic` offers to leave SMB encryption out where QUIC encrypts already.
    `guest_allowed` accepts a guest's or an anonymous session, in which the server has proved
    nothing: only for users who give no password. `multi_channel` says that sessions may get further
    connections.
    """

    client_guid: bytes
    dialects: tuple[Dialect, ...] = DIALECTS
    ciphers: tuple[Cipher, ...] = CIPHERS
    signing_algorithms: tuple[SigningAlgorithm, ...] = SIGNING_ALGORITHMS
    signing_required: bool = True
    guest_allowed: bool = False
    encryption: EncryptionPolicy = EncryptionPolicy.ALLOWED
    skip_encryption_over_quic: bool = True
    multi_channel: bool = False
    max_size: int = MAX_SIZE
    credits_wanted: int = 512
