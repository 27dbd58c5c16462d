"""AES for single blocks: what formats use that are no messages, such as QUIC connection IDs."""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK_SIZE = 16


class AesBlockCipher:
    """AES in ECB mode with one key of 16 or 32 bytes. [NIST SP 800-38A] 6.1"""

    def __init__(self, key: bytes) -> None:
        # One context for all blocks: in this mode they do not depend on each other.
        self._encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 (blocks)

    def encrypt(self, block: bytes) -> bytes:
        """Return the encryption of a block of 16 bytes."""
        return self._encryptor.update(block)
