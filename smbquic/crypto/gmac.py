"""A message authentication code with AES-GCM and a key that is used for few messages. [RFC4543]."""


def gmac(key: bytes, nonce: bytes, message: bytes) -> bytes:
    """Return the 16 bytes that authenticate `message`; `nonce` has 12 bytes."""
    # Imported here: a client connects without.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key).encrypt(nonce, b"", message)
