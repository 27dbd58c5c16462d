from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.header import Command, Header
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
    PreauthIntegrityCapabilities,
    TransportCapabilities,
    TransportCapability,
)

Lay = Callable[..., bytes]
Frame = Callable[[bytes], memoryview]

GUID = bytes(range(16))
REQUEST = NegotiateRequest(
    SecurityMode.SIGNING_ENABLED,
    GlobalCapabilities(0x7F),
    GUID,
    [Dialect.SMB_2_0_2, Dialect.SMB_2_1, Dialect.SMB_3_0, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1],
    [
        PreauthIntegrityCapabilities([HashAlgorithm.SHA_512], b"salt"),
        TransportCapabilities(TransportCapability.ACCEPT_TRANSPORT_LEVEL_SECURITY),
    ],
)
RESPONSE = NegotiateResponse(
    SecurityMode.SIGNING_ENABLED | SecurityMode.SIGNING_REQUIRED,
    Dialect.SMB_3_1_1,
    GUID,
    GlobalCapabilities(0x7F),
    8388608,
    8388608,
    8388608,
    132708949736346903,
    0,
    bytes(120),
    [
        PreauthIntegrityCapabilities([HashAlgorithm.SHA_512], b"salt"),
        EncryptionCapabilities([Cipher.AES_128_GCM]),
    ],
)

# Both from Microsoft's blog article on the anatomy of signing and cryptographic keys (2017).
REAL_REQUEST = bytes.fromhex(
    "FE534D4240000100000000000000800000000000000000000100000000000000FFFE000000000000"
    "00000000000000000000000000000000000000000000000024000500000000003F000000ECD86F32"
    "6276024F9F7752B89BB33F3A70000000020000000202100200030203110300000100260000000000"
    "010020000100FA49E6578F1F3A9F4CD3E9CC14A67AA884B3D05844E0E5A118225C15887F32FF0000"
    "0200060000000000020002000100"
)
REAL_RESPONSE_WITHOUT_TOKEN = (
    "FE534D4240000100000000000000010001000000000000000100000000000000FFFE000000000000"
    "000000000000000000000000000000000000000000000000410001001103020039CBCAF329714942"
    "BDCE5D60F09AB3FB2F000000000080000000800000008000D8DAE5ADCBAED00109094AB095AED001"
    "80004001C0010000"
)
REAL_RESPONSE_CONTEXTS = (
    "010026000000000001002000010060A3C3B95C3C7CCD51EC536648D9B3AC74C483CA5B65385A2511"
    "17BEB30712E50000020004000000000001000200"
)


def test_request_of_the_specification(lay: Lay, frame: Frame) -> None:
    # [MS-SMB2] 4.10: five dialects, and the contexts at 0x70.
    fixed = lay(
        (2, 0x24),
        (2, 5),
        (2, 1),
        (2, 0),
        (4, 0x7F),
        GUID,
        (4, 0x70),
        (2, 2),
        (2, 0),
        *((2, dialect) for dialect in (0x0202, 0x0210, 0x0300, 0x0302, 0x0311)),
        bytes(2),
    )
    assert len(fixed) + 64 == 0x70
    body = fixed + lay(
        *((2, 1), (2, 10), (4, 0), (2, 1), (2, 4), (2, 1), b"salt", bytes(6)),
        *((2, 6), (2, 4), (4, 0), (4, 1)),
    )
    assert REQUEST.encode() == body
    assert NegotiateRequest.decode(frame(body)) == REQUEST


def test_response_of_the_specification(lay: Lay, frame: Frame) -> None:
    # [MS-SMB2] 4.10: a token of 120 bytes at 0x80, and the contexts at 0xF8.
    body = lay(
        (2, 0x41),
        (2, 3),
        (2, 0x0311),
        (2, 2),
        GUID,
        (4, 0x7F),
        (4, 8388608),
        (4, 8388608),
        (4, 8388608),
        (8, 132708949736346903),
        (8, 0),
        (2, 0x80),
        (2, 120),
        (4, 0xF8),
        bytes(120),
        *((2, 1), (2, 10), (4, 0), (2, 1), (2, 4), (2, 1), b"salt", bytes(6)),
        *((2, 2), (2, 4), (4, 0), (2, 1), (2, 2)),
    )
    assert RESPONSE.encode() == body
    assert NegotiateResponse.decode(frame(body)) == RESPONSE


