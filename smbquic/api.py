"""What a program calls: `connect` to a share, `serve` some. Here transports, protocol, client and
server are put together; nothing else does that.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Unpack, cast

from smbquic.auth.acceptor import Authenticator
from smbquic.auth.initiator import Credentials
from smbquic.auth.service_binding import ServerNames
from smbquic.auth.users import UserStore
from smbquic.client.connection import Connection
from smbquic.client.dial import PATIENCE, DialOptions, dialer, optional_path
from smbquic.client.retry import retried
from smbquic.client.session import Session
from smbquic.client.share import Share
from smbquic.client.stages import Stages
from smbquic.client.url import PORTS, SmbUrl, UrlError, host_and_port
from smbquic.errors import ConnectError, HandshakeError, ListenError, SmbError
from smbquic.gateway.relay import Relay
from smbquic.observe.audit import AuditLog, Sink
from smbquic.pki.access import Decision
from smbquic.pki.explain import days_left
from smbquic.pki.identities import IdentityFiles
from smbquic.pki.reload import ServerCertificates
from smbquic.protocol.settings import (
    MINIMUM_DIALECT,
    ClientSettings,
    EncryptionOverQuic,
    EncryptionPolicy,
    ServerSettings,
    SigningPolicy,
    dialects_from,
)
from smbquic.server.drain import drain
from smbquic.server.limits import DEFAULT_LIMITS, Limits
from smbquic.server.server import CAPABILITIES, Server
from smbquic.server.server import Share as ServedShare
from smbquic.server.session import UserSession
from smbquic.storage.local import LocalStorage
from smbquic.transport import quic, tcp
from smbquic.transport.addresses import resolve
from smbquic.transport.addresses import url as url_of
from smbquic.transport.base import Listener, Peer
from smbquic.transport.quic import QuicListener, QuicOptions
from smbquic.transport.quic.options import DEFAULT_CIPHERS, Congestion, EngineName
from smbquic.transport.quic.tickets import TicketPolicy
from smbquic.wire.negotiate import Dialect

_log = logging.getLogger(__name__)

GUEST = "guest"
"""Whom a guest logs on as, unless the URL names somebody."""
PARTING = 2.0
"""Seconds that a logoff may take before the connection is simply closed."""


# --- client -------------------------------------------------------------------------------------


class ConnectionOptions(DialOptions, total=False):
    """And how to speak SMB there.

    `encryption` is about SMB's own, which QUIC makes superfluous; by default the server has its
    way. `guest` takes a guest's session, which SMB neither signs nor encrypts. `timeout` counts
    once more for the server to answer the first message.
    """

    encryption: EncryptionPolicy
    guest: bool


class SessionOptions(ConnectionOptions, total=False):
    """And how to log on. `password` takes the place of one in the URL."""

    password: str | None


@asynccontextmanager
async def open_connection(
    url: SmbUrl | str,
    *,
    encryption: EncryptionPolicy = EncryptionPolicy.ALLOWED,
    guest: bool = False,
    **options: Unpack[DialOptions],
) -> AsyncIterator[Connection]:
    """Connect to a server and negotiate, without a logon; disconnects at the end.

    The options are those of `ConnectionOptions`. A server that takes no more connections now is
    asked again within `timeout`. Raises `UrlError`, `PkiError`, `EngineError`, `ConnectError`,
    `HandshakeError`, `StatusError`.
    """
    url = SmbUrl.parse(url) if isinstance(url, str) else url
    every: ConnectionOptions = {**options, "encryption": encryption, "guest": guest}

    async def attempt() -> tuple[AsyncExitStack, Connection]:
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(_connected(url, every))
            return stack.pop_all(), connection

    stack, connection = await retried(attempt, options.get("timeout", PATIENCE))
    async with stack:
        yield connection


@asynccontextmanager
async def _connected(url: SmbUrl, options: ConnectionOptions) -> AsyncIterator[Connection]:
    """One attempt of `open_connection`."""
    encryption = options.get("encryption", EncryptionPolicy.ALLOWED)
    guest = options.get("guest", False)
    settings = ClientSettings(
        client_guid=os.urandom(16), encryption=encryption, guest_allowed=guest
    )
    timeout = options.get("timeout", PATIENCE)
    dial = dialer(url, **cast(DialOptions, options))
    stages = Stages()
    transport = await dial()
    stages.end("transport")
    try:
        async with asyncio.timeout(timeout):
            connection = await Connection.open(transport, settings, server_name=url.host)
    except TimeoutError as error:
        raise ConnectError(
            f"{url.host}:{url.port} takes connections, but did not answer within {timeout:g} s:"
            " is it an SMB server?"
        ) from error
    stages.end("negotiate")
    connection.stages = stages
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def open_session(
    url: SmbUrl | str,
    *,
    password: str | None = None,
    **options: Unpack[ConnectionOptions],
) -> AsyncIterator[Session]:
    """Connect to a server and log on; logs off and disconnects at the end of the ``async with``.

    The options are those of `SessionOptions`; a `guest` needs neither user nor password. Raises
    what `open_connection` does, and `AuthenticationError`.
    """
    url = SmbUrl.parse(url) if isinstance(url, str) else url
    if options.get("guest"):
        url, password = replace(url, user=url.user or GUEST), ""
    if not url.user:
        raise UrlError(f"{url} names no user; write USER@ before the host")
    password = url.password if password is None else password
    if password is None:
        raise UrlError(f"there is no password for {url}")
    credentials = Credentials(url.user, password, url.domain)

    async def attempt() -> tuple[AsyncExitStack, Session]:
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(_connected(url, options))
            session = await Session.logon(connection, credentials, host=url.host)
            connection.stages.end("session")
            return stack.pop_all(), session

    stack, session = await retried(attempt, options.get("timeout", PATIENCE))
    async with stack:
        try:
            yield session
        finally:
            await _leave(session)


async def _leave(session: Session) -> None:
    if session.connection.closed:
        return
    try:
        async with asyncio.timeout(PARTING):
            await session.connection.settle()
            await session.logoff()
    except (SmbError, TimeoutError):
        return  # the server ends the session when the connection ends


@asynccontextmanager
async def connect(url: SmbUrl | str, **options: Unpack[SessionOptions]) -> AsyncIterator[Share]:
    """Connect to the share of a URL: ``async with smbquic.connect(url, ...) as share``.

    The options are those of `SessionOptions`: `password`, `ca`, `crl`, `insecure`,
    `client_certificate`, `client_key`, `encryption`, `guest`, `engine`, `congestion`,
    `tls_ciphers`, `tls_groups`, `datagram_size`, `dns`, `doh_url`, `tickets` and `timeout`. How
    long each stage took is in the share's `stages`.
    Raises what `open_session` does, and `NotFoundError` or `DeniedError` for the share. The path
    of the URL plays no part: paths are given to the share's methods.
    """
    url = (SmbUrl.parse(url) if isinstance(url, str) else url).need_share()
    async with open_session(url, **options) as session:
        tree = await session.tree(url.share)
        session.connection.stages.end("tree")
        yield Share(tree)


# --- relay --------------------------------------------------------------------------------------


@asynccontextmanager
async def relay(
    url: SmbUrl | str,
    *,
    listen: str = "tcp://127.0.0.1:0",
    **options: Unpack[DialOptions],
) -> AsyncIterator[str]:
    """Carry every connection to `listen` on to the server of `url`: the URL that it listens on.

    The server is tried once before anything is listened for, so that a wrong name or certificate
    shows at once. The options are those of `DialOptions`. Raises what `open_connection` does, and
    `ListenError` for an address that cannot be had.
    """
    url = SmbUrl.parse(url) if isinstance(url, str) else url
    address = ListenAddress.parse(listen)
    if address.transport != "tcp":
        raise UrlError(f"{listen!r}: a relay listens on tcp://HOST:PORT")
    upstream = dialer(url, **options)
    trial = await upstream()
    trial.close("only looking whether the server is there")
    await trial.wait_closed()
    with _listening_on(address):
        running = await Relay.start(address.host, address.port, upstream)
    try:
        yield running.url
    finally:
        await running.close()


# --- server -------------------------------------------------------------------------------------


_LISTENERS: dict[str, Literal["quic", "tcp"]] = {"quic": "quic", "tcp": "tcp"}


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where to listen: ``quic://HOST[:443]`` or ``tcp://HOST[:445]``; port 0 picks one."""

    transport: Literal["quic", "tcp"]
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "ListenAddress":
        """Take an address apart. Raises `UrlError`."""
        scheme, _, rest = text.partition("://")
        transport = _LISTENERS.get(scheme)
        if transport is None:
            raise UrlError(f"{text!r}: listen on quic://HOST:PORT or tcp://HOST:PORT")
        host, port = host_and_port(rest.rstrip("/"), PORTS[transport], lowest=0)
        return cls(transport, host, port)

    def __str__(self) -> str:
        return url_of(self.transport, (self.host, self.port))


