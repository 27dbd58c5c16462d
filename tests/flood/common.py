"""The common parts of the attacks."""

import asyncio
import contextlib
import itertools
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass

Counts = Counter[str]

HOST = "127.0.0.1"
SOURCES = [f"127.0.0.{number}" for number in range(2, 10)]
"""Where the attackers are; the honest client is at another address."""
BEAT = 0.01
BYTES = "bytes"
"""The key under which attackers count the bytes of their datagrams."""
RECEIVE_BUFFER = 64 << 10
"""Bytes: the kernel of an attacker takes nothing off the server's hands."""

_sources = itertools.cycle(SOURCES)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackTarget:
    """A server, and what to do to it: `rate` is in a second, `count` how many at a time.

    A gateway has no `tcp` port, which is 0 then.
    """

    attack: str
    quic: int
    tcp: int
    seconds: float
    rate: float
    count: int
    nice: int
    user: str
    password: str
    victim: str
    share: str
    file: str


def source() -> str:
    """The next of the attackers' addresses."""
    return next(_sources)


async def paced(rate: float) -> AsyncIterator[int]:
    """Counts up at a rate; what a moment was too short for is made up for."""
    started, done = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - started) * rate)
        while done < due:
            yield done
            done += 1
        await asyncio.sleep(BEAT)


async def again_and_again(
    target: AttackTarget, one: Callable[[], Coroutine[object, object, None]]
) -> None:
    """Begin something at the target's rate, unless as many as its count are under way."""
    tasks: set[asyncio.Task[None]] = set()
    async for _ in paced(target.rate):
        if len(tasks) < target.count:
            task = asyncio.create_task(one())
            tasks.add(task)
            task.add_done_callback(tasks.discard)


async def connected(port: int) -> socket.socket:
    """A TCP connection from one of the attackers' addresses."""
    sock = socket.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    try:
        sock.bind((source(), 0))
        await asyncio.get_running_loop().sock_connect(sock, (HOST, port))
    except BaseException:
        sock.close()
        raise
    return sock


def udp_socket(target: AttackTarget) -> socket.socket:
    """A UDP socket at one of the attackers' addresses, connected to the server."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind((source(), 0))
    sock.connect((HOST, target.quic))
    return sock


def send(sock: socket.socket, datagram: bytes, counts: Counts) -> None:
    """Send a datagram, if the kernel takes it now, and count its bytes."""
    with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
        counts[BYTES] += sock.send(datagram)


class TcpLink:
    """Framed messages on a socket, with nothing between the program and the kernel."""

    quic = False

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def close(self) -> None:
        """Leave without a word."""
        self.sock.close()

    async def send(self, *buffers: bytes | bytearray | memoryview) -> None:
        message = b"".join(buffers)
        framed = len(message).to_bytes(4, "big") + message
        await asyncio.get_running_loop().sock_sendall(self.sock, framed)

    async def receive(self) -> memoryview:
        """Raises `ConnectionError` where there is no more."""
        head = await self._exactly(4)
        return memoryview(await self._exactly(int.from_bytes(head, "big")))

    async def _exactly(self, size: int) -> bytearray:
        data = bytearray()
        while len(data) < size:
            piece = await asyncio.get_running_loop().sock_recv(self.sock, size - len(data))
            if not piece:
                raise ConnectionError("the server has closed the connection")
            data += piece
        return data
