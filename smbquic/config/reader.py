"""The file, read and strictly checked."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smbquic.api.listen import ListenAddress
from smbquic.auth.users import UserStore
from smbquic.config.positions import Place, positions
from smbquic.config.schema import AUDIT, CERTIFICATE, LIMITS, SECTIONS, SHARES, TOP, Section
from smbquic.errors import ConfigError, UrlError, UsersError
from smbquic.options.audit import AuditOptions
from smbquic.options.certificate import IdentityFiles
from smbquic.options.kinds import FilePath, StorageLocation
from smbquic.options.limits import Limits
from smbquic.options.model import Declared
from smbquic.options.server import ProgramOptions
from smbquic.options.share import ShareFolder
from smbquic.pki.access import Rules
from smbquic.pki.logons import Logons
from smbquic.pki.subject import general_name
from smbquic.server.share import check_share_name
from smbquic.storage import resolve_location

_SYNTAX_LINE = re.compile(r" \(at line (\d+), column \d+\)$")
_TABLES = tuple(section.name for section in SECTIONS if section.name)
_RULES = {"allow": Rules.parse, "deny": Rules.parse, "logons": Logons.parse}


@dataclass(frozen=True, kw_only=True)
class Configuration(ProgramOptions):
    """The settings of a configuration file; the defaults are those of an empty one."""

    users: UserStore


def load(path: Path) -> Configuration:
    """Read and check a file. Raises `ConfigError`, which names what to change, and `UsersError`."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: this is not UTF-8 text; save it as such") from error
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _SYNTAX_LINE.search(str(error))
        where = f":{found[1]}" if found else ""
        what = _SYNTAX_LINE.sub("", str(error))
        raise ConfigError(
            f"{path}{where}: this is not TOML: {what}; write strings in quotes"
        ) from error
    except (ValueError, RecursionError) as error:
        # tomllib has no error of its own for numbers of thousands of digits, and deep nesting.
        raise ConfigError(
            f"{path}: a number is too long, or brackets are nested too deep"
        ) from error
    return _Reader(path, text).configuration(document)


class _Reader:
    """Makes a `Configuration` of a document, and knows where in the file each key stands."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = dict(positions(text))

    def configuration(self, document: Mapping[str, Any]) -> Configuration:
        top = {key: value for key, value in document.items() if key not in _TABLES}
        values = self._table((), TOP, top, others=_TABLES)
        for address in values.get("listen", ()):
            self._try(("listen",), UrlError, ListenAddress.parse, address)
        for name in values.get("private_names", ()):
            self._try(("private_names",), ValueError, general_name, name)
        if "limits" in document:
            values["limits"] = Limits(**self._table(("limits",), LIMITS, document["limits"]))
        if "audit" in document:
            values["audit"] = AuditOptions(**self._table(("audit",), AUDIT, document["audit"]))
        return Configuration(
            certificates=self._certificates(document.get("certificate", [])),
            shares=self._shares(document.get("shares", {})),
            users=self._users(document.get("users", {}), values.get("users_file")),
            **values,
        )

    def _shares(self, tables: object) -> tuple[ShareFolder, ...]:
        if not isinstance(tables, dict):
            raise self._error(("shares",), "shares are tables: write [shares.NAME]")
        shares: dict[str, ShareFolder] = {}
        for name, table in tables.items():
            self._try(("shares", name), ValueError, check_share_name, name)
            values = self._table(("shares", name), SHARES, table)
            if name.casefold() in shares:
                raise self._error(("shares", name), "two shares have this name; case is the same")
            shares[name.casefold()] = ShareFolder(name=name, **values)
        return tuple(shares.values())

    def _certificates(self, tables: object) -> tuple[IdentityFiles, ...]:
        if not isinstance(tables, list):
            raise self._error(("certificate",), "write [[certificate]], with two brackets")
        found = []
        for number, table in enumerate(tables):
            place = ("certificate", number)
            values = self._table(place, CERTIFICATE, table)
            for name in values.get("names", ()):
                self._try((*place, "names"), ValueError, general_name, name)
            for key in _RULES.keys() & values.keys():
                for rule in values[key]:
                    self._try((*place, key), ValueError, _RULES[key], [rule])
            rules = next((key for key in _RULES if key in values), None)
            if rules is not None and "client_ca" not in values:
                raise self._error(
                    (*place, rules),
                    "rules are about clients' certificates: say with client_ca whose",
                )
            found.append(IdentityFiles(**{"default": len(tables) == 1, **values}))
        return tuple(found)

    def _users(self, table: object, file: Path | None) -> UserStore:
        store = UserStore.load(file) if file is not None else UserStore()
        if not isinstance(table, dict):
            raise self._error(
                ("users",), 'users are a table: write [users], then NAME = "password"'
            )
        for name, password in table.items():
            if not isinstance(password, str):
                raise self._error(
                    ("users", name), 'a password must be a string: write NAME = "password"'
                )
            if name in store:
                raise self._error(("users", name), "this user is there already; leave one out")
            self._try(("users", name), UsersError, store.add, name, password)
        return store

    def _table(
        self,
        place: Place,
        section: Section,
        table: object,
        others: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """The checked values of a table, by the names of the options; the rest is left out."""
        if not isinstance(table, dict):
            raise self._error(place, f"this is a table: write {section.header}")
        values = {}
        for key, value in table.items():
            if key not in section.keys:
                close = closest(key, (*section.keys, *others))
                hint = f"did you mean {close[0]}?" if close else f"there are {_list(section)}"
                raise self._error((*place, key), f"there is no such key; {hint}")
            option = section.keys[key]
            values[option.name] = self._value((*place, key), option, value)
        for key, option in section.keys.items():
            if option.required and option.name not in values:
                raise self._error(place, f"{key} is missing: {option.text}")
        return values

    def _value(self, place: Place, option: Declared, value: object) -> Any:
        assert option.kind is not None
        try:
            found = option.kind.read(value)
        except ValueError as error:
            raise self._error(place, str(error)) from error
        if isinstance(option.kind, StorageLocation):
            try:
                return resolve_location(str(found), self._path.parent)
            except ValueError as error:
                raise self._error(place, str(error)) from error
        if isinstance(option.kind, FilePath) and found is not None:
            return self._path_value(place, option.kind, found)
        return found

    def _path_value(self, place: Place, kind: FilePath, value: Path) -> Path:
        path = self._path.parent / value
        if kind.use == "read" and not path.is_file():
            raise self._error(place, f"there is no file {path}; paths are relative to this file")
        return path

    def _try(self, place: Place, kind: type[Exception], check: Any, *values: object) -> None:
        try:
            check(*values)
        except kind as error:
            raise self._error(place, str(error)) from error

    def _error(self, place: Place, text: str) -> ConfigError:
        line = next(
            (
                self._lines[place[:length]]
                for length in range(len(place), 0, -1)
                if place[:length] in self._lines
            ),
            1,
        )
        key = ".".join(
            f"[{part + 1}]" if isinstance(part, int) else part for part in place
        ).replace(".[", "[")
        return ConfigError(f"{self._path}:{line}: {key}: {text}")


def closest(given: str, known: Iterable[str]) -> list[str]:
    """The one known word that was probably meant by another; none if that is a guess."""
    return difflib.get_close_matches(given, known, 1, 0.75)


def _list(section: Section) -> str:
    return ", ".join(section.keys)
