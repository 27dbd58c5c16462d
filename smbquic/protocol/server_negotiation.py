"""The server's end of NEGOTIATE: the choice of the dialect and the algorithms.

[MS-SMB2] 3.3.5.3, 3.3.5.4
"""

from collections.abc import Callable, Sequence

from smbquic.errors import RemoteProtocolError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.negotiation import (
    SALT_SIZE,
    Algorithms,
    Negotiated,
    security_mode,
    single_context,
)
from smbquic.protocol.settings import (
    SINGLE_CREDIT_SIZE,
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
    PreauthIntegrityCapabilities,
    SigningAlgorithm,
    SigningCapabilities,
    TransportCapabilities,
    TransportCapability,
)

SLOW_ALGORITHM_SIZE = 2 << 20
"""The largest READ, WRITE or transaction where one of the algorithms is slow, in bytes.

For 8 MiB AES-GMAC takes 0.4 ms and AES-GCM 1 ms; AES-CMAC takes 14 and AES-CCM 16 to 26, in which
the server could do nothing else.
"""
_FAST_CIPHERS = (None, Cipher.AES_128_GCM, Cipher.AES_256_GCM)


_ACCEPT = TransportCapability.ACCEPT_TRANSPORT_LEVEL_SECURITY


def select_dialect(settings: ServerSettings, offered: Sequence[int], *, quic: bool) -> Dialect:
    """Return the greatest common dialect. [MS-SMB2] 3.3.5.4

    Raises `StatusError`: INVALID_PARAMETER for an empty list, NOT_SUPPORTED for no common one.
    """
    if not offered:
        raise StatusError(NtStatus.INVALID_PARAMETER, "NEGOTIATE")
    common = [dialect for dialect in settings.dialects if dialect in offered]
    if quic:
        # Windows offers the older ones over QUIC, too, though only 3.1.1 may be used on it
        # ([MS-SMB2] 2.1): they are ignored, and not a reason to refuse the client.
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
    """Choose the dialect and the algorithms, and return them with the response. [MS-SMB2] 3.3.5.4

    `hint` is the SPNEGO token that lists our mechanisms, `system_time` a FILETIME. Raises
    `StatusError` with the status that the client gets.
    """
    dialect = select_dialect(settings, request.dialects, quic=quic)
    contexts: list[NegotiateContext] = []
    if dialect == Dialect.SMB_3_1_1:
        try:
            algorithms, contexts = _answer_contexts(
                settings, request.contexts, quic=quic, random=random
            )
        except RemoteProtocolError as error:
            raise StatusError(error.status, "NEGOTIATE") from error
    else:
        algorithms = _algorithms_before_3_1_1(settings, request, dialect)
    max_size = _max_size(settings.max_size, dialect, algorithms)
    capabilities = _announced_capabilities(settings, request, dialect, algorithms)
    response = _response(settings, dialect, capabilities, max_size, hint, system_time, contexts)
    return _negotiated(settings, request, dialect, algorithms, max_size, quic=quic), response


def _negotiated(
    settings: ServerSettings,
    request: NegotiateRequest,
    dialect: Dialect,
    algorithms: Algorithms,
    max_size: int,
    *,
    quic: bool,
) -> Negotiated:
    required_by_client = bool(request.security_mode & SecurityMode.SIGNING_REQUIRED)
    # If both ends have agreed to leave encryption to QUIC, no session encrypts.
    encryption_required = not algorithms.transport_security and (
        settings.encryption is EncryptionPolicy.REQUIRED
        or (quic and settings.encryption_over_quic is EncryptionOverQuic.REQUIRE)
    )
    return Negotiated(
        dialect=dialect,
        signing_algorithm=algorithms.signing_algorithm,
        signing_required=settings.signing_required or required_by_client,
        cipher=algorithms.cipher,
        transport_security=algorithms.transport_security,
        encryption_required=encryption_required,
        multi_credit=_has_multi_credit(dialect),
        max_transact_size=max_size,
        max_read_size=max_size,
        max_write_size=max_size,
    )


