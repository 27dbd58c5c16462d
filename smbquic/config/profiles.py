"""The client's configuration file: a table for each profile.

    [profiles.fs]
    url = "smb+quic://fs.example/data"
    user = "alice"
    ca = "ca.pem"

docs/reference/configuration.md has all keys, docs/decisions/0038-profiles.md the reasons.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from smbquic.auth.secret_files import exposure
from smbquic.client.url import SmbUrl
from smbquic.config.credentials import Login, read_authentication_file
from smbquic.config.document import Document
from smbquic.config.profile import ClientProfile, default_file, split_name, values_among
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


def profile(name: str, file: Path | str | None = None) -> ClientProfile:
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

    def profile(self, name: str) -> ClientProfile:
        document, place = self._document, ("profiles", name)
        if split_name(f"{name}:") != (name, ""):
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
        return ClientProfile(name, document.path, url, given, lines)

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
            document.check(place, ValueError, partial(group, **values_among(group, given)))
        if "password" not in given:
            return
        if any(key in given for key in ("password_file", "authentication_file", "keyring")):
            raise document.error((*place, "password"), "there is another source of it; leave one")
        problem = exposure(document.path, "password")
        if problem is not None:
            raise ConfigError(problem)
