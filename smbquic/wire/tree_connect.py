"""TREE_CONNECT: access to one share. [MS-SMB2] 2.2.9, 2.2.10"""

from dataclasses import field
from enum import IntEnum
from typing import Annotated, ClassVar

from smbquic.wire.flags import Flags
from smbquic.wire.header import Command
from smbquic.wire.layout import U8, U16, U32, Fixed, Text, length_of, offset_of, unused
from smbquic.wire.message import Message, message


class TreeConnectFlags(Flags):
    """Flags of a TREE_CONNECT (3.1.1 only). [MS-SMB2] 2.2.9"""

    CLUSTER_RECONNECT = 0x0001
    REDIRECT_TO_OWNER = 0x0002
    EXTENSION_PRESENT = 0x0004


_NO_FLAGS = TreeConnectFlags(0)


class ShareType(IntEnum):
    """Types of shares. [MS-SMB2] 2.2.10"""

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
    """Capabilities of a share. [MS-SMB2] 2.2.10"""

    DFS = 0x00000008
    CONTINUOUS_AVAILABILITY = 0x00000010
    SCALEOUT = 0x00000020
    CLUSTER = 0x00000040
    ASYMMETRIC = 0x00000080
    REDIRECT_TO_OWNER = 0x00000100


@message(9)
class TreeConnectRequest(Message):
    r"""SMB2_TREE_CONNECT Request. [MS-SMB2] 2.2.9

    `path` is `\\server\share`. The contexts of a request extension are ignored.
    """

    command: ClassVar[Command] = Command.TREE_CONNECT
    flags: Annotated[TreeConnectFlags, Fixed("H", TreeConnectFlags)] = field(
        default=_NO_FLAGS, kw_only=True
    )
    path_offset: ClassVar = offset_of("path", U16, always=True)
    path_length: ClassVar = length_of("path", U16)
    path: Text


@message(16)
class TreeConnectResponse(Message):
    """SMB2_TREE_CONNECT Response. [MS-SMB2] 2.2.10

    `share_type` compares with `ShareType`, `maximal_access` with `AccessMask`.
    """

    command: ClassVar[Command] = Command.TREE_CONNECT
    share_type: U8
    reserved: ClassVar = unused(U8)
    share_flags: Annotated[ShareFlags, Fixed("I", ShareFlags)]
    capabilities: Annotated[ShareCapabilities, Fixed("I", ShareCapabilities)]
    maximal_access: U32
