"""The user of a logon, as far as its token shows: NTLM has the name in plain, Kerberos has not."""

from typing import Final

from smbquic.auth.ntlm.messages import SIGNATURE, AuthenticateMessage
from smbquic.auth.spnego.tokens import NegTokenInit, NegTokenResp
from smbquic.errors import WireError
from smbquic.lazy_dataclass import dataclass

LONGEST_NAME: Final = 256
"""Characters that are kept of a name: a client may send 30,000 of them in each logon."""

_INITIAL = 0x60
_RESPONSE = 0xA1


@dataclass(frozen=True, slots=True)
class LogonUser:
    """The user that a client says it is. The back end decides whether that is true."""

    user: str
    domain: str = ""


def user_of(token: bytes) -> LogonUser | None:
    """Return the user of a SESSION_SETUP's security buffer; None where it does not show."""
    try:
        ntlm = _mechanism_token(token)
        if not ntlm.startswith(SIGNATURE):
            return None
        message = AuthenticateMessage.decode(ntlm)
    except WireError:
        return None
    return LogonUser(message.user_name[:LONGEST_NAME], message.domain_name[:LONGEST_NAME])


def _mechanism_token(token: bytes) -> bytes:
    """Return the token of the mechanism, which SPNEGO may be around. Raises `WireError`."""
    if token[:1] == bytes((_INITIAL,)):
        return NegTokenInit.decode(token).mech_token or b""
    if token[:1] == bytes((_RESPONSE,)):
        return NegTokenResp.decode(token).response_token or b""
    return token
