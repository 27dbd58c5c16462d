"""Answers over HTTP what the server is: one POST of a Get on each connection."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from smbquic.transport.http import BAD_REQUEST, HttpRequest, HttpResponse, HttpServer
from smbquic.wsd.envelope import MAX_MESSAGE
from smbquic.wsd.interfaces import Interface
from smbquic.wsd.messages import endpoint_of
from smbquic.wsd.responder import WsdResponder

PORT = 5357
"""The TCP port."""
MAX_CONNECTIONS = 16
"""Connections to one address at a time; further ones are closed."""


@asynccontextmanager
async def metadata_listener(interface: Interface, responder: WsdResponder) -> AsyncIterator[str]:
    """Listen at an address of this machine until the end of the ``async with``, which gets the URL.

    Only machines on the same network are answered. Raises `OSError`.
    """
    path = f"/{endpoint_of(responder.messages.name)}"

    def answer(request: HttpRequest) -> HttpResponse:
        if (request.method, request.path) != ("POST", path):
            return BAD_REQUEST
        metadata = responder.answer_get(request.body)
        if metadata is None:
            return BAD_REQUEST
        return HttpResponse("200 OK", metadata, "application/soap+xml")

    server = HttpServer(
        answer,
        max_connections=MAX_CONNECTIONS,
        max_body=MAX_MESSAGE,
        admits=interface.is_neighbour,
    )
    await server.listen(interface.host, PORT, family=socket.AF_INET)
    try:
        yield f"http://{interface.host}:{server.port}{path}"
    finally:
        await server.close()
