"""Requests of the status page: its files for everybody, all else for who has the token."""

import json
from typing import Any

import pytest

from smbquic.observe.recent_records import RecentRecords
from smbquic.web.page import routes
from tests.http_client import Client
from tests.unit.web.conftest import Source

TOKEN = "Authorization: Bearer the-token"
JSON = "Content-Type: application/json"
MOST_BYTES = 200 << 10


async def post(client: Client, name: str, body: str, *lines: str) -> tuple[int, Any]:
    head = [f"POST /api/actions/{name} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    client.writer.write("\r\n".join([*head, *lines, "", body]).encode())
    status, found = await client.response()
    return status, json.loads(found)


async def test_the_files_of_the_page(client: Client) -> None:
    for name in routes.page_files():
        status, _ = await client.get("/" if name == "index.html" else f"/{name}")
        assert status == 200
        policy = client.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
    assert client.headers["x-content-type-options"] == "nosniff"
    assert (await client.get("/"))[1].startswith("<!doctype html>")
    assert (await client.get("/../routes.py"))[0] == 404


async def test_the_page_is_small_and_loads_nothing_from_elsewhere(client: Client) -> None:
    texts = [
        (await client.get(f"/{name}"))[1] for name in routes.page_files() if "html" not in name
    ]
    texts.append((await client.get("/"))[1])
    assert sum(map(len, texts)) < MOST_BYTES
    for text in texts:
        assert "https://" not in text
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        for forbidden in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
        ):
            assert forbidden not in text


@pytest.mark.parametrize("name", routes._DATA)
async def test_data_needs_the_token(client: Client, name: str) -> None:
    for lines in ((), ("Authorization: Bearer another",), ("Authorization: Basic the-token",)):
        status, body = await client.get(f"/api/{name}", *lines)
        assert status == 401
        assert "smbquic status" in json.loads(body)["error"]


@pytest.mark.parametrize("name", [name for name in routes._DATA if name != "audit"])
async def test_data(client: Client, name: str) -> None:
    status, body = await client.get(f"/api/{name}", TOKEN)
    assert status == 200
    assert isinstance(json.loads(body), dict)


async def test_audit_records(client: Client, source: Source) -> None:
    assert (await client.get("/api/audit", TOKEN))[0] == 404
    source.service.audit.recent = RecentRecords()
    source.service.audit.recent.add({"event": "logon"}, authenticated=True)
    assert len(json.loads((await client.get("/api/audit", TOKEN))[1])["rows"]) == 1
    assert json.loads((await client.get("/api/audit?refused=1", TOKEN))[1])["rows"] == []


@pytest.mark.parametrize(
    "path",
    ["connections?rows=0", "opens?offset=x", "overview?seconds=x", "audit?text=" + "x" * 201],
)
async def test_wrong_parameters(client: Client, path: str) -> None:
    assert (await client.get(f"/api/{path}", TOKEN))[0] == 400


async def test_an_action(client: Client, source: Source) -> None:
    body = '{"what": "alice", "seconds": 60}'
    status, found = await post(client, "lock-out-user", body, TOKEN, JSON)
    assert (status, found) == (
        200,
        {"result": "locked the user alice out, and closed 0 sessions"},
    )
    assert source.service.logon_limiter.lockouts.seconds_left("alice") > 0


async def test_an_action_needs_the_token(client: Client, source: Source) -> None:
    status, _ = await post(client, "lock-out-user", '{"what": "alice"}', JSON)
    assert status == 401
    assert not source.service.logon_limiter.lockouts.items()
    # Not by a link either, which needs no token but what a browser adds.
    assert (await client.get("/api/actions/lock-out-user", TOKEN))[0] == 405


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("Origin: http://evil.example", JSON), 403),
        (("Origin: null", JSON), 403),
        (("Origin: http://127.0.0.1", JSON), 200),
        (("Content-Type: text/plain",), 415),
        ((), 415),
    ],
)
async def test_actions_of_other_web_sites_are_refused(
    client: Client, lines: tuple[str, ...], expected: int
) -> None:
    assert (await post(client, "lock-out-user", '{"what": "a"}', TOKEN, *lines))[0] == expected


@pytest.mark.parametrize(
    "body", ["", "{", "[]", '{"what": {}}', "\udcff".encode("utf-8", "replace").decode()]
)
async def test_wrong_bodies(client: Client, body: str) -> None:
    assert (await post(client, "lock-out-user", body, TOKEN, JSON))[0] == 400


async def test_what_is_not_there(client: Client) -> None:
    status, found = await post(client, "close-session", '{"what": 7}', TOKEN, JSON)
    assert (status, found) == (404, {"error": "this session has ended already"})
    assert (await post(client, "format", "{}", TOKEN, JSON))[0] == 404
