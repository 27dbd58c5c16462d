"""CREATE: opens and makes files and folders. [MS-SMB2] 2.2.13, 2.2.14"""

from dataclasses import dataclass, field
from enum import IntEnum
from struct import Struct
from typing import ClassVar, Self

from smbquic.wire.create_contexts import (
    CreateContext,
    decode_create_contexts,
    encode_create_contexts,
)
from smbquic.wire.cursor import HEADER_SIZE, padding, part, text, unpack_body, utf16
from smbquic.wire.file_id import FileId
from smbquic.wire.flags import Flags
from smbquic.wire.header import Command
from smbquic.wire.message import Message

_REQUEST = Struct("<HBBIQQIIIIIHHII")
_REQUEST_SIZE = 57
_NAME_OFFSET = HEADER_SIZE + _REQUEST.size
_RESPONSE = Struct("<HBBIQQQQQQIIQQII")
_RESPONSE_SIZE = 89
_CONTEXTS_OFFSET = HEADER_SIZE + _RESPONSE.size


class OplockLevel(IntEnum):
    """What a client may cache, in the older of two ways. [MS-SMB2] 2.2.13"""

    OPLOCK_LEVEL_NONE = 0x00
    OPLOCK_LEVEL_II = 0x01
    OPLOCK_LEVEL_EXCLUSIVE = 0x08
    OPLOCK_LEVEL_BATCH = 0x09
    OPLOCK_LEVEL_LEASE = 0xFF


class ImpersonationLevel(IntEnum):
    """How far the server may act for the client. [MS-SMB2] 2.2.13"""

    Anonymous = 0x00000000
    Identification = 0x00000001
    Impersonation = 0x00000002
    Delegate = 0x00000003


class ShareAccess(Flags):
    """What others may do while this open is there. [MS-SMB2] 2.2.13"""

    FILE_SHARE_READ = 0x00000001
    FILE_SHARE_WRITE = 0x00000002
    FILE_SHARE_DELETE = 0x00000004


class CreateDisposition(IntEnum):
    """What to do if the file exists, and if it does not. [MS-SMB2] 2.2.13"""

    FILE_SUPERSEDE = 0x00000000
    FILE_OPEN = 0x00000001
    FILE_CREATE = 0x00000002
    FILE_OPEN_IF = 0x00000003
    FILE_OVERWRITE = 0x00000004
    FILE_OVERWRITE_IF = 0x00000005


class CreateOptions(Flags):
    """How to open. [MS-SMB2] 2.2.13"""

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
    """What the server says of the file. [MS-SMB2] 2.2.14"""

    REPARSEPOINT = 0x01


class CreateAction(IntEnum):
    """What the server did. [MS-SMB2] 2.2.14"""

    FILE_SUPERSEDED = 0x00000000
    FILE_OPENED = 0x00000001
    FILE_CREATED = 0x00000002
    FILE_OVERWRITTEN = 0x00000003


@dataclass(slots=True)
class CreateRequest(Message):
    r"""SMB2_CREATE Request. [MS-SMB2] 2.2.13

    `name` is relative to the share, with backslashes; "" is the share's root. Numbers compare with
    `OplockLevel`, `ImpersonationLevel`, `AccessMask`, `FileAttributes`, `ShareAccess`,
    `CreateDisposition` and `CreateOptions`.
    """

    command: ClassVar[Command] = Command.CREATE
    requested_oplock_level: int
    impersonation_level: int
    desired_access: int
    file_attributes: int
    share_access: int
    create_disposition: int
    create_options: int
    name: str
    contexts: list[CreateContext] = field(default_factory=list)

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        (
            _,
            _,
            oplock_level,
            impersonation_level,
            _,
            _,
            desired_access,
            file_attributes,
            share_access,
            create_disposition,
            create_options,
            name_offset,
            name_length,
            contexts_offset,
            contexts_length,
        ) = unpack_body(_REQUEST, message, _REQUEST_SIZE, cls.__name__)
        return cls(
            oplock_level,
            impersonation_level,
            desired_access,
            file_attributes,
            share_access,
            create_disposition,
            create_options,
            text(part(message, name_offset, name_length, cls.__name__)),
            decode_create_contexts(part(message, contexts_offset, contexts_length, cls.__name__))
            if contexts_length
            else [],
        )

    def encode(self) -> bytes:
        """The body, with offsets that count from a 64-byte header before it."""
        name = utf16(self.name)
        gap = contexts = b""
        offset = 0
        if self.contexts:
            contexts = encode_create_contexts(self.contexts)
            gap = padding(len(name))
            offset = _NAME_OFFSET + len(name) + len(gap)
        elif not name:
            gap = b"\0"  # Buffer has at least one byte.
        fixed = _REQUEST.pack(
            _REQUEST_SIZE,
            0,
            self.requested_oplock_level,
            self.impersonation_level,
            0,
            0,
            self.desired_access,
            self.file_attributes,
            self.share_access,
            self.create_disposition,
            self.create_options,
            _NAME_OFFSET,
            len(name),
            offset,
            len(contexts),
        )
        return b"".join((fixed, name, gap, contexts))


@dataclass(slots=True)
class CreateResponse(Message):
    """SMB2_CREATE Response. [MS-SMB2] 2.2.14

    Times are FILETIMEs, sizes bytes. Numbers compare with `OplockLevel`, `CreateFlags`,
    `CreateAction` and `FileAttributes`.
    """

    command: ClassVar[Command] = Command.CREATE
    oplock_level: int
    flags: int
    create_action: int
    creation_time: int
    last_access_time: int
    last_write_time: int
    change_time: int
    allocation_size: int
    end_of_file: int
    file_attributes: int
    file_id: FileId
    contexts: list[CreateContext] = field(default_factory=list)

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        (
            _,
            oplock_level,
            flags,
            create_action,
            creation_time,
            last_access_time,
            last_write_time,
            change_time,
            allocation_size,
            end_of_file,
            file_attributes,
            _,
            persistent,
            volatile,
            contexts_offset,
            contexts_length,
        ) = unpack_body(_RESPONSE, message, _RESPONSE_SIZE, cls.__name__)
        return cls(
            oplock_level,
            flags,
            create_action,
            creation_time,
            last_access_time,
            last_write_time,
            change_time,
            allocation_size,
            end_of_file,
            file_attributes,
            FileId(persistent, volatile),
            decode_create_contexts(part(message, contexts_offset, contexts_length, cls.__name__))
            if contexts_length
            else [],
        )

    def encode(self) -> bytes:
        """The body, with offsets that count from a 64-byte header before it."""
        contexts = encode_create_contexts(self.contexts) if self.contexts else b""
        fixed = _RESPONSE.pack(
            _RESPONSE_SIZE,
            self.oplock_level,
            self.flags,
            self.create_action,
            self.creation_time,
            self.last_access_time,
            self.last_write_time,
            self.change_time,
            self.allocation_size,
            self.end_of_file,
            self.file_attributes,
            0,
            *self.file_id,
            _CONTEXTS_OFFSET if contexts else 0,
            len(contexts),
        )
        return fixed + contexts
