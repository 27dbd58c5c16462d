"""The HTTPS connections to an ACME server, which may answer anything."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from acme import errors, messages
from cryptography.hazmat.primitives.asymmetric import ec
from josepy.jwk import JWKEC

from smbquic.pki import PkiDirectory
from smbquic.pki.acme import network as module
from smbquic.pki.acme.network import (
    MAX_RESPONSE,
    NONCE_ATTEMPTS,
    AcmeSockets,
    BoundedNetwork,
)
from tests.unit.pki.acme.https_server import https_server, response


@pytest.fixture
def sockets() -> AcmeSockets:
    return AcmeSockets()


@pytest.fixture
def network(pki: PkiDirectory, sockets: AcmeSockets) -> Iterator[BoundedNetwork]:
    key = JWKEC(key=ec.generate_private_key(ec.SECP256R1()))
    network = BoundedNetwork(key, pki.ca, sockets)
    yield network
    network.session.close()


def test_an_answer(network: BoundedNetwork, pki: PkiDirectory) -> None:
    with https_server(pki, response(b'{"a": 1}')) as server:
        assert network.get(server.url).json() == {"a": 1}
    [request] = server.requests
    assert request.startswith(b"GET / HTTP/1.1\r\n")
    assert b"\r\nUser-Agent: smbquic\r\n" in request


def test_an_answer_that_is_too_long(network: BoundedNetwork, pki: PkiDirectory) -> None:
    with (
        https_server(pki, response(b" " * MAX_RESPONSE)) as server,
        pytest.raises(requests.RequestException, match="longer than 262144 bytes"),
    ):
        network.get(server.url)


def test_an_answer_that_does_not_end(network: BoundedNetwork, pki: PkiDirectory) -> None:
    endless = response().replace(b"Content-Length", b"X-Length") + b" " * (2 * MAX_RESPONSE)
    with (
        https_server(pki, endless) as server,
        pytest.raises(requests.RequestException, match="longer than"),
    ):
        network.get(server.url)


def test_nothing_is_followed(network: BoundedNetwork, pki: PkiDirectory) -> None:
    moved = response(b"", "302 Found", Location="https://localhost:1/")
    with https_server(pki, moved) as server, pytest.raises(errors.ClientError):
        network.get(server.url)
    assert len(server.requests) == 1


@pytest.mark.parametrize("url", ["http://localhost/", "file:///etc/passwd", "nothing"])
def test_https_only(network: BoundedNetwork, url: str) -> None:
    with pytest.raises(requests.RequestException):
        network.get(url)


def test_authorities(pki: PkiDirectory, sockets: AcmeSockets) -> None:
    stranger = BoundedNetwork(None, None, sockets)
    with (
        https_server(pki, response()) as server,
        pytest.raises(requests.exceptions.SSLError, match="certificate verify failed"),
    ):
        stranger.get(server.url)
    stranger.session.close()


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\nX-Header: ", response()[:-1]])
async def test_another_thread_ends_it(
    sockets: AcmeSockets, pki: PkiDirectory, begin: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REQUEST_TIMEOUT", 3600)
    network = BoundedNetwork(None, pki.ca, sockets)
    with https_server(pki, begin) as server:
        call = asyncio.create_task(asyncio.to_thread(network.get, server.url))
        await asyncio.to_thread(server.answered.wait)
        sockets.end()
        with pytest.raises((requests.RequestException, errors.ClientError)):
            await call
        with pytest.raises(requests.ConnectionError, match="it was ended"):
            network.get(server.url)
    network.session.close()


def test_a_connection_that_is_made_too_late() -> None:
    import socket

    sockets = AcmeSockets()
    sockets.end()
    here, there = socket.socketpair()
    with here, there:
        sockets.add(here)
        assert there.recv(1) == b""
    # It is closed by now, and no error.
    sockets.end()


def test_the_server_asks_for_a_pause(network: BoundedNetwork, pki: PkiDirectory) -> None:
    refusal = response(
        b'{"type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many"}',
        "429 Too Many Requests",
        Retry_After="3600",
    )
    with https_server(pki, refusal) as server, pytest.raises(messages.Error, match="too many"):
        network.get(server.url)
    assert 3590 < network.retry_after <= 3600


@pytest.mark.parametrize(("method", "header"), [("POST", "10"), ("GET", "86400")])
def test_how_long_to_wait_between_questions(
    network: BoundedNetwork, pki: PkiDirectory, method: str, header: str
) -> None:
    with https_server(pki, response(Retry_After="86400")) as server:
        found = network.session.request(method, server.url, verify=str(pki.ca), data=b"")
    assert found.headers["Retry-After"] == header
    assert network.retry_after == 0.0


def refusing(network: BoundedNetwork, code: str, times: int) -> list[Any]:
    """The server refuses so many requests; the list gets all that are sent."""
    sent: list[Any] = []

    def post_once(*arguments: Any, **options: Any) -> str:
        sent.append((arguments, options))
        if len(sent) <= times:
            raise messages.Error.with_code(code)
        return "done"

    network._post_once = post_once  # type: ignore[method-assign, assignment]
    return sent


def test_a_nonce_that_is_refused(network: BoundedNetwork) -> None:
    sent = refusing(network, "badNonce", NONCE_ATTEMPTS - 1)
    done: object = network.post("url", None, new_nonce_url="nonce")
    assert done == "done"
    assert sent == [(("url", None), {"new_nonce_url": "nonce"})] * NONCE_ATTEMPTS


def test_all_nonces_are_refused(network: BoundedNetwork) -> None:
    sent = refusing(network, "badNonce", 10**9)
    with pytest.raises(messages.Error):
        network.post("url", None)
    assert len(sent) == NONCE_ATTEMPTS


def test_other_refusals(network: BoundedNetwork) -> None:
    sent = refusing(network, "malformed", 1)
    with pytest.raises(messages.Error):
        network.post("url", None)
    assert len(sent) == 1


def test_a_proxy_gets_the_same_connections(
    network: BoundedNetwork, sockets: AcmeSockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter: Any = network.session.get_adapter("https://localhost/")
    manager = adapter.proxy_manager_for("http://localhost:1")
    assert manager.pool_classes_by_scheme is adapter.poolmanager.pool_classes_by_scheme
