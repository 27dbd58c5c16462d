"""The services of the pipes of IPC$: the list of shares, and information about the server.

[MS-SRVS] 3.1.4, [MS-WKST] 3.2.4
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from smbquic.server.rpc.association import Association, Method, RpcInterface
from smbquic.server.share import PIPE_SHARE, ServedShare
from smbquic.transport.base import Peer
from smbquic.wire.cursor import Buffer
from smbquic.wire.rpc.srvsvc import (
    ENUM_LEVELS,
    MAX_PREFERRED_LENGTH,
    SERVER_LEVELS,
    SHARE_LEVELS,
    SRVSVC,
    STYPE_DISKTREE,
    NetrRemoteTODResponse,
    NetrServerGetInfoRequest,
    NetrServerGetInfoResponse,
    NetrShareEnumRequest,
    NetrShareEnumResponse,
    NetrShareGetInfoRequest,
    NetrShareGetInfoResponse,
    NetStatus,
    ServerInfo,
    ServerTypes,
    ShareInfo,
    ShareTypes,
    SrvsvcOpnum,
    TimeOfDayInfo,
)
from smbquic.wire.rpc.syntax import SyntaxId
from smbquic.wire.rpc.wkssvc import (
    WKSSVC,
    WKSTA_LEVELS,
    NetrWkstaGetInfoRequest,
    NetrWkstaGetInfoResponse,
    WkssvcOpnum,
    WkstaInfo,
)

_VERSION = 10, 0
"""The version of Windows 10 and Server 2016, and of all later ones."""
_DOMAIN = "WORKGROUP"
_ROUGH_SIZE = 64
"""Bytes that a share takes in a listing at most, besides its name and comment."""
_TYPE = int(
    ServerTypes.SV_TYPE_WORKSTATION
    | ServerTypes.SV_TYPE_SERVER
    | ServerTypes.SV_TYPE_NT
    | ServerTypes.SV_TYPE_SERVER_NT
)


class ServerInformation(Protocol):
    """A server, as the services see it. `name` is the server's name for itself."""

    name: str

    @property
    def shares(self) -> Mapping[str, ServedShare]:
        """All shares but IPC$."""

    def count_trees(self) -> Mapping[str, int]:
        """Return how many trees there are of each share, by its name."""


_Call = Callable[[ServerInformation, Buffer], bytes]


class PipeServices:
    """The services of a server; `allows` returns whether a client may open pipes."""

    def __init__(self, server: ServerInformation, allows: Callable[[Peer], bool]) -> None:
        self._server = server
        self.allows = allows

    def associate(self, pipe: str) -> Association | None:
        """See `associate`."""
        return associate(self._server, pipe)


def associate(server: ServerInformation, pipe: str) -> Association | None:
    """Return a new association over the pipe of that name, in any case; None if there is none."""
    name = pipe.casefold()
    interfaces = _PIPES.get(name)
    if interfaces is None:
        return None
    return Association(name, tuple(_bound(server, *interface) for interface in interfaces))


def _bound(server: ServerInformation, syntax: SyntaxId, calls: dict[int, _Call]) -> RpcInterface:
    methods: dict[int, Method] = {opnum: partial(call, server) for opnum, call in calls.items()}
    return RpcInterface(syntax, methods)


def _shares(server: ServerInformation) -> list[ShareInfo]:
    """Return all shares by name, and IPC$ last. Their paths on the disk are not given."""
    uses = server.count_trees()
    known = sorted(server.shares.values(), key=lambda share: share.name.casefold())
    shares = [_share(share, uses.get(share.name, 0)) for share in known]
    kind = int(ShareTypes.STYPE_IPC | ShareTypes.STYPE_SPECIAL)
    remark = f"IPC Service ({server.name})"
    ipc = ShareInfo(PIPE_SHARE, kind, remark, path="", current_uses=uses.get(PIPE_SHARE, 0))
    return [*shares, ipc]


def _share(share: ServedShare, uses: int) -> ShareInfo:
    return ShareInfo(
        share.name,
        STYPE_DISKTREE,
        share.comment,
        current_uses=uses,
        path=f"C:\\{share.name}",
        servername="*",
    )


