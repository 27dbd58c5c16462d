"""The function that serves shares: `serve`."""

import asyncio
import gc
import os
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import KW_ONLY, replace
from pathlib import Path
from typing import Annotated, Any

from smbquic.api.discovery import announced, announced_to_windows
from smbquic.api.listen import ListenAddress, listen_addresses, listening_on
from smbquic.api.listening import (
    IdentityOptions,
    QuicListening,
    decision_by,
)
from smbquic.api.renewing import first_certificate, start_renewing
from smbquic.api.serving import Serving
from smbquic.api.traces import tracing
from smbquic.api.web import recent_records, web_listening
from smbquic.api.worker_listening import quic_listening
from smbquic.auth.authenticator import Authenticator
from smbquic.auth.ntlm.acceptor import NtlmMechanism
from smbquic.auth.service_binding import AcceptedTargetNames
from smbquic.auth.users import UserStore
from smbquic.lazy_dataclass import dataclass
from smbquic.observe.audit import AuditLog
from smbquic.options.keywords import keywords
from smbquic.options.model import Option
from smbquic.options.server import Listen, ServerOptions, Workers
from smbquic.pki.reload import ServerCertificates
from smbquic.protocol.settings import ServerSettings, SigningPolicy, dialects_from
from smbquic.server.access import AccessPolicy
from smbquic.server.server import CAPABILITIES, Server
from smbquic.server.share import ServedShare
from smbquic.storage import Storage, open_storage
from smbquic.transport import tcp
from smbquic.transport.base import Listener


@dataclass(frozen=True)
class ServeOptions(ServerOptions, IdentityOptions):
    """Where it listens, which certificates it has, and where its audit records go."""

    listen: Listen = ("quic://localhost", "tcp://localhost")
    _: KW_ONLY
    workers: Workers = 0
    audit_files: Annotated[
        bool, Option("Record every open, rename, link and deletion of a file as well.")
    ] = False


