"""Addresses of servers, shares and what is in them, as people type them.

``smb+quic://[DOMAIN;]USER[:PASSWORD]@HOST[:443]/SHARE/PATH`` goes over QUIC,
``smb://...`` over TCP (port 445). The path is literal but for percent-escapes: there is no query
and no fragment, since ``#`` is an ordinary character in a file name.
"""

import re
from dataclasses import field, replace
from typing import Literal
from urllib.parse import quote

from smbquic.client.names import from_local, split_path
from smbquic.errors import PathError, UrlError
from smbquic.lazy_dataclass import dataclass
from smbquic.storage.names import unescape as without_escapes
from smbquic.transport.hosts import host_and_port, unescape

TransportName = Literal["quic", "tcp"]

_SCHEMES: dict[str, TransportName] = {"smb+quic": "quic", "smb": "tcp"}
_NAMES = {transport: scheme for scheme, transport in _SCHEMES.items()}
PORTS: dict[TransportName, int] = {"quic": 443, "tcp": 445}
"""Where servers listen unless a URL says otherwise."""

_SHAPE = "smb+quic://[DOMAIN;]USER@HOST[:PORT]/SHARE/PATH"


@dataclass(frozen=True, slots=True)
class SmbUrl:
    """The address of a server, a share, or a file or folder on it.

    `share` and `path` may be empty, for a URL that names a server or a whole share. `path` is
    separated by ``/`` and never starts or ends with one; `folder` says that the URL did, and so
    means a folder. Names in URLs are those of POSIX: in `path`, what no name on a share may hold is
    replaced as in docs/reference/names.md.
    """

    transport: TransportName
    host: str
    port: int
    share: str = ""
    path: str = ""
    user: str = ""
    domain: str = ""
    password: str | None = field(default=None, repr=False)
    folder: bool = False

    @classmethod
    def parse(cls, text: str) -> "SmbUrl":
        """Take a URL apart; `UrlError` says what is wrong with it."""
        scheme, separator, rest = text.partition("://")
        transport = _SCHEMES.get(scheme.lower())
        if not separator or transport is None:
            raise UrlError(
                f"{_quiet(text)!r} is not an SMB address; write {_SHAPE}, or smb:// for TCP"
            )
        authority, _, tail = rest.partition("/")
        userinfo, at, hostport = authority.rpartition("@")
        host, port = host_and_port(hostport, PORTS[transport])
        user, domain, password = _identity(userinfo) if at else ("", "", None)
        share, _, path = tail.strip("/").partition("/")
        return cls(
            transport=transport,
            host=host,
            port=port,
            share=_share(share),
            path=_path(path),
            user=user,
            domain=domain,
            password=password,
            folder=tail.endswith("/"),
        )

    def __str__(self) -> str:
        """The URL again, without the password."""
        user = quote(self.user, safe="")
        if self.domain:
            user = f"{quote(self.domain, safe='')};{user}"
        host = f"[{self.host.replace('%', '%25')}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.transport] else f":{self.port}"
        where = "/".join(
            quote(without_escapes(part), safe=" #!$&'()+,;=@~", errors="surrogateescape")
            for part in self._parts()
        )
        authority = f"{user}@{host}{port}" if user else f"{host}{port}"
        end = "/" if where and self.folder else ""
        return f"{_NAMES[self.transport]}://{authority}" + (f"/{where}{end}" if where else "")

    def _parts(self) -> list[str]:
        return [part for part in (self.share, *self.path.split("/")) if part]

    def need_share(self) -> "SmbUrl":
        """This URL, or `UrlError` if it names no share."""
        if not self.share:
            raise UrlError(f"{self} names no share; write {_SHAPE}")
        return self

    def joined(self, path: str) -> "SmbUrl":
        """Return the URL of `path`, relative to this one; ``..`` goes up."""
        return replace(self, path="/".join(split_path(f"{self.path}/{path}")))


def _quiet(text: str) -> str:
    """Return the text without what may be a password in it."""
    return re.sub(r":[^:/@]*@", ":***@", text)


def _identity(text: str) -> tuple[str, str, str | None]:
    name, colon, password = text.partition(":")
    domain, semicolon, user = name.rpartition(";")
    user, domain = unescape(user, "user"), unescape(domain, "domain")
    if not user:
        raise UrlError("there is no user name before the @")
    if semicolon and not domain:
        raise UrlError("there is no domain before the ;")
    return user, domain, unescape(password, "password") if colon else None


def _share(text: str) -> str:
    return share_name(unescape(text, "share"))


def share_name(share: str) -> str:
    """Return the name of a share; `UrlError` for what cannot be one."""
    if any(character in share for character in "/\\\0") or share in (".", ".."):
        raise UrlError(f"{share!r} is not the name of a share")
    return share


def _path(text: str) -> str:
    parts = [unescape(part, "path", "surrogateescape") for part in text.split("/")]
    for part in parts:
        if any(character in part for character in "/\0"):
            raise UrlError(f"{part!r} cannot be the name of a file or folder")
    try:
        return "/".join(split_path("/".join(map(from_local, parts))))
    except PathError as error:
        raise UrlError(str(error)) from None
