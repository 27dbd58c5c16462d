import hashlib
import hmac
from itertools import pairwise

import pytest
from Cryptodome.Cipher import AES
from Cryptodome.Hash import CMAC
from hypothesis import given
from hypothesis import strategies as st

from smbquic.crypto.signing import Signer
from smbquic.wire.cursor import Buffer
from smbquic.wire.negotiate_contexts import SigningAlgorithm
from tests.unit.crypto.sessions import Exchange

KEY = bytes(range(16))
ALGORITHMS = list(SigningAlgorithm)


def other_signature(algorithm: SigningAlgorithm, key: bytes, message: bytes, nonce: bytes) -> bytes:
    """The same from pycryptodome and the standard library."""
    if algorithm is SigningAlgorithm.HMAC_SHA256:
        return hmac.new(key, message, hashlib.sha256).digest()[:16]
    if algorithm is SigningAlgorithm.AES_CMAC:
        return CMAC.new(key, message, ciphermod=AES).digest()
    gcm = AES.new(key, AES.MODE_GCM, nonce=nonce)
    gcm.update(message)
    return gcm.digest()


def pieces(message: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(cut, len(message)) for cut in cuts), len(message)]
    return [message[start:end] for start, end in pairwise(edges)]


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (0, "bb1d6929e95937287fa37d129b756746"),
        (16, "070a16b46b4d4144f79bdd9dd04a287c"),
        (40, "dfa66747de9ae63030ca32611497c827"),
        (64, "51f0bebf7e3b9d92fc49741779363cfe"),
    ],
)
def test_cmac_matches_rfc_4493(length: int, expected: str) -> None:
    signer = Signer(SigningAlgorithm.AES_CMAC, bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"))
    message = bytes.fromhex(
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
        "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
    )
    signature = signer.sign([message[:length]], message_id=0, from_server=False)
    assert signature.hex() == expected


def test_cmac_verifies_the_signed_response_of_microsofts_exchange(exchange: Exchange) -> None:
    signer = Signer(SigningAlgorithm.AES_CMAC, exchange.signing_key)
    message = memoryview(exchange.signed_response)
    assert signer.verify(message, message_id=3, from_server=True)
    unsigned: list[Buffer] = [message[:48], bytes(16), message[64:]]
    assert signer.sign(unsigned, message_id=3, from_server=True) == message[48:64]


def test_hmac_verifies_a_response_of_a_2_1_server() -> None:
    """From the tests of smbj (PacketSignatorySpec): a STATUS_NO_MORE_FILES answer."""
    signer = Signer(SigningAlgorithm.HMAC_SHA256, bytes.fromhex("75c5cb91419e3a45ce9ef869dfd3e2a8"))
    message = bytes.fromhex(
        "fe534d4240001000060000800e0020000900000000000000150000000000000000000000"
        "01000000250000000024000046efdd50d6cdaa25bac7c4b5d49a0e08090000000000000005"
    )
    assert signer.verify(memoryview(message), message_id=0x15, from_server=True)


@pytest.mark.parametrize(
    ("from_server", "cancel", "flags"),
    [(False, False, 0), (True, False, 1), (False, True, 2)],
)
def test_the_gmac_nonce_is_message_id_and_role(from_server: bool, cancel: bool, flags: int) -> None:
    signer = Signer(SigningAlgorithm.AES_GMAC, KEY)
    signature = signer.sign(
        [b"message"], message_id=0x0102030405060708, from_server=from_server, cancel=cancel
    )
    nonce = bytes([8, 7, 6, 5, 4, 3, 2, 1, flags, 0, 0, 0])
    assert signature == other_signature(SigningAlgorithm.AES_GMAC, KEY, b"message", nonce)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(message=st.binary(max_size=300), cuts=st.lists(st.integers(0, 300), max_size=4))
def test_agrees_with_another_implementation_however_scattered(
    algorithm: SigningAlgorithm, message: bytes, cuts: list[int]
) -> None:
    signature = Signer(algorithm, KEY).sign(pieces(message, cuts), message_id=7, from_server=True)
    nonce = b"\x07" + bytes(7) + b"\x01" + bytes(3)
    assert signature == other_signature(algorithm, KEY, message, nonce)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("payload_size", [0x10000 - 112, 0x10000 - 111, 0x20000])
def test_large_messages_sign_the_same_as_joined_ones(
    algorithm: SigningAlgorithm, payload_size: int
) -> None:
    head, payload = bytes(64) + b"h" * 48, bytes(range(256)) * (payload_size // 256 + 1)
    payload = payload[:payload_size]
    signer = Signer(algorithm, KEY)
    scattered = signer.sign([head, memoryview(payload)], message_id=1, from_server=False)
    assert scattered == signer.sign([head + payload], message_id=1, from_server=False)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("size", [64, 101, 0x20000])
def test_verifies_what_it_signed_and_nothing_else(algorithm: SigningAlgorithm, size: int) -> None:
    signer = Signer(algorithm, KEY)
    message = bytearray(range(256)) * (size // 256 + 1)
    del message[size:]
    message[48:64] = bytes(16)
    signature = signer.sign([message], message_id=5, from_server=True)
    message[48:64] = signature
    assert signer.verify(memoryview(message), message_id=5, from_server=True)

    for at in (0, 48, 63, size - 1):
        message[at] ^= 0x40
        assert not signer.verify(memoryview(message), message_id=5, from_server=True)
        message[at] ^= 0x40
    assert message[48:64] == signature
    assert not Signer(algorithm, bytes(16)).verify(
        memoryview(message), message_id=5, from_server=True
    )


def test_gmac_ties_a_signature_to_message_id_and_direction() -> None:
    signer = Signer(SigningAlgorithm.AES_GMAC, KEY)
    message = bytearray(80)
    message[48:64] = signer.sign([bytes(80)], message_id=5, from_server=True)
    view = memoryview(message)
    assert signer.verify(view, message_id=5, from_server=True)
    assert not signer.verify(view, message_id=6, from_server=True)
    assert not signer.verify(view, message_id=5, from_server=False)
    assert not signer.verify(view, message_id=5, from_server=True, cancel=True)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(message=st.binary(max_size=63))
def test_less_than_a_header_does_not_verify(algorithm: SigningAlgorithm, message: bytes) -> None:
    assert not Signer(algorithm, KEY).verify(memoryview(message), message_id=0, from_server=False)
