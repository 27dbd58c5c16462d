"""Audit records of files: opens, renames, links and deletions, done or refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.observe.audit import AuditLog
from smbquic.server.server import Server
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateDisposition, CreateOptions, OplockLevel
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.file_information import (
    DispositionInformation,
    DispositionInformationEx,
    FileInformationClass,
    LinkInformation,
    RenameInformation,
)
from smbquic.wire.oplock_break import OplockBreakAcknowledgment
from smbquic.wire.query_info import InfoType
from smbquic.wire.set_info import SetInfoRequest
from tests.unit.server.file_information import Information
from tests.unit.server.smb_client import Client, Connect

FOLDER = CreateOptions.FILE_DIRECTORY_FILE
KINDS = ("open", "rename", "link", "delete")


class FileRecords:
    """An audit sink that keeps what is recorded of files."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def write(self, line: str) -> None:
        record = json.loads(line)
        if record["event"] in KINDS:
            self.lines.append(record)

    def take(self, *fields: str) -> list[tuple[Any, ...]]:
        """These fields of what came since the last call."""
        found = [tuple(record.get(field) for field in fields) for record in self.lines]
        self.lines.clear()
        return found


@pytest.fixture
def records(server: Server) -> FileRecords:
    """Return the sink of the records that the server makes from now on."""
    sink = FileRecords()
    server.audit = AuditLog(sink, files=True)
    return sink


@pytest.fixture
async def client(records: FileRecords, connect: Connect) -> Client:
    return await connect()


async def change(
    client: Client, file_id: FileId, information_class: int, wanted: Information
) -> NtStatus:
    body = SetInfoRequest(InfoType.FILE, information_class, file_id, wanted.encode())
    status: NtStatus = (await client.call(body)).status
    return status


async def rename(client: Client, file_id: FileId, name: str, *, replace: bool = False) -> NtStatus:
    wanted = RenameInformation(name, replace)
    return await change(client, file_id, FileInformationClass.FileRenameInformation, wanted)


async def mark(client: Client, file_id: FileId, *, delete: bool = True) -> NtStatus:
    wanted = DispositionInformation(delete)
    return await change(client, file_id, FileInformationClass.FileDispositionInformation, wanted)


async def close(client: Client, file_id: FileId) -> None:
    assert (await client.call(CloseRequest(file_id))).status == NtStatus.SUCCESS


async def test_an_open_says_who_what_and_how(
    client: Client, records: FileRecords, root: Path
) -> None:
    (root / "Sub").mkdir()
    await client.open("sub\\new", desired_access=AccessMask.GENERIC_READ)
    (record,) = records.lines
    assert record["connection"] == 1
    assert (record["transport"], record["address"]) == ("tcp", "127.0.0.1:50000")
    assert (record["share"], record["path"], record["user"]) == ("data", "Sub\\new", "alice")
    assert (record["status"], record["action"]) == ("STATUS_SUCCESS", "created")
    assert (record["access"], record["granted"]) == ("0x80000000", "0x00120089")
    assert "folder" not in record


async def test_what_became_of_an_open(client: Client, records: FileRecords, root: Path) -> None:
    (root / "file").write_bytes(b"x")
    await client.open("file")
    await client.open("file", create_disposition=CreateDisposition.FILE_OVERWRITE)
    await client.open("folder", create_options=FOLDER)
    assert records.take("path", "action", "folder") == [
        ("file", "opened", None),
        ("file", "overwritten", None),
        ("folder", "created", True),
    ]


async def test_an_open_that_is_refused(client: Client, records: FileRecords, root: Path) -> None:
    (root / "file").write_bytes(b"x")
    there = CreateDisposition.FILE_OPEN
    await client.create("missing", create_disposition=there)
    await client.create("nowhere\\missing", create_disposition=there)
    await client.create("file", create_options=FOLDER, create_disposition=there)
    await client.open("file", share_access=0, create_disposition=there)
    await client.create("file", create_disposition=there)
    await client.connect("ro")
    await client.create("file", desired_access=AccessMask.DELETE, create_disposition=there)
    assert records.take("share", "path", "status", "access") == [
        ("data", "missing", "STATUS_OBJECT_NAME_NOT_FOUND", "0x02000000"),
        ("data", "nowhere\\missing", "STATUS_OBJECT_PATH_NOT_FOUND", "0x02000000"),
        ("data", "file", "STATUS_NOT_A_DIRECTORY", "0x02000000"),
        ("data", "file", "STATUS_SUCCESS", "0x02000000"),
        ("data", "file", "STATUS_SHARING_VIOLATION", "0x02000000"),
        ("ro", "file", "STATUS_ACCESS_DENIED", "0x00010000"),
    ]


