"""Information about the volume of a share. [MS-FSA] 2.1.5.13"""

from collections.abc import Callable
from struct import Struct
from typing import NamedTuple

from smbquic.server.context import Context
from smbquic.storage import Capability, VolumeStat
from smbquic.wire.dtyp.filetime import from_unix_ns
from smbquic.wire.fscc.filesystem_information import (
    DeviceCharacteristics,
    DeviceType,
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
    SectorSizeFlags,
)

_SECTOR = 512
_PAGE = 4096
_LARGEST_UNIT = 1 << 31
_OBJECT_ID = Struct("<IQ4s")


_ATTRIBUTES = {
    Capability.CASE_SENSITIVE: FileSystemAttributes.FILE_CASE_SENSITIVE_SEARCH,
    Capability.STREAMS: FileSystemAttributes.FILE_NAMED_STREAMS,
    Capability.EXTENDED_ATTRIBUTES: FileSystemAttributes.FILE_SUPPORTS_EXTENDED_ATTRIBUTES,
    Capability.SECURITY_DESCRIPTORS: FileSystemAttributes.FILE_PERSISTENT_ACLS,
    Capability.SPARSE_FILES: FileSystemAttributes.FILE_SUPPORTS_SPARSE_FILES,
    Capability.BLOCK_REFCOUNTING: FileSystemAttributes.FILE_SUPPORTS_BLOCK_REFCOUNTING,
    Capability.HARD_LINKS: FileSystemAttributes.FILE_SUPPORTS_HARD_LINKS,
    Capability.SYMBOLIC_LINKS: FileSystemAttributes.FILE_SUPPORTS_REPARSE_POINTS,
}
"""The file system attributes for the capabilities of a storage. [MS-FSCC] 2.5.1"""


class VolumeClass(NamedTuple):
    """A query for an information class: its function, and the smallest buffer in bytes that is
    accepted for the answer."""

    build: Callable[[Context, VolumeStat], bytes]
    minimum: int


def _volume(context: Context, stat: VolumeStat) -> bytes:
    return FsVolumeInformation(from_unix_ns(stat.created), stat.serial, stat.label).encode()


def _size(context: Context, stat: VolumeStat) -> bytes:
    unit, sector = _units(stat)
    return FsSizeInformation(
        stat.total_bytes // unit, stat.available_bytes // unit, unit // sector, sector
    ).encode()


def _full_size(context: Context, stat: VolumeStat) -> bytes:
    unit, sector = _units(stat)
    return FsFullSizeInformation(
        stat.total_bytes // unit,
        stat.available_bytes // unit,
        stat.free_bytes // unit,
        unit // sector,
        sector,
    ).encode()


def _device(context: Context, stat: VolumeStat) -> bytes:
    characteristics = DeviceCharacteristics.FILE_DEVICE_IS_MOUNTED
    if context.tree.read_only:
        characteristics |= DeviceCharacteristics.FILE_READ_ONLY_DEVICE
    return FsDeviceInformation(DeviceType.FILE_DEVICE_DISK, int(characteristics)).encode()


def _attribute(context: Context, stat: VolumeStat) -> bytes:
    """Return the attributes, by which clients know whether to copy descriptors and streams."""
    capabilities = context.tree.storage.capabilities
    attributes = (
        FileSystemAttributes.FILE_CASE_PRESERVED_NAMES | FileSystemAttributes.FILE_UNICODE_ON_DISK
    )
    for capability, attribute in _ATTRIBUTES.items():
        if capability in capabilities:
            attributes |= attribute
    if context.tree.read_only:
        attributes |= FileSystemAttributes.FILE_READ_ONLY_VOLUME
    return FsAttributeInformation(int(attributes), stat.name_max, stat.file_system).encode()


def _control(context: Context, stat: VolumeStat) -> bytes:
    """Return that there are no quotas."""
    return FsControlInformation().encode()


def _object_id(context: Context, stat: VolumeStat) -> bytes:
    """Return an object id made of the volume's number and its time of creation."""
    created = from_unix_ns(stat.created)
    return FsObjectIdInformation(_OBJECT_ID.pack(stat.serial, created, b"smbq")).encode()


def _sector_size(context: Context, stat: VolumeStat) -> bytes:
    unit, sector = _units(stat)
    physical = _PAGE if unit % _PAGE == 0 else sector
    return FsSectorSizeInformation(
        sector,
        physical,
        physical,
        physical,
        int(
            SectorSizeFlags.ALIGNED_DEVICE
            | SectorSizeFlags.PARTITION_ALIGNED_ON_DEVICE
            | SectorSizeFlags.TRIM_ENABLED
        ),
    ).encode()


def _units(stat: VolumeStat) -> tuple[int, int]:
    """Return the sizes of an allocation unit and of a sector, in bytes, below 2**31."""
    unit = stat.block_size
    if not 0 < unit < _LARGEST_UNIT:
        unit = _PAGE
    return unit, unit if unit % _SECTOR else _SECTOR


VOLUME_CLASSES: dict[int, VolumeClass] = {
    FileSystemInformationClass.FileFsVolumeInformation: VolumeClass(_volume, 24),
    FileSystemInformationClass.FileFsSizeInformation: VolumeClass(_size, FsSizeInformation.SIZE),
    FileSystemInformationClass.FileFsDeviceInformation: VolumeClass(
        _device, FsDeviceInformation.SIZE
    ),
    FileSystemInformationClass.FileFsAttributeInformation: VolumeClass(_attribute, 16),
    FileSystemInformationClass.FileFsControlInformation: VolumeClass(
        _control, FsControlInformation.SIZE
    ),
    FileSystemInformationClass.FileFsFullSizeInformation: VolumeClass(
        _full_size, FsFullSizeInformation.SIZE
    ),
    FileSystemInformationClass.FileFsObjectIdInformation: VolumeClass(
        _object_id, FsObjectIdInformation.SIZE
    ),
    FileSystemInformationClass.FileFsSectorSizeInformation: VolumeClass(
        _sector_size, FsSectorSizeInformation.SIZE
    ),
}
"""The classes of [MS-SMB2] 2.2.37. The minima are those of [MS-FSA]; a name may be cut short."""
