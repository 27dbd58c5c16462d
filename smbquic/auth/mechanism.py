"""Logon mechanisms as SPNEGO uses them: a subset of GSS-API's security contexts. [RFC2743]

A mechanism is a folder beside this file: `ntlm` is one. A new one implements `InitiatorContext` for
clients and the `AcceptorMechanism` of `smbquic.auth.acceptor_mechanism` for servers, and is put
into the list that `new_initiator` or `Authenticator` is given, in the order of preference.
"""

from typing import Protocol

from smbquic.errors import AuthenticationError
from smbquic.ntstatus import NtStatus


class SecurityContext(Protocol):
    """One logon by one mechanism, at either end. `step` raises `AuthenticationError`."""

    @property
    def complete(self) -> bool:
        """Return whether this end is done: it has the peer's proof, or the key of its own."""

    @property
    def session_key(self) -> bytes:
        """The session key, 16 bytes or more; empty before `complete` and where there is none."""

    def get_mic(self, message: bytes) -> bytes:
        """Return the integrity check value of a message of ours. [RFC2743] 2.3.1"""

    def verify_mic(self, message: bytes, mic: bytes) -> bool:
        """Return whether it is that of a message of the peer's. [RFC2743] 2.3.2"""


class InitiatorContext(SecurityContext, Protocol):
    """The client's end."""

    @property
    def oid(self) -> bytes:
        """The mechanism's object identifier, as the contents of its DER encoding."""

    @property
    def wants_mech_list_mic(self) -> bool:
        """Return whether the list of mechanisms has to be protected though nobody asked for it."""

    def step(self, token: bytes | None) -> bytes:
        """Take the server's next token, None at first; return ours."""


def malformed_token(reason: str) -> AuthenticationError:
    """Return the error for a server's token that a client cannot go on with."""
    return AuthenticationError(
        f"the server's logon token is not right: {reason}", NtStatus.INVALID_PARAMETER
    )
