"""The two roles of a transport, client and server, and the peer of each."""

from smbquic.lazy_dataclass import dataclass
from smbquic.transport.addresses import SocketAddress, endpoint
from smbquic.transport.base import Peer
from smbquic.transport.quic.engine import EngineChoice, Security
from smbquic.transport.quic.tls import CertificatesByName, ServerTls


@dataclass(frozen=True, slots=True)
class Role:
    """The role of this end of a connection.

    `choice` is the engine that it has, and `name` how messages for people call the peer. With
    `verified`, the peer's certificate was verified, if it showed one. `certificate` is what a
    server shows, `trace_id` the connection ID that its client has chosen first.
    """

    choice: EngineChoice
    name: str
    is_client: bool
    verified: bool
    certificate: ServerTls | CertificatesByName | None = None
    trace_id: str = ""

    def peer(
        self,
        security: Security,
        local: SocketAddress,
        remote: SocketAddress,
        handshake_seconds: float,
    ) -> Peer:
        """Return what is known of the peer once the handshake is complete."""
        return Peer(
            kind="quic",
            local=endpoint(local),
            remote=endpoint(remote),
            server_name=security.server_name,
            alpn=security.alpn,
            cipher=security.cipher,
            group=security.group,
            certificates=security.certificates if self.verified else (),
            leaf=security.certificates[0] if security.certificates else b"",
            own_leaf=self._own_leaf(security.server_name),
            encrypted=True,
            authenticated=self.verified and bool(security.certificates),
            handshake_seconds=handshake_seconds,
            resumed=security.resumed,
            engine=self.choice.engine,
            engine_reason=self.choice.reason,
            trace_id=self.trace_id,
        )

    def _own_leaf(self, server_name: str) -> bytes:
        """Return the certificate that a server shows to clients that ask for a name."""
        shown = self.certificate
        if isinstance(shown, CertificatesByName):
            shown = shown.find(server_name)
        return shown.leaf if shown is not None else b""
