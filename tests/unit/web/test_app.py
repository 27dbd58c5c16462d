from tests.http_client import Client


async def test_another_path_is_not_found(client: Client) -> None:
    assert (await client.get("/nothing"))[0] == 404


async def test_routes_are_behind_the_checks_of_every_request(client: Client) -> None:
    assert (await client.get("/nothing", host="evil.example"))[0] == 421
