"""Sends and receives the datagrams of WS-Discovery on one network."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from ipaddress import IPv4Address

from smbquic.transport.socket_options import try_option
from smbquic.wsd.envelope import MAX_MESSAGE
from smbquic.wsd.interfaces import Interface
from smbquic.wsd.responder import WsdResponder

GROUP = "239.255.255.250"
"""The multicast group."""
PORT = 3702
"""The UDP port."""
MAX_DELAY = 0.5
"""Seconds that an answer waits at most, so that all machines do not answer at once."""
REPEATS = (0.0, 0.1, 0.3)
"""Seconds after which Hello is sent: datagrams get lost."""

_IP_MULTICAST_ALL = 49


@asynccontextmanager
async def multicast(interface: Interface, responder: WsdResponder, url: str) -> AsyncIterator[None]:
    """Announce the server at a network, and answer there, until the end of the ``async with``.

    `url` is where the metadata are. Raises `OSError`.
    """
    loop = asyncio.get_running_loop()
    with _socket(interface) as sock:
        transport, protocol = await loop.create_datagram_endpoint(
            lambda: _Discovery(interface, responder, url), sock=sock
        )
        try:
            protocol.announce()
            yield
        finally:
            protocol.end()
            transport.close()


def _socket(interface: Interface) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Bound to the group, it gets nothing that was sent to this machine alone.
        sock.bind((GROUP, PORT))
        own = interface.address.ip.packed
        sock.setsockopt(
            socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, IPv4Address(GROUP).packed + own
        )
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own)
        # Linux would hand over what other sockets have joined on other networks, too.
        try_option(sock, socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
        # No router passes on what is sent here, whoever it is for.
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
    except OSError:
        sock.close()
        raise
    return sock


class _Discovery(asyncio.DatagramProtocol):
    """The datagrams of one network."""

    _transport: asyncio.DatagramTransport

    def __init__(self, interface: Interface, responder: WsdResponder, url: str) -> None:
        self._interface = interface
        self._responder = responder
        self._url = url
        self._loop = asyncio.get_running_loop()
        self._timers: set[asyncio.TimerHandle] = set()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        """See `asyncio.DatagramProtocol`."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """See `asyncio.DatagramProtocol`."""
        if len(data) > MAX_MESSAGE or not self._interface.is_neighbour(addr[0]):
            return
        answer = self._responder.answer_datagram(data, self._url)
        if answer is not None:
            # No secret depends on this time.
            self._send_later(random.uniform(0, MAX_DELAY), answer, addr)  # noqa: S311

    def announce(self) -> None:
        """Say Hello several times, as the same message."""
        hello = self._responder.messages.hello(self._url)
        for delay in REPEATS:
            self._send_later(delay, hello, (GROUP, PORT))

    def end(self) -> None:
        """Say Bye, and send no more answers."""
        for timer in self._timers:
            timer.cancel()
        self._send(self._responder.messages.bye(), (GROUP, PORT))

    def _send_later(self, delay: float, message: bytes, address: tuple[str, int]) -> None:
        def send() -> None:
            self._timers.discard(timer)
            self._send(message, address)

        timer = self._loop.call_later(delay, send)
        self._timers.add(timer)

    def _send(self, message: bytes, address: tuple[str, int]) -> None:
        # A network that is down, or a port 0 that somebody forged, is no failure of the server.
        with suppress(OSError):
            self._transport.sendto(message, address)
