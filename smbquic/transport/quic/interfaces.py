"""The sizes of datagrams that this machine's network interfaces carry."""

import logging
import socket
from contextlib import closing

from smbquic.transport.addresses import SocketAddress
from smbquic.transport.socket_options import LINUX

IP_MTU, IPV6_MTU = 14, 24
ETHERNET_MTU = 1500
HEADERS = {socket.AF_INET: 20 + 8, socket.AF_INET6: 40 + 8}
"""Bytes of IP and UDP before the payload."""

logger = logging.getLogger(__name__)


class Routes:
    """Looks up what interfaces carry to addresses of the family of `example`.

    Raises `OSError` where there can be no socket.
    """

    def __init__(self, example: SocketAddress) -> None:
        self._socket = socket.socket(_family(example), socket.SOCK_DGRAM)

    def largest_payload(self, address: SocketAddress) -> int:
        """Return the bytes of UDP payload that the interface to an address carries."""
        try:
            # Connecting a UDP socket sends nothing: the kernel looks up the route.
            self._socket.connect(address)
        except OSError as error:
            logger.debug("there is no route to %s: %s", address[0], error)
            return ethernet_payload(address)
        return payload_to_peer(self._socket, address)

    def close(self) -> None:
        """Close its socket."""
        self._socket.close()


def largest_payload(address: SocketAddress) -> int:
    """Return the bytes of UDP payload that the interface to an address carries."""
    try:
        with closing(Routes(address)) as routes:
            return routes.largest_payload(address)
    except OSError:
        # No socket could be had, and an Ethernet is the best guess.
        return ethernet_payload(address)


def payload_to_peer(connected: socket.socket, peer: SocketAddress) -> int:
    """Return the same for the peer of a socket; only Linux says more than what an Ethernet has."""
    if not LINUX:
        return ethernet_payload(peer)
    option = (socket.IPPROTO_IP, IP_MTU)
    if connected.family == socket.AF_INET6:
        option = (socket.IPPROTO_IPV6, IPV6_MTU)
    try:
        mtu = connected.getsockopt(*option)
    except OSError as error:
        logger.debug("the interface to %s is not known: %s", peer[0], error)
        return ethernet_payload(peer)
    return mtu - HEADERS[connected.family]


def ethernet_payload(address: SocketAddress) -> int:
    """Return the bytes of UDP payload that an Ethernet carries to an address."""
    return ETHERNET_MTU - HEADERS[_family(address)]


def _family(address: SocketAddress) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in str(address[0]) else socket.AF_INET
