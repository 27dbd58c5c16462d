"""The uses of a share of our server by programs, over TCP and over QUIC with each engine."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

import smbquic
from smbquic.options.quic import EngineName
from smbquic.pki import PkiDirectory
from smbquic.server.share import ServedShare
from smbquic.storage.local import LocalStorage
from tests.engines import ENGINES
from tests.integration.using import OURS, Use


@pytest.fixture(params=["tcp", *ENGINES])
async def share(
    request: pytest.FixtureRequest, tmp_path: Path, pki: PkiDirectory
) -> AsyncIterator[smbquic.Share]:
    """An empty share."""
    transport: str = request.param
    engine = cast(EngineName, "auto" if transport == "tcp" else transport)
    kind, scheme = ("tcp", "smb") if transport == "tcp" else ("quic", "smb+quic")
    server = pki.server
    storage = LocalStorage(tmp_path, links=True)
    async with smbquic.serve(
        {"data": ServedShare("data", storage)},
        {"alice": "secret"},
        [f"{kind}://localhost:0"],
        certificate=server.certificate,
        key=server.key,
        engine=engine,
    ) as serving:
        port = serving.listeners[0].rpartition(":")[2]
        async with smbquic.connect(
            f"{scheme}://alice@localhost:{port}/data",
            password="secret",
            ca=pki.ca,
            engine=engine,
        ) as share:
            yield share
    storage.close()


@pytest.mark.parametrize("use", OURS.values(), ids=OURS)
async def test_uses(share: smbquic.Share, use: Use) -> None:
    await use(share)
