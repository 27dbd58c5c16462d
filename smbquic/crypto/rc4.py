"""RC4, by which NTLM encrypts session keys and checksums.

It is weak, and no new use of it should be added: it is here because [MS-NLMP] 3.4 asks for it.
"""

from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import Cipher


def rc4(key: bytes, data: bytes) -> bytes:
    """Return `data`, encrypted or decrypted by a key that is used for nothing else."""
    return Cipher(ARC4(key), mode=None).encryptor().update(data)
