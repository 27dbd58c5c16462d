"""A web listener of a server that tests play, and a client of it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from smbquic.options.web import WebOptions
from smbquic.web.listener import web_listener
from tests.http_client import Client


class Source:
    """A server that tests set the state of."""

    certificates = None
    service: Any = None

    def __init__(self) -> None:
        self.reason = ""

    def workers(self) -> list[dict[str, Any]]:
        return []

    def status(self) -> dict[str, Any]:
        return {"name": "fs"}

    def unready(self) -> str:
        return self.reason


@pytest.fixture
def source() -> Source:
    return Source()


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
