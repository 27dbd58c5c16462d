"""What a program calls to serve shares: `serve`."""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smbquic.api.listen import ListenAddress, listening_on
from smbquic.auth.authenticator import Authenticator
from smbquic.auth.ntlm.acceptor import NtlmMechanism
from smbquic.auth.service_binding import ServerNames
from smbquic.auth.users import UserStore
from smbquic.client.dial import optional_path
from smbquic.errors import HandshakeError
from smbquic.observe.audit import AuditLog, Sink
from smbquic.options.certificate import IdentityFiles
from smbquic.options.limits import DEFAULT_LIMITS, Limits
from smbquic.options.quic import DEFAULT_CIPHERS, Congestion, EngineName, TicketPolicy
from smbquic.pki.access import Decision
from smbquic.pki.explain import days_left
from smbquic.pki.reload import ServerCertificates
from smbquic.protocol.settings import (
    MINIMUM_DIALECT,
    EncryptionOverQuic,
    EncryptionPolicy,
    ServerSettings,
    SigningPolicy,
    dialects_from,
)
from smbquic.server.drain import drain
from smbquic.server.overload.memory import memory_limit
from smbquic.server.server import CAPABILITIES, Server
from smbquic.server.server import Share as ServedShare
from smbquic.server.session import UserSession
from smbquic.storage import Storage, open_storage
from smbquic.transport import quic, tcp
from smbquic.transport.base import Listener, Peer
from smbquic.transport.quic import QuicListener, QuicOptions
from smbquic.wire.negotiate import Dialect

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Serving:
    """A running server. `listeners` are the URLs that it listens on, with their real ports."""

    server: Server
    listeners: list[str]
    certificates: ServerCertificates | None = None
    _quic: list[QuicListener] = field(default_factory=list)

    async def drain(self, seconds: float, hurry: asyncio.Event) -> None:
        """Let clients finish what they are at, and nobody new in.

        Returns when no client is left, after `seconds`, or once `hurry` is set; who is still there
        then is cut off when serving ends.
        """
        draining = asyncio.create_task(drain(self.server, seconds))
        hurrying = asyncio.create_task(hurry.wait())
        try:
            await asyncio.wait((draining, hurrying), return_when=asyncio.FIRST_COMPLETED)
        finally:
            draining.cancel()
            hurrying.cancel()
        if self.server.connections:
            _log.warning(
                "%d connections are cut off: the server stops before they are done; more time for"
                " them is drain_seconds in [limits], or --drain-seconds",
                len(self.server.connections),
            )

    def status(self) -> dict[str, Any]:
        """What the server is doing now: listeners, certificates, shares and sessions.

        Plain values, ready for JSON.
        """
        over_quic = {listener.url: listener for listener in self._quic}
        identities = self.certificates.identities if self.certificates is not None else []
        sessions = [_session_status(session) for session in self.server.sessions.values()]
        return {
            "name": self.server.name,
            "pid": os.getpid(),
            "draining": self.server.draining,
            "listeners": [_listener_status(url, over_quic.get(url)) for url in self.listeners],
            "certificates": [
                {
                    "names": list(identity.names),
                    "file": str(identity.files.certificate),
                    "days_left": days_left(identity.credential.certificate),
                }
                for identity in identities
            ],
            "shares": [share.name for share in self.server.shares.values()],
            "connections": len(self.server.connections),
            "opens": sum(each["opens"] for each in sessions),
            "open_files": {
                "used": self.server.open_files.used,
                "limit": self.server.open_files.total,
                "limit_of_user": self.server.open_files.of_user,
            },
            "memory": {
                "limit": self.memory_limit,
                "resident": resident(),
                "waiting": self.server.slow_peers.waiting,
                "of_users": self.server.user_memory.used,
                "limit_of_users": self.server.user_memory.total,
                "limit_of_user": self.server.user_memory.of_user,
            },
            "event_loop": {
                "held": self.server.loop_monitor.held,
                "longest_ms": round(self.server.loop_monitor.longest * 1000, 1),
            },
            "failed_deletions": self.server.files.failed_deletions,
            "refused": {str(why): count for why, count in self.server.refusals.counts.items()},
            "sessions": sessions,
        }

    @property
    def memory_limit(self) -> int:
        """Bytes that the server may come to need, by its limits."""
        return memory_limit(
            self.server.limits,
            quic=len(self._quic),
            tcp=len(self.listeners) - len(self._quic),
            shares=len(self.server.shares),
            opens=self.server.open_files.total,
        )

    def reload(self, certificates: Sequence[IdentityFiles] | None = None) -> None:
        """Read the certificates' files and rules anew, or take others.

        Connections that are open go on, unless the rules keep their clients out now. Raises
        `PkiError` and `ValueError` for what will not do; all stays as it was then.
        """
        if self.certificates is not None:
            self.certificates.reload(certificates)
            self.apply()

    def apply(self) -> None:
        """Let the listeners use the certificates that were read, and end who is kept out now."""
        if self.certificates is None:
            return
        for listener in self._quic:
            listener.reload(self.certificates.names)
        for connection in list(self.server.connections):
            peer = connection.transport.peer
            if peer.kind != "quic":
                continue
            refusal = _refusal(self.certificates, peer, connection.users())
            if refusal is not None:
                _log.warning("%s: closed by new access rules: %s", connection.name, refusal.reason)
                connection.trail.decided(refusal)
                connection.transport.close("access denied")


