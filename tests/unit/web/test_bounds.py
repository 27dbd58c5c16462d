import asyncio
from contextlib import suppress

import pytest

from smbquic.web import bounds
from smbquic.web.bounds import MAX_HEADER
from tests.http_client import Client


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "CLIENT_TIMEOUT", 0.01)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nshort",
    ],
)
async def test_a_client_that_sends_no_whole_request_is_disconnected(
    client: Client, sent: bytes
) -> None:
    client.writer.write(sent)
    with suppress(ConnectionError):
        await client.reader.read()


async def test_a_client_that_sends_no_further_request_is_disconnected(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.get("/healthz")
    # Long enough to read the answer on a busy machine, before the connection is reset.
    monkeypatch.setattr(bounds, "CLIENT_TIMEOUT", 0.3)
    await client.get("/healthz")
    with pytest.raises((ConnectionError, EOFError)):
        await client.reader.readexactly(1)


async def test_a_connection_is_for_many_requests(client: Client) -> None:
    for _ in range(3):
        assert (await client.get("/healthz"))[0] == 200


async def test_requests_may_be_sent_before_the_former_are_answered(client: Client) -> None:
    client.writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)
    for _ in range(3):
        assert (await client.response())[0] == 200


async def test_a_header_that_is_too_long_ends_the_connection(client: Client) -> None:
    client.writer.write(b"GET / HTTP/1.1\r\nx: " + b"x" * 2 * MAX_HEADER)
    status, headers = await client.head()
    assert (status, headers["connection"]) == (400, "close")


async def test_of_too_many_connections_that_ends_which_waits_longest(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "MAX_CONNECTIONS", 2)
    clients = [await Client.connect(url) for _ in range(3)]
    assert await clients[2].get("/healthz") == (200, "ok\n")
    assert await clients[1].get("/healthz") == (200, "ok\n")
    with pytest.raises((ConnectionError, EOFError)):
        await clients[0].reader.readexactly(1)
    for each in clients:
        each.writer.close()
        await asyncio.gather(each.writer.wait_closed(), return_exceptions=True)
