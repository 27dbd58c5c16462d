"""A QUIC address in the main process, on which the workers accept connections."""

import socket
from collections.abc import Sequence

from smbquic.transport.addresses import endpoint, url
from smbquic.transport.serving import Connections


class WorkerListener:
    """The sockets of one address, one for each worker, and the connections that they have accepted.

    The sockets stay open here, so that a worker that is started again gets that of the one before.
    `lost_packets` counts those of the connections of workers that have ended.
    """

    def __init__(self, sockets: Sequence[socket.socket], connections: Connections) -> None:
        self.sockets = sockets
        self.connections = connections
        self.url = url("quic", endpoint(sockets[0].getsockname()))
        self.lost_packets = 0

    async def close(self) -> None:
        """End the connections that were accepted, and wait for that; workers accept no others."""
        await self.connections.close()

    def release(self) -> None:
        """Close the sockets, once there is no worker any more."""
        for each in self.sockets:
            each.close()
