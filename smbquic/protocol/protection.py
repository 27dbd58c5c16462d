"""Signing and sealing the messages of a session on one of its connections."""

from collections.abc import Callable, Sequence

from smbquic.crypto.keys import SessionKeys
from smbquic.crypto.sealing import Sealer
from smbquic.crypto.signing import Signer
from smbquic.errors import SecurityError
from smbquic.wire.cursor import Buffer
from smbquic.wire.header import Command, Header
from smbquic.wire.negotiate_contexts import Cipher, SigningAlgorithm


class Sealing:
    """The cipher keys of a session, which all of its connections share. [MS-SMB2] 3.1.4.3

    Nonces count up from a random start that leaves room for 2^64 messages, so none is ever used
    twice with one key.
    """

    __slots__ = ("_nonce_count", "_nonce_prefix", "_opener", "_sealer", "_session_id")

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
        self._sealer = Sealer(cipher, outgoing)
        self._opener = Sealer(cipher, incoming)
        self._nonce_prefix = random(self._sealer.nonce_size - 8)
        self._nonce_count = 0

    def seal(self, message: Sequence[Buffer]) -> list[Buffer]:
        """Encrypt a whole message behind a transform header."""
        nonce = self._nonce_prefix + self._nonce_count.to_bytes(8, "little")
        self._nonce_count += 1
        return self._sealer.seal(message, session_id=self._session_id, nonce=nonce)

    def unseal(self, message: memoryview) -> memoryview:
        """Decrypt what came behind a transform header. Raises `SecurityError`."""
        return self._opener.unseal(message)


class Protection:
    """The signing key of one connection, and the session's `Sealing`. [MS-SMB2] 3.1.4.1

    `sealing` is None where no cipher was negotiated. `server` says which end we are.
    """

    __slots__ = ("_sealing", "_server", "_signer")

    def __init__(self, signer: Signer, sealing: Sealing | None, *, server: bool) -> None:
        self._signer = signer
        self._sealing = sealing
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
        """That of a session whose logon these keys came of."""
        sealing = None
        if cipher is not None:
            sealing = Sealing(
                session_id,
                cipher,
                outgoing=keys.decryption if server else keys.encryption,
                incoming=keys.encryption if server else keys.decryption,
                random=random,
            )
        return cls(Signer(algorithm, keys.signing), sealing, server=server)

    def rekeyed(self, signer: Signer) -> "Protection":
        """The same session on another connection, which signs with a key of its own."""
        return Protection(signer, self._sealing, server=self._server)

    def sign(
        self, header: bytearray, rest: Sequence[Buffer], message_id: int, *, cancel: bool = False
    ) -> None:
        """Put the signature of `header` and what follows it into `header`.

        The header has the SIGNED flag set and zeros for a signature. A CANCEL shares its message
        id with the request that it cancels, so `cancel` keeps their nonces apart.
        """
        header[48:64] = self._signer.sign(
            [header, *rest], message_id=message_id, from_server=self._server, cancel=cancel
        )

    def verify(self, message: memoryview, header: Header) -> bool:
        """Whether a received message, padding included, has the signature it should have."""
        return self._signer.verify(
            message,
            message_id=header.message_id,
            from_server=not self._server,
            cancel=header.command == Command.CANCEL,
        )

    def seal(self, message: Sequence[Buffer]) -> list[Buffer]:
        """Encrypt a whole message. Raises `SecurityError` if no cipher was negotiated."""
        if self._sealing is None:
            raise SecurityError("the message has to be encrypted, but no cipher was negotiated")
        return self._sealing.seal(message)

    def unseal(self, message: memoryview) -> memoryview:
        """Decrypt a message. Raises `SecurityError`."""
        if self._sealing is None:
            raise SecurityError("an encrypted message came, but no cipher was negotiated")
        return self._sealing.unseal(message)
