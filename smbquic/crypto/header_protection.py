"""Header protection of QUIC packets. [RFC9001] 5.4"""

from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from smbquic.crypto.aes import AesBlockCipher

SAMPLE_SIZE = 16
_MASK_SIZE = 5

HeaderMask = Callable[[bytes], bytes]
"""Returns the mask of five bytes for a sample of a packet's ciphertext."""


def header_mask(key: bytes, *, chacha20: bool) -> HeaderMask:
    """Return the function of a header protection key, for ChaCha20 or else for AES."""
    if chacha20:
        # The sample is the block counter and the nonce, as the library takes them.
        return lambda sample: (
            Cipher(algorithms.ChaCha20(key, sample), None).encryptor().update(bytes(_MASK_SIZE))
        )
    cipher = AesBlockCipher(key)
    return lambda sample: cipher.encrypt(sample)[:_MASK_SIZE]
