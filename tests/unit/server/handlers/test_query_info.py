import os
from pathlib import Path
from struct import Struct
from typing import Protocol, TypedDict, TypeVar, Unpack

import pytest
from smbprotocol import file_info as auditor  # type: ignore[import-untyped]

from smbquic.ntstatus import NtStatus
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import CreateDisposition, CreateOptions
from smbquic.wire.cursor import Buffer
from smbquic.wire.dtyp.filetime import from_unix_ns
from smbquic.wire.dtyp.security_descriptor import SecurityDescriptor, SecurityInformation
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.file_information import (
    AccessInformation,
    AlignmentInformation,
    AllInformation,
    AttributeTagInformation,
    BasicInformation,
    CompressionInformation,
    DispositionInformation,
    EaInformation,
    FileInformationClass,
    IdInformation,
    InternalInformation,
    ModeInformation,
    NameInformation,
    NetworkOpenInformation,
    PositionInformation,
    StandardInformation,
)
from smbquic.wire.fscc.filesystem_information import (
    DeviceCharacteristics,
    FileSystemAttributes,
    FileSystemInformationClass,
    FsAttributeInformation,
    FsControlInformation,
    FsDeviceInformation,
    FsFullSizeInformation,
    FsObjectIdInformation,
    FsSectorSizeInformation,
    FsSizeInformation,
    FsVolumeInformation,
)
from smbquic.wire.fscc.stream_information import decode_streams
from smbquic.wire.negotiate import Dialect
from smbquic.wire.query_info import InfoType, QueryInfoRequest
from smbquic.wire.read import ReadRequest
from smbquic.wire.set_info import SetInfoRequest
from tests.unit.server.smb_client import Client, Connect

T_co = TypeVar("T_co", covariant=True)


class DecodableStructure(Protocol[T_co]):
    """A class of structures that has a decoder."""

    def decode(self, data: Buffer, /) -> T_co:
        """Decode one."""


File = FileInformationClass
Volume = FileSystemInformationClass
FOLDER = CreateOptions.FILE_DIRECTORY_FILE
PARTS = int(SecurityInformation.OWNER | SecurityInformation.GROUP | SecurityInformation.DACL)


def query(
    file_id: FileId,
    information_class: int,
    room: int = 65536,
    *,
    info_type: int = InfoType.FILE,
    parts: int = 0,
) -> QueryInfoRequest:
    return QueryInfoRequest(
        info_type, information_class, room, file_id, additional_information=parts
    )


class InfoQueryFields(TypedDict, total=False):
    """Parameters of `query` that a test sets."""

    room: int
    info_type: int
    parts: int


async def ask(
    client: Client, file_id: FileId, information_class: int, **fields: Unpack[InfoQueryFields]
) -> bytes:
    response = await client.call(query(file_id, information_class, **fields))
    assert response.status == NtStatus.SUCCESS, response.status.label
    return bytes(response.body.buffer)


async def status(
    client: Client, file_id: FileId, information_class: int, **fields: Unpack[InfoQueryFields]
) -> NtStatus:
    response = await client.call(query(file_id, information_class, **fields))
    got: NtStatus = response.status
    return got


@pytest.fixture
async def file_id(client: Client, root: Path) -> FileId:
    (root / "Sub").mkdir()
    (root / "Sub" / "file.txt").write_bytes(bytes(5000))
    opened: FileId = await client.open("sub\\FILE.TXT")
    return opened


def disk(root: Path) -> os.stat_result:
    return (root / "Sub" / "file.txt").stat()


async def test_basic(client: Client, root: Path, file_id: FileId) -> None:
    got = BasicInformation.decode(await ask(client, file_id, File.FileBasicInformation))

    stat = disk(root)
    assert got.last_access_time == from_unix_ns(stat.st_atime_ns)
    assert got.last_write_time == from_unix_ns(stat.st_mtime_ns)
    assert got.change_time == from_unix_ns(stat.st_ctime_ns)
    assert 0 < got.creation_time <= got.change_time
    assert got.file_attributes == FileAttributes.NORMAL


async def test_standard(client: Client, root: Path, file_id: FileId) -> None:
    (root / "second").hardlink_to(root / "Sub" / "file.txt")

    got = StandardInformation.decode(await ask(client, file_id, File.FileStandardInformation))

    assert got == StandardInformation(disk(root).st_blocks * 512, 5000, 2, False, False)


