import errno
import os
from collections.abc import AsyncIterator, Callable

import pytest

from smbquic.client.cache import LeaseCache
from smbquic.client.mount.files import MountedShare
from smbquic.client.opening import FileMode
from smbquic.client.share import Share
from smbquic.errors import DeniedError, ExistsError, FileExpectedError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.wire.create import CreateDisposition, CreateOptions
from smbquic.wire.create_contexts import QueryOnDiskIdResponse
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.file_information import (
    AttributeTagInformation,
    BasicInformation,
    FileInformationClass,
    RenameInformation,
    StandardInformation,
)
from smbquic.wire.fscc.reparse import IO_REPARSE_TAG_SYMLINK
from smbquic.wire.header import Command
from smbquic.wire.query_info import QueryInfoResponse
from tests.unit.client.fakes import Answer, FakeServer, Received, opened

LINK = FileAttributes.REPARSE_POINT


@pytest.fixture
async def mounted(share: Share) -> AsyncIterator[MountedShare]:
    cache = LeaseCache(share)
    yield MountedShare(cache)
    await cache.aclose()


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


async def test_a_link_is_looked_at_itself(mounted: MountedShare, server: FakeServer) -> None:
    def create(request: Received) -> Answer:
        if not request.body.create_options & CreateOptions.FILE_OPEN_REPARSE_POINT:
            return NtStatus.STOPPED_ON_SYMLINK, None
        return answer_with(LINK)(request)

    server.handlers[Command.CREATE] = create
    tag = AttributeTagInformation(LINK, IO_REPARSE_TAG_SYMLINK)
    server.handlers[Command.QUERY_INFO] = lambda request: QueryInfoResponse(tag.encode())
    stat = await mounted.stat("folder/link")
    assert (stat.name, stat.reparse_tag, stat.file_id) == ("link", IO_REPARSE_TAG_SYMLINK, 77)
    server.handlers[Command.CREATE] = lambda request: (NtStatus.ACCESS_DENIED, None)
    with pytest.raises(DeniedError):
        await mounted.stat("folder/link")


@pytest.mark.parametrize(
    ("flags", "mode", "truncates"),
    [
        (os.O_RDONLY, "rb", False),
        (os.O_WRONLY, "r+b", False),
        (os.O_RDWR, "r+b", False),
        (os.O_WRONLY | os.O_TRUNC, "r+b", True),
        (os.O_RDONLY | os.O_TRUNC, "r+b", True),
    ],
)
async def test_flags_of_open(
    mounted: MountedShare, server: FakeServer, flags: int, mode: str, truncates: bool
) -> None:
    file = await mounted.open("file", flags)
    assert file.mode == FileMode.parse(mode)
    [create] = server.bodies(Command.CREATE)
    assert create.create_disposition == CreateDisposition.FILE_OPEN
    assert server.commands() == ["CREATE", "SET_INFO"][: 1 + truncates]
    assert [bytes(body.buffer) for body in server.bodies(Command.SET_INFO)] == [
        bytes(8)
    ] * truncates
    await file.close()


@pytest.mark.parametrize(("system", "number"), [("linux", errno.ESTALE), ("darwin", errno.ENOENT)])
async def test_a_file_that_is_not_there_any_more(
    mounted: MountedShare,
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    system: str,
    number: int,
) -> None:
    monkeypatch.setattr("sys.platform", system)
    server.handlers[Command.CREATE] = lambda request: (NtStatus.OBJECT_NAME_NOT_FOUND, None)
    with pytest.raises(OSError, match="Errno") as caught:
        await mounted.open("gone", os.O_WRONLY)
    assert caught.value.errno == number


async def test_a_file_that_cannot_be_truncated_is_closed(
    mounted: MountedShare, server: FakeServer
) -> None:
    server.handlers[Command.SET_INFO] = lambda request: (NtStatus.DISK_FULL, None)
    with pytest.raises(StatusError, match="full"):
        await mounted.open("file", os.O_WRONLY | os.O_TRUNC)
    assert server.commands() == ["CREATE", "SET_INFO", "CLOSE"]


@pytest.mark.parametrize(
    ("flags", "disposition"),
    [
        (os.O_WRONLY, CreateDisposition.FILE_OPEN_IF),
        (os.O_RDWR | os.O_EXCL, CreateDisposition.FILE_CREATE),
        (os.O_RDONLY | os.O_EXCL, CreateDisposition.FILE_CREATE),
    ],
)
async def test_new_files(
    mounted: MountedShare, server: FakeServer, flags: int, disposition: CreateDisposition
) -> None:
    file = await mounted.create("file", flags, 0o644)
    [create] = server.bodies(Command.CREATE)
    assert create.create_disposition == disposition
    assert file.mode.readable == (flags & os.O_ACCMODE != os.O_WRONLY)
    await file.close()


