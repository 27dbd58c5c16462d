"""The client's configuration file: profiles, which are URLs with a name, and options for each.

    [profiles.fs]
    url = "smb+quic://fs.example/data"
    user = "alice"
    ca = "ca.pem"

docs/reference/configuration.md has all keys, docs/decisions/0038-profiles.md the reasons.
"""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from smbquic.auth.secret_files import exposure
from smbquic.client.names import from_local, split_path
from smbquic.client.url import SmbUrl, share_name
from smbquic.config.credentials import (
    Login,
    keyring_password,
    read_authentication_file,
    read_password,
)
from smbquic.config.document import Document
from smbquic.config.section import section_of
from smbquic.errors import ConfigError, UrlError
from smbquic.options.client import (
    PasswordOptions,
    ProfileAddress,
    ProfileOptions,
    SessionOptions,
)
from smbquic.options.model import declared

PROFILES = section_of("profiles", "[profiles.NAME]", ProfileOptions)
VARIABLE = "SMBQUIC_CONFIG"
"""The environment variable that may name another file."""

_NAME = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.-]+):(?!//)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile of the configuration file.

    `url` has the user and the domain. `given` has what the file says besides, by the names of the
    options; `lines` says on which line of `file` each is.
    """

    name: str
    file: Path
    url: SmbUrl
    given: Mapping[str, Any]
    lines: Mapping[str, int]

    def at(self, path: str) -> SmbUrl:
        """Return the URL of a path below the profile's; ValueError for one out of the share.

        The path has names as they are, without escapes. One that begins with ``/`` is below the
        share.
        """
        if not path:
            return self.url
        names = "/".join(part and from_local(part) for part in path.split("/"))
        share, base = self.url.share, self.url.path
        if not share:
            share, _, names = names.lstrip("/").partition("/")
        elif path.startswith("/"):
            base = ""
        return replace(
            self.url,
            share=share_name(share),
            path="/".join(split_path(f"{base}/{names}")),
            folder=path.endswith("/"),
        )

    @property
    def options(self) -> dict[str, Any]:
        """Return the options for `connect`: ``connect(profile.url, **profile.options)``.

        The password is read where the profile says, and is missing if it does not say. Raises
        `ConfigError`.
        """
        found = self.values(SessionOptions)
        password = self.password()
        return found if password is None else {**found, "password": password}

    def values(self, group: type) -> dict[str, Any]:
        """Return the values of the options of a class that the file has."""
        return _of(group, self.given)

    def password(self) -> str | None:
        """Return the password from where the profile says; None without. Raises `ConfigError`."""
        sources = PasswordOptions(**self.values(PasswordOptions))
        if sources.password_file is not None:
            return read_password(sources.password_file)
        if sources.authentication_file is not None:
            return read_authentication_file(sources.authentication_file).password
        if sources.keyring:
            return keyring_password(self.url)
        return self.given.get("password")


def default_file() -> Path:
    """Return where the file is: `SMBQUIC_CONFIG`, or config.toml in the user's folder for such."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    base = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    if not base.is_absolute():
        base = _platform_folder()
    return base / "smbquic" / "config.toml"


def _platform_folder() -> Path:
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library" / "Application Support"
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or home / "AppData" / "Roaming")
    return home / ".config"


def split_name(text: str) -> tuple[str, str] | None:
    """Split ``NAME:PATH``; None for a URL and for a local path.

    A name has two characters or more: one letter is a drive of Windows. A local path with a colon
    in its first name is written with ``./`` before it.
    """
    found = _NAME.match(text)
    return None if found is None else (found[1], text[found.end() :])


def profile(name: str, file: Path | str | None = None) -> Profile:
    """Return a profile of the configuration file.

    `file` is another file than the user's. Raises `ConfigError`, which names what to change.
    """
    path = default_file() if file is None else Path(file)
    tables = _Profiles.load(path) if file is not None or path.exists() else None
    if tables is None:
        raise ConfigError(f"there is no profile {name}, as there is no file {path}")
    if name not in tables.names:
        known = ", ".join(tables.names)
        there_are = f"there are {known}" if known else "it has no profiles"
        raise ConfigError(f"there is no profile {name} in {path}; {there_are}")
    return tables.profile(name)


def profile_names(file: Path | None = None) -> list[str]:
    """Return the names of all profiles, in the order of the file; none without a file.

    Raises `ConfigError`.
    """
    path = default_file() if file is None else file
    return _Profiles.load(path).names if file is not None or path.exists() else []


def _of(group: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the options of a class."""
    return {name: value for name, value in values.items() if name in declared(group)}


class _Profiles:
    """The tables of a document, each of which is checked when it is used."""

    def __init__(self, document: Document) -> None:
        self._document = document
        for key in document.content:
            if key != "profiles":
                raise document.error((key,), "this file has profiles only: write [profiles.NAME]")
        self._tables = document.content.get("profiles", {})
        if not isinstance(self._tables, dict):
            raise document.error(("profiles",), "profiles are tables: write [profiles.NAME]")

    @classmethod
    def load(cls, path: Path) -> "_Profiles":
        return cls(Document.load(path))

    @property
    def names(self) -> list[str]:
        return list(self._tables)

    def profile(self, name: str) -> Profile:
        document, place = self._document, ("profiles", name)
        if _NAME.fullmatch(f"{name}:") is None:
            raise document.error(
                place, "a name has two or more letters, digits, and any of _ . - within"
            )
        values = document.table(place, PROFILES, self._tables[name])
        url = self._url(name, values)
        given = {key: value for key, value in values.items() if key not in declared(ProfileAddress)}
        self._check(name, given)
        lines = {
            option.name: document.line((*place, key))
            for key, option in PROFILES.keys.items()
            if option.name in values
        }
        return Profile(name, document.path, url, given, lines)

    def _url(self, name: str, values: dict[str, Any]) -> SmbUrl:
        document, place = self._document, ("profiles", name)
        try:
            url = SmbUrl.parse(values["url"])
        except UrlError as error:
            raise document.error((*place, "url"), str(error)) from error
        if url.password is not None:
            raise document.error(
                (*place, "url"), "there is a password in the URL: move it to password_file"
            )
        login = Login()
        if "authentication_file" in values:
            login = read_authentication_file(values["authentication_file"])
        named = {each for each in (url.user, values.get("user", ""), login.user) if each}
        if len(named) > 1:
            raise document.error(
                place, f"several users are named: {', '.join(sorted(named))}; leave one"
            )
        domain = values.get("domain", "") or url.domain or login.domain
        return replace(url, user="".join(named), domain=domain)

    def _check(self, name: str, given: dict[str, Any]) -> None:
        """Check what the options of a profile are together, and who can read a password."""
        document, place = self._document, ("profiles", name)
        for group in (SessionOptions, PasswordOptions):
            document.check(place, ValueError, partial(group, **_of(group, given)))
        if "password" not in given:
            return
        if any(key in given for key in ("password_file", "authentication_file", "keyring")):
            raise document.error((*place, "password"), "there is another source of it; leave one")
        problem = exposure(document.path, "password")
        if problem is not None:
            raise ConfigError(problem)
