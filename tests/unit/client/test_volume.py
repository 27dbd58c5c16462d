import pytest

from smbquic.client.share import Share
from smbquic.client.stat import Volume
from smbquic.errors import DeniedError
from smbquic.ntstatus import NtStatus
from smbquic.wire.fscc.filesystem_information import (
    FileSystemInformationClass,
    FsAttributeInformation,
    FsFullSizeInformation,
    FsVolumeInformation,
)
from smbquic.wire.header import Command
from smbquic.wire.message import Message
from smbquic.wire.query_info import InfoType, QueryInfoResponse
from tests.unit.client.fakes import FakeServer, Received

ANSWERS: dict[
    FileSystemInformationClass, FsFullSizeInformation | FsVolumeInformation | FsAttributeInformation
] = {
    FileSystemInformationClass.FileFsFullSizeInformation: FsFullSizeInformation(
        total_allocation_units=1000,
        caller_available_allocation_units=100,
        actual_available_allocation_units=300,
        sectors_per_allocation_unit=8,
        bytes_per_sector=512,
    ),
    FileSystemInformationClass.FileFsVolumeInformation: FsVolumeInformation(
        volume_creation_time=0, volume_serial_number=0xCAFE, volume_label="data"
    ),
    FileSystemInformationClass.FileFsAttributeInformation: FsAttributeInformation(
        file_system_attributes=0, maximum_component_name_length=255, file_system_name="NTFS"
    ),
}


def answer(request: Received) -> Message:
    body = request.body
    assert body.info_type == InfoType.FILESYSTEM
    information = ANSWERS[FileSystemInformationClass(body.file_info_class)].encode()
    assert len(information) <= body.output_buffer_length
    return QueryInfoResponse(information)


async def test_a_volume_is_described_in_bytes(share: Share, server: FakeServer) -> None:
    server.handlers[Command.QUERY_INFO] = answer
    assert await share.volume() == Volume(
        total=4_096_000,
        available=409_600,
        free=1_228_800,
        block_size=4096,
        label="data",
        serial=0xCAFE,
        file_system="NTFS",
    )


async def test_it_is_one_message_about_the_root_of_the_share(
    share: Share, server: FakeServer
) -> None:
    server.handlers[Command.QUERY_INFO] = answer
    await share.volume()
    assert server.commands() == ["CREATE", *["QUERY_INFO"] * 3, "CLOSE"]
    assert server.opened_names() == [""]
    assert server.bodies(Command.CREATE)[0].desired_access == 0x100080
    asked = [
        (body.file_info_class, body.output_buffer_length)
        for body in server.bodies(Command.QUERY_INFO)
    ]
    # [MS-FSCC] 2.5.4, 2.5.9, 2.5.1
    assert asked == [(7, 1024), (1, 1024), (5, 1024)]


async def test_a_refusal_is_raised(share: Share, server: FakeServer) -> None:
    server.handlers[Command.QUERY_INFO] = lambda _: (NtStatus.ACCESS_DENIED, None)
    with pytest.raises(DeniedError):
        await share.volume()
