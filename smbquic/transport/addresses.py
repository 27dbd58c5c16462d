"""Resolving host names by the system, and connecting to the addresses of a name ([RFC8305])."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from smbquic.errors import ConnectError, HandshakeError, TransportError
from smbquic.lazy_dataclass import dataclass

HEAD_START = 0.25
"""Seconds until the next address is tried beside the former one ([RFC8305] 5)."""

SocketAddress = tuple[Any, ...]
"""An address of the socket module: (host, port) or (host, port, flow info, scope ID)."""
C = TypeVar("C")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Address:
    """An address to connect to or to listen on."""

    family: socket.AddressFamily
    socket_address: SocketAddress

    @property
    def endpoint(self) -> tuple[str, int]:
        """Host and port."""
        return endpoint(self.socket_address)


def endpoint(address: SocketAddress) -> tuple[str, int]:
    """Return host and port of a socket address; an IPv4-mapped IPv6 address as an IPv4 address."""
    host = str(address[0])
    return host.removeprefix("::ffff:") if "." in host else host, int(address[1])


def is_loopback(address: SocketAddress) -> bool:
    """Return whether packets to `address` stay on this machine."""
    return ipaddress.ip_address(endpoint(address)[0].partition("%")[0]).is_loopback


def is_private(address: SocketAddress) -> bool:
    """Return whether `address` is not routed on the internet."""
    return ipaddress.ip_address(endpoint(address)[0].partition("%")[0]).is_private


def is_ip_address(name: str) -> bool:
    """Return whether the name of a host is an address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_wildcard(address: SocketAddress) -> bool:
    """Return whether a socket bound to `address` has all addresses of the machine."""
    return ipaddress.ip_address(str(address[0]).partition("%")[0]).is_unspecified


def url(scheme: str, address: tuple[str, int]) -> str:
    """Return `scheme://host:port`, with brackets if the host is an IPv6 address."""
    host, port = address
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


async def resolve(
    host: str, port: int, kind: socket.SocketKind, *, passive: bool = False
) -> list[Address]:
    """Return all addresses of `host`, in the order that the system prefers.

    Raises `ConnectError` for a name that has none.
    """
    flags = socket.AI_PASSIVE if passive else 0
    # As bytes: for text, modules are loaded that turn names of other alphabets into ASCII.
    name = host.encode() if host.isascii() else host
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            name or None, port, type=kind, flags=flags
        )
    except (socket.gaierror, UnicodeError) as error:
        raise ConnectError(
            f"the name {host!r} cannot be resolved ({error}): check it, and the name server"
        ) from error
    addresses = [Address(socket.AddressFamily(row[0]), row[4]) for row in found]
    return list(dict.fromkeys(addresses))


async def race(
    candidates: Sequence[C],
    attempt: Callable[[C], Awaitable[T]],
    *,
    discard: Callable[[T], object],
    head_start: float | None = None,
    final: tuple[type[TransportError], ...] = (),
) -> T:
    """Return the result of the first attempt that succeeds; each candidate is tried a little later.

    That is `HEAD_START`, unless `head_start` says otherwise. If an attempt fails, the next one
    starts at once, unless the error is `final`. If all have failed, raises the `HandshakeError` of
    one that was answered, or else the first error. `discard` is called with a result that came at
    the same time as the first.
    """
    waiting = list(candidates)
    running: list[asyncio.Task[T]] = []
    failures: list[TransportError] = []
    try:
        while waiting or running:
            if waiting:
                task = asyncio.ensure_future(_run(attempt, waiting.pop(0)))
                running.append(task)
            done, _ = await asyncio.wait(
                running,
                timeout=(HEAD_START if head_start is None else head_start) if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in [each for each in running if each in done]:
                running.remove(task)
                try:
                    return task.result()
                except final:
                    raise
                except TransportError as error:
                    failures.append(error)
    finally:
        for task in running:
            task.cancel()
        for result in await asyncio.gather(*running, return_exceptions=True):
            if not isinstance(result, BaseException):
                discard(result)
    answered = [error for error in failures if isinstance(error, HandshakeError)]
    raise (answered or failures)[0]


async def _run(attempt: Callable[[C], Awaitable[T]], candidate: C) -> T:
    return await attempt(candidate)
