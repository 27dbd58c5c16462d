"""Signatures of SMB2 messages. [MS-SMB2] 3.1.4.1, 3.1.5.1.

A message comes as the buffers that will be sent; none is copied into another unless that is
faster, which it is for small messages under AES-GMAC.
"""

import hmac
from collections.abc import Callable, Sequence
from struct import Struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from smbquic.wire.cursor import Buffer
from smbquic.wire.negotiate_contexts import SigningAlgorithm

_HEADER_SIZE = 64
_SIGNATURE_AT = 48
_SIGNATURE_SIZE = 16
_NO_SIGNATURE = bytes(_SIGNATURE_SIZE)

_FROM_SERVER = 1
_CANCEL = 2
_GMAC_NONCE = Struct("<QI")

# One call over a joined copy costs 0.5 us and the copy; a call for each buffer costs 3 us and no
# copy. They meet at about 64 KiB.
_JOIN_LIMIT = 0x10000

# (buffers, message id, flags of the GMAC nonce) -> 16 bytes
_Mac = Callable[[Sequence[Buffer], int, int], bytes]


class Signer:
    """The signatures of one session or channel. [MS-SMB2] 3.1.4.1

    `key` is the signing key, 16 bytes. `needs_nonce` says that no two messages of one end may have
    the same message id: AES-GMAC gives its key away to whoever sees that.
    """

    __slots__ = ("_mac", "needs_nonce")

    def __init__(self, algorithm: SigningAlgorithm, key: bytes) -> None:
        self._mac = _MACS[algorithm](key)
        self.needs_nonce = algorithm == SigningAlgorithm.AES_GMAC

    def sign(
        self,
        message: Sequence[Buffer],
        *,
        message_id: int,
        from_server: bool,
        cancel: bool = False,
    ) -> bytes:
        """Compute the 16 bytes for the header's Signature field, which is zero in `message`.

        `message` begins with the SMB2 header and holds the padding to the next element of a
        compound. The keywords make the nonce of AES-GMAC; the other algorithms ignore them.
        """
        return self._mac(message, message_id, _nonce_flags(from_server, cancel))

    def verify(
        self, message: memoryview, *, message_id: int, from_server: bool, cancel: bool = False
    ) -> bool:
        """Return whether the signature in `message` (as it was received) is right.

        Compares in constant time and leaves the message as it is.
        """
        if len(message) < _HEADER_SIZE:
            return False
        unsigned = (message[:_SIGNATURE_AT], _NO_SIGNATURE, message[_HEADER_SIZE:])
        signature = self._mac(unsigned, message_id, _nonce_flags(from_server, cancel))
        return hmac.compare_digest(signature, message[_SIGNATURE_AT:_HEADER_SIZE])


def _nonce_flags(from_server: bool, cancel: bool) -> int:
    return (_FROM_SERVER if from_server else 0) | (_CANCEL if cancel else 0)


def _hmac_sha256(key: bytes) -> _Mac:
    keyed = HMAC(key, SHA256())

    def mac(message: Sequence[Buffer], message_id: int, flags: int) -> bytes:
        digest = keyed.copy()
        for buffer in message:
            digest.update(buffer)
        return digest.finalize()[:_SIGNATURE_SIZE]

    return mac


def _aes_cmac(key: bytes) -> _Mac:
    keyed = CMAC(algorithms.AES(key))

    def mac(message: Sequence[Buffer], message_id: int, flags: int) -> bytes:
        digest = keyed.copy()
        for buffer in message:
            digest.update(buffer)  # type: ignore[arg-type]  # the stub says bytes, it takes all
        return digest.finalize()

    return mac


def _aes_gmac(key: bytes) -> _Mac:
    """Return AES-GMAC: AES-GCM of nothing, with the message as additional data. [RFC4543]"""
    whole = AESGCM(key)
    block = algorithms.AES(key)

    def mac(message: Sequence[Buffer], message_id: int, flags: int) -> bytes:
        nonce = _GMAC_NONCE.pack(message_id, flags)
        if len(message) == 1:
            return whole.encrypt(nonce, b"", message[0])
        if sum(map(len, message)) <= _JOIN_LIMIT:
            return whole.encrypt(nonce, b"", b"".join(message))
        stream = Cipher(block, modes.GCM(nonce)).encryptor()
        for buffer in message:
            stream.authenticate_additional_data(buffer)
        stream.finalize()
        return stream.tag

    return mac


_MACS: dict[SigningAlgorithm, Callable[[bytes], _Mac]] = {
    SigningAlgorithm.HMAC_SHA256: _hmac_sha256,
    SigningAlgorithm.AES_CMAC: _aes_cmac,
    SigningAlgorithm.AES_GMAC: _aes_gmac,
}
