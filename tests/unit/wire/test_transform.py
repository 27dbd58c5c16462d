from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.negotiate_contexts import CompressionAlgorithm
from smbquic.wire.transform import (
    TRANSFORM_HEADER_SIZE,
    CompressedChain,
    CompressedPayload,
    CompressionFlags,
    CompressionPatternPayloadV1,
    CompressionTransformHeader,
    TransformFlags,
    TransformHeader,
)

Lay = Callable[..., bytes]

TRANSFORM = TransformHeader(
    0x8E40014000011, b"0123456789ab\0\0\0\0", 104, TransformFlags.ENCRYPTED, b"s" * 16
)
UNCHAINED = CompressionTransformHeader(4096, CompressionAlgorithm.LZ77, 64)
CHAIN = CompressedChain(
    5000,
    [
        CompressedPayload(CompressionAlgorithm.NONE, b"as it is"),
        CompressedPayload(CompressionAlgorithm.LZ77, b"pressed", 900),
        CompressedPayload(
            CompressionAlgorithm.Pattern_V1, CompressionPatternPayloadV1(0x61, 4092).encode()
        ),
    ],
)


def whole(chain: CompressedChain) -> bytes:
    return b"".join(chain.buffers())


def test_transform_layout(lay: Lay) -> None:
    wire = lay(
        b"\xfdSMB",
        b"s" * 16,
        b"0123456789ab",
        bytes(4),
        (4, 104),
        (2, 0),
        (2, 1),
        (8, 0x8E40014000011),
    )
    assert TRANSFORM.encode() == wire
    assert TransformHeader.decode(wire + b"sealed") == TRANSFORM
    assert len(wire) == TRANSFORM_HEADER_SIZE == 52
    assert TRANSFORM.authenticated() == wire[20:]


def test_unchained_layout(lay: Lay) -> None:
    wire = lay(b"\xfcSMB", (4, 4096), (2, 2), (2, 0), (4, 64))
    assert UNCHAINED.encode() == wire
    assert CompressionTransformHeader.decode(wire) == UNCHAINED


def test_chained_layout(lay: Lay) -> None:
    wire = lay(
        b"\xfcSMB",
        (4, 5000),
        *((2, 0), (2, 1), (4, 8), b"as it is"),
        *((2, 2), (2, 0), (4, 11), (4, 900), b"pressed"),
        *((2, 4), (2, 0), (4, 8), (1, 0x61), bytes(3), (4, 4092)),
    )
    assert whole(CHAIN) == wire
    assert CompressedChain.decode(wire) == CHAIN
    assert CompressionTransformHeader.decode(wire).flags == CompressionFlags.CHAINED


def test_payloads_are_not_copied() -> None:
    wire = bytearray(whole(CHAIN))
    chain = CompressedChain.decode(wire)
    wire[16] = ord("A")
    assert bytes(chain.payloads[0].payload) == b"As it is"


def test_pattern() -> None:
    payload = CHAIN.payloads[2].payload
    assert CompressionPatternPayloadV1.decode(payload) == CompressionPatternPayloadV1(0x61, 4092)


@pytest.mark.parametrize(
    "decode",
    [TransformHeader.decode, CompressionTransformHeader.decode, CompressedChain.decode],
)
def test_other_protocol(decode: Callable[[bytes], object]) -> None:
    with pytest.raises(WireError, match="protocol id"):
        decode(b"\xfeSMB" + bytes(60))


def test_first_payload_has_the_flag(lay: Lay) -> None:
    with pytest.raises(WireError, match="CHAINED"):
        CompressedChain.decode(lay(b"\xfcSMB", (4, 9), (2, 0), (2, 0), (4, 0)))


def test_later_payload_has_not(lay: Lay) -> None:
    wire = lay(b"\xfcSMB", (4, 9), *((2, 0), (2, 1), (4, 0)), *((2, 0), (2, 1), (4, 0)))
    with pytest.raises(WireError, match="CHAINED"):
        CompressedChain.decode(wire)


def test_payload_cut_short(lay: Lay) -> None:
    with pytest.raises(WireError):
        CompressedChain.decode(lay(b"\xfcSMB", (4, 9), (2, 0), (2, 1), (4, 2), b"x"))


def test_payload_without_its_size(lay: Lay) -> None:
    with pytest.raises(WireError):
        CompressedChain.decode(lay(b"\xfcSMB", (4, 9), (2, 1), (2, 1), (4, 3), b"xyz"))


@given(data=st.data())
def test_any_transform(data: st.DataObject, fuzz: Callable[..., None]) -> None:
    fuzz(data, TransformHeader.decode, TransformHeader.encode, TRANSFORM.encode())


@given(data=st.data())
def test_any_unchained(data: st.DataObject, fuzz: Callable[..., None]) -> None:
    fuzz(
        data,
        CompressionTransformHeader.decode,
        CompressionTransformHeader.encode,
        UNCHAINED.encode(),
    )


@given(data=st.data())
def test_any_chain(data: st.DataObject, fuzz: Callable[..., None]) -> None:
    fuzz(data, CompressedChain.decode, whole, whole(CHAIN))


@given(data=st.binary(max_size=12))
def test_any_pattern(data: bytes) -> None:
    if len(data) < 8:
        with pytest.raises(WireError):
            CompressionPatternPayloadV1.decode(data)
    else:
        pattern = CompressionPatternPayloadV1.decode(data)
        assert pattern.encode() == data[:1] + bytes(3) + data[4:8]