@contextmanager
def _listening_on(address: ListenAddress) -> Iterator[None]:
    """Turn the system's refusal of an address into a `ListenError`."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise ListenError(str(address), error) from error


async def check_listen(listen: Sequence[str]) -> None:
    """Raise `ListenError` for an address that cannot be listened on now; nothing is left open."""
    for address in map(ListenAddress.parse, listen):
        kind = socket.SOCK_DGRAM if address.transport == "quic" else socket.SOCK_STREAM
        found, *_ = await resolve(address.host, address.port, kind, passive=True)
        with _listening_on(address), socket.socket(found.family, kind) as trial:
            if found.family == socket.AF_INET6:
                trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if kind == socket.SOCK_STREAM and sys.platform != "win32":
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(found.socket_address)


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
                "waiting": self.server.patrol.waiting,
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
        return self.server.limits.memory(
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
    shares: Mapping[str, Path | str | ServedShare],
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

    `shares` maps names to folders (or ready-made shares), `users` names to passwords (or is a
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
    authenticator = Authenticator(_users(users), server_name=name, guest=guest)
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
        ciphers=tuple(tls_ciphers),
        groups=tuple(tls_groups),
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
            with _listening_on(address):
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


@contextmanager
def stop_event() -> Iterator[asyncio.Event]:
    """An event that is set when somebody asks the program to end: by Ctrl-C or SIGTERM.

    Inside of the ``with``, those do nothing else.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


async def stop_signal() -> None:
    """Wait until somebody asks the program to end: Ctrl-C or SIGTERM."""
    with stop_event() as stop:
        await stop.wait()


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
            gate=server.admission,
        )
    assert shown is not None
    return await quic.listen(
        address.host,
        address.port,
        server.serve,
        certificate=shown.names,
        max_connections=most,
        options=options,
        gate=server.admission,
    )


def _served(name: str, what: Path | str | ServedShare, stack: AsyncExitStack) -> ServedShare:
    """A share; the storage of one that is made here is closed with `stack`."""
    if isinstance(what, ServedShare):
        return what
    share = ServedShare(name, LocalStorage(Path(what)))
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
