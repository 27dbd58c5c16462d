"""Information about files, to be queried and set. [MS-FSCC] 2.4

The entries of folders are in `directory_information`, extended attributes and streams in modules
of their own. Every structure of a fixed size has that as `SIZE`.
"""

from enum import IntEnum
from struct import Struct
from typing import ClassVar, Self

from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import Buffer, Reader, unpack, utf16
from smbquic.wire.flags import Flags
from smbquic.wire.fscc.fixed import FixedStructure
from smbquic.wire.layout import S64, U8, U16, U32, U64, Bool, unused


class FileInformationClass(IntEnum):
    """Information classes of files and folders. [MS-FSCC] 2.4"""

    FileDirectoryInformation = 1
    FileFullDirectoryInformation = 2
    FileBothDirectoryInformation = 3
    FileBasicInformation = 4
    FileStandardInformation = 5
    FileInternalInformation = 6
    FileEaInformation = 7
    FileAccessInformation = 8
    FileNameInformation = 9
    FileRenameInformation = 10
    FileLinkInformation = 11
    FileNamesInformation = 12
    FileDispositionInformation = 13
    FilePositionInformation = 14
    FileFullEaInformation = 15
    FileModeInformation = 16
    FileAlignmentInformation = 17
    FileAllInformation = 18
    FileAllocationInformation = 19
    FileEndOfFileInformation = 20
    FileAlternateNameInformation = 21
    FileStreamInformation = 22
    FilePipeInformation = 23
    FilePipeLocalInformation = 24
    FilePipeRemoteInformation = 25
    FileMailslotQueryInformation = 26
    FileMailslotSetInformation = 27
    FileCompressionInformation = 28
    FileObjectIdInformation = 29
    FileMoveClusterInformation = 31
    FileQuotaInformation = 32
    FileReparsePointInformation = 33
    FileNetworkOpenInformation = 34
    FileAttributeTagInformation = 35
    FileTrackingInformation = 36
    FileIdBothDirectoryInformation = 37
    FileIdFullDirectoryInformation = 38
    FileValidDataLengthInformation = 39
    FileShortNameInformation = 40
    FileSfioReserveInformation = 44
    FileSfioVolumeInformation = 45
    FileHardLinkInformation = 46
    FileNormalizedNameInformation = 48
    FileIdGlobalTxDirectoryInformation = 50
    FileStandardLinkInformation = 54
    FileIdInformation = 59
    FileIdExtdDirectoryInformation = 60
    FileDispositionInformationEx = 64
    FileRenameInformationEx = 65
    FileId64ExtdDirectoryInformation = 78
    FileId64ExtdBothDirectoryInformation = 79
    FileIdAllExtdDirectoryInformation = 80
    FileIdAllExtdBothDirectoryInformation = 81


_U32 = Struct("<I")
_ID = Struct("<Q16s")
_RENAME = Struct("<?7xQI")
_RENAME_EX = Struct("<I4xQI")
_RENAME_MINIMUM = 24


@dataclass(slots=True)
class BasicInformation(FixedStructure):
    """FILE_BASIC_INFORMATION. [MS-FSCC] 2.4.7

    Times are FILETIMEs; when set, 0 leaves a time, -1 freezes it and -2 lets it go on again.
    `file_attributes` compares with `FileAttributes`, 0 leaves them.
    """

    creation_time: S64 = 0
    last_access_time: S64 = 0
    last_write_time: S64 = 0
    change_time: S64 = 0
    file_attributes: U32 = 0
    reserved: ClassVar = unused(U32)


@dataclass(slots=True)
class StandardInformation(FixedStructure):
    """FILE_STANDARD_INFORMATION; sizes in bytes. [MS-FSCC] 2.4.47"""

    allocation_size: S64
    end_of_file: S64
    number_of_links: U32
    delete_pending: Bool
    directory: Bool
    reserved: ClassVar = unused(U16)


@dataclass(slots=True)
class InternalInformation(FixedStructure):
    """FILE_INTERNAL_INFORMATION: the 64-bit file id. [MS-FSCC] 2.4.27"""

    index_number: U64


@dataclass(slots=True)
class EaInformation(FixedStructure):
    """FILE_EA_INFORMATION: bytes of extended attributes. [MS-FSCC] 2.4.13"""

    ea_size: U32