def _share_enum(server: ServerInformation, stub: Buffer) -> bytes:
    """Answer NetrShareEnum: as many shares as the client asks for, from its resume handle on."""
    request = NetrShareEnumRequest.decode(stub)
    if request.level not in ENUM_LEVELS:
        return NetrShareEnumResponse(request.level, status=NetStatus.ERROR_INVALID_LEVEL).encode()
    start = request.resume_handle or 0
    shares = _shares(server)[start:]
    fitting = shares
    if request.preferred_maximum_length != MAX_PREFERRED_LENGTH:
        fitting = _fitting(shares, request.preferred_maximum_length)
    complete = len(fitting) == len(shares)
    handle = request.resume_handle
    if handle is not None:
        handle = 0 if complete else start + len(fitting)
    status = NetStatus.NERR_Success if complete else NetStatus.ERROR_MORE_DATA
    return NetrShareEnumResponse(request.level, fitting, len(shares), handle, status).encode()


def _fitting(shares: list[ShareInfo], length: int) -> list[ShareInfo]:
    """Return the first shares, at least one, that take up to about `length` bytes."""
    for index, share in enumerate(shares):
        length -= _ROUGH_SIZE + 2 * (len(share.netname or "") + len(share.remark or ""))
        if length < 0:
            return shares[: max(index, 1)]
    return shares


def _share_get_info(server: ServerInformation, stub: Buffer) -> bytes:
    request = NetrShareGetInfoRequest.decode(stub)
    level, wanted = request.level, request.net_name.casefold()
    if level not in SHARE_LEVELS:
        return NetrShareGetInfoResponse(level, status=NetStatus.ERROR_INVALID_LEVEL).encode()
    for share in _shares(server):
        if (share.netname or "").casefold() == wanted:
            return NetrShareGetInfoResponse(level, share).encode()
    return NetrShareGetInfoResponse(level, status=NetStatus.NERR_NetNameNotFound).encode()


def _server_get_info(server: ServerInformation, stub: Buffer) -> bytes:
    level = NetrServerGetInfoRequest.decode(stub).level
    if level not in SERVER_LEVELS:
        return NetrServerGetInfoResponse(level, status=NetStatus.ERROR_INVALID_LEVEL).encode()
    major, minor = _VERSION
    info = ServerInfo(
        name=server.name,
        version_major=major,
        version_minor=minor,
        type=_TYPE,
        comment="smbquic",
        users=0xFFFF_FFFF,
        disc=15,
        userpath="C:\\",
    )
    return NetrServerGetInfoResponse(level, info).encode()


def _remote_tod(server: ServerInformation, stub: Buffer) -> bytes:
    """Return the time of day, in UTC with a time zone of 0."""
    now = datetime.now(UTC)
    info = TimeOfDayInfo(
        elapsedt=int(now.timestamp()),
        msecs=int(time.monotonic() * 1000) & 0xFFFF_FFFF,
        hours=now.hour,
        mins=now.minute,
        secs=now.second,
        hunds=now.microsecond // 10_000,
        timezone=0,
        tinterval=310,
        day=now.day,
        month=now.month,
        year=now.year,
        weekday=now.isoweekday() % 7,
    )
    return NetrRemoteTODResponse(info).encode()


def _wksta_get_info(server: ServerInformation, stub: Buffer) -> bytes:
    level = NetrWkstaGetInfoRequest.decode(stub).level
    if level not in WKSTA_LEVELS:
        return NetrWkstaGetInfoResponse(level, status=NetStatus.ERROR_INVALID_LEVEL).encode()
    major, minor = _VERSION
    info = WkstaInfo(
        computername=server.name,
        langroup=_DOMAIN,
        ver_major=major,
        ver_minor=minor,
        lanroot="",
    )
    return NetrWkstaGetInfoResponse(level, info).encode()


_SRVSVC: tuple[SyntaxId, dict[int, _Call]] = (
    SRVSVC,
    {
        int(SrvsvcOpnum.NetrShareEnum): _share_enum,
        int(SrvsvcOpnum.NetrShareEnumSticky): _share_enum,
        int(SrvsvcOpnum.NetrShareGetInfo): _share_get_info,
        int(SrvsvcOpnum.NetrServerGetInfo): _server_get_info,
        int(SrvsvcOpnum.NetrRemoteTOD): _remote_tod,
    },
)
_WKSSVC: tuple[SyntaxId, dict[int, _Call]] = (
    WKSSVC,
    {int(WkssvcOpnum.NetrWkstaGetInfo): _wksta_get_info},
)

_PIPES: dict[str, tuple[tuple[SyntaxId, dict[int, _Call]], ...]] = {
    "srvsvc": (_SRVSVC,),
    "wkssvc": (_WKSSVC,),
    "lsarpc": (),
}
"""The services by the name of their pipe. Clients try `lsarpc` first, and go on without it."""
