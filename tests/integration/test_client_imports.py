"""Imports of a client: neither the server, nor what other clients need."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbquic import sync
from smbquic.pki import PkiDirectory
from tests.engines import AUTO, MODULES
from tests.imported import ENGINES, SERVER, command, imported

CONNECTING = """
import asyncio, os, smbquic

async def connected():
    async with smbquic.connect({url!r}, ca=os.environ["SMBQUIC_CA"]) as share:
        await share.listdir()

asyncio.run(connected())
"""
OTHER_USES = {
    "smbquic.auth.acceptor_mechanism": "a server",
    "smbquic.auth.logon_limiter": "a server",
    "smbquic.cli.transfers": "other commands",
    "smbquic.client.transfer": "copies",
    "smbquic.client.tree": "copies of folders",
    "smbquic.pki.authority": "issuing certificates",
    "smbquic.wire.create_contexts": "a server",
    "fsspec": "programs that open URLs",
    "rich": "progress bars",
    "smbclient": "programs that use smbprotocol",
    "upath": "programs that use universal_pathlib",
}
"""Modules that a client which lists a folder does without, and what they are for."""
USED = {"quic": [MODULES[AUTO]], "tcp": []}
USING = {"command": command("ls", "{url}"), "library": CONNECTING}


@pytest.fixture
def urls(tmp_path: Path, pki: PkiDirectory) -> Iterator[dict[str, str]]:
    with sync.serve(
        {"data": tmp_path},
        {"alice": "secret"},
        ["quic://localhost:0", "tcp://localhost:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
    ) as serving:
        ports = [url.rpartition(":")[2] for url in serving.listeners]
        yield {
            "quic": f"smb+quic://alice:secret@localhost:{ports[0]}/data",
            "tcp": f"smb://alice:secret@localhost:{ports[1]}/data",
        }


@pytest.mark.parametrize("program", USING.values(), ids=USING)
@pytest.mark.parametrize("transport", ["quic", "tcp"])
def test_a_client_imports_neither_the_server_nor_an_unused_engine(
    urls: dict[str, str], pki: PkiDirectory, program: str, transport: str
) -> None:
    modules = imported(
        program.replace("{url!r}", repr(urls[transport])).replace("{url}", urls[transport]),
        {**os.environ, "SMBQUIC_CA": str(pki.ca)},
    )
    assert "smbquic.client.share" in modules
    assert not modules & {*SERVER, *OTHER_USES}
    assert [engine for engine in ENGINES if engine in modules] == USED[transport]
