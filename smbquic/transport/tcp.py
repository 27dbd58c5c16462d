"""SMB messages over TCP: Direct TCP, port 445.

Memory per connection that nobody fetches from: `QUEUE_LIMIT` (4 MiB) of whole messages, counting
256 bytes extra for each, the message that crossed that limit (`max_message_size` at most), and
a receive buffer of 64 KiB. Then reading stops, and TCP tells the peer. A message that has only
been announced costs at most four times what has arrived of it. A client also keeps the memory of
the last large messages for a few seconds, and all connections to a back end of a gateway together
do; see `ReceiveBuffers`.
"""

import asyncio
import logging
import os
import socket
import struct
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any, cast

from smbquic.errors import ConnectError, ConnectionClosed, RemoteProtocolError
from smbquic.transport import framing
from smbquic.transport.addresses import Address, endpoint, race, resolve, url
from smbquic.transport.base import (
    Flow,
    Listener,
    MessageTransport,
    OnConnection,
    PathStatistics,
    Peer,
)
from smbquic.transport.low_water_mark import LowWaterMark
from smbquic.transport.receive_buffers import ReceiveBuffers
from smbquic.transport.resolver import Resolver
from smbquic.transport.serving import MAX_CONNECTIONS, Connections, Limiter
from smbquic.transport.socket_options import LINUX
from smbquic.wire.cursor import Buffer

FIRST_BUFFER = 4 << 10
"""Size of the receive buffer before the peer has shown that it sends more."""
BUFFER_SIZE = 64 << 10
SMALL_MESSAGE = 32 << 10
"""Up to here a message is received whole into the shared buffer and copied out of it."""
GROWTH = 4
BACKLOG = 1024
"""Connections that may wait to be accepted; a client beyond it tries again after a second."""
FLUSH_TIMEOUT = 2.0
"""Seconds that a connection which is closed waits for the peer to take what was sent."""
KEEP_ALIVE_IDLE = 10
"""Seconds without traffic until the kernel probes the peer."""

_TCP_INFO = struct.Struct("4B")
"""The beginning of Linux's `struct tcp_info`: state, ca_state, retransmits, probes."""

logger = logging.getLogger(__name__)


async def connect(
    host: str,
    port: int,
    *,
    timeout: float = 10.0,  # noqa: ASYNC109 (the contract of both transports)
    max_message_size: int = framing.MAX_MESSAGE_SIZE,
    resolver: Resolver | None = None,
    preamble: bytes = b"",
    buffers: ReceiveBuffers | None = None,
) -> MessageTransport:
    """Connect to `host`, all of whose addresses are tried, within `timeout` seconds.

    `preamble` is sent before the first message, as it is. `buffers` keeps the memory of large
    messages for the next ones; without, the connection has its own, which is too much for a program
    of many connections. Raises `ConnectError`.
    """
    loop = asyncio.get_running_loop()

    async def attempt(address: Address) -> TcpTransport:
        try:
            _, transport = await loop.create_connection(
                lambda: TcpTransport(max_message_size, buffers=buffers or ReceiveBuffers()),
                *address.endpoint,
                family=address.family,
            )
        except OSError as error:
            where = url("tcp", address.endpoint)
            # The text of asyncio's own error says only where it failed.
            reason = error if error.errno is None else os.strerror(error.errno)
            raise ConnectError(f"{where}: {reason}") from error
        return transport

    started = monotonic()
    try:
        async with asyncio.timeout(timeout):
            found = await (resolver or Resolver()).resolve(host, port, socket.SOCK_STREAM)
            transport = await race(found.addresses, attempt, discard=lambda late: late.close())
    except TimeoutError as error:
        raise ConnectError(
            f"{host}:{port} did not answer within {timeout:g} s: is a firewall in the way?"
        ) from error
    transport.peer = replace(
        transport.peer, handshake_seconds=monotonic() - started, resolved_by=found.by
    )
    transport.write_preamble(preamble)
    return transport


async def listen(
    host: str,
    port: int,
    on_connection: OnConnection,
    *,
    max_message_size: int = framing.MAX_MESSAGE_SIZE,
    max_connections: int = MAX_CONNECTIONS,
    limiter: Limiter | None = None,
) -> Listener:
    """Accept connections on the first address of `host`; port 0 picks one.

    Raises `OSError` where the address cannot be had, `ConnectError` where `host` has none.
    """
    address, *_ = await resolve(host, port, socket.SOCK_STREAM, passive=True)
    connections = Connections(on_connection, max_connections, limiter)
    server = await asyncio.get_running_loop().create_server(
        lambda: TcpTransport(max_message_size, connections.start),
        *address.endpoint,
        family=address.family,
        backlog=BACKLOG,
    )
    return TcpListener(server, connections)


async def listen_on(
    sock: socket.socket,
    on_connection: OnConnection,
    *,
    max_connections: int = MAX_CONNECTIONS,
    limiter: Limiter | None = None,
) -> Listener:
    """Accept connections on a socket that listens already; the listener closes it with itself."""
    connections = Connections(on_connection, max_connections, limiter)
    server = await asyncio.get_running_loop().create_server(
        lambda: TcpTransport(framing.MAX_MESSAGE_SIZE, connections.start),
        sock=sock,
        backlog=BACKLOG,
    )
    return TcpListener(server, connections)


