"""A minimal HTTP server for listeners that anybody can connect to. [RFC 9112]

Each connection has one request, whose header, body and time are bounded, and one response.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, cast

from smbquic.lazy_dataclass import dataclass

MAX_HEADER = 4 << 10
"""Bytes of the header of a request."""
CLIENT_TIMEOUT = 5.0
"""Seconds from the connection to the end of the response."""
_BACKLOG = 16
_END_OF_HEADER = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request. A client may have sent anything as its `method` and `path`."""

    method: str
    path: str
    body: bytes


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response, whose body is left out if the request is a HEAD."""

    status: str
    body: bytes = b""
    content_type: str = "application/octet-stream"


BAD_REQUEST = HttpResponse("400 Bad Request")

Answer = Callable[[HttpRequest], HttpResponse]


class HttpServer:
    """Answers the requests of `max_connections` clients at a time; further ones are disconnected.

    `answer` returns the response to a request, whose body has `max_body` bytes at most. Clients
    from addresses that `admits` does not accept are disconnected, too.
    """

    def __init__(
        self,
        answer: Answer,
        *,
        max_connections: int,
        max_body: int = 0,
        admits: Callable[[str], bool] = lambda host: True,
    ) -> None:
        self.answer = answer
        self.max_connections = max_connections
        self.max_body = max_body
        self.connections: set[asyncio.Transport] = set()
        self._admits = admits
        self._servers: list[asyncio.Server] = []
        self._closed = False

    @property
    def port(self) -> int:
        """The port of the first address that it listens on."""
        port: int = self._servers[0].sockets[0].getsockname()[1]
        return port

    async def listen(self, host: str | None, port: int, *, family: int = 0) -> None:
        """Listen on an address, or with None on all of this machine. Raises `OSError`."""
        await self._create(host=host, port=port, family=family)

    async def listen_on(self, sock: socket.socket) -> None:
        """Listen on a socket, which is closed with the server. Raises `OSError`."""
        await self._create(sock=sock)

    async def _create(self, **place: Any) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(self), backlog=_BACKLOG, **place)
        self._servers.append(server)

    def admits(self, transport: asyncio.Transport) -> bool:
        """Return whether a client is served that has just connected."""
        if self._closed or len(self.connections) >= self.max_connections:
            return False
        # There is none where the client is gone already.
        address = transport.get_extra_info("peername")
        return bool(address) and self._admits(address[0])

    async def close(self) -> None:
        """Stop listening, and disconnect all clients."""
        self._closed = True
        for server in self._servers:
            server.close()
        for transport in list(self.connections):
            transport.abort()
        for server in self._servers:
            await server.wait_closed()


class _Connection(asyncio.Protocol):
    """One connection: a request, its response, and the end."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._received = bytearray()
        self._header: _Header | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the request, unless the client is not admitted."""
        # uvloop's transports are of no class of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        if not self._server.admits(self._transport):
            self._transport.abort()
            return
        self._server.connections.add(self._transport)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(CLIENT_TIMEOUT, self._transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._server.connections.discard(self._transport)
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer once the request is complete, or once it is clear that it is none."""
        if self._transport.is_closing():
            return
        self._received += data
        try:
            request = self._request()
        except ValueError:
            self._respond(BAD_REQUEST)
            return
        if request is not None:
            without_body = request.method == "HEAD"
            self._respond(self._server.answer(request), without_body=without_body)

    def _request(self) -> HttpRequest | None:
        """Return the request if it is complete. Raises ValueError for one that is not answered."""
        if self._header is None:
            header, end, rest = self._received.partition(_END_OF_HEADER)
            if len(header) > MAX_HEADER:
                raise ValueError("the header of the request is too long")
            if not end:
                return None
            self._header = _Header.parse(bytes(header), self._server.max_body)
            self._received = rest
        if len(self._received) < self._header.size:
            return None
        body = bytes(self._received[: self._header.size])
        return HttpRequest(self._header.method, self._header.path, body)

    def _respond(self, response: HttpResponse, *, without_body: bool = False) -> None:
        header = (
            f"HTTP/1.1 {response.status}\r\nContent-Type: {response.content_type}\r\n"
            f"Content-Length: {len(response.body)}\r\nConnection: close\r\n\r\n"
        ).encode()
        self._transport.write(header if without_body else header + response.body)
        self._transport.close()


@dataclass(frozen=True, slots=True)
class _Header:
    """What a header says of a request; `size` is that of its body."""

    method: str
    path: str
    size: int

    @classmethod
    def parse(cls, header: bytes, max_body: int) -> "_Header":
        """Decode a header. Raises ValueError if it does not say how long the body is."""
        first, *lines = header.decode("latin-1").split("\r\n")
        method, _, rest = first.partition(" ")
        sizes = [
            value.strip()
            for name, _, value in (line.partition(":") for line in lines)
            if name.lower() == "content-length"
        ] or ["0"]
        size = sizes[0]
        if len(sizes) > 1 or not (size.isascii() and size.isdigit()):
            raise ValueError("the request does not say how long it is")
        if int(size) > max_body:
            raise ValueError("the request is too long")
        return cls(method, rest.partition(" ")[0], int(size))
