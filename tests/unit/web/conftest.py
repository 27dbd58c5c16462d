"""A web listener of a server that tests play, and a client of it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from smbquic.options.web import WebOptions
from smbquic.server.server import Server
from smbquic.web.listener import web_listener
from smbquic.web.source import WebControls
from tests.http_client import Client
from tests.unit.server.conftest import (  # noqa: F401  (fixtures)
    connect,
    root,
    server,
    server_with,
    until,
)


class Source:
    """A server that tests set the state of."""

    certificates = None

    def __init__(self, service: Server) -> None:
        self.service = service
        self.controls = WebControls(token="the-token")
        self.reason = ""

    def workers(self) -> list[dict[str, Any]]:
        return []

    def status(self) -> dict[str, Any]:
        return {"name": "fs"}

    def summary(self) -> dict[str, Any]:
        return {"name": "fs"}

    def unready(self) -> str:
        return self.reason


@pytest.fixture
async def source(server: Server) -> Source:  # noqa: F811
    return Source(server)


@pytest.fixture
async def url(source: Source) -> AsyncIterator[str]:
    """The URL of a web listener."""
    options = WebOptions(host_names=["fs.example"])
    async with web_listener("127.0.0.1:0", source, options) as found:
        yield found


@pytest.fixture
async def client(url: str) -> AsyncIterator[Client]:
    connected = await Client.connect(url)
    yield connected
    await connected.close()
