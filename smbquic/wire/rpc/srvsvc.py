"""Calls of the server service: about shares, the server itself, its clock. [MS-SRVS]"""

from dataclasses import field
from enum import IntEnum
from typing import Self
from uuid import UUID

from smbquic.errors import WireError
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import Buffer
from smbquic.wire.flags import Flags
from smbquic.wire.rpc.get_info import GetInfoRequest, GetInfoResponse
from smbquic.wire.rpc.ndr import SIZED_OCTETS, STRING, U32, NdrReader, NdrStructure, NdrWriter
from smbquic.wire.rpc.syntax import SyntaxId

SRVSVC = SyntaxId(UUID("4b324fc8-1670-01d3-1278-5a47bf6ee188"), 3)
"""The interface. [MS-SRVS] 1.9"""

MAX_PREFERRED_LENGTH = 0xFFFF_FFFF
UNLIMITED_USES = 0xFFFF_FFFF
PLATFORM_ID_NT = 500


class SrvsvcOpnum(IntEnum):
    """The calls that are known here. [MS-SRVS] 3.1.4"""

    NetrShareEnum = 15
    NetrShareGetInfo = 16
    NetrServerGetInfo = 21
    NetrRemoteTOD = 28
    NetrShareEnumSticky = 36


class NetStatus(IntEnum):
    """Return values of calls: the Win32 error codes that occur here. [MS-ERREF] 2.2"""

    NERR_Success = 0
    ERROR_ACCESS_DENIED = 5
    ERROR_INVALID_PARAMETER = 87
    ERROR_INVALID_LEVEL = 124
    ERROR_MORE_DATA = 234
    NERR_NetNameNotFound = 2310


class ShareTypes(Flags):
    """Types of shares: a number in the lowest two bits, and flags. [MS-SRVS] 2.2.2.4"""

    STYPE_PRINTQ = 0x00000001
    STYPE_DEVICE = 0x00000002
    STYPE_IPC = 0x00000003
    STYPE_TEMPORARY = 0x40000000
    STYPE_SPECIAL = 0x80000000


STYPE_DISKTREE = 0
"""A folder. [MS-SRVS] 2.2.2.4"""


class ServerTypes(Flags):
    """Types of servers, those that are used here. [MS-SRVS] 2.2.2.7"""

    SV_TYPE_WORKSTATION = 0x00000001
    SV_TYPE_SERVER = 0x00000002
    SV_TYPE_NT = 0x00001000
    SV_TYPE_SERVER_NT = 0x00008000


@dataclass(slots=True)
class ShareInfo:
    """All that SHARE_INFO structures hold; a level has some of it. [MS-SRVS] 2.2.4.22 to 2.2.4.31

    `type` compares with `ShareTypes`, `flags` are those of SHARE_INFO_1005.
    """

    netname: str | None = None
    type: int = STYPE_DISKTREE
    remark: str | None = None
    permissions: int = 0
    max_uses: int = UNLIMITED_USES
    current_uses: int = 0
    path: str | None = None
    passwd: str | None = None
    servername: str | None = None
    security_descriptor: bytes | None = None
    flags: int = 0


_NAME = ("netname", STRING)
_REMARK = ("remark", STRING)
_DESCRIPTOR = ("security_descriptor", SIZED_OCTETS)
_LEVEL_1 = (_NAME, ("type", U32), _REMARK)
_LEVEL_2 = (
    *_LEVEL_1,
    ("permissions", U32),
    ("max_uses", U32),
    ("current_uses", U32),
    ("path", STRING),
    ("passwd", STRING),
)

SHARE_LEVELS: dict[int, NdrStructure] = {
    0: NdrStructure((_NAME,)),
    1: NdrStructure(_LEVEL_1),
    2: NdrStructure(_LEVEL_2),
    501: NdrStructure((*_LEVEL_1, ("flags", U32))),
    502: NdrStructure((*_LEVEL_2, _DESCRIPTOR)),
    503: NdrStructure((*_LEVEL_2, ("servername", STRING), _DESCRIPTOR)),
    1004: NdrStructure((_REMARK,)),
    1005: NdrStructure((("flags", U32),)),
    1006: NdrStructure((("max_uses", U32),)),
    1501: NdrStructure((_DESCRIPTOR,)),
}
"""The SHARE_INFO structures by level."""

ENUM_LEVELS = frozenset({0, 1, 2, 501, 502, 503})
"""The levels of NetrShareEnum. [MS-SRVS] 2.2.4.38"""


@dataclass(slots=True)
class NetrShareEnumRequest:
    """Arguments of NetrShareEnum; lengths are bytes. [MS-SRVS] 3.1.4.8"""

    level: int
    server_name: str | None = None
    preferred_maximum_length: int = MAX_PREFERRED_LENGTH
    resume_handle: int | None = None

    @classmethod
    def decode(cls, stub: Buffer) -> Self:
        """Decode the stub of a request. Raises `WireError`.

        Of a level that does not exist, only the server's name and the level are read.
        """
        reader = NdrReader(stub)
        server_name, level = reader.optional_string(), reader.aligned_u32()
        if reader.aligned_u32() != level:
            raise WireError("NetrShareEnum: the level is not that of the union")
        if level not in ENUM_LEVELS:
            return cls(level, server_name)
        if reader.pointer():
            reader.aligned_u32()
            if reader.pointer():
                layout, entry = SHARE_LEVELS[level], ShareInfo()
                count = reader.aligned_u32()
                if count * 4 > reader.remaining:
                    raise WireError(f"NetrShareEnum: {count} shares in {reader.remaining} bytes")
                for read_behind in [layout.read(reader, entry) for _ in range(count)]:
                    read_behind()
        length = reader.aligned_u32()
        resume = reader.aligned_u32() if reader.pointer() else None
        return cls(level, server_name, length, resume)

    def encode(self) -> bytes:
        """Encode the stub of a request, which asks for no shares of the caller's."""
        writer = NdrWriter()
        writer.optional_string(self.server_name)
        writer.u32(self.level)
        writer.u32(self.level)
        writer.pointer(null=False)
        writer.u32(0)
        writer.pointer(null=True)
        writer.u32(self.preferred_maximum_length)
        _write_handle(writer, self.resume_handle)
        return bytes(writer.data)


@dataclass(slots=True)
class NetrShareEnumResponse:
    """Results of NetrShareEnum; `status` compares with `NetStatus`. [MS-SRVS] 3.1.4.8"""

    level: int
    shares: list[ShareInfo] = field(default_factory=list)
    total_entries: int = 0
    resume_handle: int | None = None
    status: int = NetStatus.NERR_Success

    @classmethod
    def decode(cls, stub: Buffer) -> Self:
        """Decode the stub of a response. Raises `WireError`."""
        reader = NdrReader(stub)
        level = reader.aligned_u32()
        if reader.aligned_u32() != level:
            raise WireError("NetrShareEnum: the level is not that of the union")
        shares = _read_container(reader, level) if reader.pointer() else []
        total = reader.aligned_u32()
        resume = reader.aligned_u32() if reader.pointer() else None
        return cls(level, shares, total, resume, reader.aligned_u32())

    def encode(self) -> bytes:
        """Encode the stub of a response; without shares, the container is there and has none.

        A level that does not exist has no container.
        """
        writer = NdrWriter()
        layout = SHARE_LEVELS.get(self.level)
        writer.u32(self.level)
        writer.u32(self.level)
        writer.pointer(null=layout is None)
        if layout is not None:
            writer.u32(len(self.shares))
            writer.pointer(null=not self.shares)
            if self.shares:
                writer.u32(len(self.shares))
            for write_behind in [layout.write(writer, share) for share in self.shares]:
                write_behind()
        writer.u32(self.total_entries)
        _write_handle(writer, self.resume_handle)
        writer.u32(self.status)
        return bytes(writer.data)


def _read_container(reader: NdrReader, level: int) -> list[ShareInfo]:
    layout = SHARE_LEVELS.get(level)
    if layout is None:
        raise WireError(f"shares of the unknown level {level}")
    count = reader.aligned_u32()
    if not reader.pointer():
        return []
    # Every share has four bytes at least.
    if reader.aligned_u32() != count or count * 4 > reader.remaining:
        raise WireError(f"{count} shares in {reader.remaining} bytes")
    shares = [ShareInfo() for _ in range(count)]
    for read_behind in [layout.read(reader, share) for share in shares]:
        read_behind()
    return shares


def _write_handle(writer: NdrWriter, handle: int | None) -> None:
    writer.pointer(null=handle is None)
    if handle is not None:
        writer.u32(handle)


