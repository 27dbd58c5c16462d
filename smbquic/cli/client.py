"""The options of all client commands: connection, trust and logon."""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import field, fields, replace
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from smbquic.api import client as api
from smbquic.cli.command import NO_SPACE, common_option, json_option
from smbquic.cli.options import Given, given_options, takes
from smbquic.cli.output import warn
from smbquic.client.url import SmbUrl
from smbquic.config.credentials import (
    Login,
    keyring_password,
    read_authentication_file,
    read_password,
)
from smbquic.config.profile import VARIABLE, ClientProfile, split_name
from smbquic.errors import ConfigError
from smbquic.lazy_dataclass import dataclass
from smbquic.options.client import PasswordOptions, SessionOptions, TransportOptions
from smbquic.protocol.settings import EncryptionPolicy

if TYPE_CHECKING:
    from smbquic.client.session import Session
    from smbquic.client.share import Share

T = TypeVar("T", bound=TransportOptions)

_STANDARD_INPUT = "-"
_CONFIG = f"{__name__}.config"
"""Where the context keeps the name of the configuration file, which the arguments need."""


@dataclass(frozen=True, slots=True)
class ProfileUrl(SmbUrl):
    """A URL that was written as NAME:PATH."""

    profile: ClientProfile | None = field(default=None, compare=False, repr=False)


def profile_of(url: SmbUrl) -> ClientProfile | None:
    """Return the profile that a URL was written with, if any."""
    return url.profile if isinstance(url, ProfileUrl) else None


def profile_name(url: SmbUrl) -> str:
    """Return the name of the profile that a URL was written with; empty without."""
    used = profile_of(url)
    return used.name if used else ""


def _keep_config(context: click.Context, parameter: click.Parameter, path: Path | None) -> None:
    context.meta[_CONFIG] = path


config_option = common_option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    envvar=VARIABLE,
    show_envvar=True,
    is_eager=True,
    expose_value=False,
    callback=_keep_config,
    help="The configuration file, whose profiles are used as NAME:PATH.",
)


@dataclass(slots=True)
class Client:
    """The client of a command: sessions and shares, by the options of command line and profile."""

    given: Mapping[str, Any]
    """The options of the command line and the environment."""
    sources: PasswordOptions = field(default_factory=PasswordOptions)
    as_json: bool = False
    interactive: bool = True
    """Whether it may ask for a password, by a prompt or by the keyring."""
    _options: dict[str, SessionOptions] = field(default_factory=dict)
    _login: Login | None = None
    _passwords: dict[tuple[str, ...], str] = field(default_factory=dict)

    def session(self, url: SmbUrl) -> AbstractAsyncContextManager["Session"]:
        """Return a context manager that logs on to the server of a URL."""
        url = self.identified(url)
        return api.open_session(url, **self._keywords(url))

    def share(self, url: SmbUrl) -> AbstractAsyncContextManager["Share"]:
        """Return a context manager that connects to the share of a URL."""
        url = self.identified(url)
        return api.connect(url, **self._keywords(url))

    def _keywords(self, url: SmbUrl) -> dict[str, Any]:
        return {**vars(self.options(url)), "password": self.password(url)}

    def options(self, url: SmbUrl) -> SessionOptions:
        """Return the options for a URL; a wrong combination is a usage error."""
        name = profile_name(url)
        if name not in self._options:
            options = options_of(SessionOptions, self.given, url)
            if options.guest and options.encryption is EncryptionPolicy.REQUIRED:
                raise click.UsageError("a guest has no key for encryption: leave out --encrypt")
            self._options[name] = options
        return self._options[name]

    def identified(self, url: SmbUrl) -> SmbUrl:
        """Return a URL with the user and the domain of --authentication-file, if there is one.

        They replace those of a profile. Another user in a URL is a usage error.
        """
        login = self._authentication()
        if not login.user:
            return url
        if profile_of(url) is None and url.user not in ("", login.user):
            raise click.UsageError(
                f"{url} names another user than --authentication-file, {login.user}: leave one out"
            )
        return replace(url, user=login.user, domain=login.domain or url.domain)

    def _authentication(self) -> Login:
        if self._login is None:
            path = self.sources.authentication_file
            self._login = Login() if path is None else read_authentication_file(path)
        return self._login

    @property
    def reads_standard_input(self) -> bool:
        """Return whether the password is read from standard input."""
        return str(self.sources.password_file) == _STANDARD_INPUT

    def password(self, url: SmbUrl) -> str:
        """Return the password of a URL's user, which is read or asked for once.

        The first of these that has one: the URL, the command line, the environment, the profile, a
        prompt. A guest has an empty one.
        """
        if self.options(url).guest:
            return ""
        if not url.user:
            raise click.UsageError(f"{url} names no user; write USER@ before the host")
        key = (profile_name(url), url.host, url.domain, url.user)
        if key not in self._passwords:
            self._passwords[key] = self._find_password(url)
        return self._passwords[key]

    def _find_password(self, url: SmbUrl) -> str:
        if url.password is not None:
            warn("a password in a URL can be seen by others; use --password-file or a prompt")
            return url.password
        found = self._given_password(url)
        if found is None:
            found = os.environ.get("SMBQUIC_PASSWORD")
        if found is None:
            found = self._profile_password(url)
        return self._ask(url) if found is None else found

    def _profile_password(self, url: SmbUrl) -> str | None:
        used = profile_of(url)
        # It is that of the profile's user, whom --authentication-file may have replaced.
        if used is None or used.url.user != url.user:
            return None
        return used.password() if self.interactive or not used.given.get("keyring") else None

    def _given_password(self, url: SmbUrl) -> str | None:
        if not self.interactive and (self.reads_standard_input or self.sources.keyring):
            return None
        if self.reads_standard_input:
            return sys.stdin.readline().rstrip("\r\n")
        if self.sources.password_file is not None:
            return read_password(self.sources.password_file)
        if self.sources.keyring:
            return keyring_password(url)
        return self._authentication().password

    def _ask(self, url: SmbUrl) -> str:
        if not self.interactive or not sys.stdin.isatty():
            raise click.UsageError(
                f"no password for {url.user}: use --password-file FILE, or SMBQUIC_PASSWORD"
            )
        return str(click.prompt(f"Password of {url.user}@{url.host}", hide_input=True, err=True))


