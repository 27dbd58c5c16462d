"""TREE_CONNECT: access to one share. [MS-SMB2] 2.2.9, 2.2.10"""

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import ClassVar, Self

from smbquic.wire.cursor import HEADER_SIZE, part, text, unpack_body, utf16
from smbquic.wire.flags import Flags
from smbquic.wire.header import Command
from smbquic.wire.message import Message

_REQUEST = Struct("<HHHH")
_REQUEST_SIZE = 9
_RESPONSE = Struct("<HBBIII")
_RESPONSE_SIZE = 16


class TreeConnectFlags(Flags):
    """How to connect (3.1.1 only). [MS-SMB2] 2.2.9"""

    CLUSTER_RECONNECT = 0x0001
    REDIRECT_TO_OWNER = 0x0002
    EXTENSION_PRESENT = 0x0004


_NO_FLAGS = TreeConnectFlags(0)


class ShareType(IntEnum):
    """What kind of share it is. [MS-SMB2] 2.2.10"""

    DISK = 0x01
    PIPE = 0x02
    PRINT = 0x03


class ShareFlags(Flags):
    """Properties of a share; the caching mode is one of four values. [MS-SMB2] 2.2.10"""

    MANUAL_CACHING = 0x00000000
    DFS = 0x00000001
    DFS_ROOT = 0x00000002
    AUTO_CACHING = 0x00000010
    VDO_CACHING = 0x00000020
    NO_CACHING = 0x00000030
    RESTRICT_EXCLUSIVE_OPENS = 0x00000100
    FORCE_SHARED_DELETE = 0x00000200
    ALLOW_NAMESPACE_CACHING = 0x00000400
    ACCESS_BASED_DIRECTORY_ENUM = 0x00000800
    FORCE_LEVELII_OPLOCK = 0x00001000
    ENABLE_HASH_V1 = 0x00002000
    ENABLE_HASH_V2 = 0x00004000
    ENCRYPT_DATA = 0x00008000
    IDENTITY_REMOTING = 0x00040000
    COMPRESS_DATA = 0x00100000
    ISOLATED_TRANSPORT = 0x00200000


class ShareCapabilities(Flags):
    """What a share can do. [MS-SMB2] 2.2.10"""

    DFS = 0x00000008
    CONTINUOUS_AVAILABILITY = 0x00000010
    SCALEOUT = 0x00000020
    CLUSTER = 0x00000040
    ASYMMETRIC = 0x00000080
    REDIRECT_TO_OWNER = 0x00000100


@dataclass(slots=True)
class TreeConnectRequest(Message):
    r"""SMB2_TREE_CONNECT Request. [MS-SMB2] 2.2.9

    `path` is `\\server\share`. The contexts of a request extension are not looked at.
    """

    command: ClassVar[Command] = Command.TREE_CONNECT
    path: str
    flags: TreeConnectFlags = _NO_FLAGS

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        _, flags, offset, length = unpack_body(_REQUEST, message, _REQUEST_SIZE, cls.__name__)
        return cls(text(part(message, offset, length, cls.__name__)), TreeConnectFlags(flags))

    def encode(self) -> bytes:
        """The body, with offsets that count from a 64-byte header before it."""
        path = utf16(self.path)
        return (
            _REQUEST.pack(_REQUEST_SIZE, self.flags, HEADER_SIZE + _REQUEST.size, len(path)) + path
        )


@dataclass(slots=True)
class TreeConnectResponse(Message):
    """SMB2_TREE_CONNECT Response. [MS-SMB2] 2.2.10

    `share_type` compares with `ShareType`, `maximal_access` with `AccessMask`.
    """

    command: ClassVar[Command] = Command.TREE_CONNECT
    share_type: int
    share_flags: ShareFlags
    capabilities: ShareCapabilities
    maximal_access: int

    @classmethod
    def decode(cls, message: memoryview) -> Self:
        """The body of `message`, which starts at the SMB2 header. Raises `WireError`."""
        _, share_type, _, share_flags, capabilities, maximal_access = unpack_body(
            _RESPONSE, message, _RESPONSE_SIZE, cls.__name__
        )
        return cls(
            share_type, ShareFlags(share_flags), ShareCapabilities(capabilities), maximal_access
        )

    def encode(self) -> bytes:
        """The 16 bytes of the body."""
        return _RESPONSE.pack(
            _RESPONSE_SIZE,
            self.share_type,
            0,
            self.share_flags,
            self.capabilities,
            self.maximal_access,
        )
