"""The server's end of a logon mechanism, as SPNEGO uses it, and the policy for its logons."""

from typing import Protocol

from smbquic.auth.identity import Identity
from smbquic.auth.logon_limiter import ConnectionLogonLimiter
from smbquic.auth.mechanism import SecurityContext
from smbquic.auth.service_binding import ServiceBinding
from smbquic.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class LogonPolicy:
    """The policy for the logons on one connection.

    `limiter` counts failures and may refuse; `binding` says which service and which channel a logon
    has to be meant for. A mechanism asks both before it calls a logon complete.
    """

    limiter: ConnectionLogonLimiter | None = None
    binding: ServiceBinding | None = None


class AcceptorContext(SecurityContext, Protocol):
    """The server's end. A logon that failed stays failed; `step` may raise `WireError`, too."""

    @property
    def identity(self) -> Identity:
        """Who the client is, once it is complete."""

    @property
    def integrity(self) -> bool:
        """Return whether there are MICs: not for guests and anonymous clients."""

    def step(self, token: bytes) -> bytes:
        """Take the client's next token; return ours, which may be empty at the end."""


class AcceptorMechanism(Protocol):
    """A mechanism with which a server authenticates its clients."""

    @property
    def oid(self) -> bytes:
        """The mechanism's object identifier, as the contents of its DER encoding."""

    @property
    def name(self) -> str:
        """The mechanism's name for people."""

    def is_first_token(self, token: bytes) -> bool:
        """Return whether this is the first token of a client that does without SPNEGO."""

    def new_context(self, policy: LogonPolicy) -> AcceptorContext:
        """Begin one logon."""
