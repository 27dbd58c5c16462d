"""A minimal HTTP server for http-01, which the ACME server asks for files. [RFC 8555] 8.3

Everybody on the internet can connect to it. It answers one GET or HEAD of a connection, whose head
is bounded, within a time, and has a bounded number of connections.
"""

import asyncio
import errno
import socket
from collections.abc import Mapping, Sequence
from typing import Any, cast

from smbquic.errors import UrlError
from smbquic.pki.acme.errors import AcmeError
from smbquic.transport.hosts import host_and_port

HTTP_PORT = 80
MAX_CONNECTIONS = 64
MAX_REQUEST = 4096
"""Bytes of a request that are read."""
REQUEST_TIMEOUT = 5.0
"""Seconds for a connection, from its begin to its end."""
_BACKLOG = 16
_END_OF_HEAD = b"\r\n\r\n"
_ADVICE = {
    errno.EADDRINUSE: "another program has the port: use its folder (webroot), or forward the"
    " path /.well-known/acme-challenge/ to another port and listen there",
    errno.EACCES: "ports below 1024 need the right to (CAP_NET_BIND_SERVICE): forward port 80 to a"
    " higher port and listen there, or use webroot or a hook",
    errno.EADDRNOTAVAIL: "this machine does not have that address",
}


def listen_address(text: str) -> tuple[str | None, int]:
    """Parse ``[HOST]:PORT``; the host is None for all addresses. Raises `UrlError`."""
    if text.startswith(":"):
        return None, host_and_port(f"localhost{text}", HTTP_PORT, lowest=0)[1]
    try:
        return host_and_port(text, HTTP_PORT, lowest=0)
    except UrlError as error:
        raise UrlError(f"{text!r} is not HOST:PORT: {error}") from error


class HttpListener:
    """Answers requests for the paths of `files` with their contents, and all others with 404."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files
        self.connections: set[asyncio.Transport] = set()
        self._servers: list[asyncio.Server] = []

    @property
    def port(self) -> int:
        """The port that it listens on."""
        port: int = self._servers[0].sockets[0].getsockname()[1]
        return port

    async def open(self, address: str, sockets: Sequence[socket.socket] = ()) -> None:
        """Listen on ``[HOST]:PORT``, or on copies of sockets in place of that.

        Raises `UrlError` and `AcmeError`.
        """
        host, port = listen_address(address)
        try:
            if not sockets:
                await self._listen(host=host, port=port)
            for sock in sockets:
                await self._listen(sock=sock.dup())
        except OSError as error:
            why = _ADVICE.get(error.errno or 0, str(error.strerror or error))
            raise AcmeError(
                f"cannot listen on {address} for the ACME server's http-01: {why}"
            ) from error

    async def _listen(self, **place: Any) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(self), backlog=_BACKLOG, **place)
        self._servers.append(server)

    async def close(self) -> None:
        """Stop listening, and end all connections."""
        for server in self._servers:
            server.close()
        for transport in list(self.connections):
            transport.abort()
        for server in self._servers:
            await server.wait_closed()


class _Connection(asyncio.Protocol):
    """One connection: a request, its response, and the end."""

    def __init__(self, listener: HttpListener) -> None:
        self._listener = listener
        self._received = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the request, unless there are too many connections."""
        # uvloop's are of no class of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        if len(self._listener.connections) >= MAX_CONNECTIONS:
            self._transport.abort()
            return
        self._listener.connections.add(self._transport)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(REQUEST_TIMEOUT, self._transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._listener.connections.discard(self._transport)
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer once the head of the request is complete."""
        if self._transport.is_closing():
            return
        self._received += data
        if _END_OF_HEAD in self._received:
            self._transport.write(_response(self._received, self._listener.files))
            self._transport.close()
        elif len(self._received) > MAX_REQUEST:
            self._transport.abort()


def _response(request: bytes, files: Mapping[str, bytes]) -> bytes:
    """Return the response to a request, which may be anything."""
    method, _, rest = request.partition(b" ")
    path = rest.partition(b" ")[0].decode("latin-1")
    content = files.get(path) if method in (b"GET", b"HEAD") else None
    status = b"404 Not Found" if content is None else b"200 OK"
    body = content or b""
    head = (
        b"HTTP/1.1 %b\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n"
        b"Connection: close\r\n\r\n" % (status, len(body))
    )
    return head if method == b"HEAD" else head + body
