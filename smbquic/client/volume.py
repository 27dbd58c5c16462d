"""The volume behind a share. [MS-FSCC] 2.5"""

from smbquic.client import requests
from smbquic.client.files import ShareFiles
from smbquic.client.stat import Volume
from smbquic.wire.fscc.filesystem_information import (
    FileSystemInformationClass,
    FsAttributeInformation,
    FsFullSizeInformation,
    FsVolumeInformation,
)
from smbquic.wire.query_info import InfoType

_RESPONSE_SIZE = 1024


async def read_volume(share: ShareFiles) -> Volume:
    """Return what the server says about the volume; see `Share.volume`."""
    classes = FileSystemInformationClass
    _, size, about, kind = await share.once(
        requests.create("", requests.STAT),
        *(
            requests.query(InfoType.FILESYSTEM, information_class, _RESPONSE_SIZE)
            for information_class in (
                classes.FileFsFullSizeInformation,
                classes.FileFsVolumeInformation,
                classes.FileFsAttributeInformation,
            )
        ),
        path="",
    )
    full = FsFullSizeInformation.decode(memoryview(size.body.buffer))
    volume = FsVolumeInformation.decode(memoryview(about.body.buffer))
    attributes = FsAttributeInformation.decode(memoryview(kind.body.buffer))
    unit = full.sectors_per_allocation_unit * full.bytes_per_sector
    return Volume(
        total=full.total_allocation_units * unit,
        available=full.caller_available_allocation_units * unit,
        free=full.actual_available_allocation_units * unit,
        block_size=unit,
        label=volume.volume_label,
        serial=volume.volume_serial_number,
        file_system=attributes.file_system_name,
    )
