"""The server's configuration file, read and strictly checked."""

from pathlib import Path
from typing import Any

from smbquic.api.listen import ListenAddress
from smbquic.auth.users import UserStore
from smbquic.config.document import Document
from smbquic.config.schema import (
    ACME,
    AUDIT,
    CERTIFICATE,
    CONNECTION_IDS,
    GATEWAY,
    LIMITS,
    POOLS,
    RULES,
    SECTIONS,
    SHARES,
    TOP,
    TRACES,
    WEB,
)
from smbquic.errors import UrlError, UsersError
from smbquic.gateway.backend import BackendAddress
from smbquic.gateway.pool import PoolTable
from smbquic.lazy_dataclass import dataclass
from smbquic.observe.trace_endpoint import check_endpoint
from smbquic.options.acme import AcmeOptions
from smbquic.options.audit import AuditOptions
from smbquic.options.certificate import IdentityFiles
from smbquic.options.connection_ids import ConnectionIdOptions
from smbquic.options.gateway import BackendOptions, PoolOptions
from smbquic.options.limits import Limits
from smbquic.options.server import ProgramOptions
from smbquic.options.share import ShareFolder
from smbquic.options.traces import TraceOptions
from smbquic.options.web import WebOptions
from smbquic.pki.access import Rules
from smbquic.pki.acme.http_listener import listen_address
from smbquic.pki.acme.store import AcmeStore, with_acme
from smbquic.pki.logons import Logons
from smbquic.pki.subject import general_name
from smbquic.server.share import check_share_name
from smbquic.web.address import WebAddress

_TABLES = tuple(section.name for section in SECTIONS if section.name)
_RULES = {"allow": Rules.parse, "deny": Rules.parse, "logons": Logons.parse}


@dataclass(frozen=True, kw_only=True)
class Configuration(ProgramOptions):
    """The settings of a configuration file; the defaults are those of an empty one."""

    users: UserStore


def load(path: Path) -> Configuration:
    """Read and check a file. Raises `ConfigError`, which names what to change."""
    return _Reader(Document.load(path)).configuration()


