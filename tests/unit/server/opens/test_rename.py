"""Renaming and linking an open file or folder. [MS-FSA] 2.1.5.15.11, 2.1.5.15.6"""

from pathlib import Path

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import ShareAccess
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.file_information import (
    DispositionInformation,
    LinkInformation,
    RenameInformation,
)
from tests.unit.server.file_information import (
    FOLDER,
    READONLY,
    all_of,
    change,
    close,
    content,
    entries,
    fill,
)
from tests.unit.server.smb_client import Client

NewName = type[RenameInformation] | type[LinkInformation]
"""The structures that name a new name."""


async def test_rename(client: Client, root: Path, file_id: FileId) -> None:
    fill(root, "sub/other")

    assert await change(client, file_id, RenameInformation("New Name")) == NtStatus.SUCCESS
    assert content(root) == {"New Name": b"file", "sub/other": b"sub/other"}
    assert (await all_of(client, file_id)).name_information.file_name == "\\New Name"
    assert await change(client, file_id, RenameInformation("SUB\\moved")) == NtStatus.SUCCESS
    assert content(root) == {"sub/moved": b"file", "sub/other": b"sub/other"}
    assert (await all_of(client, file_id)).name_information.file_name == "\\sub\\moved"
    assert await change(client, file_id, RenameInformation("sub/again")) == NtStatus.SUCCESS
    assert content(root) == {"sub/again": b"file", "sub/other": b"sub/other"}


async def test_a_name_from_the_root_on_is_for_links(
    client: Client, root: Path, file_id: FileId
) -> None:
    refused = await change(client, file_id, RenameInformation("\\new"))
    assert refused == NtStatus.INVALID_PARAMETER
    assert await change(client, file_id, LinkInformation("\\new")) == NtStatus.SUCCESS
    assert content(root) == {"file": b"file", "new": b"file"}


async def test_rename_to_the_same_name_or_another_case(
    client: Client, root: Path, file_id: FileId
) -> None:
    assert await change(client, file_id, RenameInformation("file")) == NtStatus.SUCCESS
    assert content(root) == {"file": b"file"}
    for replace in (False, True):
        wanted = RenameInformation("FiLe" if replace else "FILE", replace)
        assert await change(client, file_id, wanted) == NtStatus.SUCCESS
    assert content(root) == {"FiLe": b"file"}


@pytest.mark.parametrize("structure", [RenameInformation, LinkInformation])
async def test_a_taken_name(
    client: Client, root: Path, file_id: FileId, structure: NewName
) -> None:
    fill(root, "taken")

    assert await change(client, file_id, structure("TAKEN")) == NtStatus.OBJECT_NAME_COLLISION
    assert content(root)["taken"] == b"taken"
    assert await change(client, file_id, structure("TAKEN", True)) == NtStatus.SUCCESS
    assert content(root)["taken"] == b"file"


@pytest.mark.parametrize("structure", [RenameInformation, LinkInformation])
async def test_replacing_what_is_not_there(
    client: Client, root: Path, file_id: FileId, structure: NewName
) -> None:
    assert await change(client, file_id, structure("free", True)) == NtStatus.SUCCESS

    assert content(root)["free"] == b"file"


@pytest.mark.parametrize("structure", [RenameInformation, LinkInformation])
async def test_what_is_not_replaced(
    client: Client, root: Path, file_id: FileId, structure: NewName
) -> None:
    fill(root, "open", "readonly", "going", "sub/inner")
    await client.open("open")
    readonly = await client.open("readonly")
    await change(client, readonly, READONLY)
    await close(client, readonly)
    going = await client.open("going")
    await change(client, going, DispositionInformation(True))

    for name, status in (
        ("open", NtStatus.ACCESS_DENIED),
        ("readonly", NtStatus.ACCESS_DENIED),
        ("sub", NtStatus.ACCESS_DENIED),
        ("going", NtStatus.DELETE_PENDING),
    ):
        assert await change(client, file_id, structure(name, True)) == status
    assert content(root)["file"] == b"file"
    assert len(content(root)) == 5


