"""The minimal HTTP server, to which anybody may connect."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from smbquic.transport import http
from smbquic.transport.http import (
    BAD_REQUEST,
    MAX_HEADER,
    HttpRequest,
    HttpResponse,
    HttpServer,
    _Connection,
)
from tests.polling import eventually
from tests.raw_http import RawHttpClient, exchange

MAX_BODY = 100


class Echo:
    """Answers with what was asked for."""

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []

    def __call__(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        return HttpResponse("200 OK", b"answer", "text/plain")


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
async def server(echo: Echo) -> AsyncIterator[HttpServer]:
    server = HttpServer(echo, max_connections=2, max_body=MAX_BODY)
    await server.listen("127.0.0.1", 0)
    yield server
    await server.close()


async def test_a_request(server: HttpServer, echo: Echo) -> None:
    assert await exchange(server.port, b"GET /path?q HTTP/1.1\r\nHost: x\r\n\r\n") == (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n"
        b"Connection: close\r\n\r\nanswer"
    )
    assert echo.requests == [HttpRequest("GET", "/path?q", b"")]


async def test_a_head_has_no_body(server: HttpServer) -> None:
    answer = await exchange(server.port, b"HEAD / HTTP/1.1\r\n\r\n")
    assert b"\r\nContent-Length: 6\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("name", ["Content-Length:", "content-LENGTH: "])
async def test_a_request_with_a_body_in_pieces(server: HttpServer, echo: Echo, name: str) -> None:
    client = await RawHttpClient.connected(server.port)
    for byte in f"POST / HTTP/1.1\r\n{name}{MAX_BODY}\r\n\r\n".encode() + b"b" * MAX_BODY:
        client.send(bytes([byte]))
        await asyncio.sleep(0)
    assert (await client.answer()).endswith(b"answer")
    assert echo.requests == [HttpRequest("POST", "/", b"b" * MAX_BODY)]


@pytest.mark.parametrize("size", [0, 3])
async def test_what_follows_is_not_answered(server: HttpServer, echo: Echo, size: int) -> None:
    header = f"POST / HTTP/1.1\r\nContent-Length: {size}\r\n\r\n".encode()
    answer = await exchange(server.port, (header + b"b" * size) * 3)
    assert answer.count(b"HTTP/1.1") <= 1
    assert [each.body for each in echo.requests] == [b"b" * size]


@pytest.mark.parametrize(
    "sent", [b"\r\n\r\n", b"\xff\x00 \xfe\r\n\r\n", b"GET\r\n\r\n", b" \r\n:\r\n\r\n"]
)
async def test_anything_may_be_asked_for(server: HttpServer, echo: Echo, sent: bytes) -> None:
    assert (await exchange(server.port, sent)).endswith(b"answer")
    assert len(echo.requests) == 1


@pytest.mark.parametrize(
    "header",
    [
        f"Content-Length: {MAX_BODY + 1}",
        "Content-Length: 1\r\nContent-Length: 1",
        "Content-Length: -1",
        "Content-Length: +1",
        "Content-Length:",
        "Content-Length: 1, 1",
        f"Content-Length: {'9' * 900}",
        "Content-Length: \u00b2",
    ],
)
async def test_a_body_of_no_allowed_length(server: HttpServer, echo: Echo, header: str) -> None:
    answer = await exchange(server.port, f"POST / HTTP/1.1\r\n{header}\r\n\r\n".encode("latin-1"))
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert not echo.requests


class Transport:
    """Notes what is written, and how it ends."""

    def __init__(self, peername: tuple[str, int] | None) -> None:
        self.written: list[bytes] = []
        self.ended = ""
        self.write = self.written.append
        self._peername = peername

    def get_extra_info(self, name: str) -> tuple[str, int] | None:
        assert name == "peername"
        return self._peername

    def is_closing(self) -> bool:
        return bool(self.ended)

    def close(self) -> None:
        self.ended = "closed"

    def abort(self) -> None:
        self.ended = "aborted"


def connected(server: HttpServer, host: str | None = "192.0.2.1") -> tuple[_Connection, Transport]:
    """Return a connection of a server, and its transport, which has no socket."""
    transport: Any = Transport((host, 50_000) if host else None)
    connection = _Connection(server)
    connection.connection_made(transport)
    return connection, transport


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
async def test_a_header_that_is_too_long(echo: Echo, end: bytes) -> None:
    connection, transport = connected(HttpServer(echo, max_connections=1))
    connection.data_received(b"x" * MAX_HEADER)
    assert not transport.written
    connection.data_received(b"x" + end)
    assert transport.ended == "closed"
    assert transport.written[0].startswith(f"HTTP/1.1 {BAD_REQUEST.status}\r\n".encode())
    connection.data_received(b"\r\n\r\n")
    assert (len(transport.written), echo.requests) == (1, [])
    connection.connection_lost(None)


async def test_the_longest_header(echo: Echo) -> None:
    connection, _ = connected(HttpServer(echo, max_connections=1))
    connection.data_received(b"x" * MAX_HEADER + b"\r\n\r\n")
    assert len(echo.requests) == 1
    connection.connection_lost(None)


@pytest.mark.parametrize("sent", [b"", b"GET /", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n"])
async def test_a_client_that_sends_no_whole_request(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(http, "CLIENT_TIMEOUT", 0.01)
    assert await exchange(server.port, sent) == b""


async def test_connections_are_bounded(server: HttpServer) -> None:
    kept = [await RawHttpClient.connected(server.port) for _ in range(2)]
    await eventually(lambda: len(server.connections) == 2)
    for _ in range(20):
        assert await exchange(server.port, b"\r\n\r\n") == b""
    kept[0].send(b"\r\n\r\n")
    assert (await kept[0].answer()).endswith(b"answer")
    await eventually(lambda: len(server.connections) == 1)
    assert (await exchange(server.port, b"\r\n\r\n")).endswith(b"answer")
    port = server.port
    await server.close()
    assert await kept[1].answer() == b""
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


@pytest.mark.parametrize("host", ["192.0.2.2", None])
async def test_who_is_not_admitted_is_disconnected(echo: Echo, host: str | None) -> None:
    server = HttpServer(echo, max_connections=2, admits=lambda host: host == "192.0.2.1")
    connection, transport = connected(server, host)
    assert (transport.ended, server.connections) == ("aborted", set())
    connection.data_received(b"\r\n\r\n")
    connection.connection_lost(None)
    assert (echo.requests, transport.written) == ([], [])


async def test_nobody_is_served_after_the_end(echo: Echo) -> None:
    server = HttpServer(echo, max_connections=1)
    await server.close()
    assert connected(server)[1].ended == "aborted"


async def test_an_open_socket(echo: Echo) -> None:
    server = HttpServer(echo, max_connections=1)
    sock = socket.create_server(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    await server.listen_on(sock)
    assert server.port == port
    assert (await exchange(server.port, b"\r\n\r\n")).endswith(b"answer")
    await server.close()
    assert sock.fileno() < 0