def _timeouts(sock: socket.socket) -> int | None:
    """Return how often in a row the kernel has sent something again; None where it is not known."""
    # The socket may be closed; that of uvloop would raise another error than the system's.
    if sys.platform != "linux" or sock.fileno() < 0:
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    except OSError:
        return None
    _, _, retransmits, probes = _TCP_INFO.unpack(info)
    return int(retransmits + probes)


class TcpListener:
    """A listening TCP socket."""

    def __init__(self, server: asyncio.Server, connections: Connections) -> None:
        self._server = server
        self._connections = connections
        self.url = url("tcp", endpoint(server.sockets[0].getsockname()))

    async def close(self) -> None:
        """Stop accepting, end the connections that were accepted, and wait for both."""
        self._server.close()
        await self._connections.close()
        await self._server.wait_closed()


class TcpTransport(asyncio.BufferedProtocol):
    """A `MessageTransport` over one TCP connection.

    `flush_timeout` is how many seconds one that is closed waits for the peer.
    """

    peer: Peer
    flush_timeout = FLUSH_TIMEOUT

    def __init__(
        self,
        max_message_size: int,
        on_connected: Callable[[MessageTransport], None] | None = None,
        buffers: ReceiveBuffers | None = None,
    ) -> None:
        self.max_message_size = max_message_size
        self._buffers = buffers
        self._on_connected = on_connected
        self._inbox = framing.Inbox(self._fetched)
        self._buffer = memoryview(bytearray(FIRST_BUFFER))
        self._held = 0
        self._message: memoryview | None = None
        self._message_length = 0
        self._filled = 0
        self._reading = True
        self._low_water: LowWaterMark | None = None
        self._sent = self._last = 0
        self._writable: asyncio.Future[None] | None = None
        self._keep_alive = False
        self._closing = ""

    @property
    def keep_alive(self) -> bool:
        """Whether TCP probes a quiet connection, so that middleboxes keep it up."""
        return self._keep_alive

    @keep_alive.setter
    def keep_alive(self, wanted: bool) -> None:
        if wanted == self._keep_alive or self._transport.is_closing():
            return
        self._keep_alive = wanted
        sock: socket.socket = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, wanted)
        if wanted and hasattr(socket, "TCP_KEEPIDLE"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEP_ALIVE_IDLE)

    def write_preamble(self, preamble: bytes) -> None:
        """Send bytes before the first message that are none, if there are any."""
        if preamble:
            self._transport.write(preamble)

    def authenticated(self) -> None:
        """Do nothing: the kernel keeps the same for everybody; see `MessageTransport`."""

    def send_now(self, *buffers: Buffer) -> bool:
        """Send one message if there is room; see `MessageTransport.send_now`."""
        if self._writable is not None or self._closing:
            return False
        self._write(framing.framed(buffers))
        return True

    async def send(self, *buffers: Buffer) -> None:
        """Send one message; see `MessageTransport.send`."""
        message = framing.framed(buffers)
        while self._writable is not None and not self._closing:
            await asyncio.shield(self._writable)
        if self._closing:
            raise ConnectionClosed(self._closing)
        self._write(message)
        if self._writable is not None:
            await asyncio.shield(self._writable)

    def _write(self, message: Sequence[Buffer]) -> None:
        self._last = sum(map(len, message))
        self._sent += self._last
        # After a reset by the peer, asyncio is about to call connection_lost(). Up to Python 3.13.5
        # writelines() would register the socket with the event loop again, and the next socket with
        # the same descriptor would never be read from (gh-136234).
        if not self._transport.is_closing():
            self._transport.writelines(message)

    def receive(self) -> Coroutine[Any, Any, memoryview]:
        """Wait for one message; see `MessageTransport.receive`."""
        return self._inbox.get()

    def close(self, reason: str = "", *, answered: bool = False) -> None:
        """Close the connection; see `MessageTransport.close`."""
        if not self._closing:
            self._end(ConnectionClosed(reason or "the connection was closed"))
            self._transport.close()

    def statistics(self) -> PathStatistics:
        """Return what the kernel tells; see `MessageTransport.statistics`."""
        sock: socket.socket = self._transport.get_extra_info("socket")
        return PathStatistics(timeouts=_timeouts(sock))

    def drop(self, reason: str) -> None:
        """End the connection at once; see `MessageTransport.drop`."""
        self._end(ConnectionClosed(reason))
        self._transport.abort()

    async def wait_closed(self) -> None:
        """Wait until the socket is closed."""
        await asyncio.shield(self._lost)

    def flow(self) -> Flow:
        """Return how far the messages have got; see `MessageTransport.flow`."""
        begun = self._held if self._message is None else self._filled
        inbox, untaken = self._inbox, self._transport.get_write_buffer_size()
        unread = self._low_water.unread() if self._low_water is not None else 0
        return Flow(
            sent=self._sent,
            untaken=untaken,
            kept=max(untaken, self._last) if untaken else 0,
            received=inbox.received + begun + unread,
            unfetched=inbox.cost + begun,
            messages=inbox.count,
            unfinished=self._reading and (self._message is not None or self._held > 0),
        )

    # Methods that asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Describe the peer, and pass on the connection."""
        self._transport = cast(asyncio.Transport, transport)
        self._loop = asyncio.get_running_loop()
        self._lost: asyncio.Future[None] = self._loop.create_future()
        if self._buffers is not None:
            self._buffers.add_user()
        self.peer = self._describe()
        if self._on_connected is not None:
            self._on_connected(self)

    def _describe(self) -> Peer:
        sock: socket.socket = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if LINUX:
            self._low_water = LowWaterMark(sock)
        return Peer(
            kind="tcp",
            local=endpoint(self._transport.get_extra_info("sockname")),
            remote=endpoint(self._transport.get_extra_info("peername")),
        )

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return memory for the next bytes: of a large message, or else the shared buffer."""
        if self._message is None:
            return self._buffer[self._held :]
        if self._filled == len(self._message):
            # A peer that announces 8 MiB need not send them: the buffer grows with what arrives.
            size = min(self._message_length, GROWTH * self._filled)
            grown = bytearray(size)
            grown[: self._filled] = self._message
            self._message = memoryview(grown)
        return self._message[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Process `nbytes` more bytes in the buffer that `get_buffer` has returned."""
        if self._closing:
            return
        if self._message is None:
            self._held += nbytes
            try:
                self._cut()
            except RemoteProtocolError as error:
                logger.warning("%s:%d: %s", *self.peer.remote, error)
                self._end(error)
                self._transport.abort()
        else:
            self._filled += nbytes
            if self._low_water is not None:
                missing = self._message_length - self._filled
                self._low_water.received(nbytes, missing, self._loop.time())
            if self._filled == self._message_length:
                if self._buffers is not None:
                    self._buffers.keep(self._message)
                self._put(self._message)
                self._message = None

    def eof_received(self) -> None:
        """End the connection, as the peer sends nothing more."""
        middle = self._message is not None or self._held > 0
        self._end(
            ConnectionClosed(
                "the peer closed the connection in the middle of a message"
                if middle
                else "the peer closed the connection"
            )
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """End the connection, whose socket is closed."""
        self._end(ConnectionClosed(f"the connection was lost: {exc or 'closed'}"))
        self._flush_timer.cancel()
        if self._buffers is not None:
            self._buffers.remove_user()
        if not self._lost.done():
            self._lost.set_result(None)

    def pause_writing(self) -> None:
        """Have senders wait, as the peer or the network takes no more for now."""
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """Wake the senders, as there is room again."""
        if self._writable is not None:
            self._writable.set_result(None)
            self._writable = None

    # Messages in the buffers.

    def _cut(self) -> None:
        """Copy the messages out of the shared buffer."""
        start, held = 0, self._held
        while (end := self._cut_one(start, held)) > start:
            start = end
        rest = held - start
        self._buffer[:rest] = self._buffer[start:held]
        self._held = rest
        if held == FIRST_BUFFER == len(self._buffer):
            bigger = memoryview(bytearray(BUFFER_SIZE))
            bigger[:rest] = self._buffer[:rest]
            self._buffer = bigger

    def _cut_one(self, start: int, held: int) -> int:
        """Take out the message at `start`; return where it ends, or `start` if it is not there."""
        body = start + framing.PREFIX_SIZE
        if body > held:
            return start
        length = self._record_length(self._buffer[start:body])
        end = body + length
        if end <= held:
            self._take_record(self._buffer[start], self._buffer[body:end])
            return end
        if length > SMALL_MESSAGE:
            self._begin(length, self._buffer[body:held])
            return held
        return start

    def _record_length(self, head: memoryview) -> int:
        """Return the length of the record with this prefix: of a message, on TCP.

        Raises `RemoteProtocolError`.
        """
        return framing.message_length(head, self.max_message_size)

    def _take_record(self, _kind: int, body: memoryview) -> None:
        """Take a record out of the shared buffer; `kind` is the first byte of its prefix."""
        self._put(memoryview(bytearray(body)))

    def _begin(self, length: int, arrived: memoryview) -> None:
        used = self._buffers.take(length) if self._buffers is not None else None
        if used is not None:
            self._message = memoryview(used)[:length]
        else:
            size = min(length, max(BUFFER_SIZE, GROWTH * len(arrived)))
            self._message = memoryview(bytearray(size))
        self._message[: len(arrived)] = arrived
        self._message_length = length
        self._filled = len(arrived)

    def _put(self, message: memoryview) -> None:
        self._inbox.put(message)
        if self._inbox.full and self._reading:
            self._reading = False
            self._transport.pause_reading()

    def _fetched(self, _size: int) -> None:
        if not self._reading and not self._closing and self._inbox.has_room:
            self._reading = True
            self._transport.resume_reading()

    def _end(self, error: Exception) -> None:
        if not self._closing:
            self._closing = str(error)
            self._inbox.end(error)
            self.resume_writing()
            self._flush_timer = self._loop.call_later(self.flush_timeout, self._transport.abort)
