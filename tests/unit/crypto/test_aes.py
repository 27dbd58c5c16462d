"""AES in single blocks, with the samples of the standard."""

import pytest

from smbquic.crypto.aes import AesBlockCipher

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
    assert tuple(cipher.encrypt(bytes.fromhex(block)).hex() for block in PLAIN) == encrypted
