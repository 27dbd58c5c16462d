"""Encryption of SMB2 messages: the transform header and what follows it.

[MS-SMB2] 2.2.41, 3.1.4.3, 3.2.5.1.1, 3.3.5.2.1.1.
"""

from collections.abc import Sequence
from struct import Struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import ciphers
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM

from smbquic.errors import SecurityError
from smbquic.wire.cursor import Buffer
from smbquic.wire.negotiate_contexts import Cipher

_PROTOCOL_ID = b"\xfdSMB"
_TAG_AT = len(_PROTOCOL_ID)
_TAG_SIZE = 16
_NONCE_AT = _TAG_AT + _TAG_SIZE
# Nonce, OriginalMessageSize, Reserved, Flags, SessionId: all that the tag covers of the header.
_AUTHENTICATED = Struct("<16sIHHQ")
_HEADER_SIZE = _NONCE_AT + _AUTHENTICATED.size
_ENCRYPTED = 0x0001

# Up to here a joined copy and one call are faster than a call for each buffer.
_JOIN_LIMIT = 0x10000


class MessageCipher:
    """A cipher for the messages of one direction of a session. [MS-SMB2] 3.1.4.3

    `key` is one of the session's cipher keys: 16 or 32 bytes, as the cipher has it.
    """

    __slots__ = ("_aead", "_block", "nonce_size")

    nonce_size: int
    """Bytes of the nonce that `encrypt` takes: 11 for CCM, 12 for GCM."""

    def __init__(self, cipher: Cipher, key: bytes) -> None:
        if cipher in (Cipher.AES_128_GCM, Cipher.AES_256_GCM):
            self._aead: AESGCM | AESCCM = AESGCM(key)
            self._block: algorithms.AES | None = algorithms.AES(key)
            self.nonce_size = 12
        else:
            self._aead = AESCCM(key)
            self._block = None  # CCM authenticates the length first, so it cannot encrypt in pieces
            self.nonce_size = 11

    def encrypt(self, message: Sequence[Buffer], *, session_id: int, nonce: bytes) -> list[Buffer]:
        """Encrypt a message, or a whole compound, given in one or more buffers.

        Returns the transform header (52 bytes) and the ciphertext. `nonce` has `nonce_size`
        bytes and must never have been used with this key before.
        """
        size = sum(map(len, message))
        authenticated = _AUTHENTICATED.pack(nonce, size, 0, _ENCRYPTED, session_id)
        if self._block is not None and len(message) > 1 and size > _JOIN_LIMIT:
            ciphertext, tag = self._encrypt_pieces(self._block, nonce, message, size, authenticated)
        else:
            whole = message[0] if len(message) == 1 else b"".join(message)
            encrypted = memoryview(self._aead.encrypt(nonce, whole, authenticated))
            ciphertext, tag = encrypted[:size], bytes(encrypted[size:])
        return [b"".join((_PROTOCOL_ID, tag, authenticated)), ciphertext]

    def decrypt(self, message: memoryview) -> memoryview:
        """Decrypt what follows the transform header at the start of `message`.

        Leaves `message` as it is and returns the plaintext in memory of its own. SecurityError
        if the header is not one of an encrypted message, or the tag does not verify.
        """
        if len(message) < _HEADER_SIZE or message[:_TAG_AT] != _PROTOCOL_ID:
            raise SecurityError("not an encrypted message")
        tag = message[_TAG_AT:_NONCE_AT]
        authenticated = message[_NONCE_AT:_HEADER_SIZE]
        ciphertext = message[_HEADER_SIZE:]
        padded_nonce, size, _, flags, _ = _AUTHENTICATED.unpack(authenticated)
        if flags != _ENCRYPTED or size != len(ciphertext):
            raise SecurityError("the header of an encrypted message contradicts it")
        nonce = padded_nonce[: self.nonce_size]
        try:
            if self._block is not None and size > _JOIN_LIMIT:
                return self._decrypt_apart(self._block, nonce, ciphertext, authenticated, tag)
            encrypted = b"".join((ciphertext, tag))
            return memoryview(self._aead.decrypt(nonce, encrypted, authenticated))
        except InvalidTag:
            raise SecurityError("an encrypted message does not verify") from None

    @staticmethod
    def _encrypt_pieces(
        block: algorithms.AES,
        nonce: bytes,
        message: Sequence[Buffer],
        size: int,
        authenticated: bytes,
    ) -> tuple[memoryview, bytes]:
        """Encrypt many buffers into one with AES-GCM, without a copy of the plaintext."""
        stream = ciphers.Cipher(block, modes.GCM(nonce)).encryptor()
        stream.authenticate_additional_data(authenticated)
        ciphertext = memoryview(bytearray(size))
        at = 0
        for buffer in message:
            at += stream.update_into(buffer, ciphertext[at:])
        stream.finalize()
        return ciphertext, stream.tag

    @staticmethod
    def _decrypt_apart(
        block: algorithms.AES,
        nonce: bytes,
        ciphertext: memoryview,
        authenticated: memoryview,
        tag: memoryview,
    ) -> memoryview:
        """Decrypt with AES-GCM, without a copy that has the tag behind the ciphertext."""
        stream = ciphers.Cipher(block, modes.GCM(nonce, bytes(tag))).decryptor()
        stream.authenticate_additional_data(authenticated)
        plaintext = memoryview(bytearray(len(ciphertext)))
        stream.update_into(ciphertext, plaintext)
        stream.finalize()
        return plaintext
