"""Handshakes that are begun and left, over QUIC and TCP, or completed for nothing."""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Awaitable, Callable

from aioquic._buffer import Buffer
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.crypto import CryptoPair
from aioquic.quic.packet import pull_quic_header

from smbquic.errors import SmbError
from tests.attacks.quic_packets import DATAGRAM, TAG_SIZE, VERSION, initial_keys, initial_packet
from tests.flood.common import (
    HOST,
    AttackTarget,
    Counts,
    again_and_again,
    connected,
    paced,
    send,
    udp_socket,
)
from tests.flood.links import over_quic

Begin = Callable[[], Awaitable[None]]

PORTS = 256
HALF_A_NEGOTIATE = b"\0\0\0\xb0\xfeSMB\x40\0"


class ClientInitials:
    """First datagrams of clients, which differ in their connection IDs and are all well-formed."""

    def __init__(self) -> None:
        configuration = QuicConfiguration(
            is_client=True,
            alpn_protocols=["smb"],
            server_name="localhost",
            verify_mode=ssl.CERT_NONE,
        )
        first = QuicConnection(configuration=configuration)
        first.connect((HOST, 1), now=0.0)
        datagram: bytes = first.datagrams_to_send(now=0.0)[0][0]
        buffer = Buffer(data=datagram)
        header = pull_quic_header(buffer, host_cid_length=8)
        crypto = CryptoPair()
        crypto.setup_initial(header.destination_cid, is_client=False, version=VERSION)
        _, payload, _ = crypto.decrypt_packet(
            datagram[: header.packet_length], buffer.tell(), expected_packet_number=0
        )
        self._source: bytes = header.source_cid
        self._payload = _without_padding(payload)

    def make(self, destination: bytes, token: bytes = b"", size: int = DATAGRAM) -> bytes:
        """A datagram that begins a connection."""
        return initial_packet(
            initial_keys(destination),
            self._payload,
            destination=destination,
            source=self._source,
            token=token,
            size=size,
        )


def _without_padding(payload: bytes) -> bytes:
    """The CRYPTO frame alone ([RFC9000] 19.6)."""
    buffer = Buffer(data=payload)
    assert buffer.pull_uint_var() == 0x06
    buffer.pull_uint_var()
    size = buffer.pull_uint_var()
    return payload[: buffer.tell() + size]


def retry_of(datagram: bytes) -> tuple[bytes, bytes]:
    """The server's connection id and token in a Retry packet ([RFC9000] 17.2.5)."""
    at = 6 + datagram[5]
    end = at + 1 + datagram[at]
    return datagram[at + 1 : end], datagram[end:-TAG_SIZE]


async def begin_many(
    target: AttackTarget,
    counts: Counts,
    begin: Begin,
    make: Callable[[int], bytes],
    on_retry: Callable[[socket.socket, bytes], None] | None = None,
) -> None:
    """Send datagrams that are made one by one, and leave the answers but for a Retry."""
    loop = asyncio.get_running_loop()

    def hear(sock: socket.socket) -> None:
        datagram = sock.recv(2048)
        counts["bytes of answers"] += len(datagram)
        if datagram[0] & 0xF0 != 0xF0 or not any(datagram[1:5]):
            counts["datagrams of answers"] += 1
            return
        counts["asked to prove their address"] += 1
        if on_retry is not None:
            on_retry(sock, datagram)

    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(PORTS):
            sock = stack.enter_context(udp_socket(target))
            loop.add_reader(sock, hear, sock)
            stack.callback(loop.remove_reader, sock)
            sockets.append(sock)
        await begin()
        async for number in paced(target.rate):
            counts["datagrams"] += 1
            send(sockets[number % PORTS], make(number), counts)


async def begun(target: AttackTarget, counts: Counts, begin: Begin) -> None:
    """QUIC handshakes, each a first datagram and nothing more."""
    initials = ClientInitials()
    await begin_many(target, counts, begin, lambda _: initials.make(os.urandom(8)))


async def proven(target: AttackTarget, counts: Counts, begin: Begin) -> None:
    """The same by clients that prove their addresses, and leave then."""
    initials = ClientInitials()

    def prove(sock: socket.socket, datagram: bytes) -> None:
        counts["proven"] += 1
        send(sock, initials.make(*retry_of(datagram)), counts)

    await begin_many(target, counts, begin, lambda _: initials.make(os.urandom(8)), prove)


async def completed(target: AttackTarget, counts: Counts, begin: Begin) -> None:
    """QUIC handshakes that are completed, by clients that say nothing then."""

    async def one() -> None:
        counts["begun"] += 1
        try:
            transport = await over_quic(target)
        except SmbError:
            counts["not answered"] += 1
            return
        counts["completed"] += 1
        transport.keep_alive = True
        await transport.wait_closed()
        counts["disconnected"] += 1

    await begin()
    await again_and_again(target, one)


async def connects(target: AttackTarget, counts: Counts, begin: Begin) -> None:
    """TCP connections whose first message stops in the middle; they stay, as long as they may."""
    loop = asyncio.get_running_loop()

    async def one() -> None:
        try:
            sock = await connected(target.tcp)
        except OSError:
            counts["not connected"] += 1
            return
        counts["begun"] += 1
        with sock:
            try:
                await loop.sock_sendall(sock, HALF_A_NEGOTIATE)
                while await loop.sock_recv(sock, 64):
                    pass
            except OSError:
                pass
        counts["disconnected"] += 1

    await begin()
    await again_and_again(target, one)
