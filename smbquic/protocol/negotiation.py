"""What two ends agree on: dialect, algorithms, sizes. Pure decisions, no state.

[MS-SMB2] 3.2.4.2.2.2, 3.2.5.2 (client), 3.3.5.3, 3.3.5.4 (server)
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from smbquic.crypto.compression import Compression
from smbquic.errors import RemoteProtocolError, SecurityError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.settings import (
    SINGLE_CREDIT_SIZE,
    ClientSettings,
    EncryptionOverQuic,
    EncryptionPolicy,
    ServerSettings,
)
from smbquic.wire.negotiate import (
    Dialect,
    GlobalCapabilities,
    NegotiateRequest,
    NegotiateResponse,
    SecurityMode,
)
from smbquic.wire.negotiate_contexts import (
    Cipher,
    CompressionAlgorithm,
    CompressionCapabilities,
    EncryptionCapabilities,
    HashAlgorithm,
    NegotiateContext,
    NetnameNegotiateContextId,
    PreauthIntegrityCapabilities,
    SigningAlgorithm,
    SigningCapabilities,
    TransportCapabilities,
    TransportCapability,
)

SALT_SIZE = 32
"""Bytes of salt in the preauth integrity context, as Windows has it. <287>"""

_MIN_SIZE = 65536

SLOW_ALGORITHM_SIZE = 2 << 20
"""The largest READ, WRITE or transaction where one of the algorithms is slow, in bytes.

For 8 MiB AES-GMAC takes 0.4 ms and AES-GCM 1 ms; AES-CMAC takes 14 and AES-CCM 16 to 26, in which
the server could do nothing else.
"""
_FAST_CIPHERS = (None, Cipher.AES_128_GCM, Cipher.AES_256_GCM)

ContextT = TypeVar("ContextT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiated:
    """What holds on the connection from now on. Sizes in bytes.

    `transport_security`: both ends agreed that QUIC's encryption is enough, so that no SMB
    message is encrypted. `encryption_required`: the server accepts no session that does not
    encrypt.
    """

    dialect: Dialect
    signing_algorithm: SigningAlgorithm
    signing_required: bool
    cipher: Cipher | None = None
    compression: Compression | None = None
    transport_security: bool = False
    encryption_required: bool = False
    multi_credit: bool = False
    max_transact_size: int = SINGLE_CREDIT_SIZE
    max_read_size: int = SINGLE_CREDIT_SIZE
    max_write_size: int = SINGLE_CREDIT_SIZE

    @property
    def is_smb3(self) -> bool:
        """Whether the dialect belongs to the SMB 3.x family."""
        return self.dialect >= Dialect.SMB_3_0


def _of_type(contexts: Iterable[NegotiateContext], kind: type[ContextT]) -> list[ContextT]:
    return [context for context in contexts if isinstance(context, kind)]


def _single(contexts: Sequence[NegotiateContext], kind: type[ContextT]) -> ContextT | None:
    """The context of this type, if there is one. More than one is the peer's fault."""
    found = _of_type(contexts, kind)
    if len(found) > 1:
        raise RemoteProtocolError(f"{len(found)} negotiate contexts of the type {kind.__name__}")
    return found[0] if found else None


# --- server ---------------------------------------------------------------------------------


def select_dialect(settings: ServerSettings, offered: Sequence[int], *, quic: bool) -> Dialect:
    """The greatest common dialect; over QUIC only 3.1.1 counts. [MS-SMB2] 3.3.5.4

    Raises `StatusError`: INVALID_PARAMETER for an empty list, NOT_SUPPORTED for no common one.
    """
    if not offered:
        raise StatusError(NtStatus.INVALID_PARAMETER, "NEGOTIATE")
    common = [dialect for dialect in settings.dialects if dialect in offered]
    if quic:
        common = [dialect for dialect in common if dialect == Dialect.SMB_3_1_1]
    if not common:
        raise StatusError(NtStatus.NOT_SUPPORTED, "NEGOTIATE")
    return max(common)


