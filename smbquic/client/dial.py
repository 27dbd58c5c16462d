"""From a URL to a connected transport: which one, to where, and whom it has to be."""

from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

from smbquic.client.url import SmbUrl
from smbquic.pki.authority import Purpose
from smbquic.pki.verification import Trust, verify
from smbquic.transport import quic, tcp
from smbquic.transport.base import MessageTransport
from smbquic.transport.quic import ClientTls, QuicOptions, TicketCache
from smbquic.transport.quic.options import DEFAULT_CIPHERS, Congestion, EngineName
from smbquic.transport.resolver import DnsMode, Resolver

PATIENCE = 10.0
"""Default `timeout`, in seconds."""


class DialOptions(TypedDict, total=False):
    """How a server is reached and trusted.

    Over QUIC its certificate has to come from `ca` (a PEM file; by default the system's
    authorities), carry the URL's host name, and be on none of the revocation lists in `crl` (a PEM
    file), where its issuer has to have one then; `insecure` trusts anybody. `client_certificate`
    (a PEM chain) and `client_key` are for servers that demand them.

    `engine` is the QUIC engine, by default the fastest that can do the rest ("auto"). `congestion`
    is how a sender finds out how much the path carries, by default "cubic"; "bbr" is for
    paths that lose packets. `tls_ciphers` and `tls_groups` are offered, the preferred first: some
    of AES-128-GCM, AES-256-GCM and CHACHA20-POLY1305, and some of X25519MLKEM768, X25519, P-256 and
    P-384.

    `datagram_size` is the UDP payload that is sent, in bytes, 1200 to 16000: for a path that is
    known to carry so much, or no more. By default what it carries is found out.

    `dns` is who is asked for the addresses of the host: "system"; "doh", which is the server of
    `doh_url` (https://dns.example/dns-query) and, where that does not answer, the system; or
    "doh-only".

    `tickets` lets connections that share it take up the TLS sessions of earlier ones, with the same
    server and the same trust.

    `timeout` (seconds, `PATIENCE`) is for the connection to come about; a server that takes no more
    connections now is asked again meanwhile.
    """

    ca: Path | str | None
    crl: Path | str | None
    insecure: bool
    client_certificate: Path | str | None
    client_key: Path | str | None
    engine: EngineName
    congestion: Congestion
    tls_ciphers: Sequence[str]
    tls_groups: Sequence[str]
    datagram_size: int | None
    dns: DnsMode
    doh_url: str | None
    tickets: TicketCache
    timeout: float


def dialer(
    url: SmbUrl, **options: Unpack[DialOptions]
) -> Callable[[], Coroutine[Any, Any, MessageTransport]]:
    """What connects to the server of a URL each time it is called, as `dial` does.

    Raises `PkiError` for a `ca` or `crl` that is none, ValueError for a certificate without its
    key and for an engine, a congestion control, a cipher suite, a group, a size or a way to resolve
    names that does not exist.
    """
    tls = client_tls(
        ca=options.get("ca"),
        crl=options.get("crl"),
        insecure=options.get("insecure", False),
        certificate=options.get("client_certificate"),
        key=options.get("client_key"),
        tickets=options.get("tickets"),
    )
    tuned = quic_options(options)
    resolver = Resolver(options.get("dns", "system"), options.get("doh_url"))

    async def connect() -> MessageTransport:
        timeout = options.get("timeout", PATIENCE)
        return await dial(url, tls=tls, timeout=timeout, options=tuned, resolver=resolver)

    return connect


def quic_options(options: DialOptions) -> QuicOptions:
    """What of it is about QUIC alone. Raises ValueError for what does not exist."""
    return QuicOptions(
        engine=options.get("engine", "auto"),
        congestion=options.get("congestion", "cubic"),
        datagram_size=options.get("datagram_size"),
        ciphers=tuple(options.get("tls_ciphers", DEFAULT_CIPHERS)),
        groups=tuple(options.get("tls_groups", ())),
        handshake_timeout=options.get("timeout", PATIENCE),
    )


def client_tls(
    *,
    ca: Path | str | None = None,
    crl: Path | str | None = None,
    insecure: bool = False,
    certificate: Path | str | None = None,
    key: Path | str | None = None,
    tickets: TicketCache | None = None,
) -> ClientTls:
    """How a client judges a server's certificate, and which one it shows itself.

    `ca` is a PEM file of the roots to trust, by default those of the system, `crl` one of
    revocation lists. `insecure` trusts anybody. `certificate` (a PEM chain) and `key` are for
    servers that demand them. `tickets` are of its own unless given. Raises `PkiError` for a `ca` or
    `crl` that is none, ValueError for a certificate without its key.
    """
    tickets = TicketCache() if tickets is None else tickets
    shown = (optional_path(certificate), optional_path(key))
    if insecure:
        return ClientTls(insecure=True, certificate=shown[0], key=shown[1], tickets=tickets)
    given = given_trust(optional_path(ca), optional_path(crl))

    def judge(chain: Sequence[bytes], name: str) -> None:
        # The system has many authorities: they are only read when there is something to judge.
        verify(chain, Purpose.SERVER, given or Trust.system(), name=name)

    return ClientTls(
        optional_path(ca), certificate=shown[0], key=shown[1], verify=judge, tickets=tickets
    )


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
    timeout: float = PATIENCE,  # noqa: ASYNC109 (it covers a whole connection attempt)
    options: QuicOptions | None = None,
    resolver: Resolver | None = None,
) -> MessageTransport:
    """Connect to the server of a URL, with the transport that the URL says, within `timeout` s.

    `tls` and `options` count over QUIC only. Raises `ConnectError` where nobody answers,
    `HandshakeError` where the answer is no, `EngineError` for options that do not go together.
    """
    if url.transport == "tcp":
        return await tcp.connect(url.host, url.port, timeout=timeout, resolver=resolver)
    return await quic.connect(
        url.host,
        url.port,
        trust=tls or ClientTls(),
        timeout=timeout,
        options=options,
        resolver=resolver,
    )
