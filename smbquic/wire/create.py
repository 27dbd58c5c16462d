"""CREATE: opens and makes files and folders. [MS-SMB2] 2.2.13, 2.2.14"""

from dataclasses import field
from enum import IntEnum
from typing import Annotated, ClassVar

from smbquic.wire.create_context import (
    CreateContext,
    decode_create_contexts,
    encode_create_contexts,
)
from smbquic.wire.file_id import FileId
from smbquic.wire.flags import Flags
from smbquic.wire.header import Command
from smbquic.wire.layout import (
    U8,
    U16,
    U32,
    U64,
    Text,
    VariablePart,
    length_of,
    offset_of,
    unused,
)
from smbquic.wire.message import Message, message

CreateContexts = Annotated[
    list[CreateContext], VariablePart(decode_create_contexts, encode_create_contexts, "[]", align=8)
]


class OplockLevel(IntEnum):
    """Levels of oplocks; OPLOCK_LEVEL_LEASE means a lease instead. [MS-SMB2] 2.2.13"""

    OPLOCK_LEVEL_NONE = 0x00
    OPLOCK_LEVEL_II = 0x01
    OPLOCK_LEVEL_EXCLUSIVE = 0x08
    OPLOCK_LEVEL_BATCH = 0x09
    OPLOCK_LEVEL_LEASE = 0xFF


class ImpersonationLevel(IntEnum):
    """Levels to which the server may act for the client. [MS-SMB2] 2.2.13"""

    Anonymous = 0x00000000
    Identification = 0x00000001
    Impersonation = 0x00000002
    Delegate = 0x00000003


class ShareAccess(Flags):
    """The access that other opens may have as long as this one exists. [MS-SMB2] 2.2.13"""

    FILE_SHARE_READ = 0x00000001
    FILE_SHARE_WRITE = 0x00000002
    FILE_SHARE_DELETE = 0x00000004


class CreateDisposition(IntEnum):
    """Actions of a CREATE if the file exists and if it does not. [MS-SMB2] 2.2.13"""

    FILE_SUPERSEDE = 0x00000000
    FILE_OPEN = 0x00000001
    FILE_CREATE = 0x00000002
    FILE_OPEN_IF = 0x00000003
    FILE_OVERWRITE = 0x00000004
    FILE_OVERWRITE_IF = 0x00000005


class CreateOptions(Flags):
    """Options of a CREATE. [MS-SMB2] 2.2.13"""

    FILE_DIRECTORY_FILE = 0x00000001
    FILE_WRITE_THROUGH = 0x00000002
    FILE_SEQUENTIAL_ONLY = 0x00000004
    FILE_NO_INTERMEDIATE_BUFFERING = 0x00000008
    FILE_SYNCHRONOUS_IO_ALERT = 0x00000010
    FILE_SYNCHRONOUS_IO_NONALERT = 0x00000020
    FILE_NON_DIRECTORY_FILE = 0x00000040
    FILE_CREATE_TREE_CONNECTION = 0x00000080  # [MS-CIFS] 2.2.4.64.1 names it; SMB2 reserves it.
    FILE_COMPLETE_IF_OPLOCKED = 0x00000100
    FILE_NO_EA_KNOWLEDGE = 0x00000200
    FILE_OPEN_REMOTE_INSTANCE = 0x00000400
    FILE_RANDOM_ACCESS = 0x00000800
    FILE_DELETE_ON_CLOSE = 0x00001000
    FILE_OPEN_BY_FILE_ID = 0x00002000
    FILE_OPEN_FOR_BACKUP_INTENT = 0x00004000
    FILE_NO_COMPRESSION = 0x00008000
    FILE_OPEN_REQUIRING_OPLOCK = 0x00010000
    FILE_DISALLOW_EXCLUSIVE = 0x00020000
    FILE_RESERVE_OPFILTER = 0x00100000
    FILE_OPEN_REPARSE_POINT = 0x00200000
    FILE_OPEN_NO_RECALL = 0x00400000
    FILE_OPEN_FOR_FREE_SPACE_QUERY = 0x00800000


class CreateFlags(Flags):
    """Flags of a CREATE response. [MS-SMB2] 2.2.14"""

    REPARSEPOINT = 0x01


class CreateAction(IntEnum):
    """Actions that a CREATE has taken. [MS-SMB2] 2.2.14"""

    FILE_SUPERSEDED = 0x00000000
    FILE_OPENED = 0x00000001
    FILE_CREATED = 0x00000002
    FILE_OVERWRITTEN = 0x00000003


@message(57, at_least_one_byte=True)
class CreateRequest(Message):
    r"""SMB2_CREATE Request. [MS-SMB2] 2.2.13

    `name` is relative to the share, with backslashes; "" is the share's root. Numbers compare with
    `OplockLevel`, `ImpersonationLevel`, `AccessMask`, `FileAttributes`, `ShareAccess`,
    `CreateDisposition` and `CreateOptions`.
    """

    command: ClassVar[Command] = Command.CREATE
    security_flags: ClassVar = unused(U8)
    requested_oplock_level: U8
    impersonation_level: U32
    smb_create_flags: ClassVar = unused(U64)
    reserved: ClassVar = unused(U64)
    desired_access: U32
    file_attributes: U32
    share_access: U32
    create_disposition: U32
    create_options: U32
    name_offset: ClassVar = offset_of("name", U16, always=True)
    name_length: ClassVar = length_of("name", U16)
    create_contexts_offset: ClassVar = offset_of("contexts", U32)
    create_contexts_length: ClassVar = length_of("contexts", U32)
    name: Text
    contexts: CreateContexts = field(default_factory=list)


@message(89)
class CreateResponse(Message):
    """SMB2_CREATE Response. [MS-SMB2] 2.2.14

    Times are FILETIMEs, sizes bytes. Numbers compare with `OplockLevel`, `CreateFlags`,
    `CreateAction` and `FileAttributes`.
    """

    command: ClassVar[Command] = Command.CREATE
    oplock_level: U8
    flags: U8
    create_action: U32
    creation_time: U64
    last_access_time: U64
    last_write_time: U64
    change_time: U64
    allocation_size: U64
    end_of_file: U64
    file_attributes: U32
    reserved2: ClassVar = unused(U32)
    file_id: FileId
    create_contexts_offset: ClassVar = offset_of("contexts", U32)
    create_contexts_length: ClassVar = length_of("contexts", U32)
    contexts: CreateContexts = field(default_factory=list)
