"""Calls of the workstation service: about the machine itself. [MS-WKST]"""

from enum import IntEnum
from uuid import UUID

from smbquic.lazy_dataclass import dataclass
from smbquic.wire.rpc.get_info import GetInfoRequest, GetInfoResponse
from smbquic.wire.rpc.ndr import STRING, U32, NdrStructure
from smbquic.wire.rpc.srvsvc import PLATFORM_ID_NT
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
WKSTA_LEVELS: dict[int, NdrStructure] = {
    100: NdrStructure(_WKSTA_100),
    101: NdrStructure(_WKSTA_101),
    102: NdrStructure((*_WKSTA_101, ("logged_on_users", U32))),
}
"""The WKSTA_INFO structures by level."""


@dataclass(slots=True)
class NetrWkstaGetInfoRequest(GetInfoRequest):
    """Arguments of NetrWkstaGetInfo. [MS-WKST] 3.2.4.1"""


@dataclass(slots=True)
class NetrWkstaGetInfoResponse(GetInfoResponse[WkstaInfo]):
    """Results of NetrWkstaGetInfo. [MS-WKST] 3.2.4.1"""

    layouts = WKSTA_LEVELS
    structure = WkstaInfo
