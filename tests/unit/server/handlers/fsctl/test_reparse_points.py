"""Symbolic links on a share that shows them."""

from pathlib import Path
from typing import Unpack

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.protocol.response import Response
from smbquic.server.server import Server
from smbquic.server.share import ServedShare
from smbquic.storage.local import LocalStorage
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateDisposition, CreateFlags, CreateOptions
from smbquic.wire.error import SymbolicLinkErrorResponse, SymlinkFlags
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.file_information import AttributeTagInformation, FileInformationClass
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.fscc.reparse import (
    IO_REPARSE_TAG_SYMLINK,
    SYMLINK_FLAG_RELATIVE,
    SymbolicLinkReparseData,
)
from smbquic.wire.ioctl import IoctlRequest
from smbquic.wire.query_info import InfoType, QueryInfoRequest
from tests.unit.server.smb_client import Client, Connect, CreateFields

ITSELF = CreateOptions.FILE_OPEN_REPARSE_POINT


@pytest.fixture
def linking(server: Server, root: Path) -> Server:
    """A server with a share `links` besides, with a file, a folder and a link to each."""
    (root / "folder").mkdir()
    (root / "folder" / "file").write_bytes(b"content")
    (root / "to folder").symlink_to("folder")
    (root / "folder" / "to file").symlink_to("../folder/file")
    server.shares["links"] = ServedShare("links", LocalStorage(root, links=True))
    return server


@pytest.fixture
async def client(linking: Server, connect: Connect) -> Client:
    return await connect(share="links")


def relative(target: str) -> bytes:
    return SymbolicLinkReparseData(target, target, SYMLINK_FLAG_RELATIVE).encode()


async def control(
    client: Client, code: int, file_id: FileId, data: bytes = b"", room: int = 4096
) -> Response:
    return await client.call(IoctlRequest(code, file_id, 0, room, input=data))


async def make_link(
    client: Client, name: str, data: bytes, **fields: Unpack[CreateFields]
) -> NtStatus:
    """Makes a link as Windows does; the status of the last step."""
    fields["create_disposition"] = CreateDisposition.FILE_CREATE
    file_id = await client.open(name, **fields)
    response = await control(client, Fsctl.SET_REPARSE_POINT, file_id, data)
    await client.call(CloseRequest(file_id))
    status: NtStatus = response.status
    return status


@pytest.mark.parametrize(
    ("name", "target", "unparsed"),
    [
        ("to folder", "folder", ""),
        ("TO FOLDER\\file", "folder", "\\file"),
        ("to folder\\a\\b", "folder", "\\a\\b"),
        ("folder\\to file", "..\\folder\\file", ""),
        ("folder\\to file:stream", "..\\folder\\file", ""),
    ],
)
async def test_a_create_stops_at_a_link(
    client: Client, name: str, target: str, unparsed: str
) -> None:
    response = await client.create(name)
    assert response.status == NtStatus.STOPPED_ON_SYMLINK
    [context] = response.body.contexts()
    told = SymbolicLinkErrorResponse.decode(context.error_context_data)
    expected = SymbolicLinkErrorResponse(2 * len(unparsed), target, target, SymlinkFlags.RELATIVE)
    assert told == expected


async def test_a_link_has_a_name_that_is_taken(client: Client) -> None:
    for name in ("to folder", "TO FOLDER", "folder\\to file"):
        response = await client.create(name, create_disposition=CreateDisposition.FILE_CREATE)
        assert response.status == NtStatus.OBJECT_NAME_COLLISION


async def test_a_link_itself(client: Client) -> None:
    response = await client.create("to folder", create_options=ITSELF)
    body = response.body
    assert body.flags == CreateFlags.REPARSEPOINT
    assert (body.file_attributes, body.end_of_file) == (FileAttributes.REPARSE_POINT, 0)
    told = await control(client, Fsctl.GET_REPARSE_POINT, body.file_id)
    data = SymbolicLinkReparseData.decode(told.body.output)
    assert data == SymbolicLinkReparseData("folder", "folder", SYMLINK_FLAG_RELATIVE)
    short = await control(client, Fsctl.GET_REPARSE_POINT, body.file_id, room=20)
    assert short.status == NtStatus.BUFFER_TOO_SMALL
    kept = await control(client, Fsctl.DELETE_REPARSE_POINT, body.file_id)
    assert kept.status == NtStatus.NOT_SUPPORTED
    tag = FileInformationClass.FileAttributeTagInformation
    query = QueryInfoRequest(
        info_type=InfoType.FILE,
        file_info_class=tag,
        output_buffer_length=8,
        additional_information=0,
        flags=0,
        file_id=body.file_id,
    )
    shown = AttributeTagInformation.decode((await client.call(query)).body.buffer)
    assert shown.reparse_tag == IO_REPARSE_TAG_SYMLINK


