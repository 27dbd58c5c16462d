"""The key derivation function of SMB 3. [MS-SMB2] 3.1.4.2, [SP800-108] 5.1."""

import hmac

_FIRST_BLOCK = b"\x00\x00\x00\x01"


def kdf(key: bytes, label: bytes, context: bytes, bits: int) -> bytes:
    """Derive a key of `bits` (128 or 256) from `key`. [SP800-108] 5.1, counter mode, HMAC-SHA256.

    `label` and `context` go in as they are: the terminating zero that SMB counts as a part of
    most of them is the caller's to give. One block of HMAC-SHA256 holds all that SMB asks for,
    so the counter (r = 32) never passes 1.
    """
    data = b"".join((_FIRST_BLOCK, label, b"\x00", context, bits.to_bytes(4, "big")))
    return hmac.digest(key, data, "sha256")[: bits // 8]
