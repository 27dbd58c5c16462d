"""Sockets that the native library reads, and what it has received for Python."""

import socket
from collections.abc import Iterable

from smbquic_native import Channel

from smbquic.transport.addresses import SocketAddress
from smbquic.transport.quic.packet_info import source_of
from smbquic.transport.quic.udp import DirectReceiver

Unclaimed = tuple[bytes, int, str, int, int, bytes, int]
"""Datagrams for no connection of the library: their bytes, the size of each, the host, port and
interface that they came from, the address that they were sent to if it matters, ECN bits."""


def channel_with(sock: socket.socket) -> Channel:
    """Return a channel by which the library gets a socket. Raises `OSError`."""
    channel, descriptor = Channel.open()
    # The kernel makes a descriptor for the library, which has no way to take over a number.
    with socket.socket(fileno=descriptor) as sender:
        socket.send_fds(sender, [b"\0"], [sock.fileno()])
    return channel


def pass_on(
    batches: Iterable[Unclaimed], ready: Iterable[bytes], receiver: DirectReceiver, now: float
) -> None:
    """Tell a receiver all that has come: datagrams for no connection of the library, and for which
    of its connections, by their first IDs, there is something new.
    """
    for data, size, host, port, interface, own, ecn in batches:
        path = (_address(host, port, interface), source_of(own, interface) if own else b"")
        if size >= len(data):
            receiver.datagram_received(data, path, now, ecn)
        else:
            receiver.segments_received(data, size, path, now, ecn)
    for connection_id in ready:
        receiver.data_received(connection_id)
    receiver.batch_received(now)


def _address(host: str, port: int, interface: int) -> SocketAddress:
    """Return an address as the module `socket` has it."""
    if ":" not in host:
        return host, port
    if interface:
        host = f"{host}%{_interface_name(interface)}"
    return host, port, 0, interface


def _interface_name(number: int) -> str:
    try:
        return socket.if_indextoname(number)
    except OSError:
        # It is gone since the datagram came. `getnameinfo` gives the number then, too.
        return str(number)
