"""AES in single blocks, with the samples of the standard, and secrets that others keep."""

import pytest

from smbquic.crypto.aes import BLOCK_SIZE, AesBlockCipher, SecretBox

# [NIST SP 800-38A] F.1.1 and F.1.5: the plaintext is the same for both keys.
PLAIN = (
    "6bc1bee22e409f96e93d7e117393172a",
    "ae2d8a571e03ac9c9eb76fac45af8e51",
)
SAMPLES = {
    "2b7e151628aed2a6abf7158809cf4f3c": (
        "3ad77bb40d7a3660a89ecaf32466ef97",
        "f5d3d58503b9699de785895a96fdbaaf",
    ),
    "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4": (
        "f3eed1bdb5d2a03c064b5a7e3db181f8",
        "591ccb10d410ed26dc5ba74a31362870",
    ),
}


@pytest.mark.parametrize(("key", "encrypted"), SAMPLES.items())
def test_samples_of_the_standard(key: str, encrypted: tuple[str, ...]) -> None:
    cipher = AesBlockCipher(bytes.fromhex(key))
    assert {len(bytes.fromhex(block)) for block in PLAIN} == {BLOCK_SIZE}
    assert tuple(cipher.encrypt(bytes.fromhex(block)).hex() for block in PLAIN) == encrypted


@pytest.mark.parametrize("secret", [b"", b"a secret"])
def test_a_secret_is_read_with_its_key_only(secret: bytes) -> None:
    box = SecretBox(bytes(32))
    one, two = box.encrypt(secret), box.encrypt(secret)
    assert one != two
    assert len(one) == len(secret) + 28
    assert SecretBox(bytes(32)).decrypt(one) == box.decrypt(two) == secret
    assert SecretBox(bytes(31) + b"1").decrypt(one) is None


def test_a_secret_that_was_changed_is_not_read() -> None:
    box = SecretBox(bytes(32))
    encrypted = box.encrypt(b"a secret")
    for index in range(len(encrypted)):
        changed = bytearray(encrypted)
        changed[index] ^= 1
        assert box.decrypt(bytes(changed)) is None
        assert box.decrypt(encrypted[:index]) is None
