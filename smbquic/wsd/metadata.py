"""Answers over HTTP what the server is: one POST of a Get on each connection."""

import asyncio
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from smbquic.wsd.envelope import MAX_MESSAGE
from smbquic.wsd.interfaces import Interface
from smbquic.wsd.messages import endpoint_of
from smbquic.wsd.responder import WsdResponder

PORT = 5357
"""The TCP port."""
MAX_CONNECTIONS = 16
"""Connections to one address at a time; further ones are closed."""
MAX_HEADER = 4 << 10
"""Bytes of the header of a request."""
CLIENT_TIMEOUT = 5.0
"""Seconds from the connection to the end of the response."""


class RequestError(ValueError):
    """A request is none that this server answers."""


@asynccontextmanager
async def metadata_listener(interface: Interface, responder: WsdResponder) -> AsyncIterator[str]:
    """Listen at an address of this machine until the end of the ``async with``, which gets the URL.

    Raises `OSError`.
    """
    path = f"/{endpoint_of(responder.messages.name)}"
    service = _Service(interface, responder, path)
    server = await asyncio.start_server(
        service.serve, interface.host, PORT, family=socket.AF_INET, limit=MAX_HEADER
    )
    try:
        port = server.sockets[0].getsockname()[1]
        yield f"http://{interface.host}:{port}{path}"
    finally:
        server.close()
        await service.end()
        await server.wait_closed()


class _Service:
    """The connections to one address."""

    def __init__(self, interface: Interface, responder: WsdResponder, path: str) -> None:
        self._interface = interface
        self._responder = responder
        self._path = path
        self._clients: dict[StreamWriter, asyncio.Task[None] | None] = {}
        self._ended = False

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Answer the request of one client."""
        host = writer.get_extra_info("peername")[0]
        full = self._ended or len(self._clients) >= MAX_CONNECTIONS
        if full or not self._interface.is_neighbour(host):
            writer.transport.abort()
            return
        self._clients[writer] = asyncio.current_task()
        try:
            async with asyncio.timeout(CLIENT_TIMEOUT):
                await self._answer(reader, writer)
                writer.close()
                await writer.wait_closed()
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.transport.abort()
            del self._clients[writer]

    async def end(self) -> None:
        """Disconnect all clients."""
        self._ended = True
        for writer in self._clients:
            writer.transport.abort()
        tasks = [task for task in self._clients.values() if task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            size = _size_of_body(await reader.readuntil(b"\r\n\r\n"), self._path)
        except RequestError:
            writer.write(_response("400 Bad Request", b""))
            return
        answer = self._responder.answer_get(await reader.readexactly(size))
        if answer is None:
            writer.write(_response("400 Bad Request", b""))
        else:
            writer.write(_response("200 OK", answer))


def _size_of_body(header: bytes, path: str) -> int:
    """Return how many bytes follow a header. Raises `RequestError`."""
    request, *lines = header.decode("latin-1").split("\r\n")
    if request not in (f"POST {path} HTTP/1.1", f"POST {path} HTTP/1.0"):
        raise RequestError("the request is no POST for the metadata")
    sizes = [
        value.strip()
        for name, _, value in (line.partition(":") for line in lines)
        if name.lower() == "content-length"
    ]
    if len(sizes) != 1 or not (sizes[0].isascii() and sizes[0].isdigit() and len(sizes[0]) < 6):
        raise RequestError("the request does not say how long it is")
    size = int(sizes[0])
    if size > MAX_MESSAGE:
        raise RequestError("the request is too long")
    return size


def _response(status: str, body: bytes) -> bytes:
    header = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/soap+xml\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return header.encode() + body
