import logging

import pytest
from starlette.types import Receive, Scope, Send

from smbquic.web.bounds import MAX_BODY
from smbquic.web.guard import REQUEST_BURST, REQUEST_RATE, Guard
from tests.http_client import Client
from tests.unit.clock import Clock

ACCEPTED = [
    "127.0.0.1:9445",
    "[::1]:9445",
    "192.0.2.1",
    "localhost",
    "LOCALHOST:80",
    "fs.example",
    "FS.example:9445",
]
REFUSED = ["evil.example", "fs.example.evil.example", "127.0.0.1.evil.example", "", "a b", "[::1"]


@pytest.mark.parametrize("host", ACCEPTED)
async def test_requests_for_addresses_and_known_names_are_answered(
    client: Client, host: str
) -> None:
    assert await client.get("/healthz", host=host) == (200, "ok\n")


@pytest.mark.parametrize("host", REFUSED)
async def test_requests_for_other_names_are_refused(client: Client, host: str) -> None:
    status, body = await client.get("/healthz", host=host)
    assert status == 421
    assert "--web-host" in body


async def test_a_request_without_a_host_is_refused(client: Client) -> None:
    client.writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
    assert (await client.response())[0] == 421


async def test_no_browser_keeps_or_frames_a_response(client: Client) -> None:
    await client.get("/healthz")
    assert client.headers["cache-control"] == "no-store"
    assert client.headers["content-security-policy"].startswith("default-src 'none'")
    assert client.headers["cross-origin-resource-policy"] == "same-origin"
    assert client.headers["x-content-type-options"] == "nosniff"


async def test_a_body_that_is_too_long_is_refused(client: Client) -> None:
    assert (await client.get("/healthz", f"Content-Length: {MAX_BODY + 1}"))[0] == 413


async def test_a_body_of_unknown_length_is_refused(client: Client) -> None:
    assert (await client.get("/healthz", "Transfer-Encoding: chunked"))[0] == 411


async def test_a_request_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError

    guard = Guard(app, [], lambda: 0.0)
    scope = {"type": "http", "path": "/x", "headers": [(b"host", b"localhost")]}
    with caplog.at_level(logging.ERROR, "smbquic"):
        await guard(scope, None, None)  # type: ignore[arg-type]
    assert "/x" in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_requests_wait_once_the_burst_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        """Answer nothing."""

    monkeypatch.setattr("smbquic.web.guard.asyncio.sleep", sleep)
    clock = Clock()
    guard = Guard(app, [], clock)
    scope = {"type": "http", "path": "/", "headers": [(b"host", b"localhost")]}

    async def requests(count: int) -> list[float]:
        slept.clear()
        for _ in range(count):
            await guard(scope, None, None)  # type: ignore[arg-type]
        return slept

    waits = pytest.approx([1 / REQUEST_RATE, 2 / REQUEST_RATE])
    assert await requests(REQUEST_BURST + 2) == waits
    # A pause gives no more than the burst.
    clock.advance(1e6)
    assert await requests(REQUEST_BURST + 2) == waits
