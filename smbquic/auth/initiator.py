"""The client's side of a logon, over pyspnego: SPNEGO around NTLMv2.

The credentials are given, never looked for: no ticket cache, no prompt and no operating system's
own logon takes part. (pyspnego itself honours the environment variable ``LM_COMPAT_LEVEL`` as
gss-ntlmssp does; our acceptor refuses what a level below 3 makes of it.)
"""

from dataclasses import dataclass, field

import spnego
from spnego.channel_bindings import GssChannelBindings

from smbquic.auth.ntlm.keys import KEY_SIZE, nt_hash
from smbquic.errors import AuthenticationError
from smbquic.ntstatus import NtStatus

_SERVICE = "cifs"
_INITIAL_CONTEXT_TOKEN = 0x60  # the tag of what wraps a NegTokenInit, [RFC2743] 3.1
_MAX_STEPS = 5
"""Tokens of a server: its hint, a choice of mechanism, NTLM's challenge, the end; one to spare."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client logs on with. `user` may be in the form ``user@domain``, without `domain`."""

    user: str
    password: str = field(repr=False)
    domain: str = ""


class Initiator:
    """One logon: `step` takes the server's tokens in turn until `complete`.

    `host` is the server's name, which goes into the logon (``cifs/host``); `end_point` is the
    application data of the channel's bindings, empty where there is no TLS below.
    """

    def __init__(self, credentials: Credentials, *, host: str, end_point: bytes = b"") -> None:
        user = credentials.user
        # A hash instead of the password keeps every mechanism but NTLM, and the operating
        # system's own NTLM, out of it.
        credential = spnego.NTLMHash(
            username=f"{credentials.domain}\\{user}" if credentials.domain else user,
            nt_hash=nt_hash(credentials.password).hex(),
        )
        bindings = GssChannelBindings(application_data=end_point) if end_point else None
        self._context = spnego.client(
            credential,
            hostname=host,
            service=_SERVICE,
            channel_bindings=bindings,
            protocol="negotiate",
        )
        self._steps = 0

    @property
    def complete(self) -> bool:
        """Whether both ends have said all, and there is a session key.

        A server can claim the end of SPNEGO before NTLM has begun: pyspnego believes that, and
        has no key then.
        """
        return self._context.complete and len(self.session_key) >= KEY_SIZE

    @property
    def session_key(self) -> bytes:
        """The session key (16 bytes) once the client's proof is made, empty before."""
        return self._context.session_key

    def step(self, token: bytes | None) -> bytes:
        """Take the server's token, at first its hint or None; returns ours, empty if none is due.

        Raises `AuthenticationError` if the server's token is malformed, is not the one that must
        come now, or refuses us.
        """
        self._steps += 1
        if self._steps > 1 and not token:
            raise _refusal("it is missing")  # pyspnego would begin once more
        if self._steps == 1 and token and token[0] != _INITIAL_CONTEXT_TOKEN:
            raise _refusal("it is no list of mechanisms")
        if self._steps > _MAX_STEPS:
            raise _refusal(f"a logon does not take more than {_MAX_STEPS}")
        try:
            return self._context.step(token or None) or b""
        except Exception as error:  # pyspnego's parsers raise what their bytes happen to run into
            raise _refusal(str(error)) from error


def _refusal(reason: str) -> AuthenticationError:
    return AuthenticationError(
        f"the server's logon token is not right: {reason}", NtStatus.INVALID_PARAMETER
    )
