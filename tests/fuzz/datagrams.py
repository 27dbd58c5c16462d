"""A client over QUIC that sends whatever packets the bytes of a fuzzer say.

The handshake goes as far as the packets need its keys; what follows are frames by chance, in any
order, repeated, or changed on the way. What the server makes of it is watched from outside.
"""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable

from aioquic.buffer import encode_uint_var
from aioquic.tls import Epoch

from tests.attacks.quic_packets import (
    DATAGRAM,
    HOST,
    RawClient,
    crypto_frame,
    initial_keys,
    initial_packet,
    stream_frame,
)
from tests.fuzz.source import Source, spoiled

PATIENCE = 2.0
"""Seconds that a handshake may take until the script goes without its keys."""
BEAT = 0.05
PACKETS = 16
FRAMES = 24
LARGEST_NUMBER = (1 << 62) - 1
CLOSE = b"\x1c\0\0\0"
"""CONNECTION_CLOSE, without an error. [RFC9000] 19.19"""
EPOCHS = (Epoch.INITIAL, Epoch.HANDSHAKE, Epoch.ONE_RTT, Epoch.ONE_RTT)


def number(source: Source) -> bytes:
    """Return a number in the form of QUIC, most often a small one. [RFC9000] 16"""
    return encode_uint_var(offset(source))


def offset(source: Source) -> int:
    """Return a place in a stream: near its beginning, or where things change."""
    if source.often():
        return source.number(2) % 4096
    return source.edge(8) & LARGEST_NUMBER


def _crypto(source: Source) -> bytes:
    return crypto_frame(offset(source), source.short())


def _stream(source: Source) -> bytes:
    return stream_frame(offset(source), source.short())


def _stream_of_any_form(source: Source) -> bytes:
    kind = bytes([0x08 | source.below(8)])
    return kind + number(source) + number(source) + number(source) + source.short()


def _fragments(source: Source) -> bytes:
    make = source.pick((crypto_frame, stream_frame))
    start, step = offset(source), source.below(4) + 1
    places = range(start, min(start + 64 * step, LARGEST_NUMBER), step)
    frames = [make(place, b"x") for place in places]
    return b"".join(frames if source.often() else reversed(frames))


def _ack(source: Source) -> bytes:
    ranges = source.below(8)
    numbers = b"".join(number(source) for _ in range(2 * ranges))
    return b"\x02" + number(source) + number(source) + bytes([ranges]) + number(source) + numbers


def _numbers(source: Source) -> bytes:
    """Return a frame of which nothing is known but that most have numbers only."""
    count = source.below(4)
    return number(source) + b"".join(number(source) for _ in range(count))


def _connection_id(source: Source) -> bytes:
    length = source.below(24)
    return b"\x18" + number(source) + number(source) + bytes([length]) + source.filled(length + 16)


def _path(source: Source) -> bytes:
    return source.pick((b"\x1a", b"\x1b")) + source.filled(8)


_FRAMES: tuple[Callable[[Source], bytes], ...] = (
    *(_crypto, _stream) * 3,
    *(_stream_of_any_form, _fragments, _ack, _numbers, _connection_id, _path),
)


def payload(source: Source) -> bytes:
    """Return some frames that fit into a datagram; at least one byte."""
    frames = b""
    for _ in range(source.below(FRAMES) + 1):
        frame = source.pick(_FRAMES)(source)
        if len(frames) + len(frame) > DATAGRAM - 100:
            break
        frames += frame
    return (spoiled(frames, source)[: DATAGRAM - 100] if source.seldom() else frames) or b"\1"


def first_datagram(source: Source) -> bytes:
    """Return something like the first datagram of a client: of any version, token and size."""
    destination = source.filled(source.pick((8, 8, 0, 7, 20, 21)))
    datagram = initial_packet(
        initial_keys(destination),
        payload(source),
        destination=destination,
        source=source.filled(source.pick((8, 0, 20))),
        token=source.short(128),
        size=DATAGRAM + 200 if source.seldom() else DATAGRAM,
    )
    if source.below(4) == 3:
        datagram = datagram[:1] + source.edge(4).to_bytes(4, "big") + datagram[5:]
    if source.below(4) == 3:
        datagram = spoiled(datagram, source)
    return datagram[: source.number(2) % DATAGRAM] if source.seldom() else datagram


class DatagramPlayer:
    """Plays one script to the server at a port; `sent` counts datagrams."""

    def __init__(self, port: int, source: Source) -> None:
        self._port = port
        self._source = source
        self.sent = 0

    async def play(self) -> None:
        """Until the script is over, or the server has ended the connection."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            # Those who do not go on are counted by address; the honest have one of their own.
            sock.bind((f"127.0.0.{2 + self._source.below(8)}", 0))
            sock.connect((HOST, self._port))
            with contextlib.suppress(ConnectionRefusedError):
                if self._source.below(4) == 3:
                    self._send(sock, first_datagram(self._source))
                else:
                    await self._connect(sock)

    async def _connect(self, sock: socket.socket) -> None:
        source = self._source
        epoch = source.pick(EPOCHS)
        client = RawClient(
            self._port,
            connection_id_length=source.pick((8, 8, 8, 0, 20)),
            window=source.pick((None, None, 0, 1, 1000)),
        )
        await self._reach(epoch, client, sock)
        sent: list[bytes] = []
        for _ in range(source.below(PACKETS) + 1):
            if client.ended or not client.can_send(epoch):
                break
            if sent and not source.often():
                datagram = source.pick(sent)
            else:
                datagram = client.packet(epoch, payload(source))
            sent.append(datagram)
            self._send(sock, spoiled(datagram, source) if source.seldom() else datagram)
            await self._hear(client, sock, 0.0)
        for each in (Epoch.INITIAL, Epoch.HANDSHAKE, Epoch.ONE_RTT):
            if client.can_send(each):
                self._send(sock, client.packet(each, CLOSE))

    async def _reach(self, epoch: Epoch, client: RawClient, sock: socket.socket) -> None:
        end = time.monotonic() + PATIENCE
        while not client.ended and time.monotonic() < end:
            ready = client.completed if epoch is Epoch.ONE_RTT else client.can_send(epoch)
            if ready:
                return
            for datagram in client.due():
                self._send(sock, datagram)
            await self._hear(client, sock, BEAT)

    async def _hear(self, client: RawClient, sock: socket.socket, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                datagram = await asyncio.get_running_loop().sock_recv(sock, 65536)
                client.receive(datagram)

    def _send(self, sock: socket.socket, datagram: bytes) -> None:
        with contextlib.suppress(BlockingIOError):
            sock.send(datagram or os.urandom(1))
            self.sent += 1