async def test_what_is_no_link(client: Client) -> None:
    file_id = await client.open("folder\\file", create_options=ITSELF)
    for code in (Fsctl.GET_REPARSE_POINT, Fsctl.DELETE_REPARSE_POINT):
        assert (await control(client, code, file_id)).status == NtStatus.NOT_A_REPARSE_POINT


@pytest.mark.parametrize(
    ("data", "target"),
    [
        (relative("file"), "file"),
        (relative("../folder\\file"), "../folder/file"),
        (SymbolicLinkReparseData(r"\??\UNC\any\LINKS\a\b", "x", 0).encode(), "../a/b"),
        (SymbolicLinkReparseData(r"\??\UNC\any\links", "x", 0).encode(), "../."),
    ],
)
@pytest.mark.parametrize("options", [0, CreateOptions.FILE_DIRECTORY_FILE])
async def test_a_link_is_made(
    client: Client, root: Path, data: bytes, target: str, options: int
) -> None:
    made = await make_link(client, "folder\\new", data, create_options=options | ITSELF)
    assert made == NtStatus.SUCCESS
    assert str((root / "folder" / "new").readlink()) == str(Path(target))
    assert (await client.create("folder\\new")).status == NtStatus.STOPPED_ON_SYMLINK


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (relative("..\\.."), NtStatus.ACCESS_DENIED),
        (relative("..\\..\\etc\\passwd"), NtStatus.ACCESS_DENIED),
        (relative("\\etc\\passwd"), NtStatus.OBJECT_NAME_INVALID),
        (relative(""), NtStatus.OBJECT_NAME_INVALID),
        (SymbolicLinkReparseData("file", "file", 0).encode(), NtStatus.ACCESS_DENIED),
        (SymbolicLinkReparseData(r"\??\C:\x", "x", 0).encode(), NtStatus.ACCESS_DENIED),
        (SymbolicLinkReparseData(r"\??\UNC\any\data\x", "x", 0).encode(), NtStatus.ACCESS_DENIED),
        (SymbolicLinkReparseData(r"\??\UNC\a\links\..\x", "", 0).encode(), NtStatus.ACCESS_DENIED),
        (b"\x03" + relative("file")[1:], NtStatus.IO_REPARSE_TAG_NOT_HANDLED),
        (relative("file") + b"more", NtStatus.INVALID_PARAMETER),
        (b"short", NtStatus.INVALID_PARAMETER),
    ],
)
async def test_links_that_are_refused(
    client: Client, root: Path, data: bytes, status: NtStatus
) -> None:
    assert await make_link(client, "folder\\new", data) == status
    assert (root / "folder" / "new").is_file()


async def test_who_may_not_write_makes_none(client: Client, root: Path) -> None:
    (root / "empty").touch()
    file_id = await client.open("empty", desired_access=AccessMask.FILE_READ_DATA)
    response = await control(client, Fsctl.SET_REPARSE_POINT, file_id, relative("folder"))
    assert response.status == NtStatus.ACCESS_DENIED
    filled = await client.open("folder\\file")
    response = await control(client, Fsctl.SET_REPARSE_POINT, filled, relative("file"))
    assert response.status == NtStatus.ACCESS_DENIED
    assert (root / "folder" / "file").read_bytes() == b"content"


async def test_a_stream_becomes_no_link(client: Client, root: Path) -> None:
    assert await make_link(client, "folder\\new:s", relative("file")) == NtStatus.NOT_SUPPORTED
    assert (root / "folder" / "new").is_file()


async def test_deleting_a_link_leaves_what_it_leads_to(client: Client, root: Path) -> None:
    options = ITSELF | CreateOptions.FILE_DELETE_ON_CLOSE
    file_id = await client.open("to folder", create_options=options)
    await client.call(CloseRequest(file_id))
    assert not (root / "to folder").is_symlink()
    assert (root / "folder" / "file").is_file()


async def test_a_name_that_is_a_link_s_is_taken(client: Client) -> None:
    response = await client.create("to folder", create_disposition=CreateDisposition.FILE_CREATE)
    assert response.status == NtStatus.OBJECT_NAME_COLLISION


async def test_other_shares_have_none(linking: Server, connect: Connect, root: Path) -> None:
    client = await connect()
    for options in (0, ITSELF):
        response = await client.create(
            "to folder",
            create_options=options,
            create_disposition=CreateDisposition.FILE_OPEN,
        )
        assert response.status == NtStatus.OBJECT_NAME_NOT_FOUND
    response = await client.create("to folder\\file")
    assert response.status == NtStatus.OBJECT_PATH_NOT_FOUND
    assert await make_link(client, "new", relative("folder")) == NtStatus.INVALID_DEVICE_REQUEST
    assert (root / "new").is_file()
