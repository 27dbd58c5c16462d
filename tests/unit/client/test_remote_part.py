"""Files that are written under their own names; those with temporary names are in test_transfer."""

from pathlib import Path

import pytest

from smbquic.client import file as file_module
from smbquic.client.share import Share
from smbquic.errors import RemoteProtocolError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.options.transfer import TransferOptions
from smbquic.wire.header import Command
from smbquic.wire.write import WriteResponse
from tests.unit.client.fakes import FakeServer
from tests.unit.client.transferring import CONTENT, deletions, renames, serve_content


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_module, "CHUNK", 1024)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A local file of ten chunks."""
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


async def test_a_small_file_in_its_place_takes_one_message(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    await share.put(tmp_path / "x", "a/y", options=TransferOptions(inplace=True))
    assert server.commands() == ["CREATE", "WRITE", "SET_INFO", "FLUSH", "CLOSE"]
    assert server.opened_names() == ["a\\y"]
    assert renames(server) == []


async def test_a_small_write_in_its_place_that_comes_short(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    server.handlers[Command.WRITE] = lambda request: WriteResponse(1)
    (tmp_path / "x").write_bytes(b"abc")
    with pytest.raises(RemoteProtocolError, match="only a part of 3 bytes"):
        await share.put(tmp_path / "x", "y", options=TransferOptions(inplace=True))


async def test_a_large_file_in_its_place(
    share: Share, server: FakeServer, source: Path, tmp_path: Path
) -> None:
    await share.put(source, "y", options=TransferOptions(inplace=True))
    assert server.opened_names() == ["y"]
    assert (renames(server), deletions(server)) == ([], 0)
    server.handlers[Command.WRITE] = lambda request: (NtStatus.DISK_FULL, None)
    with pytest.raises(StatusError):
        await share.put(source, "y", options=TransferOptions(inplace=True))
    assert deletions(server) == 0
    serve_content(server)
    await share.get("y", tmp_path / "z", options=TransferOptions(inplace=True))
    assert (tmp_path / "z").read_bytes() == CONTENT


def test_what_excludes_each_other() -> None:
    with pytest.raises(ValueError, match="exclude each other"):
        TransferOptions(resume=True, inplace=True)
