import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smbquic.client.share import Share
from tests.unit.client.fakes import FakeServer, FakeTransport, connection_over, serving, share_over
from tests.unit.client.transferring import CONTENT


@pytest.fixture
async def transport() -> FakeTransport:
    return FakeTransport()


@pytest.fixture
async def server(transport: FakeTransport) -> AsyncIterator[FakeServer]:
    """A server that answers whatever comes."""
    async with serving(transport) as fake:
        yield fake


@pytest.fixture
async def share(transport: FakeTransport, server: FakeServer) -> AsyncIterator[Share]:
    """A share of that server."""
    connection = connection_over(transport, credits=64)
    yield share_over(connection)
    await connection.close()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A local file of ten chunks."""
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    os.utime(path, ns=(0, 1_000_000_000_000_000_000))
    return path
