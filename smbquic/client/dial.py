"""From a URL to a connected transport: which one, to where, and whom it has to be."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from smbquic.client.url import SmbUrl
from smbquic.options.client import TIMEOUT, DialOptions, ResolverOptions, TrustOptions
from smbquic.options.model import values_of
from smbquic.options.quic import EngineOptions, TlsOptions
from smbquic.pki.subject import Purpose
from smbquic.pki.verification import Trust, verify
from smbquic.transport import quic
from smbquic.transport.base import MessageTransport
from smbquic.transport.quic import ClientTls, QuicOptions, TicketCache
from smbquic.transport.resolver import Resolver


def dialer(
    url: SmbUrl, options: DialOptions
) -> Callable[[], Coroutine[Any, Any, MessageTransport]]:
    """What connects to the server of a URL each time it is called, as `dial` does.

    Raises `PkiError` for a `ca` or `crl` that is none.
    """
    tls = client_tls(options)
    tuned = quic_options(options)
    resolver = Resolver(**values_of(options, ResolverOptions))

    async def connect() -> MessageTransport:
        return await dial(url, tls=tls, timeout=options.timeout, options=tuned, resolver=resolver)

    return connect


def quic_options(options: DialOptions) -> QuicOptions:
    """What of it is about QUIC alone."""
    return QuicOptions(
        **values_of(options, EngineOptions),
        **values_of(options, TlsOptions),
        handshake_timeout=options.timeout,
    )


def client_tls(options: TrustOptions) -> ClientTls:
    """How a client judges a server's certificate, and which one it shows itself.

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
    given = given_trust(ca, optional_path(options.crl))

    def judge(chain: Sequence[bytes], name: str) -> None:
        # The system has many authorities: they are only read when there is something to judge.
        verify(chain, Purpose.SERVER, given or Trust.system(), name=name)

    return replace(shown, ca=ca, verify=judge)


def given_trust(ca: Path | None, crl: Path | None) -> Trust | None:
    """What a user said whom to trust; None where that is left to the system. Raises `PkiError`."""
    if ca is not None:
        return Trust.load(ca, crl)
    return Trust.of_system(crl) if crl is not None else None


def optional_path(path: Path | str | None) -> Path | None:
    """A path, if there is one."""
    return None if path is None else Path(path)


async def dial(
    url: SmbUrl,
    *,
    tls: ClientTls | None = None,
    timeout: float = TIMEOUT,  # noqa: ASYNC109 (it covers a whole connection attempt)
    options: QuicOptions | None = None,
    resolver: Resolver | None = None,
) -> MessageTransport:
    """Connect to the server of a URL, with the transport that the URL says, within `timeout` s.

    `tls` and `options` count over QUIC only. Raises `ConnectError` where nobody answers,
    `HandshakeError` where the answer is no, `EngineError` for options that do not go together.
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