@dataclass(slots=True)
class AccessInformation(FixedStructure):
    """FILE_ACCESS_INFORMATION; compares with `AccessMask`. [MS-FSCC] 2.4.1"""

    access_flags: U32


@dataclass(slots=True)
class PositionInformation(FixedStructure):
    """FILE_POSITION_INFORMATION; signed, and valid from 0 on. [MS-FSCC] 2.4.40"""

    current_byte_offset: S64


@dataclass(slots=True)
class ModeInformation(FixedStructure):
    """FILE_MODE_INFORMATION; compares with `CreateOptions`. [MS-FSCC] 2.4.31"""

    mode: U32


@dataclass(slots=True)
class AlignmentInformation(FixedStructure):
    """FILE_ALIGNMENT_INFORMATION: the alignment minus one. [MS-FSCC] 2.4.3"""

    alignment_requirement: U32


@dataclass(slots=True)
class NameInformation:
    """FILE_NAME_INFORMATION: answers FileNameInformation and its relatives.

    [MS-FSCC] 2.1.7, 2.4.5, 2.4.32, 2.4.35, 2.4.46
    """

    file_name: str

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the beginning of `data`. Raises `WireError`."""
        reader = Reader(data)
        return cls(reader.text(reader.u32()))

    def encode(self) -> bytes:
        """Encode the length of the name, and the name."""
        name = utf16(self.file_name)
        return _U32.pack(len(name)) + name


@dataclass(slots=True)
class AllInformation:
    """FILE_ALL_INFORMATION: much at once. [MS-FSCC] 2.4.2"""

    SIZE: ClassVar[int] = 100
    basic_information: BasicInformation
    standard_information: StandardInformation
    internal_information: InternalInformation
    ea_information: EaInformation
    access_information: AccessInformation
    position_information: PositionInformation
    mode_information: ModeInformation
    alignment_information: AlignmentInformation
    name_information: NameInformation

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the beginning of `data`. Raises `WireError`."""
        view = memoryview(data)
        return cls(
            BasicInformation.decode(view),
            StandardInformation.decode(view[40:]),
            InternalInformation.decode(view[64:]),
            EaInformation.decode(view[72:]),
            AccessInformation.decode(view[76:]),
            PositionInformation.decode(view[80:]),
            ModeInformation.decode(view[88:]),
            AlignmentInformation.decode(view[92:]),
            NameInformation.decode(view[96:]),
        )

    def encode(self) -> bytes:
        """Encode the 96 bytes of all parts, then the name."""
        return b"".join(
            (
                self.basic_information.encode(),
                self.standard_information.encode(),
                self.internal_information.encode(),
                self.ea_information.encode(),
                self.access_information.encode(),
                self.position_information.encode(),
                self.mode_information.encode(),
                self.alignment_information.encode(),
                self.name_information.encode(),
            )
        )


@dataclass(slots=True)
class NetworkOpenInformation(FixedStructure):
    """FILE_NETWORK_OPEN_INFORMATION; FILETIMEs and bytes. [MS-FSCC] 2.4.34"""

    creation_time: U64
    last_access_time: U64
    last_write_time: U64
    change_time: U64
    allocation_size: S64
    end_of_file: S64
    file_attributes: U32
    reserved: ClassVar = unused(U32)


@dataclass(slots=True)
class AttributeTagInformation(FixedStructure):
    """FILE_ATTRIBUTE_TAG_INFORMATION. [MS-FSCC] 2.4.6"""

    file_attributes: U32
    reparse_tag: U32


@dataclass(slots=True)
class CompressionInformation(FixedStructure):
    """FILE_COMPRESSION_INFORMATION. [MS-FSCC] 2.4.9"""

    compressed_file_size: S64
    compression_format: U16 = 0
    compression_unit_shift: U8 = 0
    chunk_shift: U8 = 0
    cluster_shift: U8 = 0
    reserved: ClassVar = unused(U8, 3)


