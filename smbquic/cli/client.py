"""What all client commands share: how the server is found, trusted and logged on to."""

import os
import sys
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial, wraps
from pathlib import Path
from typing import Any, get_args

import click

from smbquic.api import client as api
from smbquic.cli.command import CONNECTION, TLS, common_option, json_option, option
from smbquic.cli.output import warn
from smbquic.client.dial import PATIENCE, DialOptions
from smbquic.client.session import Session
from smbquic.client.share import Share
from smbquic.client.url import SmbUrl
from smbquic.protocol.settings import EncryptionPolicy
from smbquic.transport.quic.options import (
    CIPHERS,
    DEFAULT_CIPHERS,
    GROUPS,
    Congestion,
    EngineName,
)
from smbquic.transport.resolver import DnsMode, Resolver

_FILE = click.Path(path_type=Path, dir_okay=False)


class NamesType(click.ParamType[tuple[str, ...]]):
    """Some of a few names, parted by commas, the preferred first."""

    name = "name,..."

    def __init__(self, known: Collection[str]) -> None:
        self._known = known

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        """Take them apart; one that is not known is a usage error."""
        names = tuple(value.split(",")) if isinstance(value, str) else tuple(value)
        for name in names:
            if name not in self._known:
                self.fail(f"{name!r} is none of {', '.join(self._known)}", param, ctx)
        return names


_connection = partial(option, heading=CONNECTION)
_tls = partial(option, heading=TLS)

DIAL_OPTIONS = (
    _connection(
        "--timeout",
        type=click.FloatRange(min=0.1),
        default=PATIENCE,
        show_default=True,
        metavar="SECONDS",
        help="How long to wait until the server has answered.",
    ),
    _connection(
        "--engine",
        type=click.Choice(get_args(EngineName)),
        default="auto",
        show_default=True,
        help="The QUIC engine; auto is the fastest that can do what the other options ask for.",
    ),
    _connection(
        "--congestion",
        type=click.Choice(get_args(Congestion)),
        default="cubic",
        show_default=True,
        help="Congestion control over QUIC; bbr is for paths that lose packets.",
    ),
    _connection(
        "--dns",
        type=click.Choice(get_args(DnsMode)),
        default="system",
        show_default=True,
        help="Who resolves the host's name; doh asks --doh-url first, doh-only nobody else.",
    ),
    _connection(
        "--doh-url",
        metavar="URL",
        help="A server for DNS over HTTPS, as in https://dns.example/dns-query.",
    ),
    _tls(
        "--ca",
        type=_FILE,
        envvar="SMBQUIC_CA",
        help="Trust the authorities of this PEM file instead of the system's (or SMBQUIC_CA).",
    ),
    _tls(
        "--crl",
        type=_FILE,
        envvar="SMBQUIC_CRL",
        help="Refuse what is on these revocation lists, PEM (or SMBQUIC_CRL).",
    ),
    _tls("--insecure", is_flag=True, help="Trust any certificate. Not for real data."),
    _tls("--client-cert", type=_FILE, help="Our certificate, where the server asks for one."),
    _tls("--client-key", type=_FILE, help="The key of that certificate."),
    _tls(
        "--tls-ciphers",
        type=NamesType(CIPHERS),
        default=",".join(DEFAULT_CIPHERS),
        show_default=True,
        help=f"The cipher suites to offer over QUIC, the preferred first: {', '.join(CIPHERS)}.",
    ),
    _tls(
        "--tls-groups",
        type=NamesType(GROUPS),
        show_default="all that the engine has",
        help="The groups to offer for QUIC's keys to be exchanged in, the preferred first:"
        f" {', '.join(GROUPS)}.",
    ),
)
_LOGON_OPTIONS = (
    common_option(
        "--password-file",
        type=click.File(),
        metavar="FILE",
        help="Read the password from the first line of a file, or - for standard input. Else it"
        " comes from SMBQUIC_PASSWORD, or is asked for.",
    ),
    common_option("--guest", is_flag=True, help="Log on as a guest, without a password."),
    json_option,
    _connection("--encrypt", is_flag=True, help="Insist on SMB encryption, over QUIC too."),
)


