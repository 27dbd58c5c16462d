"""The offers of a client, and the responses that it accepts."""

from dataclasses import replace
from typing import Any

import pytest

from smbquic.errors import RemoteProtocolError, SecurityError
from smbquic.protocol.client_negotiation import build_request, check_response
from smbquic.protocol.server_negotiation import build_response
from smbquic.protocol.settings import DIALECTS, ClientSettings, EncryptionPolicy, ServerSettings
from smbquic.wire.negotiate import (
    Dialect,
    GlobalCapabilities,
    NegotiateResponse,
    SecurityMode,
)
from smbquic.wire.negotiate_contexts import (
    Cipher,
    EncryptionCapabilities,
    HashAlgorithm,
    NegotiateContext,
    PreauthIntegrityCapabilities,
    SigningAlgorithm,
    SigningCapabilities,
    TransportCapabilities,
    TransportCapability,
)

SERVER = ServerSettings(guid=bytes(16), dialects=DIALECTS, signing_required=False)
CLIENT = ClientSettings(client_guid=bytes(16))
PREAUTH = PreauthIntegrityCapabilities([HashAlgorithm.SHA_512], bytes(32))
ACCEPT = TransportCapability.ACCEPT_TRANSPORT_LEVEL_SECURITY


def response_to_us(**changes: Any) -> NegotiateResponse:
    request = build_request(CLIENT, quic=False, server_name="fs", random=bytes)
    _, response = build_response(SERVER, request, quic=False, hint=b"", system_time=0, random=bytes)
    return replace(response, **changes)


def test_asks_for_all_dialects_and_algorithms() -> None:
    request = build_request(CLIENT, quic=False, server_name="fs", random=bytes)
    assert request.dialects == [0x0202, 0x0210, 0x0300, 0x0302, 0x0311]
    kinds = [type(context).__name__ for context in request.contexts]
    assert kinds == [
        "PreauthIntegrityCapabilities",
        "EncryptionCapabilities",
        "SigningCapabilities",
        "NetnameNegotiateContextId",
    ]


def test_asks_for_3_1_1_and_transport_security_over_quic() -> None:
    request = build_request(CLIENT, quic=True, server_name="fs", random=bytes)
    assert request.dialects == [0x0311]
    assert TransportCapabilities(ACCEPT) in request.contexts


@pytest.mark.parametrize(
    "settings",
    [
        replace(CLIENT, skip_encryption_over_quic=False),
        replace(CLIENT, encryption=EncryptionPolicy.REQUIRED),
    ],
)
def test_transport_security_is_not_offered_where_encryption_is_wanted(
    settings: ClientSettings,
) -> None:
    request = build_request(settings, quic=True, server_name="fs", random=bytes)
    assert TransportCapabilities(ACCEPT) not in request.contexts


def test_old_dialects_have_no_contexts() -> None:
    settings = replace(CLIENT, dialects=(Dialect.SMB_2_1,), encryption=EncryptionPolicy.OFF)
    request = build_request(settings, quic=False, server_name="fs", random=bytes)
    assert request.contexts == []
    assert request.capabilities == (
        GlobalCapabilities.LARGE_MTU
        | GlobalCapabilities.LEASING
        | GlobalCapabilities.DIRECTORY_LEASING
    )


def test_without_encryption() -> None:
    settings = replace(CLIENT, encryption=EncryptionPolicy.OFF)
    request = build_request(settings, quic=False, server_name="fs", random=bytes)
    assert not any(isinstance(c, EncryptionCapabilities) for c in request.contexts)
    with pytest.raises(SecurityError, match="cipher"):
        check_response(settings, response_to_us(), quic=False)


def test_takes_the_answer() -> None:
    negotiated = check_response(CLIENT, response_to_us(), quic=False)
    assert negotiated.dialect == Dialect.SMB_3_1_1
    assert negotiated.cipher == Cipher.AES_128_GCM
    assert negotiated.max_read_size == 8 << 20


def test_sizes_are_capped_by_ours() -> None:
    settings = replace(CLIENT, max_size=1 << 20)
    negotiated = check_response(settings, response_to_us(), quic=False)
    assert negotiated.max_write_size == 1 << 20


def test_a_server_without_large_messages() -> None:
    response = response_to_us(capabilities=GlobalCapabilities(0))
    assert check_response(CLIENT, response, quic=False).max_read_size == 65536


def test_signing_that_the_server_requires() -> None:
    settings = replace(CLIENT, signing_required=False)
    response = response_to_us(security_mode=SecurityMode(3))
    assert check_response(settings, response, quic=False).signing_required
    response = response_to_us(security_mode=SecurityMode(1))
    assert not check_response(settings, response, quic=False).signing_required


@pytest.mark.parametrize("dialect", [0x02FF, 0x0999, 0x0210])
def test_a_dialect_that_was_not_offered(dialect: int) -> None:
    settings = replace(CLIENT, dialects=(Dialect.SMB_3_0, Dialect.SMB_3_1_1))
    with pytest.raises(SecurityError, match="not offered"):
        check_response(settings, response_to_us(dialect_revision=dialect), quic=False)


def test_messages_too_small_to_work_with() -> None:
    with pytest.raises(RemoteProtocolError, match="largest message"):
        check_response(CLIENT, response_to_us(max_read_size=1000), quic=False)


@pytest.mark.parametrize(
    "contexts",
    [
        [],
        [PREAUTH, PREAUTH],
        [PreauthIntegrityCapabilities([1, 2], b"")],
        [PREAUTH, EncryptionCapabilities([1, 2])],
        [PREAUTH, EncryptionCapabilities([77])],
        [PREAUTH, SigningCapabilities([77])],
        [PREAUTH, SigningCapabilities([])],
        [PREAUTH, *[TransportCapabilities(ACCEPT)] * 2],
    ],
)
def test_contexts_that_are_no_answer(contexts: list[NegotiateContext]) -> None:
    with pytest.raises(RemoteProtocolError):
        check_response(CLIENT, response_to_us(contexts=contexts), quic=False)


def test_an_absent_transport_context_means_not_accepted() -> None:
    response = response_to_us(contexts=[PREAUTH])
    assert not check_response(CLIENT, response, quic=True).transport_security


def test_transport_security_on_tcp_is_not_believed() -> None:
    response = response_to_us(contexts=[PREAUTH, TransportCapabilities(ACCEPT)])
    assert not check_response(CLIENT, response, quic=False).transport_security
    assert check_response(CLIENT, response, quic=True).transport_security


def test_no_common_cipher() -> None:
    response = response_to_us(contexts=[PREAUTH, EncryptionCapabilities([0])])
    assert check_response(CLIENT, response, quic=False).cipher is None
    demanding = replace(CLIENT, encryption=EncryptionPolicy.REQUIRED)
    with pytest.raises(SecurityError, match="encryption is required"):
        check_response(demanding, response, quic=False)


def test_3_0_encrypts_by_capability() -> None:
    response = response_to_us(
        dialect_revision=Dialect.SMB_3_0,
        capabilities=GlobalCapabilities.ENCRYPTION | GlobalCapabilities.LARGE_MTU,
        contexts=[],
    )
    negotiated = check_response(CLIENT, response, quic=False)
    assert negotiated.cipher == Cipher.AES_128_CCM
    assert negotiated.signing_algorithm == SigningAlgorithm.AES_CMAC
    assert negotiated.is_smb3