def test_request_of_windows() -> None:
    request = NegotiateRequest.decode(memoryview(REAL_REQUEST))
    assert request == NegotiateRequest(
        SecurityMode(0),
        GlobalCapabilities(0x3F),
        bytes.fromhex("ECD86F326276024F9F7752B89BB33F3A"),
        [0x0202, 0x0210, 0x0300, 0x0302, 0x0311],
        [
            PreauthIntegrityCapabilities(
                [1],
                bytes.fromhex("FA49E6578F1F3A9F4CD3E9CC14A67AA884B3D05844E0E5A118225C15887F32FF"),
            ),
            EncryptionCapabilities([Cipher.AES_128_GCM, Cipher.AES_128_CCM]),
        ],
    )
    assert request.encode() == REAL_REQUEST[64:]
    assert Header.decode(REAL_REQUEST) == Header(Command.NEGOTIATE, 1, 1, credits=0x80)


def test_response_of_windows() -> None:
    token = bytes(0x140)
    wire = (
        bytes.fromhex(REAL_RESPONSE_WITHOUT_TOKEN) + token + bytes.fromhex(REAL_RESPONSE_CONTEXTS)
    )
    response = NegotiateResponse.decode(memoryview(wire))
    assert response.security_mode == SecurityMode.SIGNING_ENABLED
    assert response.dialect_revision == Dialect.SMB_3_1_1
    assert response.capabilities == GlobalCapabilities(0x2F)
    assert response.max_read_size == 8 << 20
    assert response.security_buffer == token
    assert response.contexts[1] == EncryptionCapabilities([Cipher.AES_128_GCM])
    assert response.encode() == wire[64:]


@pytest.mark.parametrize("dialects", [[0x0202], [0x0202, 0x0210], []])
def test_request_without_contexts(dialects: list[int], lay: Lay, frame: Frame) -> None:
    request = replace(REQUEST, dialects=dialects)
    body = request.encode()
    assert body[28:36] == bytes(8)
    assert NegotiateRequest.decode(frame(body)) == replace(request, contexts=[])
    # What stands in the place of the contexts is the time when the client started.
    with_time = body[:28] + lay((8, 0x1D01D01D01D01D0)) + body[36:]
    assert NegotiateRequest.decode(frame(with_time)) == replace(request, contexts=[])


def test_response_without_contexts(frame: Frame) -> None:
    response = replace(RESPONSE, dialect_revision=Dialect.SMB_3_0_2)
    body = response.encode()
    assert len(body) == 64 + 120
    # Reserved fields are ignored in the older dialects.
    filled = body[:6] + b"\xff\xff" + body[8:60] + b"\xff\xff\xff\xff" + body[64:]
    assert NegotiateResponse.decode(frame(filled)) == replace(response, contexts=[])


def test_response_without_token(frame: Frame) -> None:
    response = replace(RESPONSE, security_buffer=b"")
    assert NegotiateResponse.decode(frame(response.encode())) == response


def test_request_with_more_dialects_than_bytes(frame: Frame) -> None:
    body = replace(REQUEST, dialects=[0x0202]).encode()
    with pytest.raises(WireError, match="4 bytes are announced and 2 are left"):
        NegotiateRequest.decode(frame(body[:2] + b"\x02\x00" + body[4:]))


@pytest.mark.parametrize("message", [REQUEST, RESPONSE])
def test_other_structure_size(message: NegotiateRequest | NegotiateResponse, frame: Frame) -> None:
    with pytest.raises(WireError, match="StructureSize"):
        type(message).decode(frame(b"\x01\x00" + message.encode()[2:]))


@given(data=st.data())
def test_any_request(data: st.DataObject, fuzz_message: Callable[..., None]) -> None:
    fuzz_message(data, REQUEST)


@given(data=st.data())
def test_any_response(data: st.DataObject, fuzz_message: Callable[..., None]) -> None:
    fuzz_message(data, RESPONSE)