async def test_a_pending_deletion_shows(client: Client, file_id: FileId) -> None:
    await client.call(
        SetInfoRequest(
            InfoType.FILE,
            File.FileDispositionInformation,
            file_id,
            DispositionInformation(True).encode(),
        )
    )

    got = StandardInformation.decode(await ask(client, file_id, File.FileStandardInformation))

    assert got.delete_pending
    assert got.number_of_links == 0


async def test_a_folder_has_no_size(client: Client, file_id: FileId) -> None:
    folder = await client.open("sub", create_options=FOLDER)

    got = StandardInformation.decode(await ask(client, folder, File.FileStandardInformation))

    assert got == StandardInformation(0, 0, 1, False, True)
    assert await ask(client, folder, File.FileStreamInformation) == b""


async def test_small_ones(client: Client, root: Path) -> None:
    options = CreateOptions.FILE_SEQUENTIAL_ONLY | CreateOptions.FILE_NON_DIRECTORY_FILE
    access = AccessMask.FILE_READ_DATA | AccessMask.FILE_READ_ATTRIBUTES
    (root / "f").write_bytes(bytes(99))
    f = await client.open("f", create_options=options, desired_access=access)
    await client.call(ReadRequest(20, 10, f))
    stat = (root / "f").stat()

    async def of(structure: DecodableStructure[T_co], information_class: int) -> T_co:
        return structure.decode(await ask(client, f, information_class))

    assert (await of(InternalInformation, 6)).index_number == stat.st_ino
    assert (await of(EaInformation, 7)).ea_size == 0
    assert (await of(AccessInformation, 8)).access_flags == access
    assert (await of(PositionInformation, 14)).current_byte_offset == 30
    assert (await of(ModeInformation, 16)).mode == CreateOptions.FILE_SEQUENTIAL_ONLY
    assert (await of(AlignmentInformation, 17)).alignment_requirement == 0
    tag = await of(AttributeTagInformation, 35)
    assert (tag.file_attributes, tag.reparse_tag) == (FileAttributes.NORMAL, 0)
    compression = await of(CompressionInformation, 28)
    assert compression == CompressionInformation(stat.st_blocks * 512)
    identity = await of(IdInformation, 59)
    assert identity.file_id == stat.st_ino
    volume = FsVolumeInformation.decode(await ask(client, f, 1, info_type=InfoType.FILESYSTEM))
    assert identity.volume_serial_number == volume.volume_serial_number


async def test_all(client: Client, root: Path, file_id: FileId) -> None:
    got = AllInformation.decode(await ask(client, file_id, File.FileAllInformation))

    assert got.name_information == NameInformation("\\Sub\\file.txt")
    assert got.standard_information.end_of_file == 5000
    assert got.internal_information.index_number == disk(root).st_ino
    basic = await ask(client, file_id, File.FileBasicInformation)
    assert got.basic_information == BasicInformation.decode(basic)
    access = await ask(client, file_id, File.FileAccessInformation)
    assert got.access_information == AccessInformation.decode(access)


async def test_all_as_another_library_reads_it(client: Client, file_id: FileId) -> None:
    seen = auditor.FileAllInformation()
    seen.unpack(await ask(client, file_id, File.FileAllInformation))

    assert seen["name_information"]["file_name"].get_value() == "\\Sub\\file.txt"
    assert seen["standard_information"]["end_of_file"].get_value() == 5000


async def test_network_open(client: Client, root: Path, file_id: FileId) -> None:
    data = await ask(client, file_id, File.FileNetworkOpenInformation)
    got = NetworkOpenInformation.decode(data)

    assert (got.end_of_file, got.allocation_size) == (5000, disk(root).st_blocks * 512)
    assert got.last_write_time == from_unix_ns(disk(root).st_mtime_ns)
    assert got.file_attributes == FileAttributes.NORMAL


async def test_the_content_is_the_only_stream(client: Client, root: Path, file_id: FileId) -> None:
    (stream,) = decode_streams(await ask(client, file_id, File.FileStreamInformation))

    assert stream.stream_name == "::$DATA"
    assert stream.stream_size == 5000
    assert stream.stream_allocation_size == disk(root).st_blocks * 512