class _Reader:
    """A reader that makes a `Configuration` of a document."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def configuration(self) -> Configuration:
        document = self._document.content
        top = {key: value for key, value in document.items() if key not in _TABLES}
        values = self._document.table((), TOP, top, others=_TABLES)
        if "listen" in values and not values["listen"]:
            text = 'write one or more, or leave it out: listen = ["quic://0.0.0.0:443"]'
            raise self._document.error(("listen",), text)
        for address in values.get("listen", ()):
            self._document.check(("listen",), UrlError, ListenAddress.parse, address)
        for name in values.get("private_names", ()):
            self._document.check(("private_names",), ValueError, general_name, name)
        if "connection_ids" in document:
            values["connection_ids"] = ConnectionIdOptions(
                **self._document.table(
                    ("connection_ids",), CONNECTION_IDS, document["connection_ids"]
                )
            )
        if "limits" in document:
            values["limits"] = Limits(
                **self._document.table(("limits",), LIMITS, document["limits"])
            )
        if "web" in document:
            values["web"] = self._web(document["web"])
        if "traces" in document:
            values["traces"] = self._traces(document["traces"])
        if "audit" in document:
            values["audit"] = AuditOptions(
                **self._document.table(("audit",), AUDIT, document["audit"])
            )
        if "acme" in document:
            values["acme"] = self._acme(document["acme"])
        if "gateway" in document:
            values |= self._gateway(document["gateway"])
        return Configuration(
            certificates=self._certificates(document.get("certificate", []), values.get("acme")),
            shares=self._shares(document.get("shares", {})),
            users=self._users(document.get("users", {}), values.get("users_file")),
            **values,
        )

    def _web(self, table: object) -> WebOptions:
        values = self._document.table(("web",), WEB, table)
        if "address" in values:
            self._document.check(("web", "listen"), UrlError, WebAddress.parse, values["address"])
        return WebOptions(**values)

    def _traces(self, table: object) -> TraceOptions:
        values = self._document.table(("traces",), TRACES, table)
        if "endpoint" in values:
            self._document.check(
                ("traces", "endpoint"), UrlError, check_endpoint, values["endpoint"]
            )
        return TraceOptions(**values)

    def _gateway(self, table: object) -> dict[str, Any]:
        """Return the values of the gateway's table, and its pools."""
        if not isinstance(table, dict):
            raise self._document.error(("gateway",), "this is a table: write [gateway]")
        own = {key: value for key, value in table.items() if key != "pools"}
        backends = BackendOptions(
            **self._document.table(("gateway",), GATEWAY, own, others=("pools",))
        )
        place = ("gateway", "pools")
        tables = table.get("pools", {})
        if not isinstance(tables, dict):
            raise self._document.error(place, "pools are tables: write [gateway.pools.NAME]")
        pools = []
        for name, each in tables.items():
            values = self._document.table((*place, name), POOLS, each)
            for backend in values["backends"]:
                self._document.check(
                    (*place, name, "backends"), UrlError, BackendAddress.parse, backend
                )
            pools.append(PoolOptions(name=name, **values))
        if pools:
            self._document.check(place, ValueError, PoolTable, pools, backends)
        return {"backends": backends, "pools": tuple(pools)}

    def _shares(self, tables: object) -> tuple[ShareFolder, ...]:
        if not isinstance(tables, dict):
            raise self._document.error(("shares",), "shares are tables: write [shares.NAME]")
        shares: dict[str, ShareFolder] = {}
        for name, table in tables.items():
            self._document.check(("shares", name), ValueError, check_share_name, name)
            values = self._document.table(("shares", name), SHARES, table)
            if name.casefold() in shares:
                raise self._document.error(
                    ("shares", name), "two shares have this name; case is the same"
                )
            shares[name.casefold()] = ShareFolder(name=name, **values)
        return tuple(shares.values())

    def _acme(self, table: object) -> AcmeOptions:
        values = self._document.table(("acme",), ACME, table)
        for name in values["names"]:
            self._document.check(("acme", "names"), ValueError, general_name, name)
        if "http_listen" in values:
            listen = values["http_listen"]
            self._document.check(("acme", "listen"), UrlError, listen_address, listen)
        try:
            return AcmeOptions(**values)
        except ValueError as error:
            raise self._document.error(("acme",), str(error)) from error

    def _certificates(self, tables: object, acme: AcmeOptions | None) -> tuple[IdentityFiles, ...]:
        """Return the certificates; the rules of that of `acme` are in a table without a file."""
        if not isinstance(tables, list):
            raise self._document.error(("certificate",), "write [[certificate]], with two brackets")
        found: list[IdentityFiles] = []
        for number, table in enumerate(tables):
            place = ("certificate", number)
            section = CERTIFICATE
            if acme is not None and isinstance(table, dict) and "file" not in table:
                section = RULES
            values = self._document.table(place, section, table)
            if section is RULES:
                assert acme is not None
                file = AcmeStore(acme).certificate
                values |= {"certificate": file, "key": file}
                if any(each.certificate == file for each in found):
                    raise self._document.error(
                        place, "only one certificate table may be without a file, that of acme"
                    )
            for name in values.get("names", ()):
                self._document.check((*place, "names"), ValueError, general_name, name)
            for key in _RULES.keys() & values.keys():
                for rule in values[key]:
                    self._document.check((*place, key), ValueError, _RULES[key], [rule])
            rules = next((key for key in _RULES if key in values), None)
            if rules is not None and "client_ca" not in values:
                raise self._document.error(
                    (*place, rules),
                    "rules are about clients' certificates: say with client_ca whose",
                )
            found.append(IdentityFiles(**{"default": len(tables) == 1, **values}))
        return with_acme(found, acme)

    def _users_of(self, file: Path) -> UserStore:
        try:
            return UserStore.load(file)
        except UsersError as error:
            raise self._document.error(("users_file",), f"{error}: use smbquic user") from error
        except OSError as error:
            text = f"{file} cannot be read: {error.strerror}"
            raise self._document.error(("users_file",), text) from error

    def _users(self, table: object, file: Path | None) -> UserStore:
        store = UserStore() if file is None else self._users_of(file)
        if not isinstance(table, dict):
            raise self._document.error(
                ("users",), 'users are a table: write [users], then NAME = "password"'
            )
        for name, password in table.items():
            if not isinstance(password, str):
                raise self._document.error(
                    ("users", name), 'a password must be a string: write NAME = "password"'
                )
            if name in store:
                raise self._document.error(
                    ("users", name), "this user is there already; leave one out"
                )
            self._document.check(("users", name), UsersError, store.add, name, password)
        return store
