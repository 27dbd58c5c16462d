"""The header of the PROXY protocol, version 2, which says who a connection is for.

https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, section 2.2
"""

import ipaddress
from struct import Struct

from smbquic.transport.base import Peer

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_HEAD = Struct("!12sBBH")
_PORTS = Struct("!HH")
_TLV = Struct("!BH")
_LOCAL = 0x20
_PROXY = 0x21
# The connection to the back end is a stream, and so is that of the client, in its QUIC connection.
# Receivers such as HAProxy and nginx know no other.
_TCP_OVER_IPV4 = 0x11
_TCP_OVER_IPV6 = 0x21
_UNSPECIFIED = 0x00
_ALPN = 0x01
_AUTHORITY = 0x02


def header_for(peer: Peer) -> bytes:
    """Return the header for a client: its address and the one that it came to, name and ALPN."""
    source, destination = (
        ipaddress.ip_address(each[0].partition("%")[0]) for each in (peer.remote, peer.local)
    )
    if source.version == destination.version == 4:
        family = _TCP_OVER_IPV4
        addresses = source.packed + destination.packed
    else:
        family = _TCP_OVER_IPV6
        addresses = _as_ipv6(source) + _as_ipv6(destination)
    body = addresses + _PORTS.pack(peer.remote[1], peer.local[1])
    for kind, value in ((_ALPN, peer.alpn), (_AUTHORITY, peer.server_name)):
        if value:
            encoded = value.encode()
            body += _TLV.pack(kind, len(encoded)) + encoded
    return _HEAD.pack(SIGNATURE, _PROXY, family, len(body)) + body


def header_for_check() -> bytes:
    """Return the header for a connection that is for no client, such as a health check."""
    return _HEAD.pack(SIGNATURE, _LOCAL, _UNSPECIFIED, 0)


def _as_ipv6(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bytes:
    return address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed
