"""The data of create contexts. [MS-SMB2] 2.2.13.2, 2.2.14.2

A typed payload knows its context's name: `context()` makes the context, and `decode` reads the data
that `find` found. Extended attributes (ExtA) are a list
of `FullEaInformation`, a security descriptor (SecD) is a `SecurityDescriptor`.
"""

from abc import ABC, abstractmethod
from struct import Struct
from typing import ClassVar, Self

from smbquic.errors import WireError
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.create_context import CreateContext
from smbquic.wire.cursor import Buffer, unpack
from smbquic.wire.file_id import FileId
from smbquic.wire.flags import Flags

CREATE_EA_BUFFER = b"ExtA"
CREATE_SD_BUFFER = b"SecD"
CREATE_QUERY_MAXIMAL_ACCESS = b"MxAc"
CREATE_QUERY_ON_DISK_ID = b"QFid"
CREATE_ALLOCATION_SIZE = b"AlSi"
CREATE_TIMEWARP_TOKEN = b"TWrp"
CREATE_DURABLE_HANDLE_REQUEST = b"DHnQ"
CREATE_DURABLE_HANDLE_RECONNECT = b"DHnC"
CREATE_DURABLE_HANDLE_REQUEST_V2 = b"DH2Q"
CREATE_DURABLE_HANDLE_RECONNECT_V2 = b"DH2C"
CREATE_REQUEST_LEASE = b"RqLs"
CREATE_APP_INSTANCE_ID = bytes.fromhex("45BCA66AEFA7F74A9008FA462E144D74")
CREATE_APP_INSTANCE_VERSION = bytes.fromhex("B982D0B73B56074FA07B524A8116A010")

_U64 = Struct("<Q")
_MAXIMAL_ACCESS = Struct("<II")
_ON_DISK_ID = Struct("<QQ16x")
_LEASE = Struct("<16sIIQ")
_LEASE_V2 = Struct("<16sIIQ16sHH")
_DURABLE_REQUEST_V2 = Struct("<IIQ16s")
_DURABLE_RECONNECT_V2 = Struct("<QQ16sI")
_DURABLE_RESPONSE_V2 = Struct("<II")
_APP_INSTANCE_ID = Struct("<HH16s")
_APP_INSTANCE_VERSION = Struct("<HHIQQ")


class _Payload(ABC):
    """Base class of the typed data of create contexts."""

    __slots__ = ()
    name: ClassVar[bytes]

    @abstractmethod
    def encode(self) -> bytes:
        """Encode the data of the context."""

    def context(self) -> CreateContext:
        """Return the context that carries this payload."""
        return CreateContext(self.name, self.encode())


@dataclass(slots=True)
class QueryMaximalAccessRequest(_Payload):
    """SMB2_CREATE_QUERY_MAXIMAL_ACCESS_REQUEST. [MS-SMB2] 2.2.13.2.5

    `timestamp` is a FILETIME, or None if the context is empty.
    """

    name: ClassVar[bytes] = CREATE_QUERY_MAXIMAL_ACCESS
    timestamp: int | None = None

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the data of the context. Raises `WireError`."""
        return cls(unpack(_U64, data)[0] if data else None)

    def encode(self) -> bytes:
        """Encode the data of the context."""
        return b"" if self.timestamp is None else _U64.pack(self.timestamp)


@dataclass(slots=True)
class QueryMaximalAccessResponse(_Payload):
    """SMB2_CREATE_QUERY_MAXIMAL_ACCESS_RESPONSE. [MS-SMB2] 2.2.14.2.5

    `maximal_access` compares with `AccessMask` and counts only if `query_status` is success.
    """

    name: ClassVar[bytes] = CREATE_QUERY_MAXIMAL_ACCESS
    query_status: int
    maximal_access: int

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the data of the context. Raises `WireError`."""
        return cls(*unpack(_MAXIMAL_ACCESS, data))

    def encode(self) -> bytes:
        """Encode the data of the context."""
        return _MAXIMAL_ACCESS.pack(self.query_status, self.maximal_access)


@dataclass(slots=True)
class QueryOnDiskIdResponse(_Payload):
    """SMB2_CREATE_QUERY_ON_DISK_ID in a response; in a request it is empty.

    [MS-SMB2] 2.2.14.2.9
    """

    name: ClassVar[bytes] = CREATE_QUERY_ON_DISK_ID
    disk_file_id: int
    volume_id: int

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the data of the context. Raises `WireError`."""
        return cls(*unpack(_ON_DISK_ID, data))

    def encode(self) -> bytes:
        """Encode the data of the context."""
        return _ON_DISK_ID.pack(self.disk_file_id, self.volume_id)


@dataclass(slots=True)
class AllocationSize(_Payload):
    """SMB2_CREATE_ALLOCATION_SIZE: bytes to reserve on disk. [MS-SMB2] 2.2.13.2.6"""

    name: ClassVar[bytes] = CREATE_ALLOCATION_SIZE
    allocation_size: int

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the data of the context. Raises `WireError`."""
        return cls(*unpack(_U64, data))

    def encode(self) -> bytes:
        """Encode the data of the context."""
        return _U64.pack(self.allocation_size)


@dataclass(slots=True)
class TimewarpToken(_Payload):
    """SMB2_CREATE_TIMEWARP_TOKEN: the FILETIME of the version wanted. [MS-SMB2] 2.2.13.2.7"""

    name: ClassVar[bytes] = CREATE_TIMEWARP_TOKEN
    timestamp: int

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the data of the context. Raises `WireError`."""
        return cls(*unpack(_U64, data))

    def encode(self) -> bytes:
        """Encode the data of the context."""
        return _U64.pack(self.timestamp)


class LeaseState(Flags):
    """Caching rights of a lease. [MS-SMB2] 2.2.13.2.8"""

    READ_CACHING = 0x01
    HANDLE_CACHING = 0x02
    WRITE_CACHING = 0x04


class LeaseFlags(Flags):
    """Flags of a lease. [MS-SMB2] 2.2.13.2.10, 2.2.14.2.10"""

    BREAK_IN_PROGRESS = 0x00000002
    PARENT_LEASE_KEY_SET = 0x00000004


@dataclass(slots=True)
class LeaseV1(_Payload):
    """SMB2_CREATE_REQUEST_LEASE and SMB2_CREATE_RESPONSE_LEASE. [MS-SMB2] 2.2.13.2.8, 2.2.14.2.10

    `lease_key` has 16 bytes; `lease_state` compares with `LeaseState`, `lease_flags` with
    `LeaseFlags`.
    """

    name: ClassVar[bytes] = CREATE_REQUEST_LEASE
    lease_key: bytes
    lease_state: int
    lease_flags: int = 0

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the data of the context. Raises `WireError`."""
        return cls(*unpack(_LEASE, data)[:3])

    def encode(self) -> bytes:
        """Encode the data of the context."""
        return _LEASE.pack(self.lease_key, self.lease_state, self.lease_flags, 0)


@dataclass(slots=True)
class LeaseV2(_Payload):
    """SMB2_CREATE_REQUEST_LEASE_V2 and its response. [MS-SMB2] 2.2.13.2.10, 2.2.14.2.11

    `parent_lease_key` counts only with PARENT_LEASE_KEY_SET.
    """

    name: ClassVar[bytes] = CREATE_REQUEST_LEASE
    lease_key: bytes
    lease_state: int
    flags: int = 0
    parent_lease_key: bytes = bytes(16)
    epoch: int = 0

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the data of the context. Raises `WireError`."""
        key, state, flags, _, parent_key, epoch, _ = unpack(_LEASE_V2, data)
        return cls(key, state, flags, parent_key, epoch)

    def encode(self) -> bytes:
        """Encode the data of the context."""
        return _LEASE_V2.pack(
            self.lease_key,
            self.lease_state,
            self.flags,
            0,
            self.parent_lease_key,
            self.epoch,
            0,
        )


def decode_lease(data: Buffer) -> LeaseV1 | LeaseV2:
    """Decode a lease of either version, which differ in size. Raises `WireError`."""
    return LeaseV2.decode(data) if len(data) >= _LEASE_V2.size else LeaseV1.decode(data)


class DurableHandleFlags(Flags):
    """Flags of a durable handle. [MS-SMB2] 2.2.13.2.11"""

    PERSISTENT = 0x00000002


@dataclass(slots=True)
class DurableHandleRequest(_Payload):
    """SMB2_CREATE_DURABLE_HANDLE_REQUEST, which says nothing else. [MS-SMB2] 2.2.13.2.3"""

    name: ClassVar[bytes] = CREATE_DURABLE_HANDLE_REQUEST

    def encode(self) -> bytes:
        """Encode the data of the context."""
        return bytes(16)


@dataclass(slots=True)
class DurableHandleResponse(_Payload):
    """SMB2_CREATE_DURABLE_HANDLE_RESPONSE, which says nothing else. [MS-SMB2] 2.2.14.2.3"""

    name: ClassVar[bytes] = CREATE_DURABLE_HANDLE_REQUEST

    def encode(self) -> bytes:
        """Encode the data of the context."""
        return bytes(8)


@dataclass(slots=True)
class DurableHandleReconnect(_Payload):
    """SMB2_CREATE_DURABLE_HANDLE_RECONNECT. [MS-SMB2] 2.2.13.2.4"""

    name: ClassVar[bytes] = CREATE_DURABLE_HANDLE_RECONNECT
    file_id: FileId

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the data of the context. Raises `WireError`."""
        return cls(FileId.decode(data))

    def encode(self) -> bytes:
        """Encode the data of the context."""
        return self.file_id.encode()


@dataclass(slots=True)
class DurableHandleRequestV2(_Payload):
    """SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2. [MS-SMB2] 2.2.13.2.11

    `timeout` is in milliseconds, 0 leaves it to the server; `create_guid` has 16 bytes.
    """

    name: ClassVar[bytes] = CREATE_DURABLE_HANDLE_REQUEST_V2
    timeout: int
    flags: int
    create_guid: bytes

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the data of the context. Raises `WireError`."""
        timeout, flags, _, create_guid = unpack(_DURABLE_REQUEST_V2, data)
        return cls(timeout, flags, create_guid)

    def encode(self) -> bytes:
        """Encode the data of the context."""
        return _DURABLE_REQUEST_V2.pack(self.timeout, self.flags, 0, self.create_guid)


@dataclass(slots=True)
class DurableHandleResponseV2(_Payload):
    """SMB2_CREATE_DURABLE_HANDLE_RESPONSE_V2; milliseconds. [MS-SMB2] 2.2.14.2.12"""

    name: ClassVar[bytes] = CREATE_DURABLE_HANDLE_REQUEST_V2
    timeout: int
    flags: int = 0

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the data of the context. Raises `WireError`."""
        return cls(*unpack(_DURABLE_RESPONSE_V2, data))

    def encode(self) -> bytes:
        """Encode the data of the context."""
        return _DURABLE_RESPONSE_V2.pack(self.timeout, self.flags)


@dataclass(slots=True)
class DurableHandleReconnectV2(_Payload):
    """SMB2_CREATE_DURABLE_HANDLE_RECONNECT_V2. [MS-SMB2] 2.2.13.2.12"""

    name: ClassVar[bytes] = CREATE_DURABLE_HANDLE_RECONNECT_V2
    file_id: FileId
    create_guid: bytes
    flags: int = 0

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the data of the context. Raises `WireError`."""
        persistent, volatile, create_guid, flags = unpack(_DURABLE_RECONNECT_V2, data)
        return cls(FileId(persistent, volatile), create_guid, flags)

    def encode(self) -> bytes:
        """Encode the data of the context."""
        return _DURABLE_RECONNECT_V2.pack(*self.file_id, self.create_guid, self.flags)


@dataclass(slots=True)
class AppInstanceId(_Payload):
    """SMB2_CREATE_APP_INSTANCE_ID, 16 bytes. [MS-SMB2] 2.2.13.2.13"""

    name: ClassVar[bytes] = CREATE_APP_INSTANCE_ID
    app_instance_id: bytes

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the data of the context. Raises `WireError`."""
        structure_size, _, app_instance_id = unpack(_APP_INSTANCE_ID, data)
        if structure_size != _APP_INSTANCE_ID.size:
            raise WireError(f"APP_INSTANCE_ID: StructureSize is {structure_size}")
        return cls(app_instance_id)

    def encode(self) -> bytes:
        """Encode the data of the context."""
        return _APP_INSTANCE_ID.pack(_APP_INSTANCE_ID.size, 0, self.app_instance_id)


@dataclass(slots=True)
class AppInstanceVersion(_Payload):
    """SMB2_CREATE_APP_INSTANCE_VERSION. [MS-SMB2] 2.2.13.2.15"""

    name: ClassVar[bytes] = CREATE_APP_INSTANCE_VERSION
    app_instance_version_high: int
    app_instance_version_low: int

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Decode the data of the context. Raises `WireError`."""
        structure_size, _, _, high, low = unpack(_APP_INSTANCE_VERSION, data)
        if structure_size != _APP_INSTANCE_VERSION.size:
            raise WireError(f"APP_INSTANCE_VERSION: StructureSize is {structure_size}")
        return cls(high, low)

    def encode(self) -> bytes:
        """Encode the data of the context."""
        return _APP_INSTANCE_VERSION.pack(
            _APP_INSTANCE_VERSION.size,
            0,
            0,
            self.app_instance_version_high,
            self.app_instance_version_low,
        )
