"""Responses of srvsvc and wkssvc about a server."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from smbquic.server.rpc.services import associate
from smbquic.server.server import Server
from smbquic.server.share import ServedShare
from smbquic.wire.rpc.pdu import Bind, PresentationContext, RpcRequest, RpcResponse
from smbquic.wire.rpc.srvsvc import (
    SRVSVC,
    NetrRemoteTODResponse,
    NetrServerGetInfoRequest,
    NetrServerGetInfoResponse,
    NetrShareEnumRequest,
    NetrShareEnumResponse,
    NetrShareGetInfoRequest,
    NetrShareGetInfoResponse,
    NetStatus,
    SrvsvcOpnum,
)
from smbquic.wire.rpc.syntax import NDR
from smbquic.wire.rpc.wkssvc import (
    WKSSVC,
    NetrWkstaGetInfoRequest,
    NetrWkstaGetInfoResponse,
)
from tests.unit.server.smb_client import Connect

Call = Callable[[int, bytes], bytes]


@pytest.fixture
def call(server: Server) -> Call:
    """Calls srvsvc."""
    share = server.shares["data"]
    server.shares["data"] = ServedShare("data", share.storage, comment="All of it")
    return caller(server, "srvsvc", SRVSVC)


def caller(server: Server, pipe: str, interface: Any) -> Call:
    association = associate(server, pipe)
    assert association is not None
    association.receive(Bind(1, [PresentationContext(0, interface, [NDR])]).encode())

    def call(opnum: int, stub: bytes) -> bytes:
        answers = association.receive(RpcRequest(2, opnum, stub).encode())
        return b"".join(bytes(RpcResponse.decode(answer).stub) for answer in answers)

    return call


def enumerated(call: Call, *arguments: Any, **fields: Any) -> NetrShareEnumResponse:
    stub = NetrShareEnumRequest(*arguments, **fields).encode()
    return NetrShareEnumResponse.decode(call(SrvsvcOpnum.NetrShareEnum, stub))


def test_pipes_have_names_in_any_case(server: Server) -> None:
    assert associate(server, "SrvSvc") is not None
    assert associate(server, "lsarpc") is not None
    assert associate(server, "spoolss") is None


async def test_shares(call: Call, connect: Connect) -> None:
    await connect()
    await connect(share="IPC$")
    answer = enumerated(call, 1, r"\\host")
    assert answer.status == NetStatus.NERR_Success
    assert answer.total_entries == 3
    assert answer.resume_handle is None
    assert [(s.netname, s.type, s.remark) for s in answer.shares] == [
        ("data", 0, "All of it"),
        ("ro", 0, ""),
        ("IPC$", 0x80000003, "IPC Service (SMBQUIC)"),
    ]
    uses = [share.current_uses for share in enumerated(call, 2).shares]
    assert uses == [1, 0, 1]


@pytest.mark.parametrize("level", [0, 1, 2, 501, 502, 503])
def test_no_level_tells_where_a_share_lies(call: Call, root: Path, level: int) -> None:
    stub = NetrShareEnumRequest(level).encode()
    answer = call(SrvsvcOpnum.NetrShareEnumSticky, stub)
    assert [share.netname for share in NetrShareEnumResponse.decode(answer).shares] == [
        "data",
        "ro",
        "IPC$",
    ]
    assert str(root.parent).encode("utf-16-le") not in answer


def test_a_level_that_does_not_exist(call: Call) -> None:
    answer = enumerated(call, 7)
    assert (answer.status, answer.shares) == (NetStatus.ERROR_INVALID_LEVEL, [])


def test_shares_bit_by_bit(call: Call) -> None:
    names: list[str | None] = []
    handle: int | None = 0
    statuses = []
    while handle is not None:
        answer = enumerated(call, 1, None, 100, handle)
        names += [share.netname for share in answer.shares]
        statuses.append(answer.status)
        handle = answer.resume_handle or None
    assert names == ["data", "ro", "IPC$"]
    assert statuses == [NetStatus.ERROR_MORE_DATA] * 2 + [NetStatus.NERR_Success]
    assert len(enumerated(call, 1, None, 10_000).shares) == 3
    assert len(enumerated(call, 1, None, 0).shares) == 1
    assert enumerated(call, 1, None, 0, 99).shares == []


def test_one_share(call: Call) -> None:
    def ask(name: str, level: int) -> NetrShareGetInfoResponse:
        stub = NetrShareGetInfoRequest(name, level).encode()
        return NetrShareGetInfoResponse.decode(call(SrvsvcOpnum.NetrShareGetInfo, stub))

    share = ask("DATA", 502).info
    assert share is not None
    assert (share.netname, share.remark, share.security_descriptor) == ("data", "All of it", None)
    flags = ask("data", 1005).info
    assert flags is not None
    assert flags.flags == 0
    assert ask("nope", 1).status == NetStatus.NERR_NetNameNotFound
    assert ask("data", 7).status == NetStatus.ERROR_INVALID_LEVEL


def test_the_server(call: Call) -> None:
    def ask(level: int) -> NetrServerGetInfoResponse:
        stub = NetrServerGetInfoRequest(level).encode()
        return NetrServerGetInfoResponse.decode(call(SrvsvcOpnum.NetrServerGetInfo, stub))

    for level in (100, 101, 102):
        answer = ask(level).info
        assert answer is not None
        assert answer.name == "SMBQUIC"
    assert ask(103).status == NetStatus.ERROR_INVALID_LEVEL


def test_the_clock(call: Call) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    time = NetrRemoteTODResponse.decode(call(SrvsvcOpnum.NetrRemoteTOD, b"")).time
    after = datetime.now(UTC)
    assert time is not None
    told = datetime(time.year, time.month, time.day, time.hours, time.mins, time.secs, tzinfo=UTC)
    assert before <= told <= after
    assert time.elapsedt == told.timestamp()
    assert time.weekday == told.isoweekday() % 7


def test_the_workstation(server: Server) -> None:
    call = caller(server, "wkssvc", WKSSVC)

    def ask(level: int) -> NetrWkstaGetInfoResponse:
        return NetrWkstaGetInfoResponse.decode(call(0, NetrWkstaGetInfoRequest(level).encode()))

    for level in (100, 101, 102):
        answer = ask(level).info
        assert answer is not None
        assert (answer.computername, answer.langroup) == ("SMBQUIC", "WORKGROUP")
    assert ask(502).status == NetStatus.ERROR_INVALID_LEVEL
