"""What the workstation service is asked and answers: what machine this is. [MS-WKST]"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Self
from uuid import UUID

from smbquic.errors import WireError
from smbquic.wire.cursor import Buffer
from smbquic.wire.rpc.ndr import STRING, U32, Layout, NdrReader, NdrWriter
from smbquic.wire.rpc.srvsvc import PLATFORM_ID_NT, NetStatus
from smbquic.wire.rpc.syntax import SyntaxId

WKSSVC = SyntaxId(UUID("6bffd098-a112-3610-9833-46c3f87e345a"), 1)
"""The interface. [MS-WKST] 1.9"""


class WkssvcOpnum(IntEnum):
    """The call that is known here. [MS-WKST] 3.2.4"""

    NetrWkstaGetInfo = 0


@dataclass(slots=True)
class WkstaInfo:
    """All that WKSTA_INFO structures hold. [MS-WKST] 2.2.5.1 to 2.2.5.3"""

    platform_id: int = PLATFORM_ID_NT
    computername: str | None = None
    langroup: str | None = None
    ver_major: int = 0
    ver_minor: int = 0
    lanroot: str | None = None
    logged_on_users: int = 0


_WKSTA_100 = (
    ("platform_id", U32),
    ("computername", STRING),
    ("langroup", STRING),
    ("ver_major", U32),
    ("ver_minor", U32),
)
_WKSTA_101 = (*_WKSTA_100, ("lanroot", STRING))
WKSTA_LEVELS: dict[int, Layout] = {
    100: Layout(_WKSTA_100),
    101: Layout(_WKSTA_101),
    102: Layout((*_WKSTA_101, ("logged_on_users", U32))),
}
"""The WKSTA_INFO structures by level."""


@dataclass(slots=True)
class NetrWkstaGetInfoRequest:
    """Arguments of NetrWkstaGetInfo. [MS-WKST] 3.2.4.1"""

    level: int
    server_name: str | None = None

    @classmethod
    def decode(cls, stub: Buffer) -> Self:
        """From the stub of a request. Raises `WireError`."""
        reader = NdrReader(stub)
        server_name = reader.optional_string()
        return cls(reader.aligned_u32(), server_name)

    def encode(self) -> bytes:
        """The stub of a request."""
        writer = NdrWriter()
        writer.optional_string(self.server_name)
        writer.u32(self.level)
        return bytes(writer.data)


@dataclass(slots=True)
class NetrWkstaGetInfoResponse:
    """Results of NetrWkstaGetInfo; `status` compares with `NetStatus`. [MS-WKST] 3.2.4.1"""

    level: int
    workstation: WkstaInfo | None = None
    status: int = NetStatus.NERR_Success

    @classmethod
    def decode(cls, stub: Buffer) -> Self:
        """From the stub of a response. Raises `WireError`."""
        reader = NdrReader(stub)
        level, workstation = reader.aligned_u32(), None
        if reader.pointer():
            layout, workstation = WKSTA_LEVELS.get(level), WkstaInfo()
            if layout is None:
                raise WireError(f"a workstation of the unknown level {level}")
            layout.read(reader, workstation)()
        return cls(level, workstation, reader.aligned_u32())

    def encode(self) -> bytes:
        """The stub of a response."""
        writer = NdrWriter()
        writer.u32(self.level)
        writer.pointer(null=self.workstation is None)
        if self.workstation is not None:
            WKSTA_LEVELS[self.level].write(writer, self.workstation)()
        writer.u32(self.status)
        return bytes(writer.data)
