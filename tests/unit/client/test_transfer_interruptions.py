"""Copies whose source changes meanwhile, and copies that are interrupted."""

import asyncio
import os
from pathlib import Path

import pytest

from smbquic.client import transfer
from smbquic.client.share import Share
from smbquic.errors import (
    ConnectionClosed,
    DeniedError,
    SourceChangedError,
)
from smbquic.ntstatus import NtStatus
from smbquic.wire.close import CloseFlags
from smbquic.wire.fscc.file_information import (
    FileInformationClass,
)
from smbquic.wire.header import Command
from tests.unit.client.fakes import Answer, FakeServer, FakeTransport, Received
from tests.unit.client.transferring import (
    CONTENT,
    changed,
    deletions,
    names,
    renames,
    serve_content,
    small_chunks,  # noqa: F401  (a fixture)
)

CHANGES = [{"end_of_file": 1}, {"last_write_time": 1}, {"change_time": 1}]


@pytest.mark.parametrize("expected", [None, 200])
@pytest.mark.parametrize("change", CHANGES)
async def test_what_changes_on_the_server_does_not_replace_the_target(
    share: Share, server: FakeServer, tmp_path: Path, change: dict[str, int], expected: int | None
) -> None:
    content = CONTENT[:expected]
    serve_content(server, content)
    server.handlers[Command.CLOSE] = lambda request: changed(
        **{"end_of_file": len(content), **change}
    )
    (tmp_path / "y").write_bytes(b"before")
    with pytest.raises(SourceChangedError, match="a/x: the file was changed on the server"):
        await transfer.get(share, "a/x", tmp_path / "y", expected=expected)
    assert (tmp_path / "y").read_bytes() == b"before"
    assert names(tmp_path) == ["y"]


async def test_what_stays_as_it_was_is_taken(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    serve_content(server)
    server.handlers[Command.CLOSE] = lambda request: changed()
    assert await share.get("a/x", tmp_path / "y") == len(CONTENT)
    [close] = server.bodies(Command.CLOSE)
    assert close.flags & CloseFlags.POSTQUERY_ATTRIB


@pytest.mark.parametrize("change", CHANGES)
async def test_what_changes_is_not_copied(
    share: Share, server: FakeServer, change: dict[str, int]
) -> None:
    serve_content(server)
    server.handlers[Command.CLOSE] = lambda request: changed(**change)
    with pytest.raises(SourceChangedError):
        await share.copy("x", "y")
    assert renames(server) == []
    assert deletions(server) == 1


async def test_a_local_file_that_changes_is_not_put(
    share: Share, server: FakeServer, source: Path
) -> None:
    def write(request: Received) -> Answer:
        os.utime(source, ns=(0, 0))
        return None

    server.handlers[Command.WRITE] = write
    with pytest.raises(SourceChangedError, match="source: the file was changed"):
        await share.put(source, "x")
    assert renames(server) == []
    assert deletions(server) == 1


# --- interruptions ------------------------------------------------------------------------------


async def test_a_put_that_is_cancelled_before_the_file_is_made_deletes_it(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    (tmp_path / "x").write_bytes(b"small")
    task = asyncio.create_task(share.put(tmp_path / "x", "x"))

    def create(request: Received) -> Answer:
        task.cancel()
        return None

    server.handlers[Command.CREATE] = create
    with pytest.raises(asyncio.CancelledError):
        await task
    await share.session.connection.abandoned_opens.wait_closed()
    assert renames(server) == []
    assert deletions(server) == 1


async def test_a_file_that_gets_its_name_is_not_deleted(
    share: Share, server: FakeServer, source: Path
) -> None:
    task = asyncio.create_task(share.put(source, "x"))

    def set_info(request: Received) -> Answer:
        if request.body.file_info_class == FileInformationClass.FileRenameInformation:
            task.cancel()
        return None

    server.handlers[Command.SET_INFO] = set_info
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(renames(server)) == 1
    assert deletions(server) == 0


async def test_where_it_is_not_known_whether_a_file_got_its_name_nothing_is_deleted(
    share: Share, server: FakeServer, transport: FakeTransport, source: Path
) -> None:
    def set_info(request: Received) -> Answer:
        if request.body.file_info_class == FileInformationClass.FileRenameInformation:
            transport.fail(ConnectionClosed("the cable is cut"))
        return None

    server.handlers[Command.SET_INFO] = set_info
    with pytest.raises(ConnectionClosed):
        await share.put(source, "x")
    assert deletions(server) == 0


async def test_a_part_that_was_closed_without_its_name_is_removed_by_its_own(
    share: Share, server: FakeServer, source: Path
) -> None:
    def set_info(request: Received) -> Answer:
        if request.body.file_info_class == FileInformationClass.FileRenameInformation:
            return NtStatus.ACCESS_DENIED, None
        if deletions(server) == 1:
            return NtStatus.FILE_CLOSED, None
        return None

    server.handlers[Command.SET_INFO] = set_info
    with pytest.raises(DeniedError):
        await share.put(source, "x")
    first, last = server.opened_names()
    assert first == last
    assert deletions(server) == 2
