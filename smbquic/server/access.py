"""The access to a server: who may log on, and whether a logon is meant for this server."""

from functools import partial

from smbquic.auth.authenticator import Authenticator
from smbquic.auth.logon_limiter import LogonLimiter
from smbquic.auth.service_binding import AcceptedTargetNames, ServiceBinding
from smbquic.errors import AuthenticationError, HandshakeError
from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus
from smbquic.observe.audit import Trail
from smbquic.pki.access import Decision
from smbquic.pki.channel import server_end_point
from smbquic.pki.reload import ServerCertificates
from smbquic.transport.base import Peer


@dataclass(slots=True)
class AccessPolicy:
    """The checks of clients before they reach any share.

    `certificates` are those that it shows, each with its rules for clients, and None without QUIC.
    `names` are those that a logon may be meant for; None leaves that unchecked. `pipes_over_quic`
    lets clients list the shares over QUIC too, unless the certificate's rules say otherwise.
    """

    authenticator: Authenticator
    certificates: ServerCertificates | None = None
    names: AcceptedTargetNames | None = None
    pipes_over_quic: bool = False

    def authenticator_for(self, peer: Peer, guard: LogonLimiter, trail: Trail) -> Authenticator:
        """Return what checks the logons of one connection; `guard` counts those that fail."""
        certificate = peer.certificates[0] if peer.certificates else b""
        check = None
        if self.certificates is not None and peer.kind == "quic":
            check = partial(check_user, self.certificates, peer, trail)
        return self.authenticator.for_connection(
            guard.for_connection(peer.remote[0], certificate, check), self._service_binding(peer)
        )

    def _service_binding(self, peer: Peer) -> ServiceBinding | None:
        """Return what logons of a client have to be meant for; None where that is not checked."""
        if self.names is None:
            return None
        # Not that of the present certificate, which may have been renewed since the handshake.
        end_point = server_end_point(peer.own_leaf) if peer.own_leaf else b""
        return ServiceBinding(self.names, peer.local[0], end_point)

    def allows_pipes(self, peer: Peer) -> bool:
        """Return whether a client may open named pipes. [MS-SMB2] 3.3.5.9"""
        if peer.kind != "quic":
            return True
        allowed = self.certificates.allows_pipes(peer.server_name) if self.certificates else None
        return self.pipes_over_quic if allowed is None else allowed


def check_user(certificates: ServerCertificates, peer: Peer, trail: Trail, user: str) -> None:
    """Raise `AuthenticationError` if the client's certificate is not for this user."""
    try:
        decision = certificates.decide_logon(peer.server_name, peer.certificates, user)
    except HandshakeError as error:
        decision = Decision(False, str(error))
    if decision is None:
        return
    trail.decided(decision, user)
    if not decision.granted:
        raise AuthenticationError(f"{user}: {decision.reason}", NtStatus.ACCESS_DENIED)
