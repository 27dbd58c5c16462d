"""What all client commands share: how the server is found, trusted and logged on to."""

import os
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar

import click

from smbquic.api import client as api
from smbquic.cli.command import common_option, json_option
from smbquic.cli.options import Given, takes
from smbquic.cli.output import warn
from smbquic.client.session import Session
from smbquic.client.share import Share
from smbquic.client.url import SmbUrl
from smbquic.options.client import SessionOptions, TransportOptions
from smbquic.protocol.settings import EncryptionPolicy

T = TypeVar("T", bound=TransportOptions)

_LOGON_OPTIONS = (
    common_option(
        "--password-file",
        type=click.File(),
        metavar="FILE",
        help="Read the password from the first line of a file, or - for standard input. Else it"
        " comes from SMBQUIC_PASSWORD, or is asked for.",
    ),
    json_option,
)


@dataclass(slots=True)
class Client:
    """The options of one command line, put to use."""

    options: SessionOptions
    password_file: Any = None
    as_json: bool = False
    _passwords: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.options.guest and self.options.encryption is EncryptionPolicy.REQUIRED:
            raise click.UsageError("a guest has no key to encrypt with: leave out --encrypt")

    def session(self, url: SmbUrl) -> AbstractAsyncContextManager[Session]:
        """A logon at the server of a URL."""
        return api.open_session(url, **self._options(url))

    def share(self, url: SmbUrl) -> AbstractAsyncContextManager[Share]:
        """The share of a URL."""
        return api.connect(url, **self._options(url))

    def _options(self, url: SmbUrl) -> dict[str, Any]:
        return {**vars(self.options), "password": self.password(url)}

    def password(self, url: SmbUrl) -> str:
        """From the URL, the file, the environment, or the keyboard; asked for once.

        A guest has none.
        """
        if self.options.guest:
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


def options_of(kind: type[T], given: Given) -> T:
    """The options of the command line; those that do not go together are a usage error."""
    try:
        options = kind(**given[kind])
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if options.insecure:
        warn("--insecure: the server's certificate is not checked, anybody may answer")
    return options


def client_command(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the client's options, and hand them to it as one `Client`."""

    @wraps(command)
    def with_client(given: Given, *, password_file: Any, as_json: bool, **rest: Any) -> Any:
        client = Client(options_of(SessionOptions, given), password_file, as_json)
        return command(client, **rest)

    decorated = takes(SessionOptions)(with_client)
    for add in reversed(_LOGON_OPTIONS):
        decorated = add(decorated)
    return decorated


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
