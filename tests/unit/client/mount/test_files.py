import os
from collections.abc import Callable

import pytest

from smbquic.client.mount.files import MountedShare
from smbquic.client.share import Share
from smbquic.errors import DeniedError, ExistsError, FileExpectedError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.wire.create import CreateDisposition, CreateOptions
from smbquic.wire.create_contexts import QueryOnDiskIdResponse
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.file_information import (
    AttributeTagInformation,
    FileInformationClass,
    RenameInformation,
)
from smbquic.wire.fscc.reparse import IO_REPARSE_TAG_SYMLINK
from smbquic.wire.header import Command
from smbquic.wire.query_info import QueryInfoResponse
from tests.unit.client.fakes import Answer, FakeServer, Received, opened

LINK = FileAttributes.REPARSE_POINT


@pytest.fixture
def mounted(share: Share) -> MountedShare:
    return MountedShare(share)


def answer_with(attributes: FileAttributes, size: int = 5) -> Callable[[Received], Answer]:
    def answer(request: Received) -> Answer:
        response = opened(size, attributes)
        response.contexts.append(QueryOnDiskIdResponse(77, 1).context())
        return response

    return answer


async def test_stat_is_one_round_trip_and_tells_the_number(
    mounted: MountedShare, server: FakeServer
) -> None:
    server.handlers[Command.CREATE] = answer_with(FileAttributes.ARCHIVE)
    stat = await mounted.stat("folder/file")
    assert (stat.name, stat.size, stat.file_id, stat.reparse_tag) == ("file", 5, 77, 0)
    assert server.commands() == ["CREATE", "CLOSE"]
    [create] = server.bodies(Command.CREATE)
    assert create.create_options == CreateOptions.FILE_OPEN_REPARSE_POINT


async def test_a_link_is_looked_at_itself(mounted: MountedShare, server: FakeServer) -> None:
    server.handlers[Command.CREATE] = answer_with(LINK)
    tag = AttributeTagInformation(LINK, IO_REPARSE_TAG_SYMLINK)
    server.handlers[Command.QUERY_INFO] = lambda request: QueryInfoResponse(tag.encode())
    assert (await mounted.stat("link")).reparse_tag == IO_REPARSE_TAG_SYMLINK


@pytest.mark.parametrize(
    ("flags", "reads", "writes", "truncates"),
    [
        (os.O_RDONLY, True, False, False),
        (os.O_WRONLY, False, True, False),
        (os.O_RDWR, True, True, False),
        (os.O_WRONLY | os.O_TRUNC, False, True, True),
        (os.O_RDONLY | os.O_TRUNC, True, True, True),
    ],
)
async def test_flags_of_open(
    mounted: MountedShare,
    server: FakeServer,
    flags: int,
    reads: bool,
    writes: bool,
    truncates: bool,
) -> None:
    server.handlers[Command.CREATE] = answer_with(FileAttributes.ARCHIVE)
    file, stat = await mounted.open("file", flags)
    assert stat.size == (0 if truncates else 5)
    [create] = server.bodies(Command.CREATE)
    assert create.create_disposition == CreateDisposition.FILE_OPEN
    assert (bool(create.desired_access & 1), bool(create.desired_access & 2)) == (reads, writes)
    assert server.commands() == ["CREATE", "SET_INFO"][: 1 + truncates]
    await file.close()


async def test_a_file_that_cannot_be_truncated_is_closed(
    mounted: MountedShare, server: FakeServer
) -> None:
    server.handlers[Command.SET_INFO] = lambda request: (NtStatus.DISK_FULL, None)
    with pytest.raises(StatusError, match="full"):
        await mounted.open("file", os.O_WRONLY | os.O_TRUNC)
    assert server.commands() == ["CREATE", "SET_INFO", "CLOSE"]


@pytest.mark.parametrize(
    ("flags", "mode", "disposition", "attributes"),
    [
        (os.O_WRONLY, 0o644, CreateDisposition.FILE_OPEN_IF, 0),
        (os.O_WRONLY | os.O_EXCL, 0o444, CreateDisposition.FILE_CREATE, FileAttributes.READONLY),
    ],
)
async def test_new_files(
    mounted: MountedShare,
    server: FakeServer,
    flags: int,
    mode: int,
    disposition: CreateDisposition,
    attributes: int,
) -> None:
    file, _ = await mounted.create("file", flags, mode)
    [create] = server.bodies(Command.CREATE)
    assert (create.create_disposition, create.file_attributes) == (disposition, attributes)
    await file.close()


def refusing(server: FakeServer, status: NtStatus, times: int = 1) -> None:
    """Let the server refuse so many changes that are no changes of attributes."""
    left = times

    def change(request: Received) -> Answer:
        nonlocal left
        basic = request.body.file_info_class == FileInformationClass.FileBasicInformation
        if left and not basic:
            left -= 1
            return status, None
        return None

    server.handlers[Command.SET_INFO] = change


