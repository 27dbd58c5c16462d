"""The keys of a session on one of its connections: they sign, verify, encrypt and decrypt."""

from collections.abc import Callable, Sequence

from smbquic.crypto.encryption import MessageCipher
from smbquic.crypto.keys import SessionKeys
from smbquic.crypto.signing import Signer
from smbquic.errors import SecurityError
from smbquic.wire.cursor import Buffer
from smbquic.wire.header import SIGNATURE_OFFSET, Command, Header, HeaderFlags
from smbquic.wire.negotiate_contexts import Cipher, SigningAlgorithm

# A plain integer: IntFlag is slow, and this is used for each message.
_SIGNED = int(HeaderFlags.SIGNED)


class SessionCipher:
    """The cipher keys of a session, which all of its connections share. [MS-SMB2] 3.1.4.3

    Nonces count up from a random start that leaves room for 2^64 messages, so none is ever used
    twice with one key.
    """

    __slots__ = ("_incoming", "_nonce_count", "_nonce_prefix", "_outgoing", "_session_id")

    def __init__(
        self,
        session_id: int,
        cipher: Cipher,
        *,
        outgoing: bytes,
        incoming: bytes,
        random: Callable[[int], bytes],
    ) -> None:
        self._session_id = session_id
        self._outgoing = MessageCipher(cipher, outgoing)
        self._incoming = MessageCipher(cipher, incoming)
        self._nonce_prefix = random(self._outgoing.nonce_size - 8)
        self._nonce_count = 0

    def encrypt(self, message: Sequence[Buffer]) -> list[Buffer]:
        """Encrypt a whole message behind a transform header."""
        nonce = self._nonce_prefix + self._nonce_count.to_bytes(8, "little")
        self._nonce_count += 1
        return self._outgoing.encrypt(message, session_id=self._session_id, nonce=nonce)

    def decrypt(self, message: memoryview) -> memoryview:
        """Decrypt what came behind a transform header. Raises `SecurityError`."""
        return self._incoming.decrypt(message)


class Protection:
    """The signing key of one connection, and the session's `SessionCipher`. [MS-SMB2] 3.1.4.1

    `cipher` is None where none was negotiated. `server` says which end we are.
    """

    __slots__ = ("_cipher", "_server", "_signer")

    def __init__(self, signer: Signer, cipher: SessionCipher | None, *, server: bool) -> None:
        self._signer = signer
        self._cipher = cipher
        self._server = server

    @classmethod
    def of_session(
        cls,
        session_id: int,
        keys: SessionKeys,
        algorithm: SigningAlgorithm,
        cipher: Cipher | None,
        *,
        server: bool,
        random: Callable[[int], bytes],
    ) -> "Protection":
        """Make the protection of a session from the keys that its logon gave."""
        session_cipher = None
        if cipher is not None:
            session_cipher = SessionCipher(
                session_id,
                cipher,
                outgoing=keys.decryption if server else keys.encryption,
                incoming=keys.encryption if server else keys.decryption,
                random=random,
            )
        return cls(Signer(algorithm, keys.signing), session_cipher, server=server)

    def for_channel(self, signer: Signer) -> "Protection":
        """Return that of the same session on another connection, which has its own signing key."""
        return Protection(signer, self._cipher, server=self._server)

    @property
    def signs_interim(self) -> bool:
        """Whether an interim response, whose final one has its message id, can be signed."""
        return not self._signer.needs_nonce

    def sign(self, header: Header, body: Sequence[Buffer]) -> bytes:
        """Return the encoded header with the signature of itself and of what follows it."""
        header.flags |= _SIGNED
        unsigned = header.encode()
        signature = self._signer.sign(
            [unsigned, *body],
            message_id=header.message_id,
            from_server=self._server,
            # A CANCEL has the message id of the request that it cancels: this keeps their nonces
            # apart.
            cancel=header.command == Command.CANCEL,
        )
        return unsigned[:SIGNATURE_OFFSET] + signature

    def verify(self, message: memoryview, header: Header) -> bool:
        """Return whether a received element, padding included, has the signature it should have."""
        return self._signer.verify(
            message,
            message_id=header.message_id,
            from_server=not self._server,
            cancel=header.command == Command.CANCEL,
        )

    def encrypt(self, message: Sequence[Buffer]) -> list[Buffer]:
        """Encrypt a whole message. Raises `SecurityError` if no cipher was negotiated."""
        if self._cipher is None:
            raise SecurityError("the message has to be encrypted, but no cipher was negotiated")
        return self._cipher.encrypt(message)

    def decrypt(self, message: memoryview) -> memoryview:
        """Decrypt a message. Raises `SecurityError`."""
        if self._cipher is None:
            raise SecurityError("an encrypted message came, but no cipher was negotiated")
        return self._cipher.decrypt(message)
