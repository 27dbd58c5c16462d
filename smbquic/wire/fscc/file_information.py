"""What is asked of and set on a file. [MS-FSCC] 2.4

The entries of folders are in `directory_information`, extended attributes and streams in modules
of their own. Every structure of a fixed size has that as `SIZE`.
"""

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import ClassVar, Self

from smbquic.wire.cursor import Buffer, Reader, unpack, utf16
from smbquic.wire.flags import Flags
from smbquic.wire.fscc.fixed import FixedStructure


class FileInformationClass(IntEnum):
    """What to ask or set, and what a buffer holds. [MS-FSCC] 2.4"""

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


_BASIC = Struct("<qqqqI4x")
_STANDARD = Struct("<qqI??2x")
_U32 = Struct("<I")
_U64 = Struct("<Q")
_S64 = Struct("<q")
_BOOLEAN = Struct("<?")
_NETWORK_OPEN = Struct("<QQQQqqI4x")
_ATTRIBUTE_TAG = Struct("<II")
_COMPRESSION = Struct("<qHBBB3x")
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

    layout: ClassVar[Struct] = _BASIC
    SIZE: ClassVar[int] = _BASIC.size
    creation_time: int = 0
    last_access_time: int = 0
    last_write_time: int = 0
    change_time: int = 0
    file_attributes: int = 0


@dataclass(slots=True)
class StandardInformation(FixedStructure):
    """FILE_STANDARD_INFORMATION; sizes in bytes. [MS-FSCC] 2.4.47"""

    layout: ClassVar[Struct] = _STANDARD
    SIZE: ClassVar[int] = _STANDARD.size
    allocation_size: int
    end_of_file: int
    number_of_links: int
    delete_pending: bool
    directory: bool


@dataclass(slots=True)
class InternalInformation(FixedStructure):
    """FILE_INTERNAL_INFORMATION: the 64-bit file id. [MS-FSCC] 2.4.27"""

    layout: ClassVar[Struct] = _U64
    SIZE: ClassVar[int] = _U64.size
    index_number: int


@dataclass(slots=True)
class EaInformation(FixedStructure):
    """FILE_EA_INFORMATION: bytes of extended attributes. [MS-FSCC] 2.4.13"""

    layout: ClassVar[Struct] = _U32
    SIZE: ClassVar[int] = _U32.size
    ea_size: int


@dataclass(slots=True)
class AccessInformation(FixedStructure):
    """FILE_ACCESS_INFORMATION; compares with `AccessMask`. [MS-FSCC] 2.4.1"""

    layout: ClassVar[Struct] = _U32
    SIZE: ClassVar[int] = _U32.size
    access_flags: int


@dataclass(slots=True)
class PositionInformation(FixedStructure):
    """FILE_POSITION_INFORMATION; signed, and valid from 0 on. [MS-FSCC] 2.4.40"""

    layout: ClassVar[Struct] = _S64
    SIZE: ClassVar[int] = _S64.size
    current_byte_offset: int


@dataclass(slots=True)
class ModeInformation(FixedStructure):
    """FILE_MODE_INFORMATION; compares with `CreateOptions`. [MS-FSCC] 2.4.31"""

    layout: ClassVar[Struct] = _U32
    SIZE: ClassVar[int] = _U32.size
    mode: int


@dataclass(slots=True)
class AlignmentInformation(FixedStructure):
    """FILE_ALIGNMENT_INFORMATION: the alignment minus one. [MS-FSCC] 2.4.3"""

    layout: ClassVar[Struct] = _U32
    SIZE: ClassVar[int] = _U32.size
    alignment_requirement: int


@dataclass(slots=True)
class NameInformation:
    """FILE_NAME_INFORMATION: answers FileNameInformation and its relatives.

    [MS-FSCC] 2.1.7, 2.4.5, 2.4.32, 2.4.35, 2.4.46
    """

    file_name: str

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """From the beginning of `data`. Raises `WireError`."""
        reader = Reader(data)
        return cls(reader.text(reader.u32()))

    def encode(self) -> bytes:
        """The length of the name, and the name."""
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
        """From the beginning of `data`. Raises `WireError`."""
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
        """The 96 bytes of all parts, then the name."""
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

    layout: ClassVar[Struct] = _NETWORK_OPEN
    SIZE: ClassVar[int] = _NETWORK_OPEN.size
    creation_time: int
    last_access_time: int
    last_write_time: int
    change_time: int
    allocation_size: int
    end_of_file: int
    file_attributes: int


