"""From the session key of the authentication to the keys of a session. [MS-SMB2] 3.2.5.3.1."""

from dataclasses import field

from smbquic.crypto.kdf import kdf
from smbquic.errors import LocalProtocolError
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.negotiate import Dialect
from smbquic.wire.negotiate_contexts import Cipher

SESSION_KEY_SIZE = 16
"""Bytes that the key of an authentication has at least."""

_KEY_BITS = 128
_WIDE_CIPHERS = frozenset({Cipher.AES_256_CCM, Cipher.AES_256_GCM})


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """The keys of one session. [MS-SMB2] 3.2.1.3, 3.3.1.8.

    `signing` and `application` have 16 bytes; `encryption` (client to server) and `decryption`
    (server to client) 16 or 32, or none where the connection does not encrypt. The names are the
    client's: the server decrypts with `encryption`.
    """

    signing: bytes = field(repr=False)
    application: bytes = field(repr=False)
    encryption: bytes = field(repr=False)
    decryption: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Derivation:
    """The label and context of one key; a `context` of None is the preauthentication hash."""

    label: bytes
    context: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Schedule:
    signing: _Derivation
    application: _Derivation
    encryption: _Derivation
    decryption: _Derivation


_SMB_3_0 = _Schedule(
    signing=_Derivation(b"SMB2AESCMAC\x00", b"SmbSign\x00"),
    application=_Derivation(b"SMB2APP\x00", b"SmbRpc\x00"),
    encryption=_Derivation(b"SMB2AESCCM\x00", b"ServerIn \x00"),
    decryption=_Derivation(b"SMB2AESCCM\x00", b"ServerOut\x00"),
)
_SMB_3_1_1 = _Schedule(
    signing=_Derivation(b"SMBSigningKey\x00"),
    application=_Derivation(b"SMBAppKey\x00"),
    encryption=_Derivation(b"SMBC2SCipherKey\x00"),
    decryption=_Derivation(b"SMBS2CCipherKey\x00"),
)


def derive_session_keys(
    dialect: int, session_key: bytes, *, cipher: Cipher | None, preauth_hash: bytes | None
) -> SessionKeys:
    """Derive what a session signs and encrypts with. [MS-SMB2] 3.2.5.3.1, 3.3.5.5.3.

    `session_key` is what the authentication gave, whole: 16 bytes or more, else
    LocalProtocolError. `cipher` is the connection's, None if
    it does not encrypt. `preauth_hash` is the session's value (64 bytes) in dialect 3.1.1 and
    ignored in the others; LocalProtocolError if 3.1.1 misses it.

    3.1.4.2 read to the letter makes L 256 for every key once the cipher has 256 bits. Samba and
    smbprotocol mean it for the two cipher keys only, and so does this.
    """
    short_key = _sixteen_bytes(session_key)
    if dialect < Dialect.SMB_3_0:
        return SessionKeys(short_key, short_key, b"", b"")
    schedule = _schedule(dialect)
    encryption = decryption = b""
    if cipher is not None:
        wide = cipher in _WIDE_CIPHERS
        cipher_source = session_key if wide else short_key
        bits = 2 * _KEY_BITS if wide else _KEY_BITS
        encryption = _derive(cipher_source, schedule.encryption, preauth_hash, bits)
        decryption = _derive(cipher_source, schedule.decryption, preauth_hash, bits)
    return SessionKeys(
        signing=_derive(short_key, schedule.signing, preauth_hash, _KEY_BITS),
        application=_derive(short_key, schedule.application, preauth_hash, _KEY_BITS),
        encryption=encryption,
        decryption=decryption,
    )


def derive_channel_signing_key(
    dialect: int, session_key: bytes, *, preauth_hash: bytes | None
) -> bytes:
    """Derive the signing key (16 bytes) of one more channel of a session. [MS-SMB2] 3.3.5.5.3.

    `session_key` is that of the authentication which bound the channel, `preauth_hash` that of
    the binding exchange (3.1.1). Dialects below 3.0 have no channels: LocalProtocolError.
    """
    if dialect < Dialect.SMB_3_0:
        raise LocalProtocolError("only dialects of the 3.x family bind channels")
    signing = _schedule(dialect).signing
    return _derive(_sixteen_bytes(session_key), signing, preauth_hash, _KEY_BITS)


def _schedule(dialect: int) -> _Schedule:
    return _SMB_3_1_1 if dialect == Dialect.SMB_3_1_1 else _SMB_3_0


def _sixteen_bytes(session_key: bytes) -> bytes:
    """Return the first 16 bytes of a session key, which every dialect uses.

    The specification pads shorter ones with zeros, which only Kerberos with DES had. An empty one
    is what an authentication gives that was not completed, and would make every key public.
    """
    if len(session_key) < SESSION_KEY_SIZE:
        raise LocalProtocolError(
            f"the authentication gave a session key of {len(session_key)} bytes; it takes"
            f" {SESSION_KEY_SIZE}"
        )
    return session_key[:SESSION_KEY_SIZE]


def _derive(key: bytes, derivation: _Derivation, preauth_hash: bytes | None, bits: int) -> bytes:
    context = preauth_hash if derivation.context is None else derivation.context
    if context is None:
        raise LocalProtocolError("dialect 3.1.1 derives its keys from the preauthentication hash")
    return kdf(key, derivation.label, context, bits)
