"""The QUIC listeners of a server or a gateway, and new certificates while they run."""

import logging
import socket
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Protocol

from smbquic.api.connection_ids import connection_id_format
from smbquic.api.listen import ListenAddress
from smbquic.lazy_dataclass import dataclass
from smbquic.observe.audit import AuditLog, Sink, Trail
from smbquic.observe.process_usage import resident
from smbquic.options.acme import AcmeOptions
from smbquic.options.certificate import IdentityFiles
from smbquic.options.model import Option, Options, values_of
from smbquic.options.quic import EngineOptions, ThreadOptions, TlsOptions
from smbquic.options.server import ListenerOptions
from smbquic.overload.connection_limiter import ConnectionLimiter
from smbquic.pki.access import Decision
from smbquic.pki.acme.renewer import AcmeRenewer
from smbquic.pki.acme.store import with_acme
from smbquic.pki.explain import days_left
from smbquic.pki.reload import ServerCertificates
from smbquic.transport import quic
from smbquic.transport.base import Listener, MessageTransport, OnConnection, Peer
from smbquic.transport.quic import QuicListener, QuicOptions
from smbquic.transport.quic.engine import EngineChoice
from smbquic.transport.quic.udp import adopt

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class IdentityOptions(Options):
    """The sockets and certificates of the listeners, and where audit records go."""

    sockets: Annotated[
        Sequence[socket.socket],
        Option(
            "Bound sockets to listen on besides the addresses of `listen`, such as those that"
            " systemd has opened: of UDP for QUIC, of TCP that listen already."
        ),
    ] = ()

    certificate: Annotated[
        Path | str | None,
        Option("The certificate that QUIC listeners need: a PEM file, the leaf first."),
    ] = None
    key: Annotated[Path | str | None, Option("The certificate's key, PEM.")] = None
    client_ca: Annotated[
        Path | str | None,
        Option("Demand client certificates of the authorities in this PEM file."),
    ] = None
    certificates: Annotated[
        Sequence[IdentityFiles],
        Option(
            "In place of `certificate` several, for the names that clients ask for. Their files are"
            " read again when they change."
        ),
    ] = ()
    acme: Annotated[
        AcmeOptions | None,
        Option(
            "A certificate that is obtained from an ACME server before clients are served, and"
            " renewed; it needs the extra `acme`."
        ),
    ] = None
    acme_sockets: Annotated[
        Sequence[socket.socket],
        Option("Sockets on which http-01 is answered, instead of those that `acme` names."),
    ] = ()
    audit: Annotated[Sink | None, Option("Where audit records are written.")] = None
    audit_unauthenticated: Annotated[
        Sink | None, Option("Where those about unauthenticated clients are written instead.")
    ] = None

    @property
    def identities(self) -> Sequence[IdentityFiles]:
        """All certificates, including those that are given by `certificate` and `acme`."""
        return with_acme(self._given, self.acme)

    @property
    def _given(self) -> Sequence[IdentityFiles]:
        if self.certificates or self.certificate is None or self.key is None:
            return self.certificates
        only = IdentityFiles(
            certificate=Path(self.certificate),
            key=Path(self.key),
            default=True,
            client_ca=None if self.client_ca is None else Path(self.client_ca),
        )
        return (only,)


class AcceptedConnection(Protocol):
    """A connection of a client, as new certificates and rules see it."""

    name: str
    transport: MessageTransport
    trail: Trail

    def users(self) -> Iterable[str]:
        """Return the users that have logged on."""


