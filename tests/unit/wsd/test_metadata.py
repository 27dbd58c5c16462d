"""The metadata over HTTP, and clients that mean no good."""

import asyncio
from collections.abc import AsyncIterator
from ipaddress import IPv4Interface
from urllib.parse import urlsplit

import pytest

from smbquic.wsd import metadata
from smbquic.wsd.envelope import MAX_MESSAGE
from smbquic.wsd.interfaces import Interface
from smbquic.wsd.messages import WsdMessages
from smbquic.wsd.metadata import MAX_CONNECTIONS, metadata_listener
from smbquic.wsd.responder import WsdResponder
from tests.raw_http import RawHttpClient, exchange
from tests.unit.wsd.clients import action_of, get

LOOPBACK = Interface(IPv4Interface("127.0.0.1/8"))


def responder() -> WsdResponder:
    return WsdResponder(WsdMessages("FS", 1), asyncio.get_running_loop().time)


@pytest.fixture
async def url(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    monkeypatch.setattr(metadata, "PORT", 0)
    async with metadata_listener(LOOPBACK, responder()) as url:
        yield url


def port_of(url: str) -> int:
    return urlsplit(url).port or 0


def post(url: str, body: bytes, *more: str) -> bytes:
    lines = (f"POST {urlsplit(url).path} HTTP/1.1", "Host: fs", *more)
    return "\r\n".join((*lines, f"content-LENGTH: {len(body)}", "", "")).encode() + body


async def test_a_get_is_answered(url: str) -> None:
    header, _, body = (await exchange(port_of(url), post(url, get()))).partition(b"\r\n\r\n")
    assert header.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\n")
    assert f"Content-Length: {len(body)}\r\n".encode() in header
    assert action_of(body) == "GetResponse"


async def test_what_is_no_get_is_refused(url: str) -> None:
    path = urlsplit(url).path
    for request in (
        post(url, b""),
        post(url, b"<no/>"),
        post(url, get(), "Content-Length: 1"),
        post(url + "x", get()),
        f"GET {path} HTTP/1.1\r\n\r\n".encode(),
        f"POST {path} HTTP/1.1\r\n\r\n".encode(),
        f"POST {path} HTTP/1.1\r\nContent-Length: {MAX_MESSAGE + 1}\r\n\r\n".encode(),
    ):
        answer = await exchange(port_of(url), request)
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n"), request


async def test_there_are_only_so_many_connections(url: str) -> None:
    others = [await RawHttpClient.connected(port_of(url)) for _ in range(MAX_CONNECTIONS)]
    assert await exchange(port_of(url), post(url, get())) == b""
    for each in others:
        each.abort()
    while not await exchange(port_of(url), post(url, get())):
        pass


async def test_other_networks_are_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "PORT", 0)
    alone = Interface(IPv4Interface("127.0.0.2/32"))
    async with metadata_listener(alone, responder()) as url:
        client = await RawHttpClient.connected(port_of(url), "127.0.0.2")
        client.send(post(url, get()))
        assert await client.answer() == b""


async def test_clients_are_disconnected_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "PORT", 0)
    async with metadata_listener(LOOPBACK, responder()) as url:
        client = await RawHttpClient.connected(port_of(url))
        client.send(b"POST")
        # The first client is served once a second one has its answer.
        assert await exchange(port_of(url), post(url, get()))
    assert await client.answer() == b""
