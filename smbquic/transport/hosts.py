"""``HOST[:PORT]``, as people type it in URLs."""

import ipaddress
import re
from urllib.parse import unquote

from smbquic.errors import UrlError

_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"[^\s/\\:;@\[\]%\"<>?#]+")


def host_and_port(text: str, default: int, *, lowest: int = 1) -> tuple[str, int]:
    """Take ``HOST[:PORT]`` apart, an IPv6 address in brackets. Raises `UrlError`."""
    if text.startswith("["):
        literal, bracket, rest = text[1:].partition("]")
        if not bracket:
            raise UrlError(f"the bracket of [{literal} is not closed")
        host = unescape(literal, "host")
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise UrlError(f"{host!r} is not an IPv6 address") from None
        if rest and not rest.startswith(":"):
            raise UrlError(f"{rest!r} behind the host is not a port")
        return host, _port(rest[1:], default, lowest)
    host, _, port = text.partition(":")
    if ":" in port:
        raise UrlError(f"an IPv6 address stands in brackets: [{text}]")
    host = unescape(host, "host")
    if not host:
        raise UrlError("the address names no host: write HOST or HOST:PORT")
    if not _HOST.fullmatch(host):
        raise UrlError(f"{host!r} is not a host name")
    return host, _port(port, default, lowest)


def _port(text: str, default: int, lowest: int) -> int:
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and lowest <= int(text) < 65536):
        raise UrlError(f"{text!r} is not a port; a port is a number from {lowest} to 65535")
    return int(text)


def unescape(text: str, what: str, errors: str = "strict") -> str:
    """Return a part of a URL without percent-escapes; `what` names it in a `UrlError`."""
    if _LONE_PERCENT.search(text):
        raise UrlError(f"a lone % in the {what}; write %25 for the character itself")
    try:
        return unquote(text, errors=errors)
    except UnicodeDecodeError:
        raise UrlError(f"the escapes in the {what} are not UTF-8") from None