@dataclass(slots=True)
class NetrShareGetInfoRequest:
    """Arguments of NetrShareGetInfo. [MS-SRVS] 3.1.4.10"""

    net_name: str
    level: int
    server_name: str | None = None

    @classmethod
    def decode(cls, stub: Buffer) -> Self:
        """Decode the stub of a request. Raises `WireError`."""
        reader = NdrReader(stub)
        server_name, net_name = reader.optional_string(), reader.string()
        return cls(net_name, reader.aligned_u32(), server_name)

    def encode(self) -> bytes:
        """Encode the stub of a request."""
        writer = NdrWriter()
        writer.optional_string(self.server_name)
        writer.string(self.net_name)
        writer.u32(self.level)
        return bytes(writer.data)


@dataclass(slots=True)
class NetrShareGetInfoResponse(GetInfoResponse[ShareInfo]):
    """Results of NetrShareGetInfo. [MS-SRVS] 3.1.4.10"""

    layouts = SHARE_LEVELS
    structure = ShareInfo


@dataclass(slots=True)
class ServerInfo:
    """All that SERVER_INFO structures hold. [MS-SRVS] 2.2.4.40 to 2.2.4.42

    `type` compares with `ServerTypes`.
    """

    platform_id: int = PLATFORM_ID_NT
    name: str | None = None
    version_major: int = 0
    version_minor: int = 0
    type: int = 0
    comment: str | None = None
    users: int = 0
    disc: int = 0
    hidden: int = 0
    announce: int = 0
    anndelta: int = 0
    licenses: int = 0
    userpath: str | None = None


_SERVER_100 = (("platform_id", U32), ("name", STRING))
_SERVER_101 = (
    *_SERVER_100,
    ("version_major", U32),
    ("version_minor", U32),
    ("type", U32),
    ("comment", STRING),
)
SERVER_LEVELS: dict[int, NdrStructure] = {
    100: NdrStructure(_SERVER_100),
    101: NdrStructure(_SERVER_101),
    102: NdrStructure(
        (
            *_SERVER_101,
            *((name, U32) for name in ("users", "disc", "hidden", "announce", "anndelta")),
            ("licenses", U32),
            ("userpath", STRING),
        )
    ),
}
"""The SERVER_INFO structures by level."""


@dataclass(slots=True)
class NetrServerGetInfoRequest(GetInfoRequest):
    """Arguments of NetrServerGetInfo. [MS-SRVS] 3.1.4.17"""


@dataclass(slots=True)
class NetrServerGetInfoResponse(GetInfoResponse[ServerInfo]):
    """Results of NetrServerGetInfo. [MS-SRVS] 3.1.4.17"""

    layouts = SERVER_LEVELS
    structure = ServerInfo


@dataclass(slots=True)
class TimeOfDayInfo:
    """TIME_OF_DAY_INFO: seconds since 1970, and the same taken apart. [MS-SRVS] 2.2.4.105

    `timezone` is in minutes west of Greenwich, as an unsigned number; `tinterval` in units of
    0.1 ms; the weeks begin with Sunday, 0.
    """

    elapsedt: int
    msecs: int
    hours: int
    mins: int
    secs: int
    hunds: int
    timezone: int
    tinterval: int
    day: int
    month: int
    year: int
    weekday: int


_TIME_OF_DAY = NdrStructure(tuple((name, U32) for name in TimeOfDayInfo.__slots__))


@dataclass(slots=True)
class NetrRemoteTODResponse:
    """Results of NetrRemoteTOD; `status` compares with `NetStatus`. [MS-SRVS] 3.1.4.21"""

    time: TimeOfDayInfo | None
    status: int = NetStatus.NERR_Success

    @classmethod
    def decode(cls, stub: Buffer) -> Self:
        """Decode the stub of a response. Raises `WireError`."""
        reader = NdrReader(stub)
        time = None
        if reader.pointer():
            time = TimeOfDayInfo(*(reader.aligned_u32() for _ in _TIME_OF_DAY.fields))
        return cls(time, reader.aligned_u32())

    def encode(self) -> bytes:
        """Encode the stub of a response."""
        writer = NdrWriter()
        writer.pointer(null=self.time is None)
        if self.time is not None:
            _TIME_OF_DAY.write(writer, self.time)()
        writer.u32(self.status)
        return bytes(writer.data)
