"""The address of this machine that a datagram was sent to: answers have to come from there.

The kernel reports it in a control message, which is sent with the answer (ip(7), ipv6(7)).
"""

import socket
import struct
import sys
from ipaddress import ip_address

from smbquic.transport.socket_options import LINUX, try_option

IP_PKTINFO, IPV6_RECVPKTINFO, IPV6_PKTINFO = 8, 49, 50
IPV4_SIZE = 4

_IN_PKTINFO = struct.Struct("=i4s4x")
_INTERFACE = struct.Struct("=i")


def report_own_address(sock: socket.socket, family: socket.AddressFamily) -> None:
    """Have the kernel report the destination address of each datagram.

    A peer takes answers from the address only that it has sent to.
    """
    if LINUX and family == socket.AF_INET6:
        try_option(sock, socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
    elif LINUX:
        try_option(sock, socket.IPPROTO_IP, IP_PKTINFO, 1)


def source_in(level: int, kind: int, value: bytes) -> bytes:
    """Return what a control message says of the address that was asked, as `source_of` does.

    Empty for any other control message.
    """
    if level == socket.IPPROTO_IP and kind == IP_PKTINFO:
        # struct in_pktinfo: interface, local address, destination in the header (ip(7)).
        return source_of(value[4:8], 0)
    if level == socket.IPPROTO_IPV6 and kind == IPV6_PKTINFO:
        # struct in6_pktinfo: local address, and interface.
        return source_of(value[:16], int.from_bytes(value[16:20], sys.byteorder))
    return b""


def source_of(own: bytes, interface: int) -> bytes:
    """Return what stands in a `Path` for an address of this machine.

    The interface is for link-local addresses only.
    """
    if len(own) == IPV4_SIZE:
        return _IN_PKTINFO.pack(0, own)
    return own + _INTERFACE.pack(interface if own[:1] == b"\xfe" else 0)


def own_address(source: bytes) -> bytes:
    """Return the address that `source_of` was given; empty if the socket has one address only."""
    return source[4:8] if len(source) == _IN_PKTINFO.size else source[:16]


def own_host(source: bytes) -> str | None:
    """Return the same as text; None if the socket has one address only."""
    own = own_address(source)
    return str(ip_address(own)) if own else None


def source_control(source: bytes) -> tuple[int, int, bytes]:
    """Return the control message by which an answer is sent from an address."""
    if len(source) == _IN_PKTINFO.size:
        return socket.IPPROTO_IP, IP_PKTINFO, source
    return socket.IPPROTO_IPV6, IPV6_PKTINFO, source