async def test_normalized_name(client: Client, connect: Connect, file_id: FileId) -> None:
    got = NameInformation.decode(await ask(client, file_id, File.FileNormalizedNameInformation))
    assert got.file_name == "Sub\\file.txt"
    older = await connect(dialects=(Dialect.SMB_3_0_2,))
    same = await older.open("sub\\file.txt")
    assert await status(older, same, File.FileNormalizedNameInformation) == NtStatus.NOT_SUPPORTED


async def test_the_128_bit_id_belongs_to_smb_3(connect: Connect) -> None:
    older = await connect(dialects=(Dialect.SMB_2_1,))
    opened = await older.open("x")

    assert await status(older, opened, File.FileIdInformation) == NtStatus.NOT_SUPPORTED
    first = await connect(dialects=(Dialect.SMB_3_0,))
    opened = await first.open("x")
    assert await status(first, opened, File.FileIdInformation) == NtStatus.SUCCESS


@pytest.mark.parametrize(
    ("information_class", "expected"),
    [
        (File.FileFullEaInformation, NtStatus.NO_EAS_ON_FILE),
        (File.FileNameInformation, NtStatus.NOT_SUPPORTED),
        (File.FilePipeInformation, NtStatus.NOT_SUPPORTED),
        (File.FileHardLinkInformation, NtStatus.NOT_SUPPORTED),
        (File.FileDirectoryInformation, NtStatus.INVALID_INFO_CLASS),
        (File.FileEndOfFileInformation, NtStatus.INVALID_INFO_CLASS),
        (200, NtStatus.INVALID_INFO_CLASS),
    ],
)
async def test_what_a_file_does_not_tell(
    client: Client, file_id: FileId, information_class: int, expected: NtStatus
) -> None:
    assert await status(client, file_id, information_class) == expected


@pytest.mark.parametrize(
    ("information_class", "minimum"),
    [
        (4, 40),
        (5, 24),
        (6, 8),
        (7, 4),
        (8, 4),
        (14, 8),
        (16, 4),
        (17, 4),
        (22, 32),
        (28, 16),
        (34, 56),
        (35, 8),
        (48, 8),
        (59, 24),
    ],
)
async def test_a_buffer_too_small_for_the_fixed_part(
    client: Client, file_id: FileId, information_class: int, minimum: int
) -> None:
    for room in (0, minimum - 1):
        got = await status(client, file_id, information_class, room=room)
        assert got == NtStatus.INFO_LENGTH_MISMATCH
    enough = await status(client, file_id, information_class, room=minimum)
    assert enough in (NtStatus.SUCCESS, NtStatus.BUFFER_OVERFLOW)


@pytest.mark.parametrize(
    ("information_class", "room", "kept"),
    [
        (File.FileAllInformation, 104, "\\S"),
        (File.FileAllInformation, 109, "\\Sub"),
        (File.FileNormalizedNameInformation, 10, "Sub"),
    ],
)
async def test_a_name_is_cut_where_it_does_not_fit(
    client: Client, file_id: FileId, information_class: int, room: int, kept: str
) -> None:
    whole = await ask(client, file_id, information_class)
    response = await client.call(query(file_id, information_class, room))

    assert response.status == NtStatus.BUFFER_OVERFLOW
    cut = bytes(response.body.buffer)
    assert cut == whole[: len(cut)]
    assert cut.endswith(kept.encode("utf-16-le"))
    assert len(cut) == room & ~1


@pytest.mark.parametrize(
    ("information_class", "granted"),
    [
        (File.FileBasicInformation, AccessMask.FILE_READ_ATTRIBUTES),
        (File.FileAllInformation, AccessMask.FILE_READ_ATTRIBUTES),
        (File.FileNetworkOpenInformation, AccessMask.FILE_READ_ATTRIBUTES),
        (File.FileAttributeTagInformation, AccessMask.FILE_READ_ATTRIBUTES),
        (File.FileFullEaInformation, AccessMask.FILE_READ_EA),
    ],
)
async def test_access_that_a_class_needs(
    client: Client, root: Path, information_class: int, granted: int
) -> None:
    (root / "f").touch()
    without = await client.open("f", desired_access=AccessMask.FILE_READ_DATA)
    having = await client.open("f", desired_access=granted)

    assert await status(client, without, information_class) == NtStatus.ACCESS_DENIED
    assert await status(client, having, information_class) != NtStatus.ACCESS_DENIED
    assert await status(client, without, File.FileStandardInformation) == NtStatus.SUCCESS