async def test_a_readonly_file_is_deleted(mounted: MountedShare, server: FakeServer) -> None:
    server.handlers[Command.CREATE] = answer_with(FileAttributes.READONLY)
    refusing(server, NtStatus.CANNOT_DELETE)
    await mounted.unlink("file")
    classes = [body.file_info_class for body in server.bodies(Command.SET_INFO)]
    disposition = FileInformationClass.FileDispositionInformation
    assert classes == [disposition, FileInformationClass.FileBasicInformation, disposition]


async def test_a_file_that_may_not_be_deleted(mounted: MountedShare, server: FakeServer) -> None:
    refusing(server, NtStatus.ACCESS_DENIED)
    with pytest.raises(DeniedError):
        await mounted.unlink("file")
    server.handlers[Command.CREATE] = lambda request: (NtStatus.ACCESS_DENIED, None)
    with pytest.raises(DeniedError):
        await mounted.unlink("file")


async def test_a_link_to_a_folder_is_deleted_as_one(
    mounted: MountedShare, server: FakeServer
) -> None:
    folder = LINK | FileAttributes.DIRECTORY
    tag = AttributeTagInformation(folder, IO_REPARSE_TAG_SYMLINK)
    server.handlers[Command.QUERY_INFO] = lambda request: QueryInfoResponse(tag.encode())

    def create(request: Received) -> Answer:
        if request.body.create_options & CreateOptions.FILE_NON_DIRECTORY_FILE:
            return NtStatus.FILE_IS_A_DIRECTORY, None
        return opened(0, folder)

    server.handlers[Command.CREATE] = create
    await mounted.unlink("link")
    assert len(server.bodies(Command.SET_INFO)) == 2  # the first of them had nothing open

    folder = FileAttributes.DIRECTORY
    with pytest.raises(FileExpectedError):
        await mounted.unlink("folder")


async def test_renaming_over_an_empty_folder(mounted: MountedShare, server: FakeServer) -> None:
    server.handlers[Command.CREATE] = answer_with(FileAttributes.DIRECTORY)
    refusing(server, NtStatus.ACCESS_DENIED)
    await mounted.rename("old", "new", replace=True)
    classes = [body.file_info_class for body in server.bodies(Command.SET_INFO)]
    rename = FileInformationClass.FileRenameInformation
    assert classes == [rename, FileInformationClass.FileDispositionInformation, rename]


async def test_renaming_over_a_readonly_file(mounted: MountedShare, server: FakeServer) -> None:
    server.handlers[Command.CREATE] = answer_with(FileAttributes.READONLY)
    refusing(server, NtStatus.ACCESS_DENIED)
    await mounted.rename("old", "new", replace=True)
    classes = [body.file_info_class for body in server.bodies(Command.SET_INFO)]
    rename = FileInformationClass.FileRenameInformation
    assert classes == [rename, FileInformationClass.FileBasicInformation, rename]


async def test_renaming_that_is_refused(mounted: MountedShare, server: FakeServer) -> None:
    refusing(server, NtStatus.OBJECT_NAME_COLLISION, times=2)
    with pytest.raises(ExistsError):
        await mounted.rename("old", "new", replace=False)
    [change] = server.bodies(Command.SET_INFO)
    assert not RenameInformation.decode(change.buffer).replace_if_exists
    with pytest.raises(ExistsError):
        await mounted.rename("old", "new", replace=True)
    server.handlers[Command.CREATE] = lambda request: (NtStatus.OBJECT_NAME_NOT_FOUND, None)
    with pytest.raises(FileNotFoundError):
        await mounted.rename("old", "new", replace=True)


async def test_modes(mounted: MountedShare, server: FakeServer) -> None:
    await mounted.chmod("file", 0o755)
    assert not server.bodies(Command.SET_INFO)
    await mounted.chmod("file", 0o555)
    [change] = server.bodies(Command.SET_INFO)
    assert change.file_info_class == FileInformationClass.FileBasicInformation
    wanted = FileAttributes.ARCHIVE | FileAttributes.READONLY
    assert bytes(change.buffer[32:36]) == int(wanted).to_bytes(4, "little")
    server.handlers[Command.CREATE] = answer_with(FileAttributes.DIRECTORY)
    await mounted.chmod("folder", 0o555)
    assert len(server.bodies(Command.SET_INFO)) == 1


async def test_other_changes_are_one_round_trip(mounted: MountedShare, server: FakeServer) -> None:
    classes = FileInformationClass
    await mounted.truncate("file", 5)
    await mounted.utime("file", 10**9, None)
    await mounted.link("file", "further")
    await mounted.rmdir("folder")
    assert [body.file_info_class for body in server.bodies(Command.SET_INFO)] == [
        classes.FileEndOfFileInformation,
        classes.FileBasicInformation,
        classes.FileLinkInformation,
        classes.FileDispositionInformation,
    ]
    assert server.commands() == ["CREATE", "SET_INFO", "CLOSE"] * 4
    await mounted.mkdir("folder")
    assert server.bodies(Command.CREATE)[-1].create_disposition == CreateDisposition.FILE_CREATE
