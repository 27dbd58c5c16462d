"""What SPNEGO needs of a mechanism at each end: a subset of GSS-API's security contexts. [RFC2743]

A mechanism is a folder beside this file: `ntlm` is one. A new one implements `AcceptorMechanism`
for servers and `InitiatorContext` for clients, and is put into the list that `Authenticator` or
`new_initiator` is given, in the order of preference.
"""

from dataclasses import dataclass
from typing import Protocol

from smbquic.auth.identity import Identity
from smbquic.auth.logon_limiter import ConnectionLogonLimiter
from smbquic.auth.service_binding import ServiceBinding
from smbquic.errors import AuthenticationError
from smbquic.ntstatus import NtStatus


@dataclass(frozen=True, slots=True)
class LogonPolicy:
    """What the logons on one connection have to comply with.

    `limiter` counts failures and may refuse; `binding` says which service and which channel a logon
    has to be meant for. A mechanism asks both before it calls a logon complete.
    """

    limiter: ConnectionLogonLimiter | None = None
    binding: ServiceBinding | None = None


class SecurityContext(Protocol):
    """One logon by one mechanism, at either end. `step` raises `AuthenticationError`."""

    @property
    def complete(self) -> bool:
        """Whether this end has what it needs: the peer's proof, or the key that its own gave."""

    @property
    def session_key(self) -> bytes:
        """The session key, 16 bytes or more; empty before `complete` and where there is none."""

    def get_mic(self, message: bytes) -> bytes:
        """Return the integrity check value of a message of ours. [RFC2743] 2.3.1"""

    def verify_mic(self, message: bytes, mic: bytes) -> bool:
        """Tell whether it is that of a message of the peer's. [RFC2743] 2.3.2"""


class AcceptorContext(SecurityContext, Protocol):
    """The server's end. A logon that failed stays failed; `step` may raise `WireError`, too."""

    @property
    def identity(self) -> Identity:
        """Who the client is, once it is complete."""

    @property
    def integrity(self) -> bool:
        """Whether there are MICs: not for guests, who have no key, nor for anonymous clients."""

    def step(self, token: bytes) -> bytes:
        """Take the client's next token; return ours, which may be empty at the end."""


class AcceptorMechanism(Protocol):
    """How clients may prove who they are at a server."""

    @property
    def oid(self) -> bytes:
        """The mechanism's object identifier, as the contents of its DER encoding."""

    @property
    def name(self) -> str:
        """The mechanism's name for people."""

    def is_first_token(self, token: bytes) -> bool:
        """Tell whether this is the first token of a client that does without SPNEGO."""

    def new_context(self, policy: LogonPolicy) -> AcceptorContext:
        """Begin one logon."""


class InitiatorContext(SecurityContext, Protocol):
    """The client's end."""

    @property
    def oid(self) -> bytes:
        """The mechanism's object identifier, as the contents of its DER encoding."""

    @property
    def wants_mech_list_mic(self) -> bool:
        """Whether the list of mechanisms has to be protected though nobody asked for it."""

    def step(self, token: bytes | None) -> bytes:
        """Take the server's next token, None at first; return ours."""


def malformed_token(reason: str) -> AuthenticationError:
    """Return the error for a server's token that a client cannot go on with."""
    return AuthenticationError(
        f"the server's logon token is not right: {reason}", NtStatus.INVALID_PARAMETER
    )
