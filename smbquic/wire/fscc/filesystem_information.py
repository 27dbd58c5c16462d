"""Information about the volume that a share is on. [MS-FSCC] 2.5"""

from enum import IntEnum
from struct import Struct
from typing import ClassVar, Self

from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import Buffer, Reader, utf16
from smbquic.wire.flags import Flags
from smbquic.wire.fscc.fixed import FixedStructure
from smbquic.wire.layout import S64, U32, U64, Bytes16, Bytes48, unused

_VOLUME = Struct("<QII?x")
_ATTRIBUTE = Struct("<III")


class FileSystemInformationClass(IntEnum):
    """Information classes of volumes. [MS-FSCC] 2.5"""

    FileFsVolumeInformation = 1
    FileFsLabelInformation = 2
    FileFsSizeInformation = 3
    FileFsDeviceInformation = 4
    FileFsAttributeInformation = 5
    FileFsControlInformation = 6
    FileFsFullSizeInformation = 7
    FileFsObjectIdInformation = 8
    FileFsDriverPathInformation = 9
    FileFsVolumeFlagsInformation = 10
    FileFsSectorSizeInformation = 11


@dataclass(slots=True)
class FsVolumeInformation:
    """FILE_FS_VOLUME_INFORMATION; the time is a FILETIME. [MS-FSCC] 2.5.9

    `SIZE` counts what comes before the label.
    """

    SIZE: ClassVar[int] = _VOLUME.size
    volume_creation_time: int
    volume_serial_number: int
    volume_label: str
    supports_objects: bool = False

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the beginning of `data`. Raises `WireError`."""
        reader = Reader(data)
        creation_time, serial, length, supports_objects = reader.unpack(_VOLUME)
        return cls(creation_time, serial, reader.text(length), supports_objects)

    def encode(self) -> bytes:
        """Encode the fixed part, then the label."""
        label = utf16(self.volume_label)
        fixed = _VOLUME.pack(
            self.volume_creation_time,
            self.volume_serial_number,
            len(label),
            self.supports_objects,
        )
        return fixed + label


@dataclass(slots=True)
class FsSizeInformation(FixedStructure):
    """FILE_FS_SIZE_INFORMATION, as this user may use the volume. [MS-FSCC] 2.5.8"""

    total_allocation_units: S64
    available_allocation_units: S64
    sectors_per_allocation_unit: U32
    bytes_per_sector: U32


class DeviceType(IntEnum):
    """Types of the device that a volume is on. [MS-FSCC] 2.5.10"""

    FILE_DEVICE_CD_ROM = 0x00000002
    FILE_DEVICE_DISK = 0x00000007


class DeviceCharacteristics(Flags):
    """Characteristics of the device that a volume is on. [MS-FSCC] 2.5.10"""

    FILE_REMOVABLE_MEDIA = 0x00000001
    FILE_READ_ONLY_DEVICE = 0x00000002
    FILE_FLOPPY_DISKETTE = 0x00000004
    FILE_WRITE_ONCE_MEDIA = 0x00000008
    FILE_REMOTE_DEVICE = 0x00000010
    FILE_DEVICE_IS_MOUNTED = 0x00000020
    FILE_VIRTUAL_VOLUME = 0x00000040
    FILE_DEVICE_SECURE_OPEN = 0x00000100
    FILE_CHARACTERISTIC_TS_DEVICE = 0x00001000
    FILE_CHARACTERISTIC_WEBDAV_DEVICE = 0x00002000
    FILE_PORTABLE_DEVICE = 0x00004000
    FILE_DEVICE_ALLOW_APPCONTAINER_TRAVERSAL = 0x00020000


@dataclass(slots=True)
class FsDeviceInformation(FixedStructure):
    """FILE_FS_DEVICE_INFORMATION. [MS-FSCC] 2.5.10

    Compare with `DeviceType` and `DeviceCharacteristics`.
    """

    device_type: U32
    characteristics: U32


class FileSystemAttributes(Flags):
    """Capabilities of a file system. [MS-FSCC] 2.5.1"""

    FILE_CASE_SENSITIVE_SEARCH = 0x00000001
    FILE_CASE_PRESERVED_NAMES = 0x00000002
    FILE_UNICODE_ON_DISK = 0x00000004
    FILE_PERSISTENT_ACLS = 0x00000008
    FILE_FILE_COMPRESSION = 0x00000010
    FILE_VOLUME_QUOTAS = 0x00000020
    FILE_SUPPORTS_SPARSE_FILES = 0x00000040
    FILE_SUPPORTS_REPARSE_POINTS = 0x00000080
    FILE_SUPPORTS_REMOTE_STORAGE = 0x00000100
    FILE_RETURNS_CLEANUP_RESULT_INFO = 0x00000200
    FILE_SUPPORTS_POSIX_UNLINK_RENAME = 0x00000400
    FILE_VOLUME_IS_COMPRESSED = 0x00008000
    FILE_SUPPORTS_OBJECT_IDS = 0x00010000
    FILE_SUPPORTS_ENCRYPTION = 0x00020000
    FILE_NAMED_STREAMS = 0x00040000
    FILE_READ_ONLY_VOLUME = 0x00080000
    FILE_SEQUENTIAL_WRITE_ONCE = 0x00100000
    FILE_SUPPORTS_TRANSACTIONS = 0x00200000
    FILE_SUPPORTS_HARD_LINKS = 0x00400000
    FILE_SUPPORTS_EXTENDED_ATTRIBUTES = 0x00800000
    FILE_SUPPORTS_OPEN_BY_FILE_ID = 0x01000000
    FILE_SUPPORTS_USN_JOURNAL = 0x02000000
    FILE_SUPPORT_INTEGRITY_STREAMS = 0x04000000
    FILE_SUPPORTS_BLOCK_REFCOUNTING = 0x08000000
    FILE_SUPPORTS_SPARSE_VDL = 0x10000000


@dataclass(slots=True)
class FsAttributeInformation:
    """FILE_FS_ATTRIBUTE_INFORMATION. [MS-FSCC] 2.5.1

    `file_system_attributes` compares with `FileSystemAttributes`; the length is in characters.
    `SIZE` counts what comes before the name.
    """

    SIZE: ClassVar[int] = _ATTRIBUTE.size
    file_system_attributes: int
    maximum_component_name_length: int
    file_system_name: str

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the beginning of `data`. Raises `WireError`."""
        reader = Reader(data)
        attributes, name_max, length = reader.unpack(_ATTRIBUTE)
        return cls(attributes, name_max, reader.text(length))

    def encode(self) -> bytes:
        """Encode the fixed part, then the name."""
        name = utf16(self.file_system_name)
        fixed = _ATTRIBUTE.pack(
            self.file_system_attributes, self.maximum_component_name_length, len(name)
        )
        return fixed + name


