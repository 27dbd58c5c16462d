"""The addresses for further channels of a client. [MS-SMB2] 3.3.5.15.11"""

import ctypes
import ipaddress
import socket
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from smbquic.lazy_dataclass import dataclass
from smbquic.wire.ioctl_payloads import InterfaceCapability, NetworkInterfaceInfo

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_UP = 0x1
_DEFAULT_SPEED = 1_000_000_000
_MEGABIT = 1_000_000
_SPEEDS = Path("/sys/class/net")


@dataclass(frozen=True, slots=True)
class NetworkInterface:
    """One address of one network interface; `speed` in bits per second."""

    index: int
    address: IpAddress
    speed: int = _DEFAULT_SPEED


def reachable(
    listeners: Iterable[str], kind: str, local: str, interfaces: Iterable[NetworkInterface]
) -> list[NetworkInterfaceInfo]:
    """Return the interfaces by which listeners of this kind (`tcp`, `quic`) are reached.

    `listeners` are URLs, `local` is the address by which the client came: loopback is offered
    only to a client that uses it, private addresses only to one that came by a private one, and no
    link-local addresses, which are valid on one link. None claims RSS: more connections to one
    interface would share one thread.
    """
    hosts = [
        ipaddress.ip_address(url.hostname or "")
        for url in map(urlsplit, listeners)
        if url.scheme == kind
    ]
    here = ipaddress.ip_address(local.partition("%")[0])
    return [
        NetworkInterfaceInfo(
            interface.index, InterfaceCapability(0), interface.speed, interface.address
        )
        for interface in interfaces
        if any(_serves(host, interface.address) for host in hosts)
        and interface.address.is_loopback == here.is_loopback
        and (here.is_private or not interface.address.is_private)
        and not interface.address.is_link_local
    ]


def _serves(host: IpAddress, address: IpAddress) -> bool:
    return host == address or (host.is_unspecified and host.version == address.version)


class _InterfaceAddress(ctypes.Structure):
    """`struct ifaddrs`, of which Linux and macOS have the same first fields."""


_InterfaceAddress._fields_ = [
    ("next", ctypes.POINTER(_InterfaceAddress)),
    ("name", ctypes.c_char_p),
    ("flags", ctypes.c_uint),
    ("address", ctypes.c_void_p),
]


def system_interfaces() -> list[NetworkInterface]:
    """Return the addresses of all interfaces that are up. Raises OSError."""
    library = ctypes.CDLL(None, use_errno=True)
    first = ctypes.POINTER(_InterfaceAddress)()
    if library.getifaddrs(ctypes.byref(first)) != 0:
        raise OSError(ctypes.get_errno(), "getifaddrs")
    try:
        return list(_interfaces(first))
    finally:
        library.freeifaddrs(first)


def _interfaces(entry: "ctypes._Pointer[_InterfaceAddress]") -> Iterator[NetworkInterface]:
    while entry:
        here = entry.contents
        if here.flags & _UP and here.address:
            address = _address(here.address)
            if address is not None:
                name = here.name.decode()
                yield NetworkInterface(socket.if_nametoindex(name), address, _speed(name))
        entry = here.next


def _address(where: int) -> IpAddress | None:
    """Return the address in a `struct sockaddr`, if it is one of IP."""
    head = ctypes.string_at(where, 2)
    family = head[1] if sys.platform == "darwin" else int.from_bytes(head, sys.byteorder)
    if family == socket.AF_INET:
        return ipaddress.IPv4Address(ctypes.string_at(where + 4, 4))
    if family == socket.AF_INET6:
        return ipaddress.IPv6Address(ctypes.string_at(where + 8, 16))
    return None


def _speed(name: str) -> int:
    """Return the speed that Linux knows; a default for virtual interfaces and without a link."""
    with suppress(OSError, ValueError):
        megabits = int((_SPEEDS / name / "speed").read_text())
        if megabits > 0:
            return megabits * _MEGABIT
    return _DEFAULT_SPEED