class QuicListening:
    """The QUIC listeners of a server or a gateway, and their certificates.

    `has_sockets` says whether each connection has a socket in this process.
    """

    has_sockets = False

    def __init__(
        self,
        certificates: ServerCertificates,
        options: ListenerOptions,
        limiter: ConnectionLimiter,
        audit: AuditLog,
    ) -> None:
        self.certificates = certificates
        self.limits = options.limits
        self.options = _quic_options(options)
        self.limiter = limiter
        self.audit = audit
        self._listeners: list[QuicListener] = []

    async def listen(self, address: ListenAddress, serve: OnConnection, limit: int) -> Listener:
        """Accept connections at an address, `limit` at a time; raises what `quic.listen` raises."""
        parts: dict[str, Any] = {
            "certificate": self.certificates.names,
            "max_connections": limit,
            "options": self.options,
            "limiter": self.limiter,
        }
        if address.opened is None:
            listener = await quic.listen(address.host, address.port, serve, **parts)
        else:
            adopt(address.opened)
            listener = await quic.listen_on(address.opened, serve, **parts)
        listener.on_failed = self.audit.handshake_failed
        self._listeners.append(listener)
        return listener

    async def start(self) -> None:
        """Start what all listeners need. Raises `ListenError`."""

    def reload(self) -> None:
        """Use the certificates that were read, for connections from now on."""
        for listener in self._listeners:
            listener.reload(self.certificates.names)

    def drain(self) -> None:
        """Accept no new connections, beyond what the limiter does."""

    def become(self, uid: int, gid: int, groups: Sequence[int]) -> None:
        """Change other processes to a user, as this process has been."""

    async def close(self) -> None:
        """Stop what `start` has started, once all listeners are closed."""

    def engines(self) -> dict[str, EngineChoice]:
        """Return the engine of each listener, by its URL."""
        return {each.url: each.engine for each in self._listeners}

    def status(self) -> dict[str, dict[str, Any]]:
        """Return what `smbquic status` shows of each listener, by its URL.

        This asks every connection how many packets it has lost, which takes its time.
        """
        return {
            each.url: listener_status(each.engine, each.lost_packets) for each in self._listeners
        }

    def workers(self) -> list[dict[str, Any]]:
        """Return what `smbquic status` shows of the worker processes."""
        return []

    def resident(self) -> int | None:
        """Return the resident memory of all processes in bytes; None where it is not known."""
        here = resident()
        return here and here + sum(each["resident"] or 0 for each in self.workers())

    def apply(self, connections: Iterable[AcceptedConnection]) -> None:
        """Use the certificates that were read, and disconnect clients that their rules refuse."""
        self.reload()
        for connection in list(connections):
            peer = connection.transport.peer
            if peer.kind != "quic":
                continue
            refusal = self.certificates.refusal(peer, connection.users())
            if refusal is not None:
                _log.warning("%s: closed by new access rules: %s", connection.name, refusal.reason)
                connection.trail.decided(refusal)
                connection.transport.close("access denied")


def _quic_options(options: ListenerOptions) -> QuicOptions:
    return QuicOptions(
        **values_of(options, EngineOptions),
        **values_of(options, ThreadOptions),
        **values_of(options, TlsOptions),
        max_half_open=options.limits.half_open,
        max_half_open_of_address=options.limits.half_open_of_address,
        tickets=options.tls_tickets,
        connection_ids=connection_id_format(options.connection_ids),
    )


def decision_by(certificates: ServerCertificates) -> Callable[[Peer], Decision | None]:
    """Return what says by which rule a connected client was accepted."""
    return lambda peer: certificates.decide(peer.server_name, peer.certificates)


def certificates_status(
    certificates: ServerCertificates | None, renewer: AcmeRenewer | None
) -> list[dict[str, Any]]:
    """Return what `smbquic status` shows of the certificates."""
    file = renewer.store.certificate if renewer is not None else None
    identities = certificates.identities if certificates is not None else []
    return [
        {
            "names": list(identity.names),
            "file": str(identity.files.certificate),
            "days_left": days_left(identity.credential.certificate),
            "acme": renewer.status() if renewer and identity.files.certificate == file else None,
        }
        for identity in identities
    ]


def listeners_status(urls: Sequence[str], over_quic: QuicListening | None) -> list[dict[str, Any]]:
    """Return what `smbquic status` shows of the listeners."""
    by_url = over_quic.status() if over_quic is not None else {}
    others = dict.fromkeys(("engine", "engine_reason", "lost_packets"))
    return [{"url": url, **by_url.get(url, others)} for url in urls]


def engines_status(urls: Sequence[str], over_quic: QuicListening | None) -> list[dict[str, Any]]:
    """Return the same without the packets that were lost."""
    engines = over_quic.engines() if over_quic is not None else {}
    return [
        {
            "url": url,
            "engine": engines[url].engine if url in engines else None,
            "engine_reason": engines[url].reason if url in engines else None,
        }
        for url in urls
    ]


def listener_status(engine: EngineChoice, lost_packets: int) -> dict[str, Any]:
    """Return what `smbquic status` shows of one QUIC listener."""
    return {
        "engine": engine.engine,
        "engine_reason": engine.reason,
        "lost_packets": lost_packets,
    }