@dataclass(slots=True)
class IdInformation:
    """FILE_ID_INFORMATION: volume and 128-bit file id. [MS-FSCC] 2.4.26"""

    SIZE: ClassVar[int] = _ID.size
    volume_serial_number: int
    file_id: int

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the beginning of `data`. Raises `WireError`."""
        serial, file_id = unpack(_ID, data)
        return cls(serial, int.from_bytes(file_id, "little"))

    def encode(self) -> bytes:
        """Encode the 24 bytes."""
        return _ID.pack(self.volume_serial_number, self.file_id.to_bytes(16, "little"))


@dataclass(slots=True)
class EndOfFileInformation(FixedStructure):
    """FILE_END_OF_FILE_INFORMATION; signed, and valid from 0 on. [MS-FSCC] 2.4.14"""

    end_of_file: S64


@dataclass(slots=True)
class AllocationInformation(FixedStructure):
    """FILE_ALLOCATION_INFORMATION; signed, and valid from 0 on. [MS-FSCC] 2.4.4"""

    allocation_size: S64


@dataclass(slots=True)
class ValidDataLengthInformation(FixedStructure):
    """FILE_VALID_DATA_LENGTH_INFORMATION; signed. [MS-FSCC] 2.4.50"""

    valid_data_length: S64


@dataclass(slots=True)
class DispositionInformation(FixedStructure):
    """FILE_DISPOSITION_INFORMATION: to delete when closed. [MS-FSCC] 2.4.11"""

    delete_pending: Bool


class DispositionFlags(Flags):
    """Flags of a deletion, without the FILE_DISPOSITION_ prefix. [MS-FSCC] 2.4.12"""

    DELETE = 0x00000001
    POSIX_SEMANTICS = 0x00000002
    FORCE_IMAGE_SECTION_CHECK = 0x00000004
    ON_CLOSE = 0x00000008
    IGNORE_READONLY_ATTRIBUTE = 0x00000010


@dataclass(slots=True)
class DispositionInformationEx(FixedStructure):
    """FILE_DISPOSITION_INFORMATION_EX; compares with `DispositionFlags`. [MS-FSCC] 2.4.12"""

    flags: U32


@dataclass(slots=True)
class RenameInformation:
    r"""FILE_RENAME_INFORMATION_TYPE_2, the one of SMB2. [MS-FSCC] 2.4.42.2

    `file_name` is relative to the share; `root_directory` must be 0 on a network.
    """

    file_name: str
    replace_if_exists: bool = False
    root_directory: int = 0

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the beginning of `data`. Raises `WireError`."""
        reader = Reader(data)
        replace_if_exists, root_directory, length = reader.unpack(_RENAME)
        return cls(reader.text(length), replace_if_exists, root_directory)

    def encode(self) -> bytes:
        """Encode the structure, padded to at least 24 bytes."""
        name = utf16(self.file_name)
        fixed = _RENAME.pack(self.replace_if_exists, self.root_directory, len(name))
        return (fixed + name).ljust(_RENAME_MINIMUM, b"\0")


class LinkInformation(RenameInformation):
    """FILE_LINK_INFORMATION_TYPE_2: another name for the file. [MS-FSCC] 2.4.28.2"""

    __slots__ = ()


class RenameFlags(Flags):
    """Flags of a rename, without the FILE_RENAME_ prefix. [MS-FSCC] 2.4.43"""

    REPLACE_IF_EXISTS = 0x00000001
    POSIX_SEMANTICS = 0x00000002
    SUPPRESS_PIN_STATE_INHERITANCE = 0x00000004
    SUPPRESS_STORAGE_RESERVE_INHERITANCE = 0x00000008
    NO_INCREASE_AVAILABLE_SPACE = 0x00000010
    NO_DECREASE_AVAILABLE_SPACE = 0x00000020
    IGNORE_READONLY_ATTRIBUTE = 0x00000040
    FORCE_RESIZE_TARGET_SR = 0x00000080
    FORCE_RESIZE_SOURCE_SR = 0x00000100


@dataclass(slots=True)
class RenameInformationEx:
    """FILE_RENAME_INFORMATION_EX; `flags` compares with `RenameFlags`. [MS-FSCC] 2.4.43"""

    file_name: str
    flags: int = 0
    root_directory: int = 0

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the beginning of `data`. Raises `WireError`."""
        reader = Reader(data)
        flags, root_directory, length = reader.unpack(_RENAME_EX)
        return cls(reader.text(length), flags, root_directory)

    def encode(self) -> bytes:
        """Encode the structure, padded to at least 24 bytes."""
        name = utf16(self.file_name)
        fixed = _RENAME_EX.pack(self.flags, self.root_directory, len(name))
        return (fixed + name).ljust(_RENAME_MINIMUM, b"\0")
