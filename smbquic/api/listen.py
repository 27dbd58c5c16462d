"""The addresses that a server or a relay listens on."""

import socket
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field
from typing import Literal

from smbquic.client.url import PORTS
from smbquic.errors import ConfigError, ListenError, UrlError
from smbquic.lazy_dataclass import dataclass
from smbquic.transport.addresses import is_wildcard, resolve
from smbquic.transport.addresses import url as url_of
from smbquic.transport.hosts import host_and_port

_ALL = "0.0.0.0"  # noqa: S104  (who leaves out the host wants that)
_LISTENERS: dict[str, Literal["quic", "tcp"]] = {"quic": "quic", "tcp": "tcp"}


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where to listen: ``quic://HOST[:443]`` or ``tcp://HOST[:445]``; port 0 picks one.

    Without a host, as in ``quic://:443``, it is all IPv4 addresses of the machine. `opened` is a
    socket that has the address already.
    """

    transport: Literal["quic", "tcp"]
    host: str
    port: int
    opened: socket.socket | None = field(default=None, compare=False)

    @classmethod
    def parse(cls, text: str) -> "ListenAddress":
        """Parse an address. Raises `UrlError`."""
        scheme, _, rest = text.partition("://")
        transport = _LISTENERS.get(scheme)
        if transport is None:
            raise UrlError(f"{text!r}: listen on quic://HOST:PORT or tcp://HOST:PORT")
        place = f"{_ALL}{rest}" if rest.startswith(":") else rest
        host, port = host_and_port(place.rstrip("/"), PORTS[transport], lowest=0)
        return cls(transport, host, port)

    @classmethod
    def of(cls, sock: socket.socket) -> "ListenAddress":
        """Return the address of a bound socket: QUIC's if it is of UDP.

        Raises `ConfigError` for a socket that cannot be listened on.
        """
        host, port, *_ = sock.getsockname()
        where = f"the socket on port {port}"
        if (
            sock.family == socket.AF_INET6
            and is_wildcard((host, port))
            and not sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
        ):
            raise ConfigError(
                f"{where} takes IPv4 as well as IPv6: set BindIPv6Only=ipv6-only in the socket"
                f" unit, and listen on 0.0.0.0:{port} with a second socket"
            )
        if sock.type == socket.SOCK_DGRAM:
            return cls("quic", host, port, sock)
        if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise ConfigError(f"{where} does not listen: set Accept=no in the socket unit")
        return cls("tcp", host, port, sock)

    def __str__(self) -> str:
        return url_of(self.transport, (self.host, self.port))


def listen_addresses(
    listen: Sequence[str], sockets: Iterable[socket.socket] = ()
) -> list[ListenAddress]:
    """Return where to listen: on these sockets, and at the addresses that none of them has.

    Raises `UrlError`, and `ConfigError` for a socket that cannot be listened on.
    """
    found = [ListenAddress.of(sock) for sock in sockets]
    return found + [each for each in map(ListenAddress.parse, listen) if each not in found]


@contextmanager
def listening_on(address: ListenAddress) -> Iterator[None]:
    """Raise `ListenError` where the system refuses an address."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise ListenError(str(address), error) from error


async def check_listen(listen: Sequence[str]) -> None:
    """Raise `ListenError` for an address that cannot be listened on; no socket stays open."""
    for address in map(ListenAddress.parse, listen):
        kind = socket.SOCK_DGRAM if address.transport == "quic" else socket.SOCK_STREAM
        found, *_ = await resolve(address.host, address.port, kind, passive=True)
        with listening_on(address), socket.socket(found.family, kind) as trial:
            if found.family == socket.AF_INET6:
                trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if kind == socket.SOCK_STREAM and sys.platform != "win32":
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(found.socket_address)
