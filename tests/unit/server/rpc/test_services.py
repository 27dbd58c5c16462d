"""Responses of srvsvc and wkssvc about a server."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smbquic.server.rpc import services
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
    ServerInfo,
    SrvsvcOpnum,
    TimeOfDayInfo,
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


@pytest.mark.parametrize(
    ("length", "count"),
    # 64 bytes of each share, and two of each character of name and remark: 90, 68 and 114.
    [(0, 1), (89, 1), (90, 1), (157, 1), (158, 2), (271, 2), (272, 3), (0xFFFF_FFFF, 3)],
)
@pytest.mark.parametrize("start", [None, 0])
def test_how_many_shares_fit(call: Call, length: int, count: int, start: int | None) -> None:
    answer = enumerated(call, 1, None, length, start)

    more = count < 3
    assert len(answer.shares) == count
    assert answer.total_entries == 3
    assert answer.status == (NetStatus.ERROR_MORE_DATA if more else NetStatus.NERR_Success)
    assert answer.resume_handle == (None if start is None else count if more else 0)


def test_the_rest_of_the_shares(call: Call) -> None:
    answer = enumerated(call, 1, None, 0, 1)

    assert [share.netname for share in answer.shares] == ["ro"]
    assert (answer.total_entries, answer.resume_handle) == (2, 2)


@pytest.mark.parametrize("level", [2, 502, 503])
def test_where_a_share_seems_to_be(call: Call, level: int) -> None:
    data, _, ipc = enumerated(call, level).shares

    assert (data.path, ipc.path) == ("C:\\data", "")
    assert data.servername == ("*" if level == 503 else None)
    assert (data.permissions, data.max_uses, data.passwd) == (0, 0xFFFF_FFFF, None)


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
    # Windows 10; a workstation and server of the NT family, with any number of users, whose idle
    # sessions end after 15 minutes. [MS-SRVS] 2.2.2.7, 2.2.4.43
    assert answer == ServerInfo(
        platform_id=500,
        name="SMBQUIC",
        version_major=10,
        version_minor=0,
        type=0x9003,
        comment="smbquic",
        users=0xFFFF_FFFF,
        disc=15,
        userpath="C:\\",
    )
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


@pytest.mark.parametrize(("day", "weekday"), [(1, 0), (2, 1), (7, 6)])
def test_the_parts_of_a_time(
    call: Call, monkeypatch: pytest.MonkeyPatch, day: int, weekday: int
) -> None:
    now = datetime(2023, 10, day, 23, 58, 59, 129_999, tzinfo=UTC)
    clock = SimpleNamespace(now=lambda zone: now if zone is UTC else None)
    monkeypatch.setattr(services, "datetime", clock)
    monkeypatch.setattr(services, "time", SimpleNamespace(monotonic=lambda: 4294968.5))

    time = NetrRemoteTODResponse.decode(call(SrvsvcOpnum.NetrRemoteTOD, b"")).time

    # Milliseconds since some moment, in 32 bits; a tick of the clock takes 31 ms.
    assert time == TimeOfDayInfo(
        elapsedt=1_696_118_400 + day * 86_400 - 61,
        msecs=1204,
        hours=23,
        mins=58,
        secs=59,
        hunds=12,
        timezone=0,
        tinterval=310,
        day=day,
        month=10,
        year=2023,
        weekday=weekday,
    )


def test_the_workstation(server: Server) -> None:
    call = caller(server, "wkssvc", WKSSVC)

    def ask(level: int) -> NetrWkstaGetInfoResponse:
        return NetrWkstaGetInfoResponse.decode(call(0, NetrWkstaGetInfoRequest(level).encode()))

    for level in (100, 101, 102):
        answer = ask(level).info
        assert answer is not None
        assert (answer.computername, answer.langroup) == ("SMBQUIC", "WORKGROUP")
        assert (answer.platform_id, answer.ver_major, answer.ver_minor) == (500, 10, 0)
    assert answer is not None
    assert (answer.lanroot, answer.logged_on_users) == ("", 0)
    assert ask(502).status == NetStatus.ERROR_INVALID_LEVEL
