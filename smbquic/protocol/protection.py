"""Signing and sealing the messages of one session on one connection."""

from collections.abc import Callable, Sequence

from smbquic.crypto.keys import SessionKeys
from smbquic.crypto.sealing import Sealer
from smbquic.crypto.signing import Signer
from smbquic.errors import SecurityError
from smbquic.wire.cursor import Buffer
from smbquic.wire.header import Command, Header
from smbquic.wire.negotiate_contexts import Cipher, SigningAlgorithm


class Protection:
    """The keys of a session, put to use. [MS-SMB2] 3.1.4.1, 3.1.4.3

    Nonces count up from a random start that leaves room for 2^64 messages, so none is ever used
    twice with one key.
    """

    __slots__ = (
        "_from_server",
        "_nonce_count",
        "_nonce_prefix",
        "_opener",
        "_sealer",
        "_session_id",
        "_signer",
    )

    def __init__(
        self,
        session_id: int,
        keys: SessionKeys,
        signing_algorithm: SigningAlgorithm,
        cipher: Cipher | None,
        *,
        server: bool,
        random: Callable[[int], bytes],
    ) -> None:
        self._session_id = session_id
        self._from_server = server
        self._signer = Signer(signing_algorithm, keys.signing)
        self._sealer: Sealer | None = None
        self._opener: Sealer | None = None
        if cipher is not None:
            outgoing = keys.decryption if server else keys.encryption
            incoming = keys.encryption if server else keys.decryption
            self._sealer = Sealer(cipher, outgoing)
            self._opener = Sealer(cipher, incoming)
            self._nonce_prefix = random(self._sealer.nonce_size - 8)
            self._nonce_count = 0

    def sign(
        self, header: bytearray, rest: Sequence[Buffer], message_id: int, *, cancel: bool = False
    ) -> None:
        """Put the signature of `header` and what follows it into `header`.

        The header has the SIGNED flag set and zeros for a signature. A CANCEL shares its message
        id with the request that it cancels, so `cancel` keeps their nonces apart.
        """
        header[48:64] = self._signer.sign(
            [header, *rest],
            message_id=message_id,
            from_server=self._from_server,
            cancel=cancel,
        )

    def verify(self, message: memoryview, header: Header) -> bool:
        """Whether a received message, padding included, has the signature it should have."""
        return self._signer.verify(
            message,
            message_id=header.message_id,
            from_server=not self._from_server,
            cancel=header.command == Command.CANCEL,
        )

    def seal(self, message: Sequence[Buffer]) -> list[Buffer]:
        """Encrypt a whole message behind a transform header."""
        if self._sealer is None:
            raise SecurityError("the message has to be encrypted, but no cipher was negotiated")
        nonce = self._nonce_prefix + self._nonce_count.to_bytes(8, "little")
        self._nonce_count += 1
        return self._sealer.seal(message, session_id=self._session_id, nonce=nonce)

    def unseal(self, message: memoryview) -> memoryview:
        """Decrypt what came behind a transform header. Raises `SecurityError`."""
        if self._opener is None:
            raise SecurityError("an encrypted message came, but no cipher was negotiated")
        return self._opener.unseal(message)
