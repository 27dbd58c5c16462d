"""Connecting to the server of a URL: the transport, its options, and the trusted certificates."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from smbquic.client.url import SmbUrl
from smbquic.options.client import TIMEOUT, ResolverOptions, TransportOptions, TrustOptions
from smbquic.options.model import values_of
from smbquic.options.quic import EngineOptions, TlsOptions
from smbquic.pki.subject import Purpose
from smbquic.pki.verification import Trust, verify
from smbquic.transport import quic
from smbquic.transport.base import MessageTransport
from smbquic.transport.quic import ClientTls, QuicOptions, TicketCache
from smbquic.transport.resolver import Resolver


def transport_connector(
    url: SmbUrl, options: TransportOptions
) -> Callable[[], Coroutine[Any, Any, MessageTransport]]:
    """Return a function that connects to the server of a URL, as `connect_transport` does.

    Raises `PkiError` for a `ca` or `crl` that is none.
    """
    tls = client_tls(options)
    tuned = quic_options(options)
    resolver = Resolver(**values_of(options, ResolverOptions))

    async def connect() -> MessageTransport:
        return await connect_transport(
            url, tls=tls, timeout=options.timeout, options=tuned, resolver=resolver
        )

    return connect


def quic_options(options: TransportOptions) -> QuicOptions:
    """Return those options that are about QUIC alone."""
    return QuicOptions(
        **values_of(options, EngineOptions),
        **values_of(options, TlsOptions),
        handshake_timeout=options.timeout,
    )


def client_tls(options: TrustOptions) -> ClientTls:
    """Return how a client verifies a server's certificate, and which one it shows itself.

    Raises `PkiError` for a `ca` or `crl` that is none.
    """
    tickets = TicketCache() if options.tickets is None else options.tickets
    shown = ClientTls(
        certificate=optional_path(options.client_certificate),
        key=optional_path(options.client_key),
        tickets=tickets,
    )
    if options.insecure:
        return replace(shown, insecure=True)
    ca = optional_path(options.ca)
    given = trust_from_files(ca, optional_path(options.crl))

    def verify_server(chain: Sequence[bytes], name: str) -> None:
        # The system has many authorities: they are read only when there is a chain to verify.
        verify(chain, Purpose.SERVER, given or Trust.system(), name=name)

    return replace(shown, ca=ca, verify=verify_server)


def trust_from_files(ca: Path | None, crl: Path | None) -> Trust | None:
    """Return the authorities that the user names, None for the system's. Raises `PkiError`."""
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