async def test_the_name_of_a_deleted_file_that_is_open_still(
    mounted: MountedShare, server: FakeServer
) -> None:
    """To make it fails for a time; that it is not there would be no reason."""
    server.handlers[Command.CREATE] = lambda request: (NtStatus.DELETE_PENDING, None)
    for make in (mounted.create("file", os.O_WRONLY, 0o644), mounted.mkdir("file")):
        with pytest.raises(OSError, match="busy") as caught:
            await make
        assert caught.value.errno == errno.EBUSY
    server.handlers[Command.CREATE] = lambda request: (NtStatus.DISK_FULL, None)
    with pytest.raises(StatusError, match="full"):
        await mounted.mkdir("file")


async def test_a_new_file_that_nobody_may_write(mounted: MountedShare, server: FakeServer) -> None:
    file = await mounted.create("file", os.O_WRONLY | os.O_EXCL, 0o444)
    [change] = server.bodies(Command.SET_INFO)
    assert change.file_info_class == FileInformationClass.FileBasicInformation
    await file.close()


async def test_a_file_that_was_there_already_is_emptied(
    mounted: MountedShare, server: FakeServer
) -> None:
    sizes = iter([0, 5])

    def standard(request: Received) -> Answer:
        size = next(sizes)
        return QueryInfoResponse(StandardInformation(size, size, 1, False, False).encode())

    server.handlers[Command.QUERY_INFO] = standard
    for changes in (0, 1):
        file = await mounted.create("file", os.O_WRONLY | os.O_TRUNC, 0o644)
        assert len(server.bodies(Command.SET_INFO)) == changes
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
        links = folder & LINK
        if links and not request.body.create_options & CreateOptions.FILE_OPEN_REPARSE_POINT:
            return NtStatus.STOPPED_ON_SYMLINK, None
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
    first, _, again = server.bodies(Command.SET_INFO)
    assert RenameInformation.decode(first.buffer) == RenameInformation.decode(again.buffer)
    assert RenameInformation.decode(again.buffer).replace_if_exists


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


async def test_what_each_change_asks_the_server_for(
    mounted: MountedShare, server: FakeServer
) -> None:
    await mounted.truncate("file", 5)
    await mounted.utime("file", 10**9, 2 * 10**9)
    await mounted.link("file", "further")
    await mounted.rename("file", "other", replace=False)
    await mounted.unlink("file")
    await mounted.rmdir("folder")
    # [MS-SMB2] 2.2.13: DesiredAccess, CreateDisposition, CreateOptions
    assert [
        (body.desired_access, body.create_disposition, int(body.create_options))
        for body in server.bodies(Command.CREATE)
    ] == [
        (0x100102, 1, 0x40),
        (0x100, 1, 0x200000),
        (0x100, 1, 0x200000),
        (0x110080, 1, 0x200000),
        (0x110080, 1, 0x200040),
        (0x110080, 1, 0x200001),
    ]
    times = BasicInformation.decode(memoryview(server.bodies(Command.SET_INFO)[1].buffer))
    assert times.last_access_time == 116444736000000000 + 10**7
    assert times.last_write_time == 116444736000000000 + 2 * 10**7
    assert (times.creation_time, times.file_attributes) == (0, 0)


async def test_a_link_is_looked_at_by_its_own_request(
    mounted: MountedShare, server: FakeServer
) -> None:
    tag = AttributeTagInformation(LINK, IO_REPARSE_TAG_SYMLINK)
    server.handlers[Command.QUERY_INFO] = lambda request: QueryInfoResponse(tag.encode())
    server.handlers[Command.CREATE] = lambda request: (
        opened() if request.body.create_options else (NtStatus.STOPPED_ON_SYMLINK, None)
    )
    await mounted.stat("link")
    create = server.bodies(Command.CREATE)[-1]
    assert (create.desired_access, create.create_options) == (0x100080, 0x200000)
    assert [context.name for context in create.contexts] == [b"QFid"]
    query = server.bodies(Command.QUERY_INFO)[-1]
    # [MS-FSCC] 2.4.6
    assert (query.info_type, query.file_info_class, query.output_buffer_length) == (1, 35, 8)


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