@dataclass(slots=True)
class AttributeTagInformation(FixedStructure):
    """FILE_ATTRIBUTE_TAG_INFORMATION. [MS-FSCC] 2.4.6"""

    layout: ClassVar[Struct] = _ATTRIBUTE_TAG
    SIZE: ClassVar[int] = _ATTRIBUTE_TAG.size
    file_attributes: int
    reparse_tag: int


@dataclass(slots=True)
class CompressionInformation(FixedStructure):
    """FILE_COMPRESSION_INFORMATION. [MS-FSCC] 2.4.9"""

    layout: ClassVar[Struct] = _COMPRESSION
    SIZE: ClassVar[int] = _COMPRESSION.size
    compressed_file_size: int
    compression_format: int = 0
    compression_unit_shift: int = 0
    chunk_shift: int = 0
    cluster_shift: int = 0


@dataclass(slots=True)
class IdInformation:
    """FILE_ID_INFORMATION: volume and 128-bit file id. [MS-FSCC] 2.4.26"""

    SIZE: ClassVar[int] = _ID.size
    volume_serial_number: int
    file_id: int

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """From the beginning of `data`. Raises `WireError`."""
        serial, file_id = unpack(_ID, data)
        return cls(serial, int.from_bytes(file_id, "little"))

    def encode(self) -> bytes:
        """The 24 bytes."""
        return _ID.pack(self.volume_serial_number, self.file_id.to_bytes(16, "little"))


@dataclass(slots=True)
class EndOfFileInformation(FixedStructure):
    """FILE_END_OF_FILE_INFORMATION; signed, and valid from 0 on. [MS-FSCC] 2.4.14"""

    layout: ClassVar[Struct] = _S64
    SIZE: ClassVar[int] = _S64.size
    end_of_file: int


@dataclass(slots=True)
class AllocationInformation(FixedStructure):
    """FILE_ALLOCATION_INFORMATION; signed, and valid from 0 on. [MS-FSCC] 2.4.4"""

    layout: ClassVar[Struct] = _S64
    SIZE: ClassVar[int] = _S64.size
    allocation_size: int


@dataclass(slots=True)
class ValidDataLengthInformation(FixedStructure):
    """FILE_VALID_DATA_LENGTH_INFORMATION; signed. [MS-FSCC] 2.4.50"""

    layout: ClassVar[Struct] = _S64
    SIZE: ClassVar[int] = _S64.size
    valid_data_length: int


@dataclass(slots=True)
class DispositionInformation(FixedStructure):
    """FILE_DISPOSITION_INFORMATION: to delete when closed. [MS-FSCC] 2.4.11"""

    layout: ClassVar[Struct] = _BOOLEAN
    SIZE: ClassVar[int] = _BOOLEAN.size
    delete_pending: bool


class DispositionFlags(Flags):
    """How to delete, without the FILE_DISPOSITION_ prefix. [MS-FSCC] 2.4.12"""

    DELETE = 0x00000001
    POSIX_SEMANTICS = 0x00000002
    FORCE_IMAGE_SECTION_CHECK = 0x00000004
    ON_CLOSE = 0x00000008
    IGNORE_READONLY_ATTRIBUTE = 0x00000010


@dataclass(slots=True)
class DispositionInformationEx(FixedStructure):
    """FILE_DISPOSITION_INFORMATION_EX; compares with `DispositionFlags`. [MS-FSCC] 2.4.12"""

    layout: ClassVar[Struct] = _U32
    SIZE: ClassVar[int] = _U32.size
    flags: int


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
        """From the beginning of `data`. Raises `WireError`."""
        reader = Reader(data)
        replace_if_exists, root_directory, length = reader.unpack(_RENAME)
        return cls(reader.text(length), replace_if_exists, root_directory)

    def encode(self) -> bytes:
        """The structure, padded to at least 24 bytes."""
        name = utf16(self.file_name)
        fixed = _RENAME.pack(self.replace_if_exists, self.root_directory, len(name))
        return (fixed + name).ljust(_RENAME_MINIMUM, b"\0")


class LinkInformation(RenameInformation):
    """FILE_LINK_INFORMATION_TYPE_2: another name for the file. [MS-FSCC] 2.4.28.2"""

    __slots__ = ()


class RenameFlags(Flags):
    """How to rename, without the FILE_RENAME_ prefix. [MS-FSCC] 2.4.43"""

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
        """From the beginning of `data`. Raises `WireError`."""
        reader = Reader(data)
        flags, root_directory, length = reader.unpack(_RENAME_EX)
        return cls(reader.text(length), flags, root_directory)

    def encode(self) -> bytes:
        """The structure, padded to at least 24 bytes."""
        name = utf16(self.file_name)
        fixed = _RENAME_EX.pack(self.flags, self.root_directory, len(name))
        return (fixed + name).ljust(_RENAME_MINIMUM, b"\0")
