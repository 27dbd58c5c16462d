"""The server's configuration file: TOML, strictly checked.

`SECTIONS` is the one list of what may stand in it: the checks, the defaults and
`docs/reference/configuration.md` are made from it.
"""

import difflib
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

from smbquic.api import ListenAddress
from smbquic.auth.users import UsersError, UserStore
from smbquic.client.url import UrlError
from smbquic.errors import SmbError
from smbquic.observe.audit import KEEP, MAX_BYTES, RotatingFile, Sink, StandardOutput
from smbquic.pki.access import Rules
from smbquic.pki.authority import general_name
from smbquic.pki.identities import IdentityFiles
from smbquic.pki.logons import Logons
from smbquic.protocol.settings import DIALECT_NAMES, EncryptionOverQuic, EncryptionPolicy
from smbquic.server.limits import DEFAULT_LIMITS, Limits
from smbquic.transport.quic.options import (
    CIPHERS,
    DEFAULT_CIPHERS,
    GROUPS,
    Congestion,
    EngineName,
)
from smbquic.wire.negotiate import Dialect

DEFAULT_LISTEN = ("quic://0.0.0.0:443",)

_HEADER = re.compile(r"\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*[A-Za-z0-9_"'-]+)*)\s*=""")
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")
_QUOTES = re.compile(r'"""|' + "'''")
_SYNTAX_LINE = re.compile(r" \(at line (\d+), column \d+\)$")


class ConfigError(SmbError):
    """A configuration that cannot be used: the message names file, line, key, and what to do."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a section: the kind of its value (`_KINDS`), what it defaults to, what it is for."""

    name: str
    kind: str
    default: str
    text: str
    choices: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the file. `header` is how it is written there, `key_text` what its names are."""

    name: str
    header: str
    text: str
    keys: tuple[Key, ...]


_LIMIT_TEXTS = {
    "connections": "Connections of one listener.",
    "connections_of_address": "Connections from one address; an IPv6 /64 counts as one.",
    "strangers": "Connections that have not logged on yet.",
    "strangers_of_address": "The same from one address.",
    "strangers_share": "The part of the processor's time that they get while users have work.",
    "half_open": "QUIC handshakes of one listener that are not over.",
    "half_open_of_address": "The same of one address, once it is proven.",
    "sessions": "Sessions of one connection.",
    "trees": "Shares that one session may be connected to.",
    "opens": "Files that one session may have open.",
    "locks": "Byte ranges that may be locked in one open.",
    "watches": "Folders that one connection may watch.",
    "pipes": "Pipes that one session may have open.",
    "pipe_bytes": "Bytes that may wait to be read of a pipe before it takes no more.",
    "pending": "Requests of one connection that may wait.",
    "logon_seconds": "Seconds until somebody must have logged on.",
    "failed_logon_delay": "Seconds until the answer to a failed logon.",
    "failed_logons": "Failed logons of one user, or with one certificate, that are borne.",
    "failed_logons_of_address": "Failed logons from one address that are borne.",
    "lockout_seconds": "Seconds in which they count, and for which no more are borne.",
    "interim_delay": "Seconds until a client hears that an answer takes longer.",
    "session_seconds": "Seconds until a session must log on again, or inf.",
    "break_seconds": "Seconds that a client has to give up what it caches.",
    "durable_seconds": "Seconds that a durable open waits for its client.",
    "disconnected": "Opens of all clients that may wait so.",
    "slow_seconds": "Seconds within which a client has to get on with what it is sent, or sends.",
    "slow_rate": "Bytes a second that it has to get on by.",
    "buffers": "Bytes that may wait in memory, for all clients and in both directions.",
    "threads": "Pieces of work on files (flushes, copies) that one user may have done at once.",
}

SECTIONS = (
    Section(
        "",
        "(the top of the file)",
        "What holds for the whole server.",
        (
            Key(
                "listen",
                "strings",
                f'["{DEFAULT_LISTEN[0]}"]',
                "Where to listen: quic://HOST:PORT or tcp://HOST:PORT.",
            ),
            Key(
                "server_name",
                "string",
                "the host's name",
                "What the server calls itself in logons.",
            ),
            Key("users_file", "file", "none", "Who may log on; see `smbquic user`."),
            Key(
                "run_as",
                "string",
                "whoever started it",
                "USER or USER:GROUP to become once the ports are bound and the keys are read;"
                " needs root. Files are served with that user's rights.",
            ),
            Key("guest", "boolean", "false", "Let unknown users in, to read."),
            Key("require_signing", "boolean", "false", "Demand that clients sign."),
            Key("pipes_over_quic", "boolean", "false", "List the shares over QUIC too."),
            Key(
                "encrypt",
                "boolean",
                "false",
                "Demand SMB encryption. What QUIC encrypts counts where both ends skip it there.",
            ),
            Key(
                "smb_encryption_over_quic",
                "string",
                '"skip"',
                "SMB encryption within QUIC: skip leaves it out with clients that want that too,"
                " allow has it as over TCP, require demands it.",
                tuple(each.value for each in EncryptionOverQuic),
            ),
            Key(
                "minimum_dialect",
                "string",
                '"2.0.2"',
                "The oldest SMB dialect that is spoken; over QUIC it is always 3.1.1.",
                tuple(DIALECT_NAMES),
            ),
            Key("engine", "string", '"auto"', "The QUIC engine.", get_args(EngineName)),
            Key(
                "congestion",
                "string",
                '"cubic"',
                "Congestion control over QUIC; bbr is for paths that lose packets.",
                get_args(Congestion),
            ),
            Key(
                "tls_ciphers",
                "strings",
                '["AES-128-GCM", "AES-256-GCM"]',
                "The cipher suites of QUIC, the preferred one first.",
                tuple(CIPHERS),
            ),
            Key(
                "tls_groups",
                "strings",
                "all that the engine has",
                "The groups that QUIC's keys may be exchanged in. The post-quantum X25519MLKEM768"
                " needs the engine qh3.",
                tuple(GROUPS),
            ),
            Key(
                "private_names",
                "strings",
                "[]",
                "Names for the certificate that is made where no [[certificate]] is given.",
            ),
        ),
    ),
    Section(
        "shares",
        "[shares.NAME]",
        "A folder that is shared as NAME. There is at least one.",
        (
            Key("path", "folder", "", "The folder.", required=True),
            Key("read_only", "boolean", "false", "Nobody may write."),
            Key(
                "encrypt",
                "boolean",
                "false",
                "Demand SMB encryption for this share. What QUIC encrypts counts as above.",
            ),
            Key("comment", "string", '""', "What a listing of shares shows."),
            Key(
                "links",
                "boolean",
                "false",
                "Show the symbolic links that stay within the share, and let clients make such."
                " They follow them themselves; the server never does (Linux).",
            ),
        ),
    ),
    Section(
        "certificate",
        "[[certificate]]",
        "A certificate of the server. One table for each; clients choose by the name they ask for.",
        (
            Key(
                "file",
                "file",
                "",
                "PEM, leaf first, then its intermediates; or PKCS #12.",
                required=True,
            ),
            Key(
                "key",
                "file",
                "in the PKCS #12 file",
                "The private key, PEM; not readable by others.",
            ),
            Key(
                "password_file",
                "file",
                "none",
                "The password of the key or PKCS #12 file, on the first line; not readable by"
                " others.",
            ),
            Key(
                "names",
                "strings",
                "those in the certificate",
                "The names it is for; `*.` may stand for one label.",
            ),
            Key(
                "default",
                "boolean",
                "true for an only one",
                "Show it to clients that ask for another name, or for none.",
            ),
            Key(
                "client_ca",
                "file",
                "none",
                "Demand client certificates from these authorities, PEM.",
            ),
            Key("client_crl", "file", "none", "Revocation lists for them, PEM."),
            Key(
                "allow",
                "rules",
                "none",
                "Clients to let in: sha256:HEX, issuer:NAME,"
                " subject:NAME, san:PATTERN. With `allow` or `deny`, one rule must allow and none"
                " deny; an empty list lets nobody in.",
            ),
            Key("deny", "rules", "none", "Clients to keep out."),
            Key(
                "logons",
                "logons",
                "anybody",
                "Whom clients may log on as: a rule as above, an arrow and users, or `*` for"
                " anybody. `{}` in a user is what the `*` in the rule stands for. A client that no"
                " rule is about may not log on.",
            ),
            Key(
                "pipes",
                "boolean",
                "as pipes_over_quic",
                "List the shares to clients that ask for these names.",
            ),
        ),
    ),
    Section(
        "users", "[users]", 'NAME = "password". A users file keeps no passwords: prefer it.', ()
    ),
    Section(
        "limits",
        "[limits]",
        "How much one client may hold, and how many may come.",
        tuple(
            Key(
                each.name,
                "integer" if isinstance(each.default, int) else "number",
                str(each.default),
                _LIMIT_TEXTS.get(each.name, ""),
            )
            for each in fields(Limits)
        ),
    ),
    Section(
        "audit",
        "[audit]",
        "Where audit records go; see audit.md. Without this table there are none.",
        (
            Key("file", "string", "", 'A file, or "-" for standard output.', required=True),
            Key(
                "max_bytes",
                "integer",
                str(MAX_BYTES),
                "A new file is begun before this size; 0 leaves that to others (logrotate).",
            ),
            Key("keep", "integer", str(KEEP), "How many files to keep besides."),
            Key(
                "file_access",
                "boolean",
                "false",
                "Record every open, rename, link and deletion of a file as well.",
            ),
        ),
    ),
)

_BY_NAME = {section.name: section for section in SECTIONS}


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
    require_signing: bool = False
    pipes_over_quic: bool = False
    encryption: EncryptionPolicy = EncryptionPolicy.ALLOWED
    encryption_over_quic: EncryptionOverQuic = EncryptionOverQuic.SKIP
    minimum_dialect: Dialect = Dialect.SMB_2_0_2
    engine: EngineName = "auto"
    congestion: Congestion = "cubic"
    tls_ciphers: tuple[str, ...] = DEFAULT_CIPHERS
    tls_groups: tuple[str, ...] = ()
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
    return _Reader(path, text).configuration(document)


class _Reader:
    """Makes a `Configuration` of a document, and knows where in the file each key stands."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = dict(_positions(text))

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
            require_signing=values.get("require_signing", False),
            pipes_over_quic=values.get("pipes_over_quic", False),
            encryption=EncryptionPolicy.REQUIRED if encrypt else EncryptionPolicy.ALLOWED,
            encryption_over_quic=EncryptionOverQuic(values.get("smb_encryption_over_quic", "skip")),
            minimum_dialect=DIALECT_NAMES[values.get("minimum_dialect", "2.0.2")],
            engine=values.get("engine", "auto"),
            congestion=values.get("congestion", "cubic"),
            tls_ciphers=values.get("tls_ciphers", DEFAULT_CIPHERS),
            tls_groups=values.get("tls_groups", ()),
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
        place: tuple[str | int, ...],
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
                close = difflib.get_close_matches(name, (*known, *others), 1)
                hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
                raise self._error((*place, name), f"there is no such key; {hint}")
            values[name] = self._value((*place, name), known[name], value)
        for key in section.keys:
            if key.required and key.name not in values:
                raise self._error(place, f"{key.name} is missing: {key.text}")
        return values

    def _value(self, place: tuple[str | int, ...], key: Key, value: object) -> Any:
        kind, wanted = key.kind, _KINDS[key.kind]
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

    def _some_of(
        self, place: tuple[str | int, ...], choices: tuple[str, ...], value: list[str]
    ) -> None:
        strange = [each for each in value if each not in choices]
        if strange or not value:
            what = f"{strange[0]!r} is none" if strange else "name one or more"
            raise self._error(place, f"{what} of {', '.join(choices)}")

    def _positive(self, place: tuple[str | int, ...], value: Any) -> Any:
        if not value >= 0:
            raise self._error(place, f"{value} is below zero; write a number from 0 on")
        return value

    def _path_value(self, place: tuple[str | int, ...], kind: str, value: str) -> Path:
        path = self._path.parent / value
        if kind == "folder" and not path.is_dir():
            raise self._error(place, f"{path} is not a folder; make it, or name another one")
        if kind == "file" and not path.is_file():
            raise self._error(place, f"there is no file {path}; paths are relative to this file")
        return path

    def _try(
        self, place: tuple[str | int, ...], kind: type[Exception], check: Any, *values: object
    ) -> None:
        try:
            check(*values)
        except kind as error:
            raise self._error(place, str(error)) from error

    def _error(self, place: tuple[str | int, ...], text: str) -> ConfigError:
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


def _rules(values: Mapping[str, Any]) -> Rules | None:
    if "allow" not in values and "deny" not in values:
        return None
    return Rules.parse(values.get("allow", ()), values.get("deny", ()))


def _positions(text: str) -> Iterator[tuple[tuple[str | int, ...], int]]:
    """Where each key and table of a TOML text begins; of what is repeated, where it is last.

    tomllib does not tell. Texts over several lines are skipped; a key inside of an inline table is
    found by the key before it.
    """
    table: tuple[str | int, ...] = ()
    counts: dict[tuple[str | int, ...], int] = {}
    quote = ""
    for number, line in enumerate(text.splitlines(), 1):
        inside = bool(quote)
        for mark in _QUOTES.findall(line):
            quote = "" if mark == quote else quote or mark
        if inside:
            continue
        if header := _HEADER.match(line):
            table = _parts(header[2])
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            yield table, number
        elif key := _KEY.match(line):
            parts = _parts(key[1])
            for length in range(1, len(parts) + 1):
                yield (*table, *parts[:length]), number


def _parts(dotted: str) -> tuple[str | int, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


_PARSERS = {"rules": Rules.parse, "logons": Logons.parse}

_KINDS = {
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "string": 'a text in quotes, "like this"',
    "strings": 'a list of texts, ["like", "this"]',
    "rules": 'a list of rules, ["sha256:...", "san:*.example"]',
    "logons": 'a list of rules, ["subject:* -> {}", "issuer:CN=Admin CA -> *"]',
    "file": "the path of a file, in quotes",
    "folder": "the path of a folder, in quotes",
}


def reference() -> str:
    """`docs/reference/configuration.md`."""
    lines = [
        "# The configuration file",
        "",
        "`smbquic serve -c FILE` reads it. It is TOML and strictly checked: whatever is not listed"
        " here is an error, which names",
        "the line and what to do. Paths are relative to the file. Options on the command line win"
        " over it; `--share` and `--user` add to it.",
        "",
        "This page is made from `smbquic/config.py`, and a test compares the two:",
        "`python -m smbquic.config > docs/reference/configuration.md`.",
    ]
    for section in SECTIONS:
        lines += ["", f"## `{section.header}`" if section.name else "## The top of the file", ""]
        lines += [section.text]
        if section.keys:
            lines += ["", "| key | value | default | |", "|---|---|---|---|"]
        for key in section.keys:
            value = ", ".join(f'"{each}"' for each in key.choices) or _KINDS[key.kind]
            if key.choices and key.kind == "strings":
                value = f"a list of {value}"
            default = "**required**" if key.required else key.default
            lines.append(f"| `{key.name}` | {value} | {default} | {key.text} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
