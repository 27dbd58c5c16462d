"""A share whose folder is deleted while it is served."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.server.server import Server
from smbquic.server.share import ServedShare
from smbquic.storage.local import LocalStorage
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.change_notify import ChangeNotifyRequest, CompletionFilter
from smbquic.wire.create import CreateDisposition, OplockLevel
from smbquic.wire.read import ReadRequest
from tests.unit.server.smb_client import Client, Connect, share_of

SECURITY = CompletionFilter.FILE_NOTIFY_CHANGE_SECURITY
EXISTING = CreateDisposition.FILE_OPEN


def replace(root: Path, *, again: bool = True) -> None:
    """Delete the folder with all that is in it, and make one with the file `new`."""
    for entry in root.iterdir():
        entry.unlink()
    root.rmdir()
    if again:
        root.mkdir()
        (root / "new").write_bytes(b"new")


def make(root: Path) -> None:
    root.mkdir()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.WARNING]


async def test_whoever_is_connected_is_told(client: Client, root: Path) -> None:
    replace(root)

    for name in ("", "new"):
        response = await client.create(name, create_disposition=EXISTING)
        assert response.status == NtStatus.NETWORK_NAME_DELETED


async def test_whoever_connects_gets_the_new_folder(
    client: Client, connect: Connect, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (root / "file").write_bytes(b"old")
    opened = await client.open("file", desired_access=AccessMask.GENERIC_READ)
    replace(root)

    other = await connect()
    assert (await other.create("new", create_disposition=EXISTING)).status == NtStatus.SUCCESS
    # The former trees are over, with what was open in them.
    read = await client.call(ReadRequest(3, 0, opened))
    assert read.status == NtStatus.NETWORK_NAME_DELETED
    (warning,) = warnings(caplog)
    assert "share data" in warning
    assert "2 connections" in warning or "1 connections" in warning

    assert (await client.connect()).status == NtStatus.SUCCESS
    assert (await client.create("new", create_disposition=EXISTING)).status == NtStatus.SUCCESS
    assert len(warnings(caplog)) == 1


async def test_nobody_connects_where_nothing_is(
    client: Client, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    replace(root, again=False)

    for _ in range(3):
        assert (await client.connect()).status == NtStatus.BAD_NETWORK_NAME
    (warning,) = warnings(caplog)
    assert "share data" in warning
    assert str(root) in warning

    make(root)
    assert (await client.connect()).status == NtStatus.SUCCESS
    assert (await client.create("", create_disposition=EXISTING)).status == NtStatus.SUCCESS
    # Told once each time that it goes.
    replace(root, again=False)
    caplog.clear()
    for _ in range(2):
        assert (await client.connect()).status == NtStatus.BAD_NETWORK_NAME
    assert len(warnings(caplog)) == 1


async def test_nothing_is_remembered_of_the_former_folder(
    client: Client, connect: Connect, server: Server, root: Path
) -> None:
    former = share_of(server).storage
    server.files.descriptors.folder(former, "")
    assert former in server.files.descriptors._folders
    replace(root)
    await connect()

    assert share_of(server).storage is not former
    assert former not in server.files.descriptors._folders


async def test_what_waits_in_the_former_folder_is_over(
    client: Client, connect: Connect, server: Server, root: Path
) -> None:
    folder = await client.open("", create_disposition=EXISTING)
    notify = client.send(ChangeNotifyRequest(0, 1000, folder, SECURITY))
    await client.interim(notify)
    (root / "file").write_bytes(b"old")
    await client.open("file", requested_oplock_level=OplockLevel.OPLOCK_LEVEL_BATCH)
    replace(root)
    await connect()

    assert (await client.answer(notify)).status == NtStatus.NOTIFY_CLEANUP
    assert len(server.files) == 0


def test_a_share_that_has_begun_goes_on_so(root: Path, tmp_path: Path) -> None:
    ended = []

    class Storage(LocalStorage):
        def begin(self) -> Callable[[], None]:
            return lambda: ended.append(self)

    first, second, third = (Storage(root) for _ in range(3))
    share = ServedShare("data", first)
    share.replace(second)
    share.end()
    assert ended == []
    share.begin()
    share.replace(third)
    assert ended == [second]
    share.end()
    share.end()
    assert ended == [second, third]
    for storage in (first, second, third):
        storage.close()


async def test_shares_come_and_go_while_others_are_served(
    client: Client, connect: Connect, server: Server, tmp_path: Path
) -> None:
    other = LocalStorage(tmp_path)
    server.shares.add(ServedShare("Other", other))
    with pytest.raises(ValueError, match="already"):
        server.shares.add(ServedShare("OTHER", other))
    second = await connect(share="other")
    opened = await second.open("file", desired_access=AccessMask.GENERIC_ALL)

    server.shares.remove("OTHER")
    await server.sessions.background.wait()
    assert server.share("other") is None
    read = await second.call(ReadRequest(3, 0, opened))
    assert read.status == NtStatus.NETWORK_NAME_DELETED
    assert (await second.connect("other")).status == NtStatus.BAD_NETWORK_NAME
    assert (await second.connect("data")).status == NtStatus.SUCCESS
    assert (await client.create("file")).status == NtStatus.SUCCESS
    with pytest.raises(OSError, match="closed"):
        other.volume()
    with pytest.raises(KeyError):
        server.shares.remove("other")


async def test_a_storage_stays_open_for_its_other_share(
    client: Client, server: Server, tmp_path: Path
) -> None:
    share = share_of(server)
    server.shares.add(ServedShare("twice", share.storage))
    server.shares.remove("twice")
    assert (await client.create("file")).status == NtStatus.SUCCESS
    assert share.storage.volume().total_bytes