async def test_sizes_of_the_volume(client: Client, root: Path, file_id: FileId) -> None:
    real = os.statvfs(root)

    async def of(structure: DecodableStructure[T_co], information_class: int) -> T_co:
        data = await ask(client, file_id, information_class, info_type=InfoType.FILESYSTEM)
        return structure.decode(data)

    size = await of(FsSizeInformation, Volume.FileFsSizeInformation)
    full = await of(FsFullSizeInformation, Volume.FileFsFullSizeInformation)
    unit = size.sectors_per_allocation_unit * size.bytes_per_sector
    assert unit * size.total_allocation_units == real.f_blocks * real.f_frsize
    assert full.total_allocation_units == size.total_allocation_units
    assert full.actual_available_allocation_units >= full.caller_available_allocation_units > 0
    sectors = await of(FsSectorSizeInformation, Volume.FileFsSectorSizeInformation)
    assert sectors.logical_bytes_per_sector == size.bytes_per_sector
    assert sectors.flags == 11
    assert sectors.byte_offset_for_sector_alignment == 0


async def test_names_of_the_volume(client: Client, file_id: FileId) -> None:
    async def of(structure: DecodableStructure[T_co], information_class: int) -> T_co:
        data = await ask(client, file_id, information_class, info_type=InfoType.FILESYSTEM)
        return structure.decode(data)

    volume = await of(FsVolumeInformation, Volume.FileFsVolumeInformation)
    assert volume.volume_label == "root"
    assert volume.volume_creation_time > 0
    attribute = await of(FsAttributeInformation, Volume.FileFsAttributeInformation)
    assert attribute.file_system_name == "NTFS"
    assert attribute.maximum_component_name_length == 255
    assert attribute.file_system_attributes & FileSystemAttributes.FILE_UNICODE_ON_DISK
    assert attribute.file_system_attributes & FileSystemAttributes.FILE_PERSISTENT_ACLS
    assert attribute.file_system_attributes & FileSystemAttributes.FILE_CASE_SENSITIVE_SEARCH
    assert not attribute.file_system_attributes & (
        FileSystemAttributes.FILE_READ_ONLY_VOLUME | FileSystemAttributes.FILE_VOLUME_QUOTAS
    )
    control = await of(FsControlInformation, Volume.FileFsControlInformation)
    assert control == FsControlInformation()
    object_id = await of(FsObjectIdInformation, Volume.FileFsObjectIdInformation)
    assert object_id == await of(FsObjectIdInformation, Volume.FileFsObjectIdInformation)
    assert any(object_id.object_id)
    device = await of(FsDeviceInformation, Volume.FileFsDeviceInformation)
    assert device == FsDeviceInformation(7, DeviceCharacteristics.FILE_DEVICE_IS_MOUNTED)


async def test_a_read_only_share_says_so(connect: Connect) -> None:
    client = await connect(share="ro")
    folder = await client.open(
        "", create_options=FOLDER, create_disposition=CreateDisposition.FILE_OPEN
    )

    data = await ask(client, folder, 5, info_type=InfoType.FILESYSTEM)
    attributes = FsAttributeInformation.decode(data).file_system_attributes
    assert attributes & FileSystemAttributes.FILE_READ_ONLY_VOLUME
    device = FsDeviceInformation.decode(await ask(client, folder, 4, info_type=2))
    assert device.characteristics & DeviceCharacteristics.FILE_READ_ONLY_DEVICE


@pytest.mark.parametrize(
    ("information_class", "minimum"),
    [(1, 24), (3, 24), (4, 8), (5, 16), (6, 48), (7, 32), (8, 64), (11, 28)],
)
async def test_a_buffer_too_small_for_the_volume(
    client: Client, file_id: FileId, information_class: int, minimum: int
) -> None:
    for room in (0, minimum - 1):
        got = await status(client, file_id, information_class, room=room, info_type=2)
        assert got == NtStatus.INFO_LENGTH_MISMATCH
    enough = await status(client, file_id, information_class, room=minimum, info_type=2)
    assert enough in (NtStatus.SUCCESS, NtStatus.BUFFER_OVERFLOW)


