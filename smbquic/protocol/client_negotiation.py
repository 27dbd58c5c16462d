"""The client's end of NEGOTIATE: its offer, and the check of the server's choice.

[MS-SMB2] 3.2.4.2.2.2, 3.2.5.2
"""

from collections.abc import Callable, Sequence

from smbquic.errors import RemoteProtocolError, SecurityError
from smbquic.protocol.negotiation import (
    SALT_SIZE,
    Algorithms,
    Negotiated,
    security_mode,
    single_context,
)
from smbquic.protocol.settings import SINGLE_CREDIT_SIZE, ClientSettings, EncryptionPolicy
from smbquic.wire.negotiate import (
    Dialect,
    GlobalCapabilities,
    NegotiateRequest,
    NegotiateResponse,
    SecurityMode,
)
from smbquic.wire.negotiate_contexts import (
    Cipher,
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

_MIN_SIZE = 65536
"""Bytes that a server has to take in a READ, WRITE or transaction. [MS-SMB2] 3.2.5.2"""
_ACCEPT = TransportCapability.ACCEPT_TRANSPORT_LEVEL_SECURITY


def client_capabilities(settings: ClientSettings) -> GlobalCapabilities:
    """Return the capabilities of our NEGOTIATE request. [MS-SMB2] 3.2.4.2.2.2"""
    capabilities = (
        GlobalCapabilities.LARGE_MTU
        | GlobalCapabilities.LEASING
        | GlobalCapabilities.DIRECTORY_LEASING
    )
    if settings.encryption is not EncryptionPolicy.OFF:
        capabilities |= GlobalCapabilities.ENCRYPTION
    if settings.multi_channel:
        capabilities |= GlobalCapabilities.MULTI_CHANNEL
    return capabilities


def build_request(
    settings: ClientSettings,
    *,
    quic: bool,
    server_name: str,
    random: Callable[[int], bytes],
) -> NegotiateRequest:
    """Return our NEGOTIATE request. [MS-SMB2] 3.2.4.2.2.2

    Over QUIC only 3.1.1 is offered: no other dialect may be used there ([MS-SMB2] 2.1).
    """
    dialects = _offered_dialects(settings, quic=quic)
    contexts: list[NegotiateContext] = []
    if Dialect.SMB_3_1_1 in dialects:
        contexts = _offered_contexts(settings, server_name, random, quic=quic)
    return NegotiateRequest(
        dialects=list(dialects),
        security_mode=security_mode(settings.signing_required),
        capabilities=client_capabilities(settings),
        client_guid=settings.client_guid,
        contexts=contexts,
    )


def _offered_dialects(settings: ClientSettings, *, quic: bool) -> list[Dialect]:
    return [Dialect.SMB_3_1_1] if quic else sorted(settings.dialects)


def _offered_contexts(
    settings: ClientSettings, server_name: str, random: Callable[[int], bytes], *, quic: bool
) -> list[NegotiateContext]:
    contexts: list[NegotiateContext] = [
        PreauthIntegrityCapabilities([HashAlgorithm.SHA_512], random(SALT_SIZE))
    ]
    if settings.encryption is not EncryptionPolicy.OFF:
        contexts.append(EncryptionCapabilities(list(settings.ciphers)))
    contexts.append(SigningCapabilities(list(settings.signing_algorithms)))
    contexts.append(NetnameNegotiateContextId(server_name))
    if _offers_transport_security(settings, quic=quic):
        contexts.append(TransportCapabilities(_ACCEPT))
    return contexts


def _offers_transport_security(settings: ClientSettings, *, quic: bool) -> bool:
    return (
        quic
        and settings.skip_encryption_over_quic
        and settings.encryption is not EncryptionPolicy.REQUIRED
    )


def check_response(
    settings: ClientSettings, response: NegotiateResponse, *, quic: bool
) -> Negotiated:
    """Return what the server chose, if all of it was offered. [MS-SMB2] 3.2.5.2

    Raises `SecurityError` if it was not: an attacker on the path may have changed the messages,
    which is known for certain only after the logon.
    """
    dialect = _check_dialect(settings, response.dialect_revision, quic=quic)
    sizes = (response.max_transact_size, response.max_read_size, response.max_write_size)
    if min(sizes) < _MIN_SIZE:
        raise RemoteProtocolError(f"the server's largest message is {min(sizes)} bytes")
    if dialect == Dialect.SMB_3_1_1:
        algorithms = _check_contexts(settings, response.contexts, quic=quic)
    else:
        algorithms = _algorithms_before_3_1_1(response, dialect)
    if settings.encryption is EncryptionPolicy.REQUIRED and algorithms.cipher is None:
        raise SecurityError("SMB encryption is required here and the server does not offer it")
    large_mtu = bool(response.capabilities & GlobalCapabilities.LARGE_MTU)
    multi_credit = large_mtu and dialect >= Dialect.SMB_2_1
    limit = settings.max_size if multi_credit else SINGLE_CREDIT_SIZE
    required_by_server = bool(response.security_mode & SecurityMode.SIGNING_REQUIRED)
    return Negotiated(
        dialect=dialect,
        signing_algorithm=algorithms.signing_algorithm,
        signing_required=settings.signing_required or required_by_server,
        cipher=algorithms.cipher,
        transport_security=algorithms.transport_security,
        multi_credit=multi_credit,
        max_transact_size=min(limit, response.max_transact_size),
        max_read_size=min(limit, response.max_read_size),
        max_write_size=min(limit, response.max_write_size),
    )


def _check_dialect(settings: ClientSettings, chosen: int, *, quic: bool) -> Dialect:
    if chosen not in _offered_dialects(settings, quic=quic):
        raise SecurityError(f"the server chose the dialect 0x{chosen:04x}, which was not offered")
    return Dialect(chosen)


def _algorithms_before_3_1_1(response: NegotiateResponse, dialect: Dialect) -> Algorithms:
    if dialect < Dialect.SMB_3_0:
        return Algorithms(SigningAlgorithm.HMAC_SHA256)
    encrypts = response.capabilities & GlobalCapabilities.ENCRYPTION
    return Algorithms(SigningAlgorithm.AES_CMAC, Cipher.AES_128_CCM if encrypts else None)


def _check_contexts(
    settings: ClientSettings, contexts: Sequence[NegotiateContext], *, quic: bool
) -> Algorithms:
    preauth = single_context(contexts, PreauthIntegrityCapabilities)
    encryption = single_context(contexts, EncryptionCapabilities)
    signing = single_context(contexts, SigningCapabilities)
    transport = single_context(contexts, TransportCapabilities)
    if preauth is None:
        raise SecurityError("the server's answer has no preauth integrity context")
    _check_choice(preauth.hash_algorithms, [HashAlgorithm.SHA_512], "the preauth hash")
    cipher: Cipher | None = None
    # 0 says that the server encrypts, but has no cipher of ours.
    if encryption is not None and encryption.ciphers != [0]:
        offered = settings.ciphers if settings.encryption is not EncryptionPolicy.OFF else ()
        cipher = Cipher(_check_choice(encryption.ciphers, offered, "the cipher"))
    signing_algorithm = SigningAlgorithm.AES_CMAC  # that of a server without the context
    if signing is not None:
        chosen = _check_choice(
            signing.signing_algorithms, settings.signing_algorithms, "the signing algorithm"
        )
        signing_algorithm = SigningAlgorithm(chosen)
    # Over TCP it is ignored, whatever the server says: nothing below SMB encrypts there.
    transport_security = (
        transport is not None
        and _offers_transport_security(settings, quic=quic)
        and bool(transport.flags & _ACCEPT)
    )
    return Algorithms(signing_algorithm, cipher, transport_security)


def _check_choice(chosen: Sequence[int], offered: Sequence[int], what: str) -> int:
    """Return the algorithm of a response. Raises `SecurityError` unless it is one, and offered."""
    if len(chosen) != 1 or chosen[0] not in offered:
        raise SecurityError(f"the server chose {what} {list(chosen)} out of {list(offered)}")
    return chosen[0]
