"""An HTTPS server that answers whatever a test wants, and as slowly as it wants."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from smbquic.pki import PkiDirectory


class HttpsServer:
    """Sends each of the `answers` to a request on a connection of its own.

    After an answer without an end it waits until the client has gone.
    """

    def __init__(self, pki: PkiDirectory, answers: list[bytes]) -> None:
        self.answered = threading.Event()
        self.requests: list[bytes] = []
        self._answers = answers
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pki.server.certificate, pki.server.key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self._listener.getsockname()[1]}/"

    def run(self) -> None:
        for answer in self._answers:
            # Whoever does not trust us ends the handshake, and whoever is ended the rest.
            with suppress(OSError):
                link, _ = self._listener.accept()
                with self._context.wrap_socket(link, server_side=True) as client:
                    self.requests.append(client.recv(1 << 16))
                    client.sendall(answer)
                    self.answered.set()
                    if not answer.endswith(b"\r\n\r\n"):
                        client.recv(1)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextmanager
def https_server(pki: PkiDirectory, *answers: bytes) -> Iterator[HttpsServer]:
    server = HttpsServer(pki, list(answers))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()


def response(body: bytes = b"{}", status: str = "200 OK", **headers: str) -> bytes:
    """A whole response; its body ends with an empty line, which JSON does not mind."""
    body += b"\r\n\r\n"
    fields = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