async def test_an_open_that_has_to_wait_is_recorded_once(
    client: Client, connect: Connect, records: FileRecords
) -> None:
    batch = OplockLevel.OPLOCK_LEVEL_BATCH
    first = await client.open("file", requested_oplock_level=batch)
    other = await connect(client_guid=b"another client!!")
    records.take()
    waiting = other.begin("file")
    await client.notice()
    assert records.lines == []
    body = OplockBreakAcknowledgment(OplockLevel.OPLOCK_LEVEL_NONE, first)
    assert (await client.call(body)).status == NtStatus.SUCCESS
    assert (await other.answer(waiting)).status == NtStatus.SUCCESS
    assert records.take("event", "status", "connection") == [("open", "STATUS_SUCCESS", 2)]


async def test_renames_and_links(client: Client, records: FileRecords, root: Path) -> None:
    (root / "there").write_bytes(b"x")
    file_id = await client.open("file")
    assert await rename(client, file_id, "there") == NtStatus.OBJECT_NAME_COLLISION
    assert await rename(client, file_id, "there", replace=True) == NtStatus.SUCCESS
    link = LinkInformation("linked")
    kind = FileInformationClass.FileLinkInformation
    assert await change(client, file_id, kind, link) == NtStatus.SUCCESS
    assert records.take("event", "path", "new_path", "replace", "status", "user")[1:] == [
        ("rename", "file", "there", None, "STATUS_OBJECT_NAME_COLLISION", "alice"),
        ("rename", "file", "there", True, "STATUS_SUCCESS", "alice"),
        ("link", "there", "linked", None, "STATUS_SUCCESS", "alice"),
    ]


async def test_a_deletion_is_recorded_when_it_comes_true(
    client: Client, connect: Connect, records: FileRecords, root: Path
) -> None:
    other = await connect(token="bob:secret", client_guid=b"another client!!")
    mine, theirs = await client.open("file"), await other.open("file")
    records.take()
    assert await mark(client, mine) == NtStatus.SUCCESS
    await client.close()
    assert records.lines == []
    await close(other, theirs)
    assert not (root / "file").exists()
    fields = ("event", "path", "status", "user", "connection")
    assert records.take(*fields) == [("delete", "file", "STATUS_SUCCESS", "alice", 1)]


@pytest.mark.parametrize("how", ["on close", "extended"])
async def test_other_ways_to_delete(
    client: Client, records: FileRecords, root: Path, how: str
) -> None:
    options = CreateOptions.FILE_DELETE_ON_CLOSE if how == "on close" else CreateOptions(0)
    file_id = await client.open("file", create_options=options)
    if how == "extended":
        kind = FileInformationClass.FileDispositionInformationEx
        wanted = DispositionInformationEx(1)
        assert await change(client, file_id, kind, wanted) == NtStatus.SUCCESS
    await close(client, file_id)
    assert not (root / "file").exists()
    assert records.take("event", "path")[1:] == [("delete", "file")]


async def test_who_changes_his_mind_deletes_nothing(client: Client, records: FileRecords) -> None:
    file_id = await client.open("file")
    await mark(client, file_id)
    await mark(client, file_id, delete=False)
    await close(client, file_id)
    assert records.take("event") == [("open",)]


async def test_a_deletion_that_is_refused(client: Client, records: FileRecords, root: Path) -> None:
    (root / "full").mkdir()
    (root / "full" / "file").write_bytes(b"x")
    folder = await client.open("full", create_options=FOLDER)
    assert await mark(client, folder) == NtStatus.DIRECTORY_NOT_EMPTY
    readonly = await client.open("readonly", file_attributes=FileAttributes.READONLY)
    assert await mark(client, readonly) == NtStatus.CANNOT_DELETE
    assert [each for each in records.take("event", "path", "status") if each[0] == "delete"] == [
        ("delete", "full", "STATUS_DIRECTORY_NOT_EMPTY"),
        ("delete", "readonly", "STATUS_CANNOT_DELETE"),
    ]


async def test_a_folder_that_was_filled_meanwhile(
    client: Client, records: FileRecords, root: Path
) -> None:
    folder = await client.open("folder", create_options=FOLDER)
    assert await mark(client, folder) == NtStatus.SUCCESS
    (root / "folder" / "file").write_bytes(b"x")
    assert (await client.call(CloseRequest(folder))).status == NtStatus.SUCCESS
    assert records.take("event", "status")[1:] == [("delete", "STATUS_DIRECTORY_NOT_EMPTY")]


async def test_pipes_are_no_files(client: Client, records: FileRecords) -> None:
    await client.connect("IPC$")
    await client.open("srvsvc")
    assert records.lines == []


async def test_nobody_wants_to_know(connect: Connect, server: Server, records: FileRecords) -> None:
    server.audit = AuditLog(records)
    client = await connect()
    file_id = await client.open("file")
    assert await rename(client, file_id, "") == NtStatus.INVALID_PARAMETER
    assert await rename(client, file_id, "other") == NtStatus.SUCCESS
    assert await mark(client, file_id) == NtStatus.SUCCESS
    await close(client, file_id)
    assert records.lines == []