def build_response(
    settings: ServerSettings,
    request: NegotiateRequest,
    *,
    quic: bool,
    hint: bytes,
    system_time: int,
    random: Callable[[int], bytes],
) -> tuple[Negotiated, NegotiateResponse]:
    """Choose dialect and algorithms. `hint` is the SPNEGO token that lists our mechanisms.

    `system_time` is a FILETIME. Raises `StatusError` with the status that the client gets.
    """
    dialect = select_dialect(settings, request.dialects, quic=quic)
    multi_credit = dialect >= Dialect.SMB_2_1
    capabilities = _announced_capabilities(settings, request, dialect)
    cipher: Cipher | None = None
    signing_algorithm = SigningAlgorithm.HMAC_SHA256
    transport_security = False
    contexts: list[NegotiateContext] = []
    if dialect == Dialect.SMB_3_1_1:
        try:
            agreed = _build_response_contexts(settings, request.contexts, quic=quic, random=random)
        except RemoteProtocolError as error:
            raise StatusError(error.status, "NEGOTIATE") from error
        cipher, signing_algorithm, transport_security, contexts = agreed
    elif dialect >= Dialect.SMB_3_0:
        signing_algorithm = SigningAlgorithm.AES_CMAC
        if (
            request.capabilities & GlobalCapabilities.ENCRYPTION
            and settings.encryption is not EncryptionPolicy.OFF
            and Cipher.AES_128_CCM in settings.ciphers
        ):
            cipher = Cipher.AES_128_CCM
            capabilities |= GlobalCapabilities.ENCRYPTION
    max_size = _max_size(settings.max_size, signing_algorithm, cipher)
    if not multi_credit:
        max_size = SINGLE_CREDIT_SIZE
    negotiated = Negotiated(
        dialect=dialect,
        signing_algorithm=signing_algorithm,
        signing_required=settings.signing_required
        or bool(request.security_mode & SecurityMode.SIGNING_REQUIRED),
        cipher=cipher,
        transport_security=transport_security,
        encryption_required=not transport_security and _encryption_required(settings, quic=quic),
        multi_credit=multi_credit,
        max_transact_size=max_size,
        max_read_size=max_size,
        max_write_size=max_size,
    )
    response = NegotiateResponse(
        security_mode=security_mode(settings.signing_required),
        dialect_revision=dialect,
        server_guid=settings.guid,
        capabilities=capabilities,
        max_transact_size=max_size,
        max_read_size=max_size,
        max_write_size=max_size,
        system_time=system_time,
        server_start_time=0,
        security_buffer=hint,
        contexts=contexts,
    )
    return negotiated, response


def _max_size(limit: int, signing: SigningAlgorithm, cipher: Cipher | None) -> int:
    """Return the most bytes of one request, so that no message holds the event loop for long."""
    if signing is SigningAlgorithm.AES_GMAC and cipher in _FAST_CIPHERS:
        return limit
    return min(limit, SLOW_ALGORITHM_SIZE)


def _encryption_required(settings: ServerSettings, *, quic: bool) -> bool:
    if settings.encryption is EncryptionPolicy.REQUIRED:
        return True
    return quic and settings.encryption_over_quic is EncryptionOverQuic.REQUIRE


def _announced_capabilities(
    settings: ServerSettings, request: NegotiateRequest, dialect: Dialect
) -> GlobalCapabilities:
    """What of the server's abilities this client can use in this dialect. [MS-SMB2] 3.3.5.4"""
    announced = GlobalCapabilities(0)
    if dialect >= Dialect.SMB_2_1:
        announced |= GlobalCapabilities.LARGE_MTU | (
            settings.capabilities & GlobalCapabilities.LEASING
        )
    if dialect >= Dialect.SMB_3_0:
        both = settings.capabilities & request.capabilities
        announced |= both & (
            GlobalCapabilities.DIRECTORY_LEASING | GlobalCapabilities.MULTI_CHANNEL
        )
    return announced


def build_multi_protocol_response(
    settings: ServerSettings, dialects: Sequence[str], *, hint: bytes, system_time: int
) -> NegotiateResponse:
    """The answer to an SMB1 negotiate: "SMB 2.???" leads to a second, SMB2, NEGOTIATE.

    [MS-SMB2] 3.3.5.3.1, 3.3.5.3.2. Raises `RemoteProtocolError` if the client knows no dialect
    that is spoken here.
    """
    if "SMB 2.???" in dialects:
        dialect, size = Dialect.WILDCARD, settings.max_size
        capabilities = GlobalCapabilities.LARGE_MTU
    elif "SMB 2.002" in dialects and Dialect.SMB_2_0_2 in settings.dialects:
        dialect, size = Dialect.SMB_2_0_2, SINGLE_CREDIT_SIZE
        capabilities = GlobalCapabilities(0)
    else:
        raise RemoteProtocolError(
            "the client speaks no dialect that is new enough", NtStatus.NOT_SUPPORTED
        )
    return NegotiateResponse(
        security_mode=security_mode(settings.signing_required),
        dialect_revision=dialect,
        server_guid=settings.guid,
        capabilities=capabilities,
        max_transact_size=size,
        max_read_size=size,
        max_write_size=size,
        system_time=system_time,
        server_start_time=0,
        security_buffer=hint,
        contexts=[],
    )


