"""Connecting to the server of a URL: the transport, its options, and the trusted certificates."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from smbquic.client.late_imports import pass_turns
from smbquic.client.url import PORTS, SmbUrl, TransportName
from smbquic.errors import ConnectError, HandshakeError, PkiError, TransportError
from smbquic.options.client import TIMEOUT, ResolverOptions, TransportOptions, TrustOptions
from smbquic.options.model import values_of
from smbquic.options.quic import EngineOptions, TlsOptions
from smbquic.transport import quic
from smbquic.transport.addresses import race
from smbquic.transport.base import MessageTransport
from smbquic.transport.quic import ClientTls, QuicOptions, TicketCache
from smbquic.transport.resolver import AddressResolver, Resolver

if TYPE_CHECKING:
    from smbquic.pki.verification import Trust

logger = logging.getLogger(__name__)

HEAD_START = 1.0
"""Seconds until the next transport is tried beside the former one.

A QUIC client whose first packet is lost has sent another one by then ([RFC9002] 6.2.2).
docs/decisions/0040-transports-in-order.md
"""
WRITES_LOGS = frozenset({"SSLKEYLOGFILE", "QLOGDIR"})
"""The variables of `smbquic.observe.key_log`, which is imported where there is one of them."""
_NAMES = {"quic": "QUIC", "tcp": "TCP"}


def transport_connector(
    url: SmbUrl,
    options: TransportOptions,
    *,
    address: str = "",
    load_late: bool = False,
) -> Callable[[], Coroutine[Any, Any, MessageTransport]]:
    """Return a function that connects to the server of a URL, as `connect_transport` does.

    It tries the transports that the options name, at `address` or, without one, at those of the
    host's name. Raises `PkiError` for a `ca` or `crl` that is none; with `load_late`, the function
    that is returned raises it, and reads them while the server has not answered yet.
    """
    tls, load = _tls_and_loader(options)
    urls = urls_to_try(url, options.transport)
    # Over TCP no certificate is verified, and what verifies one need not be imported.
    wanted = options.ca or options.crl or any(each.transport == "quic" for each in urls)
    if wanted and not load_late:
        load()
    tuned = quic_options(options)
    resolver = (
        AddressResolver(address=address)
        if address
        else Resolver(**values_of(options, ResolverOptions))
    )

    async def attempt(url: SmbUrl) -> MessageTransport:
        return await connect_transport(
            url, tls=tls, timeout=options.timeout, options=tuned, resolver=resolver
        )

    async def connect() -> MessageTransport:
        return await attempt(urls[0]) if len(urls) == 1 else await _first(urls, attempt)

    return partial(_connect_and_load, connect, load) if wanted and load_late else connect


async def _connect_and_load(
    connect: Callable[[], Coroutine[Any, Any, MessageTransport]],
    load: Callable[[], "Trust | None"],
) -> MessageTransport:
    connecting = asyncio.create_task(connect())
    try:
        await pass_turns()
        trust = load()
        await pass_turns()
        if trust is not None and not connecting.done():
            trust.prepare()
    except BaseException as error:
        connecting.cancel()
        await asyncio.wait([connecting])
        if not connecting.cancelled() and connecting.exception() is None:
            connecting.result().close(str(error))
        raise
    return await connecting


def urls_to_try(url: SmbUrl, transports: Sequence[str]) -> list[SmbUrl]:
    """Return a URL for each transport, in their order; without any, that of the URL counts.

    The port of the URL is that of its own transport.
    """
    return [
        url if name == url.transport else replace(url, transport=name, port=PORTS[name])
        for name in dict.fromkeys(cast(Sequence[TransportName], transports) or (url.transport,))
    ]


async def _first(
    urls: Sequence[SmbUrl], attempt: Callable[[SmbUrl], Awaitable[MessageTransport]]
) -> MessageTransport:
    """Connect over the first transport that can, and log which that was.

    A `HandshakeError` is final: whoever shows a wrong certificate may be an attacker, and is not to
    be avoided by a transport without certificates.
    """
    failures: dict[SmbUrl, TransportError] = {}

    async def recorded(url: SmbUrl) -> MessageTransport:
        try:
            return await attempt(url)
        except TransportError as error:
            failures[url] = error
            raise

    try:
        transport = await race(
            urls,
            recorded,
            discard=lambda late: late.close(),
            head_start=HEAD_START,
            final=(HandshakeError,),
        )
    except ConnectError as error:
        text = "; ".join(f"over {_NAMES[url.transport]}: {failures[url]}" for url in failures)
        raise ConnectError(text) from error
    used, first = transport.peer.kind, urls[0]
    if used == first.transport:
        logger.info("%s: connected over %s", first.host, _NAMES[used])
    else:
        reason = failures.get(first, f"no connection within {HEAD_START:g} s")
        logger.warning(
            "%s: connected over %s, not %s: %s",
            *(first.host, _NAMES[used], _NAMES[first.transport], reason),
        )
    return transport


def quic_options(options: TransportOptions) -> QuicOptions:
    """Return those options that are about QUIC alone, with what the environment asks to log."""
    tuned = QuicOptions(
        **values_of(options, EngineOptions),
        **values_of(options, TlsOptions),
        handshake_timeout=options.timeout,
    )
    if not WRITES_LOGS & os.environ.keys():
        return tuned
    from smbquic.observe.key_log import key_log, trace_folder

    return replace(tuned, secrets_log=key_log(os.environ), qlog=trace_folder(os.environ))


def client_tls(options: TrustOptions) -> ClientTls:
    """Return how a client verifies a server's certificate, and which one it shows itself.

    Raises `PkiError` for a `ca` or `crl` that is none.
    """
    tls, load = _tls_and_loader(options)
    load()
    return tls


def _tls_and_loader(options: TrustOptions) -> tuple[ClientTls, Callable[[], "Trust | None"]]:
    """Return the same before `ca` and `crl` are read, and the function that reads them."""
    tickets = TicketCache() if options.tickets is None else options.tickets
    shown = ClientTls(
        certificate=optional_path(options.client_certificate),
        key=optional_path(options.client_key),
        tickets=tickets,
    )
    if options.insecure:
        return replace(shown, insecure=True), lambda: None
    ca, crl = optional_path(options.ca), optional_path(options.crl)
    load = cache(partial(trust_from_files, ca, crl))

    def verify_server(chain: Sequence[bytes], name: str) -> None:
        from smbquic.pki.subject import Purpose
        from smbquic.pki.verification import Trust, verify

        try:
            # The system has many authorities: they are read only when there is a chain to verify.
            trust = load() or Trust.system()
        except PkiError as error:
            # The server answered before `load` was called, which will raise the same for the user.
            # The server is not told what the files of a client are called.
            raise HandshakeError("the client cannot read its authorities", "unknown-ca") from error
        verify(chain, Purpose.SERVER, trust, name=name)

    return replace(shown, ca=ca, verify=verify_server), load


def trust_from_files(ca: Path | None, crl: Path | None) -> "Trust | None":
    """Return the authorities that the user names, None for the system's. Raises `PkiError`."""
    # Imported here, as `cryptography` takes longer to import than many servers to answer.
    from smbquic.pki.verification import Trust

    if ca is not None:
        return Trust.load(ca, crl)
    return Trust.of_system(crl) if crl is not None else None


def optional_path(path: Path | str | None) -> Path | None:
    """Return a path, if there is one."""
    return None if path is None else Path(path)


async def connect_transport(
    url: SmbUrl,
    *,
    tls: ClientTls | None = None,
    timeout: float = TIMEOUT,  # noqa: ASYNC109 (it covers a whole connection attempt)
    options: QuicOptions | None = None,
    resolver: Resolver | None = None,
) -> MessageTransport:
    """Connect to the server of a URL, with the transport that the URL says, within `timeout` s.

    `tls` and `options` count over QUIC only. Raises `ConnectError` where nobody answers,
    `HandshakeError` where the server refuses, `EngineError` for options that do not go together.
    """
    if url.transport == "tcp":
        # Imported here, as `quic` imports its modules when they are used.
        from smbquic.transport import tcp

        return await tcp.connect(url.host, url.port, timeout=timeout, resolver=resolver)
    return await quic.connect(
        url.host,
        url.port,
        trust=tls or ClientTls(),
        timeout=timeout,
        options=options,
        resolver=resolver,
    )