def build_multi_protocol_response(
    settings: ServerSettings, dialects: Sequence[str], *, hint: bytes, system_time: int
) -> NegotiateResponse:
    """Return the response to an SMB1 negotiate. [MS-SMB2] 3.3.5.3.1, 3.3.5.3.2

    After "SMB 2.???" the client sends an SMB2 NEGOTIATE as well. Raises `RemoteProtocolError` if
    the client speaks no dialect of ours.
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
    return _response(settings, dialect, capabilities, size, hint, system_time, [])


def _response(
    settings: ServerSettings,
    dialect: Dialect,
    capabilities: GlobalCapabilities,
    max_size: int,
    hint: bytes,
    system_time: int,
    contexts: list[NegotiateContext],
) -> NegotiateResponse:
    return NegotiateResponse(
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


def _has_multi_credit(dialect: Dialect) -> bool:
    return dialect >= Dialect.SMB_2_1


def _max_size(limit: int, dialect: Dialect, algorithms: Algorithms) -> int:
    """Return the most bytes of one request, so that no message holds the event loop for long."""
    if not _has_multi_credit(dialect):
        return SINGLE_CREDIT_SIZE
    fast_signing = algorithms.signing_algorithm is SigningAlgorithm.AES_GMAC
    if fast_signing and algorithms.cipher in _FAST_CIPHERS:
        return limit
    return min(limit, SLOW_ALGORITHM_SIZE)


def _announced_capabilities(
    settings: ServerSettings, request: NegotiateRequest, dialect: Dialect, algorithms: Algorithms
) -> GlobalCapabilities:
    """Return the capabilities of the server that the client can use. [MS-SMB2] 3.3.5.4"""
    announced = GlobalCapabilities(0)
    if _has_multi_credit(dialect):
        announced |= GlobalCapabilities.LARGE_MTU | (
            settings.capabilities & GlobalCapabilities.LEASING
        )
    if dialect >= Dialect.SMB_3_0:
        both = settings.capabilities & request.capabilities
        announced |= both & (
            GlobalCapabilities.DIRECTORY_LEASING | GlobalCapabilities.MULTI_CHANNEL
        )
        # 3.1.1 says it with the encryption context instead.
        if dialect < Dialect.SMB_3_1_1 and algorithms.cipher is not None:
            announced |= GlobalCapabilities.ENCRYPTION
    return announced


def _algorithms_before_3_1_1(
    settings: ServerSettings, request: NegotiateRequest, dialect: Dialect
) -> Algorithms:
    """Return the algorithms of an older dialect, which leaves no choice. [MS-SMB2] 3.3.5.4"""
    if dialect < Dialect.SMB_3_0:
        return Algorithms(SigningAlgorithm.HMAC_SHA256)
    encrypts = (
        request.capabilities & GlobalCapabilities.ENCRYPTION
        and settings.encryption is not EncryptionPolicy.OFF
        and Cipher.AES_128_CCM in settings.ciphers
    )
    return Algorithms(SigningAlgorithm.AES_CMAC, Cipher.AES_128_CCM if encrypts else None)


# --- the contexts of 3.1.1 ------------------------------------------------------------------


def _answer_contexts(
    settings: ServerSettings,
    offered: Sequence[NegotiateContext],
    *,
    quic: bool,
    random: Callable[[int], bytes],
) -> tuple[Algorithms, list[NegotiateContext]]:
    """Choose the algorithms of 3.1.1, and return them with the contexts of the response.

    A context is answered if the client sent it, and ignored if its type is unknown.
    [MS-SMB2] 3.3.5.4. Raises `RemoteProtocolError`, which has the status that the client gets.
    """
    preauth = single_context(offered, PreauthIntegrityCapabilities)
    encryption = single_context(offered, EncryptionCapabilities)
    compression = single_context(offered, CompressionCapabilities)
    signing = single_context(offered, SigningCapabilities)
    transport = single_context(offered, TransportCapabilities)
    contexts: list[NegotiateContext] = [_answer_preauth(preauth, random)]
    cipher: Cipher | None = None
    if encryption is not None and settings.encryption is not EncryptionPolicy.OFF:
        cipher = next((own for own in settings.ciphers if own in encryption.ciphers), None)
        # 0 says that there is no common cipher; without an answer, that we cannot encrypt at all.
        contexts.append(EncryptionCapabilities([cipher or 0]))
    if compression is not None:
        contexts.append(_answer_compression(compression))
    # The default of 3.1.1, for a client that sends no SMB2_SIGNING_CAPABILITIES.
    signing_algorithm = SigningAlgorithm.AES_CMAC
    if signing is not None:
        signing_algorithm = _select_signing(settings, signing)
        contexts.append(SigningCapabilities([signing_algorithm]))
    transport_security = False
    if transport is not None:
        transport_security = _accepts_transport_security(settings, transport, quic=quic)
        contexts.append(
            TransportCapabilities(_ACCEPT if transport_security else TransportCapability(0))
        )
    return Algorithms(signing_algorithm, cipher, transport_security), contexts


def _answer_preauth(
    preauth: PreauthIntegrityCapabilities | None, random: Callable[[int], bytes]
) -> PreauthIntegrityCapabilities:
    if preauth is None:
        raise RemoteProtocolError("3.1.1 without a preauth integrity context")
    if HashAlgorithm.SHA_512 not in preauth.hash_algorithms:
        raise RemoteProtocolError(
            "no common preauth hash", NtStatus.SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP
        )
    # The salt makes the hash differ from one connection to the next, as it covers this response.
    return PreauthIntegrityCapabilities([HashAlgorithm.SHA_512], random(SALT_SIZE))


def _answer_compression(compression: CompressionCapabilities) -> CompressionCapabilities:
    if not compression.compression_algorithms:
        raise RemoteProtocolError("a compression context without an algorithm")
    return CompressionCapabilities([CompressionAlgorithm.NONE])


def _select_signing(settings: ServerSettings, signing: SigningCapabilities) -> SigningAlgorithm:
    if not signing.signing_algorithms:
        raise RemoteProtocolError("a signing context without an algorithm")
    common = (own for own in settings.signing_algorithms if own in signing.signing_algorithms)
    # Without a common one the answer is AES-CMAC, which every client of 3.1.1 has.
    return next(common, SigningAlgorithm.AES_CMAC)


def _accepts_transport_security(
    settings: ServerSettings, transport: TransportCapabilities, *, quic: bool
) -> bool:
    """Return whether SMB leaves the encryption to QUIC: both ends have to want it."""
    skips = settings.encryption_over_quic is EncryptionOverQuic.SKIP
    return quic and skips and bool(transport.flags & _ACCEPT)