def options_of(kind: type[T], given: Mapping[str, Any], url: SmbUrl) -> T:
    """Return the options of the command line, and those of the URL's profile; the former count.

    A wrong combination is a usage error.
    """
    used = profile_of(url)
    before = used.values(kind) if used else {}
    try:
        options = kind(**{**before, **given})
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if options.insecure:
        warn("--insecure: the server's certificate is not verified; anybody could be the server")
    return options


def client_command(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the client's options to a command, which gets them as one `Client`."""

    @wraps(command)
    def with_client(given: Given, *, as_json: bool, **rest: Any) -> Any:
        try:
            sources = PasswordOptions(**given[PasswordOptions])
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        client = Client(given[SessionOptions], sources, as_json)
        return command(client, **{name: _identified(client, each) for name, each in rest.items()})

    decorated = takes(PasswordOptions, SessionOptions)(with_client)
    return config_option(json_option(decorated))


def _identified(client: Client, value: Any) -> Any:
    """Check the options for each URL among a command's arguments, and complete its user."""
    if isinstance(value, tuple):
        return tuple(_identified(client, each) for each in value)
    if not isinstance(value, SmbUrl):
        return value
    client.options(value)
    return client.identified(value)


class UrlType(click.ParamType[SmbUrl]):
    """A command-line argument that is an SMB URL, or NAME:PATH with a profile."""

    name = "url"

    def convert(self, value: Any, param: Any, ctx: Any) -> SmbUrl:
        """Parse the URL; an invalid one is a usage error. Raises `ConfigError` for the profile."""
        if isinstance(value, SmbUrl):
            return value
        try:
            named = split_name(value)
            return SmbUrl.parse(value) if named is None else _profile_url(*named, config_file(ctx))
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        """Return the profiles that begin with a text; of ``NAME:PATH``, the names on the share.

        An argument that may be repeated leaves room for a file on this machine after it.
        """
        from smbquic.cli.remote_names import remote_names

        if split_name(incomplete) is not None:
            return remote_names(incomplete, partial(_open_folder, ctx))
        found = complete_profiles(ctx, incomplete)
        return found if param.nargs == 1 else [*found, CompletionItem(incomplete, "file")]


def _profile_url(name: str, path: str, file: Path | None) -> ProfileUrl:
    """Return the URL of NAME:PATH. Raises `ConfigError` for the profile, ValueError for PATH."""
    # Imported here: few commands read a file.
    from smbquic.config.profiles import profile

    used = profile(name, file)
    url = used.at(path)
    return ProfileUrl(
        **{each.name: getattr(url, each.name) for each in fields(SmbUrl)}, profile=used
    )


def _open_folder(
    context: click.Context, above: str
) -> tuple[AbstractAsyncContextManager["Share"], str]:
    """Return the share of a folder that is about to be completed; nobody is asked for a password.

    Raises what the conversion of a URL, the options and the search for a password raise.
    """
    url = URL.convert(above, None, context)
    sources = PasswordOptions(**given_options(context, PasswordOptions))
    client = Client(given_options(context, SessionOptions), sources, interactive=False)
    return client.share(url.need_share()), url.path


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


def config_file(context: click.Context | None = None) -> Path | None:
    """Return the configuration file of the command line; None for the user's."""
    context = context or click.get_current_context(silent=True)
    return context.meta.get(_CONFIG) if context else None


def complete_profiles(context: click.Context, text: str) -> list[CompletionItem[str]]:
    """Return the profiles whose names begin with a text, each with its colon."""
    from smbquic.config.profiles import profile_names

    try:
        names = profile_names(config_file(context))
    except ConfigError:
        return []
    return [CompletionItem(f"{name}:", NO_SPACE) for name in names if name.startswith(text)]


def is_url(text: str) -> bool:
    """Return whether an argument is a URL or NAME:PATH, and not a local path."""
    return "://" in text or split_name(text) is not None
