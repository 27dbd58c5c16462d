"""The fixtures that tests of opens share."""

from pathlib import Path

import pytest

from tests.unit.server.opens.durable import OWNER
from tests.unit.server.smb_client import Client, Connect


@pytest.fixture
def folder(root: Path) -> Path:
    path = root / "folder"
    path.mkdir()
    (path / "there").write_bytes(b"x")
    return path


@pytest.fixture
async def owner(connect: Connect) -> Client:
    return await connect(**OWNER)