def _refusal(certificates: ServerCertificates, peer: Peer, users: Iterable[str]) -> Decision | None:
    """Why a client, or one of the users it has logged on as, is not welcome; None if all are."""
    name, chain = peer.server_name, peer.certificates
    try:
        decisions = [
            certificates.decide(name, chain),
            *(certificates.decide_logon(name, chain, user) for user in users),
        ]
    except HandshakeError as error:
        return Decision(False, str(error))
    return next((each for each in decisions if each is not None and not each.granted), None)


def _listener_status(url: str, over_quic: QuicListener | None) -> dict[str, Any]:
    return {
        "url": url,
        "engine": over_quic and over_quic.engine.engine,
        "engine_reason": over_quic and over_quic.engine.reason,
        "lost_packets": over_quic and over_quic.lost_packets,
    }


def resident() -> int | None:
    """Bytes of memory that this process has resident; None where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _session_status(session: UserSession) -> dict[str, Any]:
    identity = session.session.identity
    transport = session.channels[0].transport
    peer, path = transport.peer, transport.statistics()
    trees = (tree.share.name for tree in session.trees.values() if tree.share is not None)
    return {
        "user": identity.user if identity is not None else "",
        "address": peer.remote[0],
        "transport": peer.kind,
        "engine": peer.engine or None,
        "round_trip_ms": path.round_trip and round(path.round_trip * 1000, 3),
        "lost_packets": path.lost_packets,
        "connections": len(session.channels),
        "shares": sorted(set(trees)),
        "opens": len(session.opens),
    }


@asynccontextmanager
async def serve(
    shares: Mapping[str, Path | str | Storage | ServedShare],
    users: UserStore | Mapping[str, str] | Path,
    listen: Sequence[str] = ("quic://localhost", "tcp://localhost"),
    *,
    certificate: Path | str | None = None,
    key: Path | str | None = None,
    client_ca: Path | str | None = None,
    guest: bool = False,
    server_name: str | None = None,
    encryption: EncryptionPolicy = EncryptionPolicy.ALLOWED,
    encryption_over_quic: EncryptionOverQuic = EncryptionOverQuic.SKIP,
    minimum_dialect: Dialect = MINIMUM_DIALECT,
    signing: SigningPolicy = SigningPolicy.REQUIRED,
    extended_protection: bool = True,
    target_names: Sequence[str] = (),
    pipes_over_quic: bool = False,
    certificates: Sequence[IdentityFiles] = (),
    limits: Limits = DEFAULT_LIMITS,
    engine: EngineName = "auto",
    congestion: Congestion = "cubic",
    datagram_size: int | None = None,
    tls_ciphers: Sequence[str] = DEFAULT_CIPHERS,
    tls_groups: Sequence[str] = (),
    tls_tickets: TicketPolicy = "auto",
    audit: Sink | None = None,
    audit_files: bool = False,
    audit_unauthenticated: Sink | None = None,
) -> AsyncIterator[Serving]:
    """Serve folders until the end of the ``async with``; it is entered once all listeners listen.

    With a certificate authority of its own, whose ``ca.pem`` the clients get, in ``server/pki``:

        import asyncio
        from getpass import getpass
        from pathlib import Path

        import smbquic


        async def main() -> None:
            pki = smbquic.pki.ensure_private_ca(Path("server"), ["fs.example"])
            async with smbquic.serve(
                {"data": "/srv/data"},
                {"alice": getpass()},
                ["quic://0.0.0.0:8443"],
                certificate=pki.server.certificate,
                key=pki.server.key,
            ) as serving:
                print("serving on", *serving.listeners)
                await smbquic.stop_signal()


        asyncio.run(main())

    `shares` maps names to folders, to locations as ``memory:64M`` (see `smbquic.storage`), to
    storages or to ready-made shares; `users` names to passwords (or is a
    `UserStore`, or a file of one). QUIC listeners need `certificate` (PEM, leaf first) and `key`;
    with `client_ca` they demand a client certificate from one of its authorities. `guest` lets
    anybody in as a guest. `server_name` is what the server calls itself in logons and
    listings; `pipes_over_quic` lets clients list the shares over QUIC too, as they can over TCP.
    `encryption` is about SMB's own, `encryption_over_quic` about what becomes of that within QUIC;
    no dialect older than `minimum_dialect` is spoken. `signing` demands signatures, of all but
    guests, or leaves them to the clients. With `extended_protection` a logon has to be meant for
    this server and this connection, where the client says for which: for the server's name, the
    machine's, those in its certificates and in `target_names`, or an address of the machine.
    `certificates`, in place of `certificate`, are several, for the names that clients ask for;
    their files are read again when they change. `engine`, `congestion`, `datagram_size`,
    `tls_ciphers` and `tls_groups` are as in `SessionOptions`. `audit` gets the audit records, with
    `audit_files` also those of every open, rename and deletion; `audit_unauthenticated`, if given,
    gets those about clients that have not logged on.

    Raises `UrlError`, `ValueError`, `ListenError` for an address that cannot be had, `PkiError`,
    `UsersError`, `EngineError`.
    """
    addresses = [ListenAddress.parse(text) for text in listen]
    if not certificates and certificate is not None and key is not None:
        only = IdentityFiles(
            certificate=Path(certificate),
            key=Path(key),
            default=True,
            client_ca=optional_path(client_ca),
        )
        certificates = (only,)
    shown = ServerCertificates(certificates) if certificates else None
    if shown is None and any(address.transport == "quic" for address in addresses):
        raise ValueError("a QUIC listener needs a certificate and its key")
    name = server_name or socket.gethostname()
    authenticator = Authenticator([NtlmMechanism(_users(users), server_name=name, guest=guest)])
    settings = ServerSettings(
        guid=os.urandom(16),
        dialects=dialects_from(minimum_dialect),
        encryption=encryption,
        encryption_over_quic=encryption_over_quic,
        signing_required=signing is SigningPolicy.REQUIRED,
        capabilities=CAPABILITIES,
    )
    options = QuicOptions(
        max_half_open=limits.half_open,
        max_half_open_of_address=limits.half_open_of_address,
        engine=engine,
        congestion=congestion,
        datagram_size=datagram_size,
        tls_ciphers=tuple(tls_ciphers),
        tls_groups=tuple(tls_groups),
        tickets=tls_tickets,
    )
    decide = _decision_by(shown) if shown is not None else None
    log = AuditLog(audit, unauthenticated=audit_unauthenticated, decide=decide, files=audit_files)
    async with AsyncExitStack() as stack:
        served = [_served(name, what, stack) for name, what in shares.items()]
        for share in served:
            share.begin()
            stack.callback(share.end)
        server = Server(
            served,
            authenticator,
            settings,
            limits=limits,
            audit=log,
            name=name,
            pipes_over_quic=pipes_over_quic,
            certificates=shown,
            names=_names(name, target_names, shown) if extended_protection else None,
        )
        stack.push_async_callback(server.close)
        opened: list[QuicListener] = []
        for address in addresses:
            with listening_on(address):
                listener = await _listen(server, address, shown, options)
            stack.push_async_callback(listener.close)
            if isinstance(listener, QuicListener):
                listener.on_failed = server.audit.handshake_failed
                opened.append(listener)
            server.listeners.append(listener.url)
        serving = Serving(server, server.listeners, shown, opened)
        if shown is not None:
            watching = asyncio.create_task(shown.watch(serving.apply))
            stack.callback(watching.cancel)
        yield serving


def _names(
    name: str, others: Sequence[str], certificates: ServerCertificates | None
) -> ServerNames:
    """Whom a logon may be meant for."""
    own = (name, socket.gethostname())
    labels = (each.partition(".")[0] for each in own)
    if certificates is None:
        return ServerNames((*own, *labels, *others))
    return ServerNames((*own, *labels, *others), certificates.is_name)


def _decision_by(shown: ServerCertificates) -> Callable[[Peer], Decision | None]:
    return lambda peer: shown.decide(peer.server_name, peer.certificates)


async def _listen(
    server: Server, address: ListenAddress, shown: ServerCertificates | None, options: QuicOptions
) -> Listener:
    most = server.limits.connections
    if address.transport == "tcp":
        return await tcp.listen(
            address.host,
            address.port,
            server.serve,
            max_connections=min(most, server.open_files.connections),
            gate=server.connection_limiter,
        )
    assert shown is not None
    return await quic.listen(
        address.host,
        address.port,
        server.serve,
        certificate=shown.names,
        max_connections=most,
        options=options,
        gate=server.connection_limiter,
    )


def _served(
    name: str, what: Path | str | Storage | ServedShare, stack: AsyncExitStack
) -> ServedShare:
    """Return a share; the storage of one that is opened here is closed with `stack`."""
    if isinstance(what, ServedShare):
        return what
    if isinstance(what, Storage):
        return ServedShare(name, what)
    share = ServedShare(name, open_storage(what))
    # Not that storage's own method: another one may have taken its place by then.
    stack.callback(lambda: share.storage.close())
    return share


def _users(users: UserStore | Mapping[str, str] | Path) -> UserStore:
    if isinstance(users, UserStore):
        return users
    if isinstance(users, Path):
        return UserStore.load(users)
    store = UserStore()
    for name, password in users.items():
        store.add(name, password)
    return store
