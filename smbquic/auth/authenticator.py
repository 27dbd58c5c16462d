"""The logon mechanisms that a server accepts, and its policy for logons."""

from collections.abc import Sequence

from smbquic.auth.acceptor_mechanism import AcceptorMechanism, LogonPolicy
from smbquic.auth.logon_limiter import ConnectionLogonLimiter
from smbquic.auth.service_binding import ServiceBinding
from smbquic.auth.spnego.acceptor import Acceptor
from smbquic.auth.spnego.tokens import encode_hint

_NO_POLICY = LogonPolicy()


class Authenticator:
    """A factory of an `Acceptor` for each logon, over the mechanisms in order of preference."""

    def __init__(
        self, mechanisms: Sequence[AcceptorMechanism], policy: LogonPolicy = _NO_POLICY
    ) -> None:
        self._mechanisms = mechanisms
        self._policy = policy

    def hint(self) -> bytes:
        """Return the NegTokenInit2 for NEGOTIATE's security buffer. [MS-SPNG] 3.2.5.2"""
        return encode_hint([mechanism.oid for mechanism in self._mechanisms])

    def new_acceptor(self) -> Acceptor:
        """Return the acceptor of one logon."""
        return Acceptor(self._mechanisms, self._policy)

    def for_connection(
        self, limiter: ConnectionLogonLimiter, binding: ServiceBinding | None = None
    ) -> "Authenticator":
        """Return the same for one connection, whose logons `limiter` counts.

        With `binding`, they have to be meant for this server and this channel.
        """
        return Authenticator(self._mechanisms, LogonPolicy(limiter, binding))
