"""SMB messages over a Unix socket, framed as over TCP, between processes of one machine."""

import asyncio
import socket

from smbquic.errors import ConnectError
from smbquic.transport import framing
from smbquic.transport.base import MessageTransport, PathStatistics, Peer
from smbquic.transport.receive_buffers import ReceiveBuffers
from smbquic.transport.socket_options import request_buffer
from smbquic.transport.tcp import TcpTransport

SEND_BUFFER = 4 << 20
"""Bytes of the kernel's buffer for what is sent: some of the largest messages.

With Linux's usual 208 KiB a message of 1 MiB goes in five pieces, and the two processes wait for
each other at each.
"""


async def connect(
    path: str,
    *,
    timeout: float = 10.0,  # noqa: ASYNC109 (as the other transports have it)
    max_message_size: int = framing.MAX_MESSAGE_SIZE,
    preamble: bytes = b"",
    buffers: ReceiveBuffers | None = None,
) -> MessageTransport:
    """Connect to the socket at `path`; `preamble` is sent before the first message.

    `buffers` keeps the memory of large messages. Raises `ConnectError`.
    """
    try:
        async with asyncio.timeout(timeout):
            _, transport = await asyncio.get_running_loop().create_unix_connection(
                lambda: UnixTransport(max_message_size, buffers=buffers), path
            )
    except TimeoutError as error:
        raise ConnectError(f"unix://{path} did not answer within {timeout:g} s") from error
    except OSError as error:
        raise ConnectError(f"unix://{path}: {error.strerror or error}") from error
    transport.write_preamble(preamble)
    return transport


class UnixTransport(TcpTransport):
    """A `MessageTransport` over one connection of a Unix socket."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a large buffer, describe the peer, and pass on the connection."""
        sock: socket.socket = transport.get_extra_info("socket")
        request_buffer(sock, socket.SO_SNDBUF, SEND_BUFFER)
        super().connection_made(transport)

    @property
    def keep_alive(self) -> bool:
        """See `MessageTransport`; nothing between two processes drops a quiet connection."""
        return True

    @keep_alive.setter
    def keep_alive(self, wanted: bool) -> None:
        """Do nothing."""

    def statistics(self) -> PathStatistics:
        """Return nothing: there is no path."""
        return PathStatistics()

    def _describe(self) -> Peer:
        path = str(self._transport.get_extra_info("peername"))
        return Peer(kind="unix", local=("", 0), remote=(path, 0))
