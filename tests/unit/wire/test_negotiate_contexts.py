from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.negotiate_contexts import (
    Cipher,
    CompressionAlgorithm,
    CompressionCapabilities,
    CompressionCapabilityFlags,
    EncryptionCapabilities,
    HashAlgorithm,
    NegotiateContext,
    NetnameNegotiateContextId,
    PreauthIntegrityCapabilities,
    SigningAlgorithm,
    SigningCapabilities,
    TransportCapabilities,
    TransportCapability,
    UnknownContext,
    decode_contexts,
    encode_contexts,
)

Lay = Callable[..., bytes]

IDS = st.lists(st.integers(0, 0xFFFF), max_size=8)
CONTEXTS = st.lists(
    st.one_of(
        st.builds(PreauthIntegrityCapabilities, IDS, st.binary(max_size=40)),
        st.builds(EncryptionCapabilities, IDS),
        st.builds(
            CompressionCapabilities,
            IDS,
            st.integers(0, 2**32 - 1).map(CompressionCapabilityFlags),
        ),
        st.builds(NetnameNegotiateContextId, st.text(max_size=20)),
        st.builds(TransportCapabilities, st.integers(0, 2**32 - 1).map(TransportCapability)),
        st.builds(SigningCapabilities, IDS),
        st.builds(UnknownContext, st.integers(0x100, 0xFFFF), st.binary(max_size=20)),
    ),
    max_size=5,
)


def decode_all(contexts: list[NegotiateContext]) -> list[NegotiateContext]:
    return decode_contexts(memoryview(bytes(8) + encode_contexts(contexts)), 8, len(contexts))


@pytest.mark.parametrize(
    ("context", "fields"),
    [
        (
            PreauthIntegrityCapabilities([HashAlgorithm.SHA_512], b"\xaa\xbb\xcc"),
            [(2, 1), (2, 9), (4, 0), (2, 1), (2, 3), (2, 1), b"\xaa\xbb\xcc"],
        ),
        (
            EncryptionCapabilities([Cipher.AES_128_GCM, Cipher.AES_256_CCM]),
            [(2, 2), (2, 6), (4, 0), (2, 2), (2, 2), (2, 3)],
        ),
        (
            CompressionCapabilities(
                [CompressionAlgorithm.Pattern_V1, CompressionAlgorithm.LZ77],
                CompressionCapabilityFlags.CHAINED,
            ),
            [(2, 3), (2, 12), (4, 0), (2, 2), (2, 0), (4, 1), (2, 4), (2, 2)],
        ),
        (CompressionCapabilities([]), [(2, 3), (2, 8), (4, 0), (2, 0), (2, 0), (4, 0)]),
        (NetnameNegotiateContextId("fs"), [(2, 5), (2, 4), (4, 0), "fs"]),
        (
            TransportCapabilities(TransportCapability.ACCEPT_TRANSPORT_LEVEL_SECURITY),
            [(2, 6), (2, 4), (4, 0), (4, 1)],
        ),
        (
            SigningCapabilities([SigningAlgorithm.AES_GMAC, SigningAlgorithm.HMAC_SHA256]),
            [(2, 8), (2, 6), (4, 0), (2, 2), (2, 2), (2, 0)],
        ),
        (UnknownContext(0x100, b"x"), [(2, 0x100), (2, 1), (4, 0), b"x"]),
    ],
)
def test_layout(context: NegotiateContext, fields: list[tuple[int, int] | str], lay: Lay) -> None:
    wire = lay(*fields)
    assert encode_contexts([context]) == wire
    assert decode_contexts(memoryview(wire), 0, 1) == [context]


def test_each_begins_at_a_multiple_of_eight(lay: Lay) -> None:
    contexts: list[NegotiateContext] = [
        UnknownContext(0x200, b"abc"),
        UnknownContext(0x201, b""),
        UnknownContext(0x202, b"x"),
    ]
    wire = lay(
        ((2, 0x200)),
        (2, 3),
        (4, 0),
        b"abc",
        bytes(5),
        (2, 0x201),
        (2, 0),
        (4, 0),
        (2, 0x202),
        (2, 1),
        (4, 0),
        b"x",
    )
    assert encode_contexts(contexts) == wire
    assert decode_contexts(memoryview(wire), 0, 3) == contexts


def test_the_first_one_may_begin_anywhere() -> None:
    # As smbprotocol does it with two dialects.
    contexts: list[NegotiateContext] = [UnknownContext(0x200, b"abc"), UnknownContext(0x201, b"")]
    message = memoryview(bytes(108) + encode_contexts(contexts))
    assert decode_contexts(message, 108, 2) == contexts


@pytest.mark.parametrize("offset", [9, 10**6])
def test_contexts_outside(offset: int) -> None:
    message = memoryview(encode_contexts([UnknownContext(0x200, b"")]))
    assert decode_contexts(message, offset, 0) == []
    with pytest.raises(WireError):
        decode_contexts(message, offset, 1)


def test_trailing_bytes_in_a_context_are_ignored(lay: Lay) -> None:
    wire = lay((2, 6), (2, 8), (4, 0), (4, 1), (4, 99))
    assert decode_contexts(memoryview(wire), 0, 1) == [
        TransportCapabilities(TransportCapability.ACCEPT_TRANSPORT_LEVEL_SECURITY)
    ]


@pytest.mark.parametrize(
    "fields",
    [
        [(2, 6), (2, 3), (4, 0), b"abc"],
        [(2, 6), (2, 4), (4, 0), b"abc"],
        [(2, 1), (2, 6), (4, 0), (2, 2), (2, 0), (2, 1)],
        [(2, 1), (2, 6), (4, 0), (2, 1), (2, 1), (2, 1)],
        [(2, 2), (2, 1), (4, 0), b"a"],
        [(2, 5), (2, 3), (4, 0), b"abc"],
        [(2, 5), (2, 0)],
    ],
)
def test_cut_short(fields: list[tuple[int, int] | bytes], lay: Lay) -> None:
    with pytest.raises(WireError):
        decode_contexts(memoryview(lay(*fields)), 0, 1)


def test_fewer_than_announced() -> None:
    wire = encode_contexts([UnknownContext(0x200, b"")])
    with pytest.raises(WireError):
        decode_contexts(memoryview(wire), 0, 2)


@given(contexts=CONTEXTS)
def test_round_trip(contexts: list[NegotiateContext]) -> None:
    assert decode_all(contexts) == contexts


@given(data=st.data())
def test_any_bytes(data: st.DataObject, fuzz: Callable[..., None]) -> None:
    contexts = data.draw(CONTEXTS)
    count = len(contexts)
    fuzz(
        data,
        lambda message: decode_contexts(message, 0, count),
        encode_contexts,
        encode_contexts(contexts),
    )
