"""The cryptography of NTLMv2: hashes, proofs, keys and signatures. [MS-NLMP] 3.3, 3.4"""

import hashlib
import hmac
from collections.abc import Iterable

from smbquic.auth.ntlm.messages import NegotiateFlags
from smbquic.crypto.md4 import md4
from smbquic.crypto.rc4 import rc4

KEY_SIZE = 16
NEEDED_FLAGS = (
    NegotiateFlags.UNICODE | NegotiateFlags.EXTENDED_SESSIONSECURITY | NegotiateFlags.KEY_128
)
"""What either end refuses the other without: the keys are those of extended session security with
128 bits."""

_SIGNATURE_VERSION = b"\x01\x00\x00\x00"
_FIRST = b"\x00\x00\x00\x00"  # SeqNum of the only signature that SPNEGO makes in a direction
_CHECKSUM_SIZE = 8
_NO_SIGNATURE = _SIGNATURE_VERSION + bytes(12)


def nt_hash(password: str) -> bytes:
    """Return NTOWFv1, the NT hash (16 bytes) of a password. [MS-NLMP] 3.3.1."""
    return md4(password.encode("utf-16-le", "surrogatepass"))


def response_key(hashed: bytes, user: str, domain: str) -> bytes:
    """Return NTOWFv2, the key (16 bytes) of the NTLMv2 response of an NT hash. [MS-NLMP] 3.3.2."""
    return _hmac_md5(hashed, (_upper(user) + domain).encode("utf-16-le", "surrogatepass"))


def nt_proof(key: bytes, server_challenge: bytes, client_challenge: bytes) -> bytes:
    """Return NTProofStr (16 bytes). [MS-NLMP] 3.3.2

    `client_challenge` is all of NTLMv2_CLIENT_CHALLENGE.
    """
    return _hmac_md5(key, server_challenge, client_challenge)


def session_base_key(key: bytes, proof: bytes) -> bytes:
    """Return the key (16 bytes) that both ends know once the proof is right. [MS-NLMP] 3.3.2."""
    return _hmac_md5(key, proof)


def exported_session_key(key_exchange_key: bytes, encrypted: bytes) -> bytes:
    """Return the session key (16 bytes) that the client chose and sent encrypted.

    [MS-NLMP] 3.2.5.1.2
    """
    return rc4(key_exchange_key, encrypted)


def encrypted_session_key(key_exchange_key: bytes, chosen: bytes) -> bytes:
    """Return the session key (16 bytes) that the client has chosen, as it sends it.

    [MS-NLMP] 3.1.5.1.2
    """
    return rc4(key_exchange_key, chosen)


def exchange_mic(session_key: bytes, messages: Iterable[bytes]) -> bytes:
    """Return the MIC (16 bytes) of the three messages. [MS-NLMP] 3.1.5.1.2

    The last one has zeros in the place of the MIC.
    """
    return _hmac_md5(session_key, *messages)


def first_signature(
    flags: NegotiateFlags, session_key: bytes, message: bytes, *, from_server: bool
) -> bytes:
    """Return the first NTLMSSP_MESSAGE_SIGNATURE (16 bytes) of one direction. [MS-NLMP] 3.4.4.2.

    With extended session security. SPNEGO signs nothing else with it, and begins anew
    afterwards, so that the sequence number is always 0. Without the SIGN flag, Windows and
    others send the constant that this returns then.
    """
    if not flags & NegotiateFlags.SIGN:
        return _NO_SIGNATURE
    direction = b"server-to-client" if from_server else b"client-to-server"
    signing_key = _derived_key(session_key, direction, b"signing")
    checksum = _hmac_md5(signing_key, _FIRST, message)[:_CHECKSUM_SIZE]
    if flags & NegotiateFlags.KEY_EXCH:
        checksum = rc4(_derived_key(session_key, direction, b"sealing"), checksum)
    return b"".join((_SIGNATURE_VERSION, checksum, _FIRST))


def _derived_key(session_key: bytes, direction: bytes, use: bytes) -> bytes:
    """Return SIGNKEY or SEALKEY (16 bytes) of one direction. [MS-NLMP] 3.4.5.2, 3.4.5.3"""
    constant = b"session key to %s %s key magic constant\x00" % (direction, use)
    return hashlib.md5(session_key + constant, usedforsecurity=False).digest()


def _hmac_md5(key: bytes, *parts: bytes) -> bytes:
    return hmac.digest(key, b"".join(parts), "md5")


def _upper(name: str) -> str:
    """Return a name in the upper case of Windows, which keeps letters without a single capital."""
    return "".join(upper if len(upper := char.upper()) == 1 else char for char in name)
