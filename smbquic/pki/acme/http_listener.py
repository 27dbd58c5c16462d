"""The listener for http-01, which the ACME server asks for files. [RFC 8555] 8.3

Everybody on the internet can connect to it.
"""

import errno
import socket
from collections.abc import Mapping, Sequence

from smbquic.errors import UrlError
from smbquic.pki.acme.errors import AcmeError
from smbquic.transport.hosts import host_and_port
from smbquic.transport.http import HttpRequest, HttpResponse, HttpServer

HTTP_PORT = 80
MAX_CONNECTIONS = 64
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
        self._files = files
        self._server = HttpServer(self._answer, max_connections=MAX_CONNECTIONS)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.port

    async def open(self, address: str, sockets: Sequence[socket.socket] = ()) -> None:
        """Listen on ``[HOST]:PORT``, or on copies of sockets in place of that.

        Raises `UrlError` and `AcmeError`.
        """
        host, port = listen_address(address)
        try:
            if not sockets:
                await self._server.listen(host, port)
            for sock in sockets:
                await self._server.listen_on(sock.dup())
        except OSError as error:
            await self._server.close()
            why = _ADVICE.get(error.errno or 0, str(error.strerror or error))
            raise AcmeError(
                f"cannot listen on {address} for the ACME server's http-01: {why}"
            ) from error

    async def close(self) -> None:
        """Stop listening, and end all connections."""
        await self._server.close()

    def _answer(self, request: HttpRequest) -> HttpResponse:
        content = self._files.get(request.path) if request.method in ("GET", "HEAD") else None
        if content is None:
            return HttpResponse("404 Not Found")
        return HttpResponse("200 OK", content)