@pytest.mark.parametrize(
    ("information_class", "room", "kept"), [(1, 24, "roo"), (1, 23 + 2, "roo"), (5, 16, "NT")]
)
async def test_a_volume_name_is_cut(
    client: Client, file_id: FileId, information_class: int, room: int, kept: str
) -> None:
    response = await client.call(query(file_id, information_class, room, info_type=2))

    assert response.status == NtStatus.BUFFER_OVERFLOW
    assert bytes(response.body.buffer).endswith(kept.encode("utf-16-le"))


@pytest.mark.parametrize(
    ("information_class", "expected"),
    [(2, NtStatus.NOT_SUPPORTED), (9, NtStatus.NOT_SUPPORTED), (99, NtStatus.INVALID_INFO_CLASS)],
)
async def test_what_a_volume_does_not_tell(
    client: Client, file_id: FileId, information_class: int, expected: NtStatus
) -> None:
    assert await status(client, file_id, information_class, info_type=2) == expected


@pytest.mark.parametrize(
    ("info_type", "expected"),
    [(InfoType.QUOTA, NtStatus.NOT_SUPPORTED), (9, NtStatus.INVALID_PARAMETER)],
)
async def test_other_types(
    client: Client, file_id: FileId, info_type: int, expected: NtStatus
) -> None:
    assert await status(client, file_id, 0, info_type=info_type) == expected


async def test_more_than_was_negotiated_is_refused(connect: Connect) -> None:
    client = await connect(dialects=(Dialect.SMB_2_0_2,))
    opened = await client.open("x")

    assert await status(client, opened, 4, room=65536) == NtStatus.SUCCESS
    assert await status(client, opened, 4, room=65537) == NtStatus.INVALID_PARAMETER


async def test_a_file_that_is_not_open(client: Client) -> None:
    assert await status(client, FileId(77, 77), 4) == NtStatus.FILE_CLOSED


async def test_security_comes_in_the_parts_asked_for(client: Client, file_id: FileId) -> None:
    async def parts(wanted: int) -> SecurityDescriptor:
        data = await ask(client, file_id, 0, info_type=InfoType.SECURITY, parts=wanted)
        return SecurityDescriptor.decode(data)

    whole = await parts(PARTS)
    assert whole.owner is not None
    assert whole.group is not None
    assert whole.dacl is not None
    only = await parts(int(SecurityInformation.DACL))
    assert (only.owner, only.group, only.dacl) == (None, None, whole.dacl)
    owner = await parts(int(SecurityInformation.OWNER))
    assert (owner.owner, owner.group, owner.dacl) == (whole.owner, None, None)


@pytest.mark.parametrize("dialect", [Dialect.SMB_3_1_1, Dialect.SMB_2_1])
async def test_security_that_does_not_fit_says_how_long_it_is(
    connect: Connect, dialect: Dialect
) -> None:
    client = await connect(dialects=(dialect,))
    opened = await client.open("x")
    whole = await ask(client, opened, 0, info_type=InfoType.SECURITY, parts=PARTS)

    room = len(whole) - 1
    response = await client.call(query(opened, 0, room, info_type=3, parts=PARTS))

    assert response.status == NtStatus.BUFFER_TOO_SMALL
    body = response.body
    data = body.error_data
    if dialect == Dialect.SMB_3_1_1:
        (context,) = body.contexts()
        assert context.error_id == 0
        data = context.error_context_data
    assert Struct("<I").unpack(data) == (len(whole),)


@pytest.mark.parametrize(
    ("granted", "parts", "expected"),
    [
        (AccessMask.FILE_READ_DATA, PARTS, NtStatus.ACCESS_DENIED),
        (AccessMask.READ_CONTROL, PARTS, NtStatus.SUCCESS),
        (AccessMask.READ_CONTROL, int(SecurityInformation.LABEL), NtStatus.SUCCESS),
        (AccessMask.READ_CONTROL, int(SecurityInformation.SACL), NtStatus.ACCESS_DENIED),
        (AccessMask.FILE_READ_DATA, 0, NtStatus.SUCCESS),
        (AccessMask.FILE_READ_DATA, int(SecurityInformation.ATTRIBUTE), NtStatus.SUCCESS),
    ],
)
async def test_access_that_security_needs(
    client: Client, granted: int, parts: int, expected: NtStatus
) -> None:
    await client.open("x")
    opened = await client.open("x", desired_access=granted)

    assert await status(client, opened, 0, info_type=3, parts=parts) == expected