@dataclass(slots=True)
class Client:
    """The options of one command line, put to use."""

    ca: Path | None = None
    crl: Path | None = None
    insecure: bool = False
    client_cert: Path | None = None
    client_key: Path | None = None
    engine: EngineName = "auto"
    congestion: Congestion = "cubic"
    tls_ciphers: tuple[str, ...] = DEFAULT_CIPHERS
    tls_groups: tuple[str, ...] | None = None
    dns: DnsMode = "system"
    doh_url: str | None = None
    timeout: float = PATIENCE
    password_file: Any = None
    guest: bool = False
    encrypt: bool = False
    as_json: bool = False
    _passwords: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.insecure:
            warn("--insecure: the server's certificate is not checked, anybody may answer")
        if bool(self.client_cert) != bool(self.client_key):
            raise click.UsageError("--client-cert and --client-key go together")
        if self.guest and self.encrypt:
            raise click.UsageError("a guest has no key to encrypt with: leave out --encrypt")
        try:
            Resolver(self.dns, self.doh_url)
        except ValueError as error:
            raise click.UsageError(f"--dns, --doh-url: {error}") from error

    def session(self, url: SmbUrl) -> AbstractAsyncContextManager[Session]:
        """A logon at the server of a URL."""
        return api.open_session(url, **self._options(url))

    def share(self, url: SmbUrl) -> AbstractAsyncContextManager[Share]:
        """The share of a URL."""
        return api.connect(url, **self._options(url))

    def dial_options(self) -> DialOptions:
        """What `relay` takes: whom we believe, who we are, over which engine."""
        return {
            "ca": self.ca,
            "crl": self.crl,
            "insecure": self.insecure,
            "client_certificate": self.client_cert,
            "client_key": self.client_key,
            "engine": self.engine,
            "congestion": self.congestion,
            "tls_ciphers": self.tls_ciphers,
            "tls_groups": self.tls_groups or (),
            "dns": self.dns,
            "doh_url": self.doh_url,
            "timeout": self.timeout,
        }

    def connection_options(self) -> api.ConnectionOptions:
        """What `open_connection` takes: all but the logon."""
        policy = EncryptionPolicy.REQUIRED if self.encrypt else EncryptionPolicy.ALLOWED
        return {**self.dial_options(), "encryption": policy, "guest": self.guest}

    def _options(self, url: SmbUrl) -> api.SessionOptions:
        return {"password": self.password(url), **self.connection_options()}

    def password(self, url: SmbUrl) -> str:
        """From the URL, the file, the environment, or the keyboard; asked for once.

        A guest has none.
        """
        if self.guest:
            return ""
        if not url.user:
            raise click.UsageError(f"{url} names no user; write USER@ before the host")
        key = (url.host, url.domain, url.user)
        if key not in self._passwords:
            self._passwords[key] = self._find_password(url)
        return self._passwords[key]

    def _find_password(self, url: SmbUrl) -> str:
        if url.password is not None:
            warn("a password in a URL can be seen by others; use --password-file or a prompt")
            return url.password
        if self.password_file is not None:
            return str(self.password_file.readline()).rstrip("\r\n")
        if "SMBQUIC_PASSWORD" in os.environ:
            return os.environ["SMBQUIC_PASSWORD"]
        if not sys.stdin.isatty():
            raise click.UsageError(
                f"no password for {url.user}: use --password-file FILE, or SMBQUIC_PASSWORD"
            )
        return str(click.prompt(f"Password of {url.user}@{url.host}", hide_input=True, err=True))


def client_command(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the client's options, and hand them to it as one `Client`."""
    names = [field for field in Client.__dataclass_fields__ if not field.startswith("_")]

    @wraps(command)
    def with_client(**options: Any) -> Any:
        client = Client(**{name: options.pop(name) for name in names})
        return command(client, **options)

    for add in reversed((*DIAL_OPTIONS, *_LOGON_OPTIONS)):
        with_client = add(with_client)
    return with_client


class UrlType(click.ParamType[SmbUrl]):
    """A command-line argument that is an SMB URL."""

    name = "url"

    def convert(self, value: Any, param: Any, ctx: Any) -> SmbUrl:
        """Parse it; a bad one is a usage error."""
        if isinstance(value, SmbUrl):
            return value
        try:
            return SmbUrl.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class ShareUrlType(UrlType):
    """The same, with a share in it."""

    def convert(self, value: Any, param: Any, ctx: Any) -> SmbUrl:
        """Parse it; one without a share is a usage error."""
        try:
            return super().convert(value, param, ctx).need_share()
        except ValueError as error:
            self.fail(str(error), param, ctx)


URL = UrlType()
SHARE_URL = ShareUrlType()


def is_url(text: str) -> bool:
    """Whether an argument is an address rather than a local path."""
    return "://" in text
