"""The HTTP server for http-01, to which everybody may connect."""

import socket
from collections.abc import AsyncIterator

import pytest

from smbquic.errors import UrlError
from smbquic.pki.acme import http_listener
from smbquic.pki.acme.errors import AcmeError
from smbquic.pki.acme.http_listener import HttpListener, listen_address
from tests.raw_http import RawHttpClient, exchange

PATH = "/.well-known/acme-challenge/token"


@pytest.fixture
async def listener() -> AsyncIterator[HttpListener]:
    listener = HttpListener({PATH: b"token.thumbprint"})
    await listener.open("127.0.0.1:0")
    yield listener
    await listener.close()


async def test_a_file(listener: HttpListener) -> None:
    found = await exchange(
        listener.port, f"GET {PATH} HTTP/1.1\r\nHost: fs.example\r\n\r\n".encode()
    )
    head, _, body = found.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nContent-Length: 16\r\n" in head
    assert body == b"token.thumbprint"


async def test_its_head(listener: HttpListener) -> None:
    found = await exchange(listener.port, f"HEAD {PATH} HTTP/1.1\r\n\r\n".encode())
    assert b"Content-Length: 16" in found
    assert found.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /.well-known/acme-challenge/../token HTTP/1.1\r\n\r\n",
        f"POST {PATH} HTTP/1.1\r\n\r\n".encode(),
        b"\r\n\r\n",
        b"\xff\x00 \xfe\r\n\r\n",
        b"GET\r\n\r\n",
    ],
)
async def test_all_else_is_not_there(listener: HttpListener, request_: bytes) -> None:
    found = await exchange(listener.port, request_)
    assert found.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert found.endswith(b"\r\n\r\n")


async def test_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_listener, "MAX_CONNECTIONS", 2)
    listener = HttpListener({})
    await listener.open("127.0.0.1:0")
    kept = [await RawHttpClient.connected(listener.port) for _ in range(2)]
    # Both are accepted before it.
    assert await exchange(listener.port, b"\r\n\r\n") == b""
    await listener.close()
    for each in kept:
        assert await each.answer() == b""


async def test_a_port_that_is_taken(listener: HttpListener) -> None:
    with pytest.raises(AcmeError, match="another program has the port: use its folder"):
        await HttpListener({}).open(f"127.0.0.1:{listener.port}")


async def test_sockets_that_are_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        listener = HttpListener({})
        await listener.open(":80", [sock])
        assert listener.port == sock.getsockname()[1]
        assert (await exchange(listener.port, b"\r\n\r\n")).startswith(b"HTTP/1.1 404")
        await listener.close()
        # Whoever has passed it still has it.
        assert sock.fileno() >= 0


async def test_closing_what_was_not_opened() -> None:
    await HttpListener({}).close()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":80", (None, 80)),
        (":", (None, 80)),
        (":5002", (None, 5002)),
        ("[::1]:5002", ("::1", 5002)),
        ("192.0.2.1", ("192.0.2.1", 80)),
        ("fs.example:0", ("fs.example", 0)),
    ],
)
def test_addresses(text: str, address: tuple[str | None, int]) -> None:
    assert listen_address(text) == address


@pytest.mark.parametrize("text", ["", "fs.example:http", ":99999", "http://fs.example"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UrlError):
        listen_address(text)