def security_mode(signing_required: bool) -> SecurityMode:
    """Signing is always enabled."""
    mode = SecurityMode.SIGNING_ENABLED
    return mode | SecurityMode.SIGNING_REQUIRED if signing_required else mode


def _build_response_contexts(
    settings: ServerSettings,
    offered: Sequence[NegotiateContext],
    *,
    quic: bool,
    random: Callable[[int], bytes],
) -> tuple[Cipher | None, SigningAlgorithm, bool, list[NegotiateContext]]:
    preauth = _single(offered, PreauthIntegrityCapabilities)
    encryption = _single(offered, EncryptionCapabilities)
    compression = _single(offered, CompressionCapabilities)
    signing = _single(offered, SigningCapabilities)
    transport = _single(offered, TransportCapabilities)
    if preauth is None:
        raise RemoteProtocolError("3.1.1 without a preauth integrity context")
    if HashAlgorithm.SHA_512 not in preauth.hash_algorithms:
        raise RemoteProtocolError(
            "no common preauth hash", NtStatus.SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP
        )
    contexts: list[NegotiateContext] = [
        PreauthIntegrityCapabilities([HashAlgorithm.SHA_512], random(SALT_SIZE))
    ]
    cipher: Cipher | None = None
    if encryption is not None and settings.encryption is not EncryptionPolicy.OFF:
        cipher = next((own for own in settings.ciphers if own in encryption.ciphers), None)
        contexts.append(EncryptionCapabilities([cipher or 0]))
    if compression is not None:
        if not compression.compression_algorithms:
            raise RemoteProtocolError("a compression context without an algorithm")
        contexts.append(CompressionCapabilities([CompressionAlgorithm.NONE]))
    signing_algorithm = SigningAlgorithm.AES_CMAC
    if signing is not None:
        if not signing.signing_algorithms:
            raise RemoteProtocolError("a signing context without an algorithm")
        signing_algorithm = next(
            (own for own in settings.signing_algorithms if own in signing.signing_algorithms),
            signing_algorithm,
        )
        contexts.append(SigningCapabilities([signing_algorithm]))
    transport_security = False
    if transport is not None:
        accept = TransportCapability.ACCEPT_TRANSPORT_LEVEL_SECURITY
        transport_security = (
            quic
            and settings.encryption_over_quic is EncryptionOverQuic.SKIP
            and bool(transport.flags & accept)
        )
        contexts.append(
            TransportCapabilities(accept if transport_security else TransportCapability(0))
        )
    return cipher, signing_algorithm, transport_security, contexts


# --- client ---------------------------------------------------------------------------------


def client_capabilities(settings: ClientSettings) -> GlobalCapabilities:
    """What our NEGOTIATE request says that we can do. [MS-SMB2] 3.2.4.2.2.2"""
    capabilities = GlobalCapabilities.LARGE_MTU
    if settings.encryption is not EncryptionPolicy.OFF:
        capabilities |= GlobalCapabilities.ENCRYPTION
    return capabilities


def build_request(
    settings: ClientSettings,
    *,
    quic: bool,
    server_name: str,
    random: Callable[[int], bytes],
) -> NegotiateRequest:
    """Return our NEGOTIATE request. [MS-SMB2] 3.2.4.2.2.2"""
    contexts: list[NegotiateContext] = []
    dialects = [Dialect.SMB_3_1_1] if quic else sorted(settings.dialects)
    if Dialect.SMB_3_1_1 in dialects:
        contexts.append(PreauthIntegrityCapabilities([HashAlgorithm.SHA_512], random(SALT_SIZE)))
        if settings.encryption is not EncryptionPolicy.OFF:
            contexts.append(EncryptionCapabilities(list(settings.ciphers)))
        contexts.append(SigningCapabilities(list(settings.signing_algorithms)))
        contexts.append(NetnameNegotiateContextId(server_name))
        if _offers_transport_security(settings, quic=quic):
            contexts.append(
                TransportCapabilities(TransportCapability.ACCEPT_TRANSPORT_LEVEL_SECURITY)
            )
    return NegotiateRequest(
        dialects=list(dialects),
        security_mode=security_mode(settings.signing_required),
        capabilities=client_capabilities(settings),
        client_guid=settings.client_guid,
        contexts=contexts,
    )


