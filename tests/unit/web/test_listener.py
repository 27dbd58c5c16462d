import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from starlette.responses import StreamingResponse
from starlette.routing import Route

from smbquic.errors import UrlError
from smbquic.options.web import WebOptions
from smbquic.web import app, bounds
from smbquic.web.bounds import BoundedProtocol
from smbquic.web.listener import web_listener
from tests.http_client import Client
from tests.unit.web.conftest import Source


async def test_it_listens_until_the_end(source: Source) -> None:
    async with web_listener("127.0.0.1:0", source, WebOptions()) as url:
        client = await Client.connect(url)
        assert await client.get("/healthz") == (200, "ok\n")
    with pytest.raises((ConnectionError, EOFError)):
        await client.reader.readexactly(1)
    await client.close()
    with pytest.raises(OSError, match=r"refused|failed"):
        await Client.connect(url)


async def test_it_listens_on_a_unix_socket(source: Source, tmp_path: Path) -> None:
    async with web_listener(f"unix:{tmp_path / 'web.sock'}", source, WebOptions()) as url:
        client = await Client.connect(url)
        assert await client.get("/healthz", host="localhost") == (200, "ok\n")
        await client.close()
    assert not (tmp_path / "web.sock").exists()


async def test_an_address_of_other_machines_is_refused(source: Source) -> None:
    with pytest.raises(UrlError, match="--web-remote"):
        async with web_listener("0.0.0.0:0", source, WebOptions()):
            pytest.fail("it listens")
    async with web_listener("0.0.0.0:0", source, WebOptions(remote=True)) as url:
        assert url.startswith("http://0.0.0.0:")


async def test_a_client_that_does_not_read_its_response_is_disconnected(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, proceed, lost = 64 << 20, asyncio.Event(), asyncio.Event()

    async def parts() -> AsyncIterator[bytes]:
        yield b"first"
        await proceed.wait()
        yield bytes(size)

    def connection_lost(protocol: BoundedProtocol, error: Exception | None) -> None:
        lost.set()
        ending(protocol, error)

    ending = BoundedProtocol.connection_lost
    monkeypatch.setattr(BoundedProtocol, "connection_lost", connection_lost)
    route = Route("/large", lambda _: StreamingResponse(parts()))
    monkeypatch.setattr(app, "health_routes", lambda _: [route])
    async with web_listener("127.0.0.1:0", source, WebOptions()) as url:
        client = await Client.connect(url)
        client.writer.write(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await client.reader.readuntil(b"first")
        monkeypatch.setattr(bounds, "CLIENT_TIMEOUT", 0.01)
        proceed.set()
        await lost.wait()
        with suppress(ConnectionError):
            assert len(await client.reader.read()) < size
    client.writer.close()
    await asyncio.gather(client.writer.wait_closed(), return_exceptions=True)


async def test_a_response_that_goes_on_does_not_hold_up_the_end(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.Event()

    async def lines() -> object:
        try:
            while True:
                yield "line\n"
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    route = Route("/lines", lambda _: StreamingResponse(lines()))  # type: ignore[arg-type]
    monkeypatch.setattr(app, "health_routes", lambda _: [route])
    async with web_listener("127.0.0.1:0", source, WebOptions()) as url:
        client = await Client.connect(url)
        client.writer.write(b"GET /lines HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await client.reader.readuntil(b"line\n")
    await ended.wait()
    client.writer.close()
    await asyncio.gather(client.writer.wait_closed(), return_exceptions=True)
