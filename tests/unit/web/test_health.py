from tests.http_client import Client
from tests.unit.web.conftest import Source


async def test_healthz_answers(client: Client) -> None:
    assert await client.get("/healthz") == (200, "ok\n")


async def test_readyz_says_why_new_clients_should_go_elsewhere(
    client: Client, source: Source
) -> None:
    assert await client.get("/readyz") == (200, "ok\n")
    source.reason = "it is stopping"
    assert await client.get("/readyz") == (503, "it is stopping\n")


async def test_readyz_may_be_asked_for_without_the_body(client: Client) -> None:
    client.writer.write(b"HEAD /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    status, _ = await client.head()
    assert status == 200