def check_response(
    settings: ClientSettings, response: NegotiateResponse, *, quic: bool
) -> Negotiated:
    """Return what the server chose, if our request left room for it.

    [MS-SMB2] 3.2.5.2. Raises `SecurityError` for a response that it did not leave room for.
    """
    offered = [Dialect.SMB_3_1_1] if quic else settings.dialects
    if response.dialect_revision not in offered:
        raise SecurityError(
            f"the server chose the dialect 0x{response.dialect_revision:04x}, which was not offered"
        )
    dialect = Dialect(response.dialect_revision)
    sizes = (response.max_transact_size, response.max_read_size, response.max_write_size)
    if min(sizes) < _MIN_SIZE:
        raise RemoteProtocolError(f"the server's largest message is {min(sizes)} bytes")
    cipher: Cipher | None = None
    signing_algorithm = SigningAlgorithm.HMAC_SHA256
    transport_security = False
    if dialect == Dialect.SMB_3_1_1:
        cipher, signing_algorithm, transport_security = _check_contexts(
            settings, response.contexts, quic=quic
        )
    elif dialect >= Dialect.SMB_3_0:
        signing_algorithm = SigningAlgorithm.AES_CMAC
        if response.capabilities & GlobalCapabilities.ENCRYPTION:
            cipher = Cipher.AES_128_CCM
    if settings.encryption is EncryptionPolicy.REQUIRED and cipher is None:
        raise SecurityError("SMB encryption is required here and the server does not offer it")
    multi_credit = dialect >= Dialect.SMB_2_1 and bool(
        response.capabilities & GlobalCapabilities.LARGE_MTU
    )
    limit = settings.max_size if multi_credit else SINGLE_CREDIT_SIZE
    return Negotiated(
        dialect=dialect,
        signing_algorithm=signing_algorithm,
        signing_required=settings.signing_required
        or bool(response.security_mode & SecurityMode.SIGNING_REQUIRED),
        cipher=cipher,
        transport_security=transport_security,
        multi_credit=multi_credit,
        max_transact_size=min(limit, response.max_transact_size),
        max_read_size=min(limit, response.max_read_size),
        max_write_size=min(limit, response.max_write_size),
    )


def _offers_transport_security(settings: ClientSettings, *, quic: bool) -> bool:
    return (
        quic
        and settings.skip_encryption_over_quic
        and settings.encryption is not EncryptionPolicy.REQUIRED
    )


def _only(chosen: Sequence[int], offered: Sequence[int], what: str) -> int:
    """The one algorithm of an answer; it has to be among the offered ones."""
    if len(chosen) != 1 or chosen[0] not in offered:
        raise SecurityError(f"the server chose {what} {list(chosen)} out of {list(offered)}")
    return chosen[0]


def _check_contexts(
    settings: ClientSettings, contexts: Sequence[NegotiateContext], *, quic: bool
) -> tuple[Cipher | None, SigningAlgorithm, bool]:
    preauth = _single(contexts, PreauthIntegrityCapabilities)
    encryption = _single(contexts, EncryptionCapabilities)
    signing = _single(contexts, SigningCapabilities)
    transport = _single(contexts, TransportCapabilities)
    if preauth is None:
        raise SecurityError("the server's answer has no preauth integrity context")
    _only(preauth.hash_algorithms, [HashAlgorithm.SHA_512], "the preauth hash")
    cipher: Cipher | None = None
    if encryption is not None and encryption.ciphers != [0]:
        offered = settings.ciphers if settings.encryption is not EncryptionPolicy.OFF else ()
        cipher = Cipher(_only(encryption.ciphers, offered, "the cipher"))
    signing_algorithm = SigningAlgorithm.AES_CMAC
    if signing is not None:
        signing_algorithm = SigningAlgorithm(
            _only(signing.signing_algorithms, settings.signing_algorithms, "the signing algorithm")
        )
    transport_security = (
        transport is not None
        and _offers_transport_security(settings, quic=quic)
        and bool(transport.flags & TransportCapability.ACCEPT_TRANSPORT_LEVEL_SECURITY)
    )
    return cipher, signing_algorithm, transport_security
