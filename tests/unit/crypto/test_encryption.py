from itertools import pairwise
from typing import Any

import pytest
from Cryptodome.Cipher import AES
from hypothesis import given
from hypothesis import strategies as st

from smbquic.crypto.encryption import MessageCipher
from smbquic.errors import SecurityError
from smbquic.wire.negotiate_contexts import Cipher
from tests.unit.crypto.sessions import Encrypted

CIPHERS = list(Cipher)
LARGE = 0x20000


def make_cipher(cipher: Cipher) -> MessageCipher:
    wide = cipher in (Cipher.AES_256_CCM, Cipher.AES_256_GCM)
    return MessageCipher(cipher, bytes(range(32 if wide else 16)))


def make_nonce(message_cipher: MessageCipher) -> bytes:
    return bytes(range(100, 100 + message_cipher.nonce_size))


def encrypt(
    message_cipher: MessageCipher, *message: bytes, session_id: int = 0x1122334455667788
) -> bytearray:
    buffers = message_cipher.encrypt(
        message, session_id=session_id, nonce=make_nonce(message_cipher)
    )
    return bytearray(b"".join(buffers))


@pytest.mark.parametrize(
    ("name", "cipher"),
    [
        ("encrypted_with_ccm", Cipher.AES_128_CCM),
        ("answered_with_ccm", Cipher.AES_128_CCM),
        ("encrypted_with_gcm", Cipher.AES_128_GCM),
        ("answered_with_gcm", Cipher.AES_128_GCM),
    ],
)
def test_opens_microsofts_examples(
    name: str, cipher: Cipher, request: pytest.FixtureRequest
) -> None:
    example: Encrypted = request.getfixturevalue(name)
    assert MessageCipher(cipher, example.key).decrypt(memoryview(example.wire)) == example.plain


@pytest.mark.parametrize("name", ["encrypted_with_gcm", "answered_with_gcm"])
def test_makes_microsofts_gcm_examples(name: str, request: pytest.FixtureRequest) -> None:
    example: Encrypted = request.getfixturevalue(name)
    message = [example.plain[:64], example.plain[64:]]
    header, ciphertext = MessageCipher(Cipher.AES_128_GCM, example.key).encrypt(
        message, session_id=example.session_id, nonce=example.nonce
    )
    assert bytes(header) + bytes(ciphertext) == example.wire


@pytest.mark.parametrize("name", ["encrypted_with_ccm", "answered_with_ccm"])
def test_makes_microsofts_ccm_examples(name: str, request: pytest.FixtureRequest) -> None:
    """But not their tags: they cover 16 random bytes where CCM's nonce has 11 and we send zeros."""
    example: Encrypted = request.getfixturevalue(name)
    header, ciphertext = MessageCipher(Cipher.AES_128_CCM, example.key).encrypt(
        [example.plain], session_id=example.session_id, nonce=example.nonce
    )
    assert ciphertext == example.wire[52:]
    assert header[20:36] == example.nonce + bytes(5)
    assert header[36:] == example.wire[36:52]


