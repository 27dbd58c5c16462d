"""SET_INFO of open files and folders. [MS-SMB2] 3.3.5.21"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.storage.local.file import LocalFile
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import CreateDisposition, CreateOptions
from smbquic.wire.dtyp.filetime import from_unix_ns
from smbquic.wire.dtyp.security_descriptor import SecurityDescriptor, SecurityInformation
from smbquic.wire.dtyp.sid import EVERYONE
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.file_information import (
    AllocationInformation,
    BasicInformation,
    DispositionFlags,
    DispositionInformation,
    DispositionInformationEx,
    EndOfFileInformation,
    FileInformationClass,
    LinkInformation,
    ModeInformation,
    PositionInformation,
    RenameInformation,
    ValidDataLengthInformation,
)
from smbquic.wire.query_info import InfoType, QueryInfoRequest
from smbquic.wire.set_info import SetInfoRequest
from smbquic.wire.write import WriteRequest
from tests.unit.server.file_information import (
    FOLDER,
    READONLY,
    Information,
    all_of,
    change,
    close,
    content,
    entries,
    fill,
    raw,
    stat,
)
from tests.unit.server.smb_client import Client, Connect

NEW_YEAR = 1_577_836_800_000_000_000
ALL_BUT_DELETE = int(AccessMask.FILE_READ_DATA | AccessMask.FILE_WRITE_DATA | 0x180)


# Times and attributes


async def test_times_are_set(client: Client, root: Path, file_id: FileId) -> None:
    times = [from_unix_ns(NEW_YEAR + number * 1_000_000_100) for number in range(3)]

    assert await change(client, file_id, BasicInformation(*times)) == NtStatus.SUCCESS

    basic = (await all_of(client, file_id)).basic_information
    assert (basic.creation_time, basic.last_access_time, basic.last_write_time) == tuple(times)
    assert basic.file_attributes == FileAttributes.NORMAL
    assert stat(root / "file").st_mtime_ns == NEW_YEAR + 2_000_000_200


async def test_what_is_zero_or_special_stays(client: Client, root: Path, file_id: FileId) -> None:
    os.utime(root / "file", ns=(NEW_YEAR, NEW_YEAR))
    before = (await all_of(client, file_id)).basic_information

    for times in ((0, 0, 0, 0), (-1, -1, -1, -1), (-2, -2, -2, -2)):
        assert await change(client, file_id, BasicInformation(*times)) == NtStatus.SUCCESS

    assert (await all_of(client, file_id)).basic_information == before


async def test_a_time_that_was_set_survives_writing(
    client: Client, root: Path, file_id: FileId
) -> None:
    time = from_unix_ns(NEW_YEAR)
    await change(client, file_id, BasicInformation(last_write_time=time))

    await client.call(WriteRequest(0, file_id, b"new"))
    await change(client, file_id, EndOfFileInformation(100))
    await change(client, file_id, AllocationInformation(0))
    assert stat(root / "file").st_mtime_ns == NEW_YEAR

    await change(client, file_id, BasicInformation(last_write_time=-2))
    await client.call(WriteRequest(0, file_id, b"newer"))
    assert stat(root / "file").st_mtime_ns > NEW_YEAR


async def test_a_frozen_time_survives_writing(client: Client, root: Path, file_id: FileId) -> None:
    os.utime(root / "file", ns=(NEW_YEAR, NEW_YEAR))
    await change(client, file_id, BasicInformation(last_write_time=-1))

    await client.call(WriteRequest(0, file_id, b"new"))

    assert stat(root / "file").st_mtime_ns == NEW_YEAR


async def test_attributes_are_set_and_cleared(client: Client, root: Path, file_id: FileId) -> None:
    async def attributes(wanted: int) -> int:
        given = BasicInformation(file_attributes=wanted)
        assert await change(client, file_id, given) == NtStatus.SUCCESS
        return (await all_of(client, file_id)).basic_information.file_attributes

    hidden = FileAttributes.HIDDEN | FileAttributes.SYSTEM | FileAttributes.TEMPORARY
    assert await attributes(hidden) == hidden
    assert await attributes(0) == hidden
    assert await attributes(hidden | FileAttributes.NORMAL | FileAttributes.COMPRESSED) == hidden
    assert await attributes(FileAttributes.NORMAL) == FileAttributes.NORMAL


async def test_a_folder_keeps_what_makes_it_one(client: Client, root: Path) -> None:
    folder = await client.open("sub", create_options=FOLDER)
    wanted = BasicInformation(file_attributes=FileAttributes.HIDDEN | FileAttributes.DIRECTORY)

    assert await change(client, folder, wanted) == NtStatus.SUCCESS

    basic = (await all_of(client, folder)).basic_information
    assert basic.file_attributes == FileAttributes.HIDDEN | FileAttributes.DIRECTORY


async def test_the_root_is_never_hidden(client: Client) -> None:
    folder = await client.open("", create_options=FOLDER)
    wanted = BasicInformation(file_attributes=FileAttributes.HIDDEN | FileAttributes.ARCHIVE)

    assert await change(client, folder, wanted) == NtStatus.SUCCESS

    basic = (await all_of(client, folder)).basic_information
    assert basic.file_attributes == FileAttributes.ARCHIVE | FileAttributes.DIRECTORY


@pytest.mark.parametrize(
    "wanted",
    [
        BasicInformation(creation_time=-3),
        BasicInformation(last_access_time=-3),
        BasicInformation(last_write_time=-(1 << 62)),
        BasicInformation(change_time=-3),
        BasicInformation(file_attributes=FileAttributes.DIRECTORY),
    ],
)
async def test_basic_information_that_cannot_be(
    client: Client, file_id: FileId, wanted: BasicInformation
) -> None:
    assert await change(client, file_id, wanted) == NtStatus.INVALID_PARAMETER


async def test_a_folder_is_not_temporary(client: Client) -> None:
    folder = await client.open("sub", create_options=FOLDER)
    wanted = BasicInformation(file_attributes=FileAttributes.TEMPORARY)

    assert await change(client, folder, wanted) == NtStatus.INVALID_PARAMETER


# Sizes


@pytest.mark.parametrize("size", [0, 2, 4, 10_000])
async def test_end_of_file(client: Client, root: Path, file_id: FileId, size: int) -> None:
    assert await change(client, file_id, EndOfFileInformation(size)) == NtStatus.SUCCESS

    assert content(root) == {"file": b"file"[:size].ljust(size, b"\0")}


async def test_allocation_cuts_by_whole_units_only(client: Client, root: Path) -> None:
    unit = os.statvfs(root).f_frsize
    (root / "big").write_bytes(bytes(3 * unit))
    big = await client.open("big")

    assert await change(client, big, AllocationInformation(9 * unit)) == NtStatus.SUCCESS
    assert stat(root / "big").st_size == 3 * unit
    assert await change(client, big, AllocationInformation(unit + 1)) == NtStatus.SUCCESS
    assert stat(root / "big").st_size == 2 * unit
    assert await change(client, big, AllocationInformation(0)) == NtStatus.SUCCESS
    assert stat(root / "big").st_size == 0


async def test_allocation_that_no_disk_has(client: Client, file_id: FileId) -> None:
    assert await change(client, file_id, AllocationInformation(1 << 61)) == NtStatus.DISK_FULL


@pytest.mark.parametrize("wanted", [EndOfFileInformation, AllocationInformation])
async def test_sizes_that_cannot_be(
    client: Client, file_id: FileId, wanted: Callable[[int], Information]
) -> None:
    folder = await client.open("sub", create_options=FOLDER)

    assert await change(client, folder, wanted(0)) == NtStatus.INVALID_PARAMETER
    assert await change(client, file_id, wanted(-1)) == NtStatus.INVALID_PARAMETER


async def test_valid_data_length_is_for_nobody(client: Client, file_id: FileId) -> None:
    wanted = ValidDataLengthInformation(1)

    assert await change(client, file_id, wanted) == NtStatus.PRIVILEGE_NOT_HELD


# Deleting


async def test_a_file_goes_with_its_last_open(client: Client, root: Path, file_id: FileId) -> None:
    other = await client.open("file")

    assert await change(client, file_id, DispositionInformation(True)) == NtStatus.SUCCESS
    assert (await client.create("file")).status == NtStatus.DELETE_PENDING
    await close(client, file_id)
    assert content(root) == {"file": b"file"}
    await close(client, other)
    assert content(root) == {}


async def test_a_deletion_can_be_taken_back(client: Client, root: Path, file_id: FileId) -> None:
    await change(client, file_id, DispositionInformation(True))

    assert await change(client, file_id, DispositionInformation(False)) == NtStatus.SUCCESS
    await close(client, file_id)
    assert content(root) == {"file": b"file"}


async def test_a_folder_with_something_in_it_stays(client: Client, root: Path) -> None:
    fill(root, "sub/inner")
    folder = await client.open("sub", create_options=FOLDER)

    status = await change(client, folder, DispositionInformation(True))
    assert status == NtStatus.DIRECTORY_NOT_EMPTY
    (root / "sub" / "inner").unlink()
    assert await change(client, folder, DispositionInformation(True)) == NtStatus.SUCCESS
    await close(client, folder)
    assert entries(root) == []


async def test_what_cannot_be_deleted_is_not_marked(
    client: Client, file_id: FileId, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise PermissionError(13, "no")

    monkeypatch.setattr(LocalFile, "check_deletion", refuse)
    assert await change(client, file_id, DispositionInformation(True)) == NtStatus.ACCESS_DENIED
    assert not (await all_of(client, file_id)).standard_information.delete_pending


async def test_the_root_stays(client: Client) -> None:
    folder = await client.open("", create_options=FOLDER)

    status = await change(client, folder, DispositionInformation(True))

    assert status == NtStatus.CANNOT_DELETE


DELETE_READONLY = DispositionInformationEx(
    int(DispositionFlags.DELETE | DispositionFlags.IGNORE_READONLY_ATTRIBUTE)
)


async def test_what_is_read_only_is_not_deleted(
    client: Client, root: Path, file_id: FileId
) -> None:
    await change(client, file_id, READONLY)

    status = await change(client, file_id, DispositionInformation(True))
    assert status == NtStatus.CANNOT_DELETE
    status = await change(client, file_id, DispositionInformationEx(int(DispositionFlags.DELETE)))
    assert status == NtStatus.CANNOT_DELETE
    assert await change(client, file_id, DELETE_READONLY) == NtStatus.SUCCESS
    await close(client, file_id)
    assert content(root) == {}


async def test_ignoring_read_only_needs_the_right_to_change_it(
    client: Client, file_id: FileId
) -> None:
    await change(client, file_id, READONLY)
    only_delete = await client.open("file", desired_access=AccessMask.DELETE)

    assert await change(client, only_delete, DELETE_READONLY) == NtStatus.CANNOT_DELETE


async def test_disposition_ex(client: Client, root: Path, file_id: FileId) -> None:
    posix = int(DispositionFlags.DELETE | DispositionFlags.POSIX_SEMANTICS)
    assert await change(client, file_id, DispositionInformationEx(posix)) == NtStatus.SUCCESS
    assert (await all_of(client, file_id)).standard_information.delete_pending
    assert await change(client, file_id, DispositionInformationEx(0)) == NtStatus.SUCCESS
    assert not (await all_of(client, file_id)).standard_information.delete_pending

    on_close = int(DispositionFlags.DELETE | DispositionFlags.ON_CLOSE)
    for flags in (on_close, 0x20, 0x80000001):
        status = await change(client, file_id, DispositionInformationEx(flags))
        assert status == NtStatus.NOT_SUPPORTED


async def test_on_close_is_for_what_was_opened_so(client: Client, root: Path) -> None:
    opened = await client.open("new", create_options=CreateOptions.FILE_DELETE_ON_CLOSE)
    on_close = int(DispositionFlags.DELETE | DispositionFlags.ON_CLOSE)

    assert await change(client, opened, DispositionInformationEx(on_close)) == NtStatus.SUCCESS
    await close(client, opened)
    assert content(root) == {}


# What belongs to the open


async def test_position(client: Client, file_id: FileId) -> None:
    assert await change(client, file_id, PositionInformation(77)) == NtStatus.SUCCESS
    assert (await all_of(client, file_id)).position_information.current_byte_offset == 77
    assert await change(client, file_id, PositionInformation(-1)) == NtStatus.INVALID_PARAMETER


SYNCHRONOUS = CreateOptions.FILE_SYNCHRONOUS_IO_NONALERT
UNBUFFERED = CreateOptions.FILE_NO_INTERMEDIATE_BUFFERING


@pytest.mark.parametrize(
    ("options", "mode", "expected"),
    [
        (0, 2, 2),
        (2, 0, 0),
        (4, 6, 6),
        (UNBUFFERED, 6, UNBUFFERED | 4),
        (UNBUFFERED | 2, 0, UNBUFFERED | 2),
        (SYNCHRONOUS, 0x10, 0x10),
        (0, 1, None),
        (0, 8, None),
        (0, 0x20, None),
        (SYNCHRONOUS, 0, None),
        (SYNCHRONOUS, 0x30, None),
    ],
)
async def test_mode(
    client: Client, root: Path, options: int, mode: int, expected: int | None
) -> None:
    fill(root, "f")
    access = AccessMask.FILE_READ_DATA | AccessMask.FILE_READ_ATTRIBUTES | AccessMask.SYNCHRONIZE
    opened = await client.open("f", create_options=options, desired_access=access)

    status = await change(client, opened, ModeInformation(mode))

    assert status == (NtStatus.INVALID_PARAMETER if expected is None else NtStatus.SUCCESS)
    kept = options if expected is None else expected
    assert (await all_of(client, opened)).mode_information.mode == kept


# Refusals


@pytest.mark.parametrize(
    ("wanted", "needed"),
    [
        (BasicInformation(), AccessMask.FILE_WRITE_ATTRIBUTES),
        (EndOfFileInformation(4), AccessMask.FILE_WRITE_DATA),
        (AllocationInformation(4), AccessMask.FILE_WRITE_DATA),
        (DispositionInformation(False), AccessMask.DELETE),
        (DispositionInformationEx(0), AccessMask.DELETE),
        (RenameInformation("x"), AccessMask.DELETE),
    ],
)
async def test_access_that_is_needed(
    client: Client, file_id: FileId, wanted: Information, needed: int
) -> None:
    everything = 0x001F01FF
    having = await client.open("file", desired_access=needed)
    without = await client.open("file", desired_access=everything & ~needed)

    assert await change(client, without, wanted) == NtStatus.ACCESS_DENIED
    assert await change(client, having, wanted) == NtStatus.SUCCESS


@pytest.mark.parametrize(
    ("information_class", "minimum"),
    [(4, 40), (10, 20), (11, 20), (13, 1), (14, 8), (16, 4), (19, 8), (20, 8), (39, 8), (64, 4)],
)
async def test_a_buffer_that_is_too_short(
    client: Client, file_id: FileId, information_class: int, minimum: int
) -> None:
    if minimum > 1:
        status = await raw(client, file_id, information_class, bytes(minimum - 1))
        assert status == NtStatus.INFO_LENGTH_MISMATCH
    status = await raw(client, file_id, information_class, b"")
    assert status == NtStatus.INVALID_PARAMETER


async def test_as_much_as_may_be_set(connect: Connect, root: Path) -> None:
    fill(root, "file")
    client = await connect()
    file_id = await client.open("file")
    largest = client.protocol.negotiated.max_transact_size  # type: ignore[union-attr]
    request = SetInfoRequest(InfoType.FILESYSTEM, 0, file_id, bytes(largest))

    # What is too long for a structure of a file, and for all of them.
    assert await raw(client, file_id, 4, bytes(128 << 10)) == NtStatus.SUCCESS
    assert await raw(client, file_id, 4, bytes((128 << 10) + 1)) == NtStatus.INVALID_PARAMETER
    assert (await client.call(request)).status == NtStatus.ACCESS_DENIED
    request = replace(request, buffer=bytes(largest + 1))
    assert (await client.call(request)).status == NtStatus.INVALID_PARAMETER


async def test_a_name_that_is_longer_than_its_buffer(client: Client, file_id: FileId) -> None:
    buffer = RenameInformation("a long new name").encode()[:-2]

    assert await raw(client, file_id, 10, buffer) == NtStatus.INVALID_PARAMETER


async def test_one_byte_of_extended_attributes_is_no_list(client: Client, file_id: FileId) -> None:
    status = await raw(client, file_id, FileInformationClass.FileFullEaInformation, b"x")
    assert status == NtStatus.EA_LIST_INCONSISTENT


@pytest.mark.parametrize(
    ("information_class", "expected"),
    [
        (FileInformationClass.FileFullEaInformation, NtStatus.INVALID_EA_NAME),
        (FileInformationClass.FileShortNameInformation, NtStatus.NOT_SUPPORTED),
        (FileInformationClass.FilePipeInformation, NtStatus.NOT_SUPPORTED),
        (FileInformationClass.FileRenameInformationEx, NtStatus.NOT_SUPPORTED),
        (FileInformationClass.FileAllInformation, NtStatus.INVALID_INFO_CLASS),
        (99, NtStatus.INVALID_INFO_CLASS),
    ],
)
async def test_what_cannot_be_set(
    client: Client, file_id: FileId, information_class: int, expected: NtStatus
) -> None:
    assert await raw(client, file_id, information_class, bytes(40)) == expected


@pytest.mark.parametrize(
    ("info_type", "expected"),
    [
        (InfoType.FILESYSTEM, NtStatus.ACCESS_DENIED),
        (InfoType.QUOTA, NtStatus.NOT_SUPPORTED),
        (9, NtStatus.INVALID_PARAMETER),
    ],
)
async def test_other_types(
    client: Client, file_id: FileId, info_type: int, expected: NtStatus
) -> None:
    response = await client.call(SetInfoRequest(info_type, 6, file_id, bytes(48)))

    assert response.status == expected


async def test_nothing_is_set_on_a_read_only_share(connect: Connect, root: Path) -> None:
    fill(root, "file")
    client = await connect(share="ro")
    opened = await client.open("file", create_disposition=CreateDisposition.FILE_OPEN)

    for wanted in (
        BasicInformation(),
        EndOfFileInformation(0),
        DispositionInformation(True),
        RenameInformation("x"),
        LinkInformation("x"),
    ):
        assert await change(client, opened, wanted) == NtStatus.MEDIA_WRITE_PROTECTED
    assert await change(client, opened, PositionInformation(1)) == NtStatus.SUCCESS
    assert await change(client, opened, ModeInformation(4)) == NtStatus.SUCCESS
    assert await secure(client, opened, OWNER, EVERYONES) == NtStatus.MEDIA_WRITE_PROTECTED
    assert content(root) == {"file": b"file"}


# Security


OWNER = int(SecurityInformation.OWNER)
DACL = int(SecurityInformation.DACL)
EVERYONES = SecurityDescriptor(owner=EVERYONE)


async def secure(
    client: Client, file_id: FileId, parts: int, wanted: SecurityDescriptor
) -> NtStatus:
    buffer = wanted.encode()
    response = await client.call(
        SetInfoRequest(InfoType.SECURITY, 0, file_id, buffer, additional_information=parts)
    )
    status: NtStatus = response.status
    return status


async def test_a_descriptor_can_be_put_back(client: Client, file_id: FileId) -> None:
    response = await client.call(
        QueryInfoRequest(InfoType.SECURITY, 0, 1000, file_id, additional_information=OWNER | DACL)
    )
    read = SecurityDescriptor.decode(response.body.buffer)

    assert await secure(client, file_id, OWNER | DACL, read) == NtStatus.SUCCESS


@pytest.mark.parametrize(
    ("parts", "needed"),
    [
        (SecurityInformation.OWNER, AccessMask.WRITE_OWNER),
        (SecurityInformation.GROUP, AccessMask.WRITE_OWNER),
        (SecurityInformation.LABEL, AccessMask.WRITE_OWNER),
        (SecurityInformation.DACL, AccessMask.WRITE_DAC),
        (SecurityInformation.ATTRIBUTE, AccessMask.WRITE_DAC),
    ],
)
async def test_access_that_a_descriptor_needs(
    client: Client, file_id: FileId, parts: int, needed: int
) -> None:
    without = await client.open("file", desired_access=0x001F01FF & ~needed)

    assert await secure(client, without, int(parts), EVERYONES) == NtStatus.ACCESS_DENIED
    assert await secure(client, file_id, int(parts), EVERYONES) == NtStatus.SUCCESS


@pytest.mark.parametrize("parts", [SecurityInformation.SACL, SecurityInformation.SCOPE])
async def test_auditing_is_for_nobody(client: Client, file_id: FileId, parts: int) -> None:
    assert await secure(client, file_id, int(parts), EVERYONES) == NtStatus.ACCESS_DENIED
