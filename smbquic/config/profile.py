"""A profile of the client: a URL with a name, and options for it. How it is written in commands."""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from smbquic.client.names import from_local, split_path
from smbquic.client.url import SmbUrl, share_name
from smbquic.config.credentials import (
    keyring_password,
    read_authentication_file,
    read_password,
)
from smbquic.lazy_dataclass import dataclass
from smbquic.options.client import PasswordOptions, SessionOptions
from smbquic.options.model import declared

VARIABLE = "SMBQUIC_CONFIG"
"""The environment variable that may name another file."""

_NAME = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.-]+):(?!//)", re.ASCII)


@dataclass(frozen=True, slots=True)
class ClientProfile:
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
        return values_among(group, self.given)

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


def values_among(group: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the options of a class."""
    return {name: value for name, value in values.items() if name in declared(group)}