@pytest.mark.parametrize("structure", [RenameInformation, LinkInformation])
@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("nowhere\\x", NtStatus.OBJECT_PATH_NOT_FOUND),
        ("other\\x", NtStatus.OBJECT_PATH_NOT_FOUND),
        ("a:b", NtStatus.OBJECT_NAME_INVALID),
        ("a*", NtStatus.OBJECT_NAME_INVALID),
        ("..\\x", NtStatus.OBJECT_NAME_INVALID),
        ("", NtStatus.INVALID_PARAMETER),
    ],
)
async def test_names_that_cannot_be_given(
    client: Client, root: Path, file_id: FileId, structure: NewName, name: str, status: NtStatus
) -> None:
    fill(root, "other")

    for replace in (False, True):
        assert await change(client, file_id, structure(name, replace)) == status
    assert sorted(content(root)) == ["file", "other"]


@pytest.mark.parametrize("structure", [RenameInformation, LinkInformation])
async def test_a_target_relative_to_another_open(
    client: Client, file_id: FileId, structure: NewName
) -> None:
    wanted = structure("x", root_directory=1)

    assert await change(client, file_id, wanted) == NtStatus.INVALID_PARAMETER


@pytest.mark.parametrize("structure", [RenameInformation, LinkInformation])
async def test_what_is_about_to_go_gets_no_name(
    client: Client, file_id: FileId, structure: NewName
) -> None:
    await change(client, file_id, DispositionInformation(True))

    assert await change(client, file_id, structure("x")) == NtStatus.ACCESS_DENIED


async def test_rename_of_a_folder(client: Client, root: Path) -> None:
    fill(root, "sub/inner")
    folder = await client.open("sub", create_options=FOLDER)
    inner = await client.open("sub\\inner")

    assert await change(client, folder, RenameInformation("new")) == NtStatus.ACCESS_DENIED
    await close(client, inner)
    assert await change(client, folder, RenameInformation("new")) == NtStatus.SUCCESS
    assert content(root) == {"new/inner": b"sub/inner"}


@pytest.mark.parametrize("replace", [False, True])
async def test_a_folder_does_not_move_into_itself(
    client: Client, root: Path, replace: bool
) -> None:
    folder = await client.open("sub", create_options=FOLDER)

    wanted = RenameInformation("sub\\deeper", replace)

    assert (await change(client, folder, wanted)).is_error
    assert entries(root) == ["sub"]


async def test_the_root_has_no_other_name(client: Client, root: Path) -> None:
    folder = await client.open("", create_options=FOLDER)

    assert await change(client, folder, RenameInformation("x")) == NtStatus.ACCESS_DENIED


@pytest.mark.parametrize(
    ("access", "share", "status"),
    [
        (AccessMask.FILE_LIST_DIRECTORY, 7, NtStatus.SUCCESS),
        (AccessMask.FILE_LIST_DIRECTORY, ShareAccess.FILE_SHARE_READ, NtStatus.SHARING_VIOLATION),
        (AccessMask.DELETE, 7, NtStatus.SHARING_VIOLATION),
        (AccessMask.FILE_READ_ATTRIBUTES, 0, NtStatus.SUCCESS),
    ],
)
@pytest.mark.parametrize("structure", [RenameInformation, LinkInformation])
async def test_others_may_hold_the_folder(
    client: Client, root: Path, structure: NewName, access: int, share: int, status: NtStatus
) -> None:
    fill(root, "sub/inner")
    inner = await client.open("sub\\inner")
    await client.open("sub", create_options=FOLDER, desired_access=access, share_access=share)

    assert await change(client, inner, structure("sub\\new")) == status


async def test_link(client: Client, root: Path, file_id: FileId) -> None:
    assert await change(client, file_id, LinkInformation("second")) == NtStatus.SUCCESS

    assert content(root) == {"file": b"file", "second": b"file"}
    assert (await all_of(client, file_id)).standard_information.number_of_links == 2
    assert await change(client, file_id, LinkInformation("second", True)) == NtStatus.SUCCESS


async def test_a_folder_has_one_name(client: Client) -> None:
    folder = await client.open("sub", create_options=FOLDER)

    assert await change(client, folder, LinkInformation("x")) == NtStatus.FILE_IS_A_DIRECTORY