@pytest.mark.parametrize(
    ("cipher", "size"),
    [
        (Cipher.AES_128_CCM, 11),
        (Cipher.AES_256_CCM, 11),
        (Cipher.AES_128_GCM, 12),
        (Cipher.AES_256_GCM, 12),
    ],
)
def test_nonce_sizes(cipher: Cipher, size: int) -> None:
    assert make_cipher(cipher).nonce_size == size


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize(
    "message",
    [
        [b"one buffer"],
        [b"h" * 64, b"fixed", b"payload"],
        [b"large" * LARGE],
        [b"h" * 64, b"", b"large" * LARGE, b"tail"],
    ],
    ids=["one", "three", "large", "large pieces"],
)
def test_agrees_with_another_implementation(cipher: Cipher, message: list[bytes]) -> None:
    message_cipher = make_cipher(cipher)
    encrypted = encrypt(message_cipher, *message)

    assert encrypted[:4] == b"\xfdSMB"
    assert int.from_bytes(encrypted[36:40], "little") == len(b"".join(message))
    assert encrypted[40:44] == b"\x00\x00\x01\x00"
    assert int.from_bytes(encrypted[44:52], "little") == 0x1122334455667788
    key = bytes(range(32 if cipher in (Cipher.AES_256_CCM, Cipher.AES_256_GCM) else 16))
    ccm = cipher in (Cipher.AES_128_CCM, Cipher.AES_256_CCM)
    other: Any = AES.new(
        key, AES.MODE_CCM if ccm else AES.MODE_GCM, nonce=make_nonce(message_cipher)
    )
    other.update(bytes(encrypted[20:52]))
    plain = other.decrypt_and_verify(bytes(encrypted[52:]), bytes(encrypted[4:20]))
    assert plain == b"".join(message)


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize("size", [0, 1, 0x10000, 0x10001])
def test_decrypts_what_it_encrypted(cipher: Cipher, size: int) -> None:
    message_cipher = make_cipher(cipher)
    plain = bytes(size // 2) + b"\x01" * (size - size // 2)
    encrypted = encrypt(message_cipher, plain[: size // 2], plain[size // 2 :])
    before = bytes(encrypted)
    assert message_cipher.decrypt(memoryview(encrypted)) == plain
    assert encrypted == before


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize("size", [100, LARGE])
@pytest.mark.parametrize("at", [4, 19, 20, 35, 44, 51, 52, -1])
def test_a_changed_byte_does_not_verify(cipher: Cipher, size: int, at: int) -> None:
    message_cipher = make_cipher(cipher)
    encrypted = encrypt(message_cipher, bytes(size))
    encrypted[at] ^= 1
    with pytest.raises(SecurityError, match="does not verify"):
        message_cipher.decrypt(memoryview(encrypted))


def test_another_key_does_not_verify() -> None:
    encrypted = encrypt(make_cipher(Cipher.AES_128_GCM), b"secret")
    with pytest.raises(SecurityError):
        MessageCipher(Cipher.AES_128_GCM, bytes(16)).decrypt(memoryview(encrypted))


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (0, 0xFE, "not an encrypted message"),
        (3, 0x00, "not an encrypted message"),
        (36, 0x00, "contradicts"),
        (42, 0x02, "contradicts"),
        (43, 0x01, "contradicts"),
    ],
)
def test_a_header_that_cannot_be_is_refused(at: int, value: int, message: str) -> None:
    message_cipher = make_cipher(Cipher.AES_128_GCM)
    encrypted = encrypt(message_cipher, b"secret")
    encrypted[at] = value
    with pytest.raises(SecurityError, match=message):
        message_cipher.decrypt(memoryview(encrypted))


@pytest.mark.parametrize("cipher", CIPHERS)
@given(message=st.binary(max_size=200))
def test_any_bytes_decrypt_or_raise_security_error(cipher: Cipher, message: bytes) -> None:
    message_cipher = make_cipher(cipher)
    for candidate in (message, b"\xfdSMB" + message):
        with pytest.raises(SecurityError):
            message_cipher.decrypt(memoryview(candidate))


@pytest.mark.parametrize("cipher", CIPHERS)
@given(
    plain=st.binary(max_size=200),
    session_id=st.integers(0, 2**64 - 1),
    cuts=st.lists(st.integers(0, 200), max_size=3),
)
def test_round_trip(cipher: Cipher, plain: bytes, session_id: int, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(plain)]
    message = [plain[start:end] for start, end in pairwise(edges)]
    message_cipher = make_cipher(cipher)
    encrypted = encrypt(message_cipher, *message, session_id=session_id)
    assert message_cipher.decrypt(memoryview(encrypted)) == b"".join(message)
    assert int.from_bytes(encrypted[44:52], "little") == session_id
