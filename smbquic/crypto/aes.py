"""AES for what is no SMB message: single blocks, and secrets that others keep for us.

`cryptography` is imported when it is used: a client connects without.
"""

import os

BLOCK_SIZE = 16
_NONCE_SIZE = 12


class AesBlockCipher:
    """AES in ECB mode with one key of 16 or 32 bytes. [NIST SP 800-38A] 6.1"""

    def __init__(self, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        # One context for all blocks: in this mode they do not depend on each other.
        self._encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 (blocks)

    def encrypt(self, block: bytes) -> bytes:
        """Return the encryption of a block of 16 bytes."""
        return self._encryptor.update(block)


class SecretBox:
    """Encrypts and authenticates what only the owner of the key may read and make (AES-GCM).

    The nonces are random: one key of 16 or 32 bytes is good for 2^32 secrets
    ([NIST SP 800-38D] 8.3).
    """

    def __init__(self, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._aead = AESGCM(key)

    def encrypt(self, secret: bytes) -> bytes:
        """Return the secret, encrypted; it is 28 bytes longer."""
        nonce = os.urandom(_NONCE_SIZE)
        return nonce + self._aead.encrypt(nonce, secret, None)

    def decrypt(self, encrypted: bytes) -> bytes | None:
        """Return the secret; None if it was not encrypted with this key."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._aead.decrypt(encrypted[:_NONCE_SIZE], encrypted[_NONCE_SIZE:], None)
        except (InvalidTag, ValueError):
            # ValueError is how the library refuses a nonce that is too short.
            return None
