"""I/O threads of the native engine: they have the socket and the connections of a listener.

A connection is the event loop's until its client has logged on, as the handshake asks Python, and
the limits for strangers are there. Then a thread takes it over. Datagrams that belong to no
connection of a thread come to the event loop, as many as may wait.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from time import monotonic

from smbquic_native import Connection, IoThreads, ThreadedConnection

from smbquic.transport.addresses import is_wildcard
from smbquic.transport.quic.engine import SEND_LIMIT, ConnectionIds
from smbquic.transport.quic.native.received import channel_with, pass_on
from smbquic.transport.quic.packet_info import own_host
from smbquic.transport.quic.udp import READS_PER_WAKE_UP, DirectReceiver, Path


class NativeIoThreads:
    """A `SocketReader` with `count` threads, for connection IDs of `id_size` bytes."""

    def __init__(self, receiver: DirectReceiver, count: int, id_size: int) -> None:
        self._receiver = receiver
        self._count = count
        self._id_size = id_size
        self._loop = asyncio.get_running_loop()
        self._threads: IoThreads
        self._wake_up: int

    def start(self, sock: socket.socket) -> None:
        """See `SocketReader`."""
        self._threads = IoThreads(
            channel_with(sock),
            count=self._count,
            id_size=self._id_size,
            own_address=is_wildcard(sock.getsockname()),
            send_limit=SEND_LIMIT,
        )
        self._wake_up = self._threads.descriptor()
        self._loop.add_reader(self._wake_up, self._woken)

    def close(self) -> None:
        """See `SocketReader`."""
        self._loop.remove_reader(self._wake_up)
        os.close(self._wake_up)
        self._threads.stop()

    def adopt(
        self,
        connection: Connection,
        path: Path,
        ids: Sequence[bytes],
        *,
        capacity: int,
        unread: int,
    ) -> ThreadedConnection:
        """Give a connection to a thread; its peer uses `ids`, whose first one the router knows.

        `path` is where its datagrams come from. `capacity` bytes may wait for the application, and
        `unread` do.
        """
        return self._threads.adopt(
            connection,
            id=ids[0],
            ids=list(ids),
            capacity=capacity,
            unread=unread,
            own=own_host(path[1]),
        )

    def ids(
        self, ids: ConnectionIds, connection: ThreadedConnection, is_over: Callable[[], bool]
    ) -> "ThreadedIds":
        """Return what reports the connection IDs of a connection to its thread, and to `ids`."""
        return ThreadedIds(ids, connection, is_over)

    def _woken(self) -> None:
        now = monotonic()
        batches, ready = self._threads.take(READS_PER_WAKE_UP)
        pass_on(batches, ready, self._receiver, now)


class ThreadedIds:
    """Reports the connection IDs that a thread makes: to its table, and in the event loop to `ids`.

    Once the connection `is_over`, nobody is told any more.
    """

    def __init__(
        self, ids: ConnectionIds, connection: ThreadedConnection, is_over: Callable[[], bool]
    ) -> None:
        self._ids = ids
        self._connection = connection
        self._is_over = is_over
        self._loop = asyncio.get_running_loop()

    def issued(self, connection_id: bytes) -> None:
        """See `ConnectionIds`."""
        self._connection.add_id(connection_id)
        self._later(self._ids.issued, connection_id)

    def retired(self, connection_id: bytes) -> None:
        """See `ConnectionIds`."""
        self._connection.remove_id(connection_id)
        self._later(self._ids.retired, connection_id)

    def _later(self, report: Callable[[bytes], None], connection_id: bytes) -> None:
        self._loop.call_soon_threadsafe(self._report, report, connection_id)

    def _report(self, report: Callable[[bytes], None], connection_id: bytes) -> None:
        if not self._is_over():
            report(connection_id)
