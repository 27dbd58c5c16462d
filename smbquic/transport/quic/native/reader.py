"""Reads a socket in the event loop with the native library.

The library gives the datagrams of a connection that was adopted to it, from where it got the last
ones: no object is made for them, and no address is compared here. It sends those that go there, as
far as the kernel takes them. All others come to the receiver of the socket, and leave by its
endpoint.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Sequence
from time import monotonic

from smbquic_native import Connection, DatagramReader

from smbquic.transport.addresses import is_wildcard
from smbquic.transport.quic.engine import ConnectionIds
from smbquic.transport.quic.native.received import channel_with, pass_on
from smbquic.transport.quic.udp import READS_PER_WAKE_UP, DirectReceiver, UdpEndpoint

logger = logging.getLogger(__name__)


class NativeReader:
    """A `SocketReader` for `endpoint`, which begins with the first connection if not before.

    Its connection IDs have `id_size` bytes.
    """

    def __init__(self, endpoint: UdpEndpoint, receiver: DirectReceiver, id_size: int) -> None:
        self._endpoint = endpoint
        self._receiver = receiver
        self._loop = asyncio.get_running_loop()
        self._library = DatagramReader(id_size=id_size)
        self._reads = False

    def start(self, sock: socket.socket) -> None:
        """See `SocketReader`."""
        self._library.open(channel_with(sock), own_address=is_wildcard(sock.getsockname()))
        self._loop.add_reader(sock.fileno(), self._readable)
        self._reads = True

    def close(self) -> None:
        """See `SocketReader`."""
        self._library.close()

    def begin(self) -> bool:
        """Read the socket from now on; return whether it can, or the endpoint goes on reading."""
        if not self._reads:
            try:
                self._endpoint.read_by(self)
            except OSError as error:
                logger.info("the socket is read by the event loop: %s", error)
        return self._reads

    def adopt(
        self, connection: Connection, known_ids: Sequence[bytes], ids: ConnectionIds
    ) -> "Direct":
        """Give the datagrams of a connection to it; return what reports its IDs, also to `ids`.

        Its peer uses the `known_ids`, whose first one the receiver knows. It reads already.
        """
        owner = self._receiver.destination(known_ids[0])
        assert owner is not None, "its datagrams have come by this receiver"
        return Direct(ids, self._library, self._library.adopt(connection, owner, list(known_ids)))

    def _readable(self) -> None:
        now = monotonic()
        batches, ready, error = self._library.receive(now, READS_PER_WAKE_UP)
        if error is not None:
            self._receiver.error_received(OSError(error, os.strerror(error)))
        if batches:
            pass_on(batches, (), self._receiver, now)
        for owner in ready:
            owner.batch_received(now)


class Direct:
    """A connection that the library gives datagrams to.

    Reports its connection IDs to the library, and to `ids`.
    """

    def __init__(self, ids: ConnectionIds, library: DatagramReader, number: int) -> None:
        self._ids = ids
        self._library = library
        self._number = number

    def issued(self, connection_id: bytes) -> None:
        """See `ConnectionIds`."""
        self._library.add_id(self._number, connection_id)
        self._ids.issued(connection_id)

    def retired(self, connection_id: bytes) -> None:
        """See `ConnectionIds`."""
        self._library.remove_id(self._number, connection_id)
        self._ids.retired(connection_id)

    def forget(self) -> None:
        """Give no more datagrams to it."""
        self._library.forget(self._number)
