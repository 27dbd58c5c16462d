"""The client's side of a logon, over pyspnego: SPNEGO around NTLMv2.

The credentials are given, never looked for: no ticket cache, no prompt and no operating system's
own logon takes part. (pyspnego itself honours the environment variable ``LM_COMPAT_LEVEL`` as
gss-ntlmssp does; our acceptor refuses what a level below 3 makes of it.)
"""

from dataclasses import dataclass, field

import spnego

from smbquic.auth.ntlm_keys import nt_hash
from smbquic.errors import AuthenticationError
from smbquic.ntstatus import NtStatus

_SERVICE = "cifs"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client logs on with. `user` may be in the form ``user@domain``, without `domain`."""

    user: str
    password: str = field(repr=False)
    domain: str = ""


class Initiator:
    """One logon: `step` takes the server's tokens in turn until `complete`.

    `host` is the server's name, which goes into the logon (``cifs/host``).
    """

    def __init__(self, credentials: Credentials, *, host: str) -> None:
        user = credentials.user
        # A hash instead of the password keeps every mechanism but NTLM, and the operating
        # system's own NTLM, out of it.
        credential = spnego.NTLMHash(
            username=f"{credentials.domain}\\{user}" if credentials.domain else user,
            nt_hash=nt_hash(credentials.password).hex(),
        )
        self._context = spnego.client(
            credential, hostname=host, service=_SERVICE, protocol="negotiate"
        )

    @property
    def complete(self) -> bool:
        """Whether nothing more has to come from the server."""
        return self._context.complete

    @property
    def session_key(self) -> bytes:
        """The session key (16 bytes), once the last token is made."""
        return self._context.session_key

    def step(self, token: bytes | None) -> bytes:
        """Take the server's token, at first its hint or None; returns ours, empty if none is due.

        Raises `AuthenticationError` if the server's token is malformed or refuses us.
        """
        try:
            return self._context.step(token or None) or b""
        except Exception as error:  # pyspnego's parsers raise what their bytes happen to run into
            raise AuthenticationError(
                f"the server's logon token is not right: {error}", NtStatus.INVALID_PARAMETER
            ) from error
