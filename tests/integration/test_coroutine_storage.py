"""A server whose share stands on coroutines, and a client that does everything with it."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import smbquic
from smbquic.pki import PkiDirectory
from smbquic.storage.memory import MemoryStorage
from smbquic.wire.fscc.attributes import FileAttributes
from tests.coroutines import CoroutineStorage


@pytest.fixture(params=["quic", "tcp"])
async def share(request: pytest.FixtureRequest, pki: PkiDirectory) -> AsyncIterator[smbquic.Share]:
    async with smbquic.serve(
        {"data": CoroutineStorage(MemoryStorage())},
        {"alice": "secret"},
        [f"{request.param}://localhost:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
    ) as serving:
        port = serving.listeners[0].rpartition(":")[2]
        scheme = "smb+quic" if request.param == "quic" else "smb"
        url = f"{scheme}://alice@localhost:{port}/data"
        async with smbquic.connect(url, password="secret", ca=pki.ca) as share:
            yield share


async def test_files_come_and_go(share: smbquic.Share, tmp_path: Path) -> None:
    content = os.urandom(5_000_000)
    (tmp_path / "source").write_bytes(content)

    await share.makedirs("folder/inner")
    await share.put(tmp_path / "source", "folder/inner/file")
    await share.get("folder/inner/file", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == content
    assert (await share.stat("folder/inner/file")).size == len(content)

    await share.rename("folder/inner/file", "folder/renamed")
    assert await share.listdir("folder") == ["inner", "renamed"]
    await share.rename("folder", "other")
    await share.set_attributes("other/renamed", FileAttributes.HIDDEN)
    assert (await share.stat("other/renamed")).attributes == FileAttributes.HIDDEN

    await share.copy("other/renamed", "copy")
    assert (await share.stat("copy")).size == len(content)
    await share.remove("other/renamed")
    await share.rmdir("other/inner")
    await share.rmdir("other")
    assert await share.listdir() == ["copy"]


async def test_many_at_once(share: smbquic.Share, tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"file {number}").write_bytes(b"%d" % number * 1000)

    await asyncio.gather(
        *(share.put(tmp_path / f"file {number}", f"file {number}") for number in range(30))
    )

    entries = {entry.name: entry.size async for entry in share.scandir()}
    assert entries == {f"file {number}": len(b"%d" % number * 1000) for number in range(30)}


async def test_what_is_not_there(share: smbquic.Share) -> None:
    with pytest.raises(FileNotFoundError):
        await share.stat("missing")
    with pytest.raises(FileNotFoundError):
        await share.remove("missing")
    with pytest.raises(OSError, match="PATH_NOT_FOUND"):
        await share.mkdir("missing/folder")
