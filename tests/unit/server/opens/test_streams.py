"""Named streams, as a client uses them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Unpack

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.protocol.response import Response
from smbquic.server.server import Server
from smbquic.storage.local import xattrs
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateDisposition, CreateOptions, ShareAccess
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.file_information import (
    BasicInformation,
    DispositionInformation,
    EndOfFileInformation,
    FileInformationClass,
    NameInformation,
    RenameInformation,
    StandardInformation,
)
from smbquic.wire.fscc.stream_information import StreamInformation, decode_streams
from smbquic.wire.query_info import InfoType, QueryInfoRequest
from smbquic.wire.read import ReadRequest
from smbquic.wire.set_info import SetInfoRequest
from smbquic.wire.write import WriteRequest
from tests.unit.server.file_information import Information
from tests.unit.server.smb_client import Client, Connect, CreateFields, ServerWith

D = CreateDisposition
File = FileInformationClass
DIRECTORY, NON_DIRECTORY = CreateOptions.FILE_DIRECTORY_FILE, CreateOptions.FILE_NON_DIRECTORY_FILE
DELETE_ON_CLOSE = CreateOptions.FILE_DELETE_ON_CLOSE
READ, WRITE = int(AccessMask.FILE_READ_DATA), int(AccessMask.FILE_WRITE_DATA)
DELETE = int(AccessMask.DELETE)
NO_WRITE = ShareAccess.FILE_SHARE_READ | ShareAccess.FILE_SHARE_DELETE
NO_DELETE = ShareAccess.FILE_SHARE_READ | ShareAccess.FILE_SHARE_WRITE


async def status_of(client: Client, name: str, **fields: Unpack[CreateFields]) -> NtStatus:
    """Open, close at once, and return the status."""
    response = await client.create(name, **fields)
    if response.status == NtStatus.SUCCESS:
        await close(client, response.body.file_id)
    status: NtStatus = response.status
    return status


async def close(client: Client, file_id: FileId) -> None:
    assert (await client.call(CloseRequest(file_id))).status == NtStatus.SUCCESS


async def change(client: Client, file_id: FileId, structure: Information) -> NtStatus:
    kind = getattr(File, f"File{type(structure).__name__}")
    response = await client.call(SetInfoRequest(InfoType.FILE, kind, file_id, structure.encode()))
    status: NtStatus = response.status
    return status


async def ask(client: Client, file_id: FileId, kind: int, room: int = 4096) -> Response:
    return await client.call(QueryInfoRequest(InfoType.FILE, kind, room, file_id))


async def names(client: Client, file_id: FileId) -> list[str]:
    response = await ask(client, file_id, File.FileStreamInformation)
    assert response.status == NtStatus.SUCCESS
    return [entry.stream_name for entry in decode_streams(response.body.buffer)]


async def write(client: Client, file_id: FileId, data: bytes, offset: int = 0) -> NtStatus:
    status: NtStatus = (await client.call(WriteRequest(offset, file_id, data))).status
    return status


async def read(client: Client, file_id: FileId) -> bytes:
    response = await client.call(ReadRequest(65536, 0, file_id))
    assert response.status == NtStatus.SUCCESS
    return bytes(response.body.data)


async def test_a_stream_is_written_and_read(client: Client, root: Path) -> None:
    stream = await client.open("file:Stream One", create_disposition=D.FILE_CREATE)
    assert await write(client, stream, b"test data") == NtStatus.SUCCESS
    await close(client, stream)

    again = await client.open("FILE:stream one:$data", create_disposition=D.FILE_OPEN)
    assert await read(client, again) == b"test data"
    assert (root / "file").read_bytes() == b""
    assert os.getxattr(root / "file", "user.DosStream.Stream One:$DATA") == b"test data\0"


async def test_what_the_server_tells_of_it(client: Client) -> None:
    whole = await client.open("file")
    await write(client, whole, b"content")
    stream = await client.open("file:s")
    await write(client, stream, b"123")

    assert await names(client, stream) == await names(client, whole) == ["::$DATA", ":s:$DATA"]
    response = await ask(client, stream, File.FileStreamInformation)
    unit = decode_streams(response.body.buffer)[1].stream_allocation_size
    assert decode_streams(response.body.buffer)[1] == StreamInformation(":s:$DATA", 3, unit)
    standard = StandardInformation.decode(
        (await ask(client, stream, File.FileStandardInformation)).body.buffer
    )
    assert (standard.end_of_file, standard.directory) == (3, False)
    name = NameInformation.decode(
        (await ask(client, stream, File.FileNormalizedNameInformation)).body.buffer
    )
    assert name.file_name == "file:s"
    same = [
        (await ask(client, each, File.FileInternalInformation)).body.buffer
        for each in (whole, stream)
    ]
    assert same[0] == same[1]


async def test_a_list_of_streams_is_not_cut_short(client: Client) -> None:
    stream = await client.open("file:a long name of a stream")
    whole = await ask(client, stream, File.FileStreamInformation)

    short = await ask(client, stream, File.FileStreamInformation, len(whole.body.buffer) - 1)

    assert short.status == NtStatus.BUFFER_OVERFLOW
    assert bytes(short.body.buffer) == b""


async def test_a_folder_has_no_content_and_may_have_streams(client: Client, root: Path) -> None:
    (root / "folder").mkdir()
    stream = await client.open("folder:s")
    folder = await client.open("folder", create_options=DIRECTORY)

    assert await names(client, folder) == [":s:$DATA"]
    assert await write(client, stream, b"x") == NtStatus.SUCCESS
    assert await names(client, stream) == [":s:$DATA"]
    assert await status_of(client, ":of the root") == NtStatus.SUCCESS


@pytest.mark.parametrize(
    ("name", "fields", "status"),
    [
        ("file:s", {"create_options": DIRECTORY}, NtStatus.NOT_A_DIRECTORY),
        ("folder::$DATA", {}, NtStatus.FILE_IS_A_DIRECTORY),
        ("folder::$DATA", {"create_options": DIRECTORY}, NtStatus.NOT_A_DIRECTORY),
        ("file::$INDEX_ALLOCATION", {"create_disposition": D.FILE_OPEN}, NtStatus.NOT_A_DIRECTORY),
        ("folder::$INDEX_ALLOCATION", {"create_disposition": D.FILE_OPEN}, NtStatus.SUCCESS),
        (
            "folder::$INDEX_ALLOCATION",
            {"create_options": NON_DIRECTORY},
            NtStatus.FILE_IS_A_DIRECTORY,
        ),
        ("folder:s", {"create_options": NON_DIRECTORY}, NtStatus.SUCCESS),
        ("file:s\\", {}, NtStatus.OBJECT_NAME_INVALID),
        ("file:s:$FOO", {}, NtStatus.OBJECT_NAME_INVALID),
        ("file:" + "s" * 256, {}, NtStatus.OBJECT_NAME_INVALID),
        ("file:none", {"create_disposition": D.FILE_OPEN}, NtStatus.OBJECT_NAME_NOT_FOUND),
        ("none:s", {"create_disposition": D.FILE_OPEN}, NtStatus.OBJECT_NAME_NOT_FOUND),
        ("file:here", {"create_disposition": D.FILE_CREATE}, NtStatus.OBJECT_NAME_COLLISION),
        ("file\\x:s", {}, NtStatus.OBJECT_PATH_NOT_FOUND),
        ("$Extend\\$Quota:$Q:$INDEX_ALLOCATION", {}, NtStatus.OBJECT_NAME_NOT_FOUND),
    ],
)
async def test_names_and_what_becomes_of_them(
    client: Client, root: Path, name: str, fields: CreateFields, status: NtStatus
) -> None:
    (root / "folder").mkdir()
    (root / "file").touch()
    os.setxattr(root / "file", "user.DosStream.here:$DATA", b"\0")

    assert await status_of(client, name, **fields) == status


async def test_a_file_that_was_made_for_a_stream_goes_if_that_fails(
    client: Client, listing: Callable[[], list[str]]
) -> None:
    assert await status_of(client, "new:" + "s" * 250) == NtStatus.OBJECT_NAME_INVALID
    assert listing() == []


async def test_a_disk_without_room_for_streams(
    listing: Callable[[], list[str]],
    connect: Connect,
    server_with: ServerWith,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(xattrs, "SUPPORTED", False)
    client = await connect(to=server_with())

    assert await status_of(client, "new:s") == NtStatus.OBJECT_NAME_INVALID
    assert listing() == []


async def test_what_does_not_fit(client: Client) -> None:
    stream = await client.open("file:s")

    assert await write(client, stream, bytes(65_536)) == NtStatus.DISK_FULL
    assert await change(client, stream, EndOfFileInformation(2**40)) == NtStatus.DISK_FULL


@pytest.mark.parametrize("disposition", [D.FILE_OVERWRITE, D.FILE_OVERWRITE_IF, D.FILE_SUPERSEDE])
async def test_overwriting(client: Client, disposition: int) -> None:
    stream = await client.open("file:s")
    await write(client, stream, b"old")
    await close(client, stream)

    stream = await client.open("file:s", create_disposition=disposition)
    assert await write(client, stream, b"n") == NtStatus.SUCCESS
    assert await read(client, stream) == b"n"
    await close(client, stream)
    whole = await client.open("file", create_disposition=disposition)
    assert await names(client, whole) == ["::$DATA"]


async def test_streams_have_share_modes_of_their_own(client: Client) -> None:
    held = await client.open("file:s", desired_access=WRITE, share_access=0)

    assert await status_of(client, "file:t", desired_access=WRITE, share_access=0) == 0
    assert await status_of(client, "file", desired_access=WRITE, share_access=0) == 0
    for name in ("file:s", "FILE:S:$DATA"):
        collides = await status_of(client, name, desired_access=READ)
        assert collides == NtStatus.SHARING_VIOLATION
    await close(client, held)
    assert await status_of(client, "file:s", desired_access=READ) == NtStatus.SUCCESS


async def test_overwriting_needs_the_right_to_write_shared(client: Client) -> None:
    held = await client.open("file:s", desired_access=READ, share_access=NO_WRITE)
    assert await status_of(client, "file:s", desired_access=READ) == NtStatus.SUCCESS
    for disposition in (D.FILE_OVERWRITE, D.FILE_SUPERSEDE):
        collides = await status_of(
            client, "file:s", desired_access=READ, create_disposition=disposition
        )
        assert collides == NtStatus.SHARING_VIOLATION
    await close(client, held)


async def test_whoever_deletes_a_file_deletes_its_streams(client: Client) -> None:
    held = await client.open("file:s", desired_access=READ, share_access=NO_DELETE)
    for access in (DELETE, DELETE | READ):
        assert await status_of(client, "file", desired_access=access) == NtStatus.SHARING_VIOLATION
    await close(client, held)
    held = await client.open("file:s", desired_access=READ)
    assert await status_of(client, "file", desired_access=DELETE) == NtStatus.SUCCESS
    await close(client, held)

    deleter = await client.open("file", desired_access=DELETE)
    for name in ("file:s", "file:new"):
        collides = await status_of(client, name, desired_access=READ, share_access=NO_DELETE)
        assert collides == NtStatus.SHARING_VIOLATION
    assert await status_of(client, "file:s", desired_access=READ) == NtStatus.SUCCESS
    await close(client, deleter)
    # The other way round, nobody minds.
    await client.open("file", desired_access=READ, share_access=NO_DELETE)
    assert await status_of(client, "file:s", desired_access=DELETE) == NtStatus.SUCCESS


async def test_a_file_goes_with_the_last_open_of_its_streams(
    client: Client, root: Path, server: Server
) -> None:
    stream = await client.open("file:s")
    await write(client, stream, b"data")
    whole = await client.open("file", create_options=DELETE_ON_CLOSE)
    await close(client, whole)

    for name in ("file", "file:s", "file:t"):
        assert await status_of(client, name) == NtStatus.DELETE_PENDING
    assert await read(client, stream) == b"data"
    assert (root / "file").exists()
    await close(client, stream)
    assert not (root / "file").exists()
    assert len(server.files) == 0


async def test_deleting_a_stream(client: Client, root: Path, server: Server) -> None:
    whole = await client.open("file")
    one = await client.open("file:one", create_options=DELETE_ON_CLOSE)
    two = await client.open("file:two")

    assert await change(client, two, DispositionInformation(True)) == NtStatus.SUCCESS
    assert await status_of(client, "file:two") == NtStatus.DELETE_PENDING
    await close(client, one)
    await close(client, two)

    assert await names(client, whole) == ["::$DATA"]
    assert await status_of(client, "file:two", create_disposition=D.FILE_OPEN) == (
        NtStatus.OBJECT_NAME_NOT_FOUND
    )
    await close(client, whole)
    assert (root / "file").exists()
    assert len(server.files) == 0


async def test_renaming(client: Client, server: Server) -> None:
    stream = await client.open("file:one")
    await write(client, stream, b"1")

    assert await change(client, stream, RenameInformation(":Two:$DATA")) == NtStatus.SUCCESS
    assert await names(client, stream) == ["::$DATA", ":Two:$DATA"]
    # It is still the same stream, with the same share mode.
    assert await status_of(client, "file:two", share_access=0) == NtStatus.SHARING_VIOLATION
    assert await change(client, stream, RenameInformation(":TWO")) == NtStatus.SUCCESS
    await close(client, stream)
    assert len(server.files) == 0


@pytest.mark.parametrize(
    ("name", "replace", "status"),
    [
        (":closed", False, NtStatus.OBJECT_NAME_COLLISION),
        (":CLOSED:$DATA", True, NtStatus.SUCCESS),
        (":open", False, NtStatus.OBJECT_NAME_COLLISION),
        (":open", True, NtStatus.INVALID_PARAMETER),
        ("::$DATA", True, NtStatus.INVALID_PARAMETER),
        (":a:$FOO", True, NtStatus.OBJECT_TYPE_MISMATCH),
        ("file:other", True, NtStatus.SHARING_VIOLATION),
        ("elsewhere", True, NtStatus.SHARING_VIOLATION),
    ],
)
async def test_new_names(client: Client, name: str, replace: bool, status: NtStatus) -> None:
    await close(client, await client.open("file:closed"))
    await client.open("file:Open")
    stream = await client.open("file:s")

    assert await change(client, stream, RenameInformation(name, replace)) == status


async def test_content_does_not_become_a_stream(client: Client) -> None:
    whole = await client.open("file")

    assert await change(client, whole, RenameInformation(":s")) == NtStatus.INVALID_PARAMETER


async def test_a_file_with_open_streams_keeps_its_name(client: Client, root: Path) -> None:
    stream = await client.open("file:s")
    whole = await client.open("file")

    assert await change(client, whole, RenameInformation("new")) == NtStatus.ACCESS_DENIED
    await close(client, stream)
    assert await change(client, whole, RenameInformation("new")) == NtStatus.SUCCESS


async def test_attributes_are_the_file_s(client: Client) -> None:
    stream = await client.open("file:s")
    readonly = BasicInformation(0, 0, 0, 0, 1)
    assert await change(client, stream, readonly) == NtStatus.SUCCESS
    await close(client, stream)

    for name in ("file", "file:s", "file:new"):
        assert await status_of(client, name, desired_access=WRITE) == NtStatus.ACCESS_DENIED
    options: CreateFields = {"create_options": DELETE_ON_CLOSE, "desired_access": DELETE}
    assert await status_of(client, "file:s", **options) == NtStatus.CANNOT_DELETE
    assert await status_of(client, "file:s", desired_access=READ) == NtStatus.SUCCESS


async def test_a_read_only_share_has_streams_to_read(client: Client, connect: Connect) -> None:
    stream = await client.open("file:s")
    await write(client, stream, b"data")
    reader = await connect(share="ro")

    assert await read(reader, await reader.open("file:s")) == b"data"
    assert await status_of(reader, "file:new") == NtStatus.OBJECT_NAME_NOT_FOUND
    assert await status_of(reader, "file:s", desired_access=WRITE) == NtStatus.ACCESS_DENIED