class FileSystemControlFlags(Flags):
    """Quotas and indexing of a volume. [MS-FSCC] 2.5.2"""

    FILE_VC_QUOTA_TRACK = 0x00000001
    FILE_VC_QUOTA_ENFORCE = 0x00000002
    FILE_VC_CONTENT_INDEX_DISABLED = 0x00000008
    FILE_VC_LOG_QUOTA_THRESHOLD = 0x00000010
    FILE_VC_LOG_QUOTA_LIMIT = 0x00000020
    FILE_VC_LOG_VOLUME_THRESHOLD = 0x00000040
    FILE_VC_LOG_VOLUME_LIMIT = 0x00000080
    FILE_VC_QUOTAS_INCOMPLETE = 0x00000100
    FILE_VC_QUOTAS_REBUILDING = 0x00000200


@dataclass(slots=True)
class FsControlInformation(FixedStructure):
    """FILE_FS_CONTROL_INFORMATION; sizes are bytes. [MS-FSCC] 2.5.2

    All ones as a quota means that there is none.
    """

    free_space_start_filtering: S64 = 0
    free_space_threshold: S64 = 0
    free_space_stop_filtering: S64 = 0
    default_quota_threshold: U64 = 0xFFFFFFFFFFFFFFFF
    default_quota_limit: U64 = 0xFFFFFFFFFFFFFFFF
    file_system_control_flags: U32 = 0
    reserved: ClassVar = unused(U32)


@dataclass(slots=True)
class FsFullSizeInformation(FixedStructure):
    """FILE_FS_FULL_SIZE_INFORMATION. [MS-FSCC] 2.5.4"""

    total_allocation_units: S64
    caller_available_allocation_units: S64
    actual_available_allocation_units: S64
    sectors_per_allocation_unit: U32
    bytes_per_sector: U32


@dataclass(slots=True)
class FsObjectIdInformation(FixedStructure):
    """FILE_FS_OBJECTID_INFORMATION: 16 bytes, and 48 more. [MS-FSCC] 2.5.6"""

    object_id: Bytes16
    extended_info: Bytes48 = bytes(48)


class SectorSizeFlags(Flags):
    """Properties of the sectors, without the SSINFO_FLAGS_ prefix. [MS-FSCC] 2.5.7"""

    ALIGNED_DEVICE = 0x00000001
    PARTITION_ALIGNED_ON_DEVICE = 0x00000002
    NO_SEEK_PENALTY = 0x00000004
    TRIM_ENABLED = 0x00000008


@dataclass(slots=True)
class FsSectorSizeInformation(FixedStructure):
    """FILE_FS_SECTOR_SIZE_INFORMATION, in bytes. [MS-FSCC] 2.5.7

    `flags` compares with `SectorSizeFlags`; an offset of all ones is not known.
    """

    logical_bytes_per_sector: U32
    physical_bytes_per_sector_for_atomicity: U32
    physical_bytes_per_sector_for_performance: U32
    file_system_effective_physical_bytes_per_sector_for_atomicity: U32
    flags: U32
    byte_offset_for_sector_alignment: U32 = 0
    byte_offset_for_partition_alignment: U32 = 0
