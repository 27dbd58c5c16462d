"""The options of all client commands: connection, trust and logon."""

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
    """Opens sessions and shares with the options of one command line."""

    options: SessionOptions
    password_file: Any = None
    as_json: bool = False
    _passwords: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.options.guest and self.options.encryption is EncryptionPolicy.REQUIRED:
            raise click.UsageError("a guest has no key for encryption: leave out --encrypt")

    def session(self, url: SmbUrl) -> AbstractAsyncContextManager[Session]:
        """Return a context manager that logs on to the server of a URL."""
        return api.open_session(url, **self._options(url))

    def share(self, url: SmbUrl) -> AbstractAsyncContextManager[Share]:
        """Return a context manager that connects to the share of a URL."""
        return api.connect(url, **self._options(url))

    def _options(self, url: SmbUrl) -> dict[str, Any]:
        return {**vars(self.options), "password": self.password(url)}

    def password(self, url: SmbUrl) -> str:
        """Return the password from the URL, the file, the environment or a prompt, asked for once.

        A guest has an empty one.
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
    """Return the options of the command line; a wrong combination is a usage error."""
    try:
        options = kind(**given[kind])
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if options.insecure:
        warn("--insecure: the server's certificate is not verified; anybody could be the server")
    return options


def client_command(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the client's options to a command, which gets them as one `Client`."""

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
        """Parse the URL; an invalid one is a usage error."""
        if isinstance(value, SmbUrl):
            return value
        try:
            return SmbUrl.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class ShareUrlType(UrlType):
    """A command-line argument that is an SMB URL with a share."""

    def convert(self, value: Any, param: Any, ctx: Any) -> SmbUrl:
        """Parse the URL; one without a share is a usage error."""
        try:
            return super().convert(value, param, ctx).need_share()
        except ValueError as error:
            self.fail(str(error), param, ctx)


URL = UrlType()
SHARE_URL = ShareUrlType()


def is_url(text: str) -> bool:
    """Return whether an argument is a URL and not a local path."""
    return "://" in text