@keywords(ServeOptions)
@asynccontextmanager
async def serve(
    shares: Mapping[str, Path | str | Storage | ServedShare],
    users: UserStore | Mapping[str, str] | Path,
    options: ServeOptions,
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
    storages or to ready-made shares; `users` names to passwords (or is a `UserStore`, or a file of
    one). The options are those of `ServeOptions`; `listen` may stand third, without its name.

    Raises `UrlError`, `ValueError`, `ListenError` for an address that cannot be had, `PkiError`,
    `UsersError`, `EngineError`, and `ConfigError` for a web listener without the extra
    `web`, and for `mdns` or `wsd` without the extra `discovery` or a TCP listener.
    """
    addresses = listen_addresses(options.listen, options.sockets)
    needed = any(address.transport == "quic" for address in addresses)
    if needed and not options.identities:
        raise ValueError("a QUIC listener needs a certificate and its key")
    async with AsyncExitStack() as stack:
        renewer = await first_certificate(options.acme, options.acme_sockets, stack)
        shown = ServerCertificates(options.identities) if options.identities else None
        store = _users(users)
        server = _server(_served_shares(shares, stack), store, options, shown)
        await _trace(server, options, stack)
        stack.callback(server.shares.end)
        stack.push_async_callback(server.close)
        listening = await _listen_on_all(server, addresses, shown, options, stack)
        serving = Serving(server, server.listeners, listening, acme=renewer, _users=store)
        if shown is not None:
            watching = asyncio.create_task(shown.watch(serving.apply))
            stack.callback(watching.cancel)
        start_renewing(renewer, server.audit, stack)
        web = await stack.enter_async_context(web_listening(serving, options.web))
        await _announce(server, options, stack)
        yield replace(serving, web=web)


async def _trace(server: Server, options: ServeOptions, stack: AsyncExitStack) -> None:
    traced = tracing(options.traces, server.name)
    server.services.spans = await stack.enter_async_context(traced)


def _server(
    shares: Sequence[ServedShare],
    users: UserStore,
    options: ServeOptions,
    shown: ServerCertificates | None,
) -> Server:
    name = options.server_name or socket.gethostname()
    mechanism = NtlmMechanism(users, server_name=name, guest=options.guest)
    settings = ServerSettings(
        guid=os.urandom(16),
        dialects=dialects_from(options.minimum_dialect),
        encryption=options.encryption,
        encryption_over_quic=options.encryption_over_quic,
        signing_required=options.signing is SigningPolicy.REQUIRED,
        capabilities=CAPABILITIES,
    )
    audit = AuditLog(
        options.audit,
        unauthenticated=options.audit_unauthenticated,
        decide=decision_by(shown) if shown is not None else None,
        files=options.audit_files,
        recent=recent_records(options.web),
    )
    names = _names(name, options.target_names, shown) if options.extended_protection else None
    access = AccessPolicy(Authenticator([mechanism]), shown, names, options.pipes_over_quic)
    return Server(shares, access, settings, name=name, limits=options.limits, audit=audit)


def _names(
    name: str, others: Sequence[str], certificates: ServerCertificates | None
) -> AcceptedTargetNames:
    """Return the names that a logon may be meant for."""
    own = (name, socket.gethostname())
    labels = (each.partition(".")[0] for each in own)
    if certificates is None:
        return AcceptedTargetNames((*own, *labels, *others))
    return AcceptedTargetNames((*own, *labels, *others), certificates.is_name)


async def _listen_on_all(
    server: Server,
    addresses: Sequence[ListenAddress],
    shown: ServerCertificates | None,
    options: ServeOptions,
    stack: AsyncExitStack,
) -> QuicListening | None:
    """Serve the clients that come to the addresses, until `stack` is closed."""
    listening = None
    if shown is not None:
        listening = quic_listening(
            shown, options, server.connection_limiter, server.audit, options.workers
        )
        stack.push_async_callback(listening.close)
    for address in addresses:
        await _listen(server, address, listening, stack)
    if listening is not None:
        await listening.start()
    # So that the objects of the start are not looked through while the first client waits.
    gc.collect(0)
    return listening


async def _announce(server: Server, options: ServeOptions, stack: AsyncExitStack) -> None:
    """Announce the server on its networks, until `stack` is closed."""
    if options.mdns:
        await stack.enter_async_context(announced(server.name, server.listeners))
    if options.wsd:
        await stack.enter_async_context(announced_to_windows(server.name, server.listeners))


async def _listen(
    server: Server,
    address: ListenAddress,
    listening: QuicListening | None,
    stack: AsyncExitStack,
) -> None:
    """Serve the clients that come to an address, until `stack` is closed."""
    with listening_on(address):
        if address.transport == "tcp":
            listener = await _listen_tcp(server, address)
        else:
            assert listening is not None
            has_sockets = listening.has_sockets
            listener = await listening.listen(
                address,
                server.serve,
                _limit_of_sockets(server) if has_sockets else server.limits.connections,
            )
    stack.push_async_callback(listener.close)
    server.listeners.append(listener.url)


async def _listen_tcp(server: Server, address: ListenAddress) -> Listener:
    parts: dict[str, Any] = {
        "max_connections": _limit_of_sockets(server),
        "limiter": server.connection_limiter,
    }
    if address.opened is not None:
        return await tcp.listen_on(address.opened, server.serve, **parts)
    return await tcp.listen(address.host, address.port, server.serve, **parts)


def _limit_of_sockets(server: Server) -> int:
    """Return how many connections with a socket each there may be.

    They get only part of the descriptors that the process may have.
    """
    return min(server.limits.connections, server.files.budget.connections)


def _served_shares(
    shares: Mapping[str, Path | str | Storage | ServedShare], stack: AsyncExitStack
) -> list[ServedShare]:
    """Return the shares, which are served until `stack` is closed."""
    served = [_served_share(name, what, stack) for name, what in shares.items()]
    for share in served:
        share.begin()
        stack.callback(share.end)
    return served


def _served_share(
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
