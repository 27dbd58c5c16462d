"""The file, read and strictly checked."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from smbquic.api.listen import ListenAddress
from smbquic.auth.users import UserStore
from smbquic.client.url import UrlError
from smbquic.config.positions import Place, positions
from smbquic.config.schema import DEFAULT_LISTEN, KINDS, SECTIONS, Key, Section
from smbquic.errors import ConfigError, UsersError
from smbquic.observe.audit import KEEP, MAX_BYTES, RotatingFile, Sink, StandardOutput
from smbquic.pki.access import Rules
from smbquic.pki.authority import general_name
from smbquic.pki.identities import IdentityFiles
from smbquic.pki.logons import Logons
from smbquic.protocol.settings import (
    DIALECT_NAMES,
    MINIMUM_DIALECT,
    EncryptionOverQuic,
    EncryptionPolicy,
    SigningPolicy,
)
from smbquic.server.overload.limits import DEFAULT_LIMITS, Limits
from smbquic.server.share import check_share_name
from smbquic.transport.quic.options import DEFAULT_CIPHERS, Congestion, EngineName
from smbquic.transport.quic.tickets import TicketPolicy
from smbquic.wire.negotiate import Dialect

_SYNTAX_LINE = re.compile(r" \(at line (\d+), column \d+\)$")
_BY_NAME = {section.name: section for section in SECTIONS}
_PARSERS = {"rules": Rules.parse, "logons": Logons.parse}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareFolder:
    """A ``[shares.NAME]`` table."""

    name: str
    path: Path
    read_only: bool = False
    encrypt: bool = False
    comment: str = ""
    links: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOptions:
    """The ``[audit]`` table. `file` is None for standard output."""

    file: Path | None
    max_bytes: int = MAX_BYTES
    keep: int = KEEP
    file_access: bool = False

    @property
    def unauthenticated(self) -> "AuditOptions | None":
        """The same for clients that have not logged on, whose records have a file of their own."""
        if self.file is None:
            return None
        file = self.file.with_name(f"{self.file.name}.unauthenticated")
        # Nobody else rotates this one.
        return replace(self, file=file, max_bytes=self.max_bytes or MAX_BYTES)

    def open(self) -> Sink:
        """Begin to write. Raises `OSError`."""
        if self.file is None:
            return StandardOutput()
        return RotatingFile(self.file, self.max_bytes, self.keep)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What a configuration file says; the defaults are those of an empty one."""

    listen: tuple[str, ...] = DEFAULT_LISTEN
    server_name: str | None = None
    run_as: str | None = None
    users: UserStore
    guest: bool = False
    signing: SigningPolicy = SigningPolicy.REQUIRED
    extended_protection: bool = True
    target_names: tuple[str, ...] = ()
    pipes_over_quic: bool = False
    encryption: EncryptionPolicy = EncryptionPolicy.ALLOWED
    encryption_over_quic: EncryptionOverQuic = EncryptionOverQuic.SKIP
    minimum_dialect: Dialect = MINIMUM_DIALECT
    engine: EngineName = "auto"
    congestion: Congestion = "cubic"
    tls_ciphers: tuple[str, ...] = DEFAULT_CIPHERS
    tls_groups: tuple[str, ...] = ()
    tls_tickets: TicketPolicy = "auto"
    private_names: tuple[str, ...] = ()
    shares: tuple[ShareFolder, ...] = ()
    certificates: tuple[IdentityFiles, ...] = ()
    limits: Limits = DEFAULT_LIMITS
    audit: AuditOptions | None = None


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
            f"{path}{where}: this is not TOML: {what}; texts stand in quotes"
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
        top = {key: value for key, value in document.items() if key not in _BY_NAME}
        values = self._table((), _BY_NAME[""], top, others=tuple(_BY_NAME))
        users_file = values.get("users_file")
        for address in values.get("listen", ()):
            self._try(("listen",), UrlError, ListenAddress.parse, address)
        for name in values.get("private_names", ()):
            self._try(("private_names",), ValueError, general_name, name)
        certificates = self._certificates(document.get("certificate", []))
        shares = self._shares(document.get("shares", {}))
        store = self._users(document.get("users", {}), users_file)
        limits = self._table(("limits",), _BY_NAME["limits"], document.get("limits", {}))
        encrypt = values.get("encrypt", False)
        return Configuration(
            listen=values.get("listen", DEFAULT_LISTEN),
            server_name=values.get("server_name"),
            run_as=values.get("run_as"),
            users=store,
            guest=values.get("guest", False),
            extended_protection=values.get("extended_protection", True),
            target_names=values.get("target_names", ()),
            signing=SigningPolicy(values.get("signing", SigningPolicy.REQUIRED)),
            pipes_over_quic=values.get("pipes_over_quic", False),
            encryption=EncryptionPolicy.REQUIRED if encrypt else EncryptionPolicy.ALLOWED,
            encryption_over_quic=EncryptionOverQuic(values.get("smb_encryption_over_quic", "skip")),
            minimum_dialect=DIALECT_NAMES[values.get("minimum_dialect", MINIMUM_DIALECT.label)],
            engine=values.get("engine", "auto"),
            congestion=values.get("congestion", "cubic"),
            tls_ciphers=values.get("tls_ciphers", DEFAULT_CIPHERS),
            tls_groups=values.get("tls_groups", ()),
            tls_tickets=values.get("tls_tickets", "auto"),
            private_names=values.get("private_names", ()),
            shares=shares,
            certificates=certificates,
            limits=Limits(**limits),
            audit=self._audit(document.get("audit")),
        )

    def _shares(self, tables: object) -> tuple[ShareFolder, ...]:
        section = _BY_NAME["shares"]
        if not isinstance(tables, dict):
            raise self._error(("shares",), "shares are tables: write [shares.NAME]")
        shares: dict[str, ShareFolder] = {}
        for name, table in tables.items():
            self._try(("shares", name), ValueError, check_share_name, name)
            values = self._table(("shares", name), section, table)
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
            values = self._table(place, _BY_NAME["certificate"], table)
            for name in values.get("names", ()):
                self._try((*place, "names"), ValueError, general_name, name)
            rules = next((key for key in ("allow", "deny", "logons") if key in values), None)
            if rules is not None and "client_ca" not in values:
                raise self._error(
                    (*place, rules),
                    "rules are about clients' certificates: say with client_ca whose",
                )
            found.append(
                IdentityFiles(
                    certificate=values["file"],
                    key=values.get("key"),
                    password_file=values.get("password_file"),
                    names=values.get("names", ()),
                    default=values.get("default", len(tables) == 1),
                    client_ca=values.get("client_ca"),
                    client_crl=values.get("client_crl"),
                    rules=_rules(values),
                    logons=Logons.parse(values["logons"]) if "logons" in values else None,
                    pipes=values.get("pipes"),
                )
            )
        return tuple(found)

    def _audit(self, table: object) -> AuditOptions | None:
        if table is None:
            return None
        values = self._table(("audit",), _BY_NAME["audit"], table)
        file = values.pop("file")
        return AuditOptions(file=None if file == "-" else self._path.parent / file, **values)

    def _users(self, table: object, file: Path | None) -> UserStore:
        store = UserStore.load(file) if file is not None else UserStore()
        if not isinstance(table, dict):
            raise self._error(
                ("users",), 'users are a table: write [users], then NAME = "password"'
            )
        for name, password in table.items():
            if not isinstance(password, str):
                raise self._error(("users", name), 'a password is a text: write NAME = "password"')
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
        """The checked values of a table; what it does not say is left out."""
        if not isinstance(table, dict):
            raise self._error(place, f"this is a table: write {section.header}")
        known = {key.name: key for key in section.keys}
        values = {}
        for name, value in table.items():
            if name not in known:
                close = closest(name, (*known, *others))
                hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
                raise self._error((*place, name), f"there is no such key; {hint}")
            values[name] = self._value((*place, name), known[name], value)
        for key in section.keys:
            if key.required and key.name not in values:
                raise self._error(place, f"{key.name} is missing: {key.text}")
        return values

    def _value(self, place: Place, key: Key, value: object) -> Any:
        kind, wanted = key.kind, KINDS[key.kind]
        if kind == "boolean" and isinstance(value, bool):
            return value
        if kind == "integer" and isinstance(value, int) and not isinstance(value, bool):
            return self._positive(place, value)
        if kind == "number" and isinstance(value, int | float) and not isinstance(value, bool):
            return self._positive(place, float(value))
        if kind in ("strings", *_PARSERS) and isinstance(value, list):
            if not all(isinstance(each, str) for each in value):
                raise self._error(place, f"every element is a text: write {wanted}")
            if kind in _PARSERS:
                for each in value:
                    self._try(place, ValueError, _PARSERS[kind], [each])
            if key.choices:
                self._some_of(place, key.choices, value)
            return tuple(value)
        if kind in ("string", "file", "folder") and isinstance(value, str):
            if key.choices and value not in key.choices:
                raise self._error(place, f"{value!r} is none of {', '.join(key.choices)}")
            return value if kind == "string" else self._path_value(place, kind, value)
        raise self._error(place, f"{value!r} is of the wrong kind: write {wanted}")

    def _some_of(self, place: Place, choices: tuple[str, ...], value: list[str]) -> None:
        strange = [each for each in value if each not in choices]
        if strange or not value:
            what = f"{strange[0]!r} is none" if strange else "name one or more"
            raise self._error(place, f"{what} of {', '.join(choices)}")

    def _positive(self, place: Place, value: Any) -> Any:
        if not value >= 0:
            raise self._error(place, f"{value} is below zero; write a number from 0 on")
        return value

    def _path_value(self, place: Place, kind: str, value: str) -> Path:
        path = self._path.parent / value
        if kind == "folder" and not path.is_dir():
            raise self._error(place, f"{path} is not a folder; make it, or name another one")
        if kind == "file" and not path.is_file():
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


def _rules(values: Mapping[str, Any]) -> Rules | None:
    if "allow" not in values and "deny" not in values:
        return None
    return Rules.parse(values.get("allow", ()), values.get("deny", ()))
