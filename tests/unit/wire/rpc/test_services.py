"""Calls of the server and the workstation service, also as impacket has them."""

import dataclasses
from collections.abc import Mapping
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from impacket.dcerpc.v5 import srvs, wkst  # type: ignore[import-untyped]

from smbquic.errors import WireError
from smbquic.wire.rpc.ndr import NdrReader, NdrStructure, NdrWriter
from smbquic.wire.rpc.srvsvc import (
    SERVER_LEVELS,
    SHARE_LEVELS,
    NetrRemoteTODResponse,
    NetrServerGetInfoRequest,
    NetrServerGetInfoResponse,
    NetrShareEnumRequest,
    NetrShareEnumResponse,
    NetrShareGetInfoRequest,
    NetrShareGetInfoResponse,
    NetStatus,
    ServerInfo,
    ShareInfo,
    ShareTypes,
    TimeOfDayInfo,
)
from smbquic.wire.rpc.wkssvc import (
    WKSTA_LEVELS,
    NetrWkstaGetInfoRequest,
    NetrWkstaGetInfoResponse,
    WkstaInfo,
)
from tests.unit.wire.structures import Structure

U32 = st.integers(0, 0xFFFF_FFFF)
NAME = st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), max_size=12)
OPTIONAL = st.none() | NAME
HANDLE = st.none() | U32
InfoT = TypeVar("InfoT", ServerInfo, ShareInfo, WkstaInfo)


def only(layout: NdrStructure, value: InfoT) -> InfoT:
    """Return a value with the fields that a level carries."""
    names = [name for name, _ in layout.fields]
    return type(value)(**{name: getattr(value, name) for name in names})


def of(
    kind: type[InfoT], layouts: Mapping[int, NdrStructure]
) -> st.SearchStrategy[tuple[int, InfoT]]:
    by_type = {"int": U32, "str | None": OPTIONAL, "bytes | None": st.none() | st.binary()}
    fields = {
        f.name: by_type[getattr(f.type, "__name__", str(f.type))] for f in dataclasses.fields(kind)
    }
    return st.tuples(st.sampled_from(sorted(layouts)), st.builds(kind, **fields)).map(
        lambda pair: (pair[0], only(layouts[pair[0]], pair[1]))
    )


SHARE = of(ShareInfo, SHARE_LEVELS)
SERVER = of(ServerInfo, SERVER_LEVELS)
WORKSTATION = of(WkstaInfo, WKSTA_LEVELS)
TIME = st.builds(TimeOfDayInfo, *[U32] * 12)
CALLS: list[st.SearchStrategy[Structure]] = [
    st.builds(
        NetrShareEnumRequest, st.sampled_from([0, 1, 2, 501, 502, 503]), OPTIONAL, U32, HANDLE
    ),
    st.builds(
        lambda level, shares, total, handle, status: NetrShareEnumResponse(
            level, [only(SHARE_LEVELS[level], share) for _, share in shares], total, handle, status
        ),
        st.sampled_from([0, 1, 2, 501, 502, 503]),
        st.lists(SHARE, max_size=3),
        U32,
        HANDLE,
        U32,
    ),
    st.builds(NetrShareGetInfoRequest, NAME, U32, OPTIONAL),
    SHARE.map(lambda pair: NetrShareGetInfoResponse(*pair)),
    st.builds(NetrShareGetInfoResponse, U32, st.none(), U32),
    st.builds(NetrServerGetInfoRequest, U32, OPTIONAL),
    SERVER.map(lambda pair: NetrServerGetInfoResponse(*pair)),
    st.builds(NetrServerGetInfoResponse, U32, st.none(), U32),
    st.builds(NetrRemoteTODResponse, st.none() | TIME, U32),
    st.builds(NetrWkstaGetInfoRequest, U32, OPTIONAL),
    WORKSTATION.map(lambda pair: NetrWkstaGetInfoResponse(*pair)),
    st.builds(NetrWkstaGetInfoResponse, U32, st.none(), U32),
]
TYPES: list[type[Structure]] = [
    NetrShareEnumRequest,
    NetrShareEnumResponse,
    NetrShareGetInfoRequest,
    NetrShareGetInfoResponse,
    NetrServerGetInfoRequest,
    NetrServerGetInfoResponse,
    NetrRemoteTODResponse,
    NetrWkstaGetInfoRequest,
    NetrWkstaGetInfoResponse,
]


@pytest.mark.parametrize("calls", CALLS)
@given(data=st.data())
def test_round_trip(calls: st.SearchStrategy[Structure], data: st.DataObject) -> None:
    call = data.draw(calls)
    assert type(call).decode(call.encode()) == call


@pytest.mark.parametrize("kind", TYPES)
@given(data=st.binary(max_size=120), level=st.sampled_from([0, 1, 2, 100, 101, 502, 7]))
def test_any_bytes_are_understood_or_refused(
    kind: type[Structure], data: bytes, level: int
) -> None:
    head = level.to_bytes(4, "little")
    for stub in (
        data,
        head + head + b"\1\0\0\0" + data,
        bytes(4) + head + head + b"\1\0\0\0" + data,
    ):
        try:
            decoded = kind.decode(stub)
        except WireError:
            continue
        assert isinstance(decoded, kind)


def test_an_unknown_level_is_told() -> None:
    request = NetrShareEnumRequest(7, "x")
    assert NetrShareEnumRequest.decode(request.encode()).level == 7
    answer = NetrShareEnumResponse(7, status=NetStatus.ERROR_INVALID_LEVEL)
    assert NetrShareEnumResponse.decode(answer.encode()) == answer


def test_a_level_that_is_not_that_of_its_union() -> None:
    stub = bytearray(NetrShareEnumRequest(1).encode())
    stub[4] = 2
    with pytest.raises(WireError, match="union"):
        NetrShareEnumRequest.decode(stub)
    stub = bytearray(NetrShareEnumResponse(1).encode())
    stub[0] = 2
    with pytest.raises(WireError, match="union"):
        NetrShareEnumResponse.decode(stub)


@pytest.mark.parametrize(
    "kind", [NetrShareGetInfoResponse, NetrServerGetInfoResponse, NetrWkstaGetInfoResponse]
)
def test_structures_of_unknown_levels(kind: type[Structure]) -> None:
    with pytest.raises(WireError, match="unknown level 7"):
        kind.decode(b"\7\0\0\0\1\0\0\0" + bytes(64))


def test_shares_that_a_client_sends_along_are_read_over() -> None:
    """As in a request that repeats what an earlier answer held."""
    writer = NdrWriter()
    writer.optional_string("server")
    for value in (1, 1, 1, 1, 1, 1):
        writer.u32(value)
    share = ShareInfo("data", 0, "text")
    SHARE_LEVELS[1].write(writer, share)()
    writer.u32(100)
    writer.u32(0)
    request = NetrShareEnumRequest.decode(writer.data)
    assert request == NetrShareEnumRequest(1, "server", 100, None)
    listed = NetrShareEnumRequest.decode(NetrShareEnumRequest(1, resume_handle=3).encode())
    assert listed.resume_handle == 3
    no_container = b"".join(value.to_bytes(4, "little") for value in (0, 1, 1, 0, 9, 0))
    assert NetrShareEnumRequest.decode(no_container) == NetrShareEnumRequest(1, None, 9)


def test_counts_are_distrusted() -> None:
    head = b"".join(value.to_bytes(4, "little") for value in (1, 1, 1, 9999, 1, 9999))
    with pytest.raises(WireError, match="9999 shares"):
        NetrShareEnumResponse.decode(head + bytes(20))
    request = b"".join(value.to_bytes(4, "little") for value in (0, 1, 1, 1, 9999, 1, 9999))
    with pytest.raises(WireError, match="9999 shares"):
        NetrShareEnumRequest.decode(request + bytes(20))
    assert NetrShareEnumResponse.decode(head[:12] + bytes(24)).shares == []


def test_strings_are_distrusted() -> None:
    with pytest.raises(WireError, match="a string of"):
        NdrReader(b"\1\0\0\0" + b"\0\0\0\0" + b"\2\0\0\0" + bytes(8)).string()
    with pytest.raises(WireError, match="a string of"):
        NdrReader(b"\3\0\0\0" + b"\1\0\0\0" + b"\2\0\0\0" + bytes(8)).string()


# --- impacket's view ----------------------------------------------------------------------------


def text(value: str | None) -> str:
    return "" if value is None else f"{value}\0"


@pytest.mark.parametrize("level", [0, 1, 2, 501, 502])
def test_impacket_reads_our_shares(level: int) -> None:
    shares = [
        ShareInfo("data", 0, "All of it", 1, 2, 3, "C:\\data", ""),
        ShareInfo("IPC$", int(ShareTypes.STYPE_SPECIAL | ShareTypes.STYPE_IPC), "", flags=5),
    ]
    answer = NetrShareEnumResponse(level, shares, 2, 0)
    theirs = srvs.NetrShareEnumResponse(answer.encode())
    assert theirs["ErrorCode"] == 0
    assert theirs["TotalEntries"] == 2
    container = theirs["InfoStruct"]["ShareInfo"][f"Level{level}"]["Buffer"]
    assert [entry[f"shi{level}_netname"] for entry in container] == ["data\0", "IPC$\0"]
    if level:
        assert [entry[f"shi{level}_type"] for entry in container] == [0, 0x80000003]
        assert container[0][f"shi{level}_remark"] == "All of it\0"
    if level in (2, 502):
        assert container[0][f"shi{level}_path"] == "C:\\data\0"


@pytest.mark.parametrize("level", [1, 2, 501, 502, 1005])
def test_impacket_reads_our_share(level: int) -> None:
    answer = NetrShareGetInfoResponse(level, ShareInfo("data", 0, "All of it", flags=48))
    theirs = srvs.NetrShareGetInfoResponse(answer.encode())
    share = theirs["InfoStruct"][f"ShareInfo{level}"]
    if level == 1005:
        assert share["shi1005_flags"] == 48
    else:
        assert share[f"shi{level}_netname"] == "data\0"


@pytest.mark.parametrize("level", [100, 101, 102])
def test_impacket_reads_our_server(level: int) -> None:
    answer = NetrServerGetInfoResponse(
        level, ServerInfo(500, "FS", 6, 1, 3, "text", 7, userpath="c")
    )
    theirs = srvs.NetrServerGetInfoResponse(answer.encode())["InfoStruct"][f"ServerInfo{level}"]
    assert theirs[f"sv{level}_name"] == "FS\0"
    assert theirs[f"sv{level}_platform_id"] == 500
    if level == 102:
        assert theirs["sv102_userpath"] == "c\0"
        assert theirs["sv102_users"] == 7


def test_impacket_reads_our_clock() -> None:
    answer = NetrRemoteTODResponse(TimeOfDayInfo(*range(1, 13)))
    theirs = srvs.NetrRemoteTODResponse(answer.encode())
    assert theirs["BufferPtr"]["tod_elapsedt"] == 1
    assert theirs["BufferPtr"]["tod_weekday"] == 12


@pytest.mark.parametrize("level", [100, 101, 102])
def test_impacket_reads_our_workstation(level: int) -> None:
    answer = NetrWkstaGetInfoResponse(level, WkstaInfo(500, "FS", "HOME", 6, 1, "", 3))
    theirs = wkst.NetrWkstaGetInfoResponse(answer.encode())["WkstaInfo"][f"WkstaInfo{level}"]
    assert theirs[f"wki{level}_computername"] == "FS\0"
    assert theirs[f"wki{level}_langroup"] == "HOME\0"
    assert theirs[f"wki{level}_ver_major"] == 6


def test_impacket_reads_our_request_for_shares() -> None:
    theirs = srvs.NetrShareEnum(NetrShareEnumRequest(1, "server", 100, 3).encode())
    assert theirs["ServerName"] == "server\0"
    assert theirs["InfoStruct"]["Level"] == 1
    container = theirs["InfoStruct"]["ShareInfo"]["Level1"]
    assert (container["EntriesRead"], container["Buffer"]) == (0, b"")
    assert (theirs["PreferedMaximumLength"], theirs["ResumeHandle"]) == (100, 3)


def test_we_read_impackets_requests() -> None:
    listing = srvs.NetrShareEnum()
    listing["ServerName"] = "\\\\host\0"
    listing["PreferedMaximumLength"] = 0xFFFFFFFF
    listing["ResumeHandle"] = 0
    listing["InfoStruct"]["Level"] = 1
    listing["InfoStruct"]["ShareInfo"]["tag"] = 1
    listing["InfoStruct"]["ShareInfo"]["Level1"]["EntriesRead"] = 0
    listing["InfoStruct"]["ShareInfo"]["Level1"]["Buffer"] = srvs.NULL
    assert NetrShareEnumRequest.decode(listing.getData()) == NetrShareEnumRequest(
        1, "\\\\host", 0xFFFFFFFF, 0
    )
    share = srvs.NetrShareGetInfo()
    share["ServerName"], share["NetName"], share["Level"] = srvs.NULL, "data\0", 502
    assert NetrShareGetInfoRequest.decode(share.getData()) == NetrShareGetInfoRequest("data", 502)
    server = srvs.NetrServerGetInfo()
    server["ServerName"], server["Level"] = "\\\\host\0", 101
    assert NetrServerGetInfoRequest.decode(server.getData()) == NetrServerGetInfoRequest(
        101, "\\\\host"
    )
    workstation = wkst.NetrWkstaGetInfo()
    workstation["ServerName"], workstation["Level"] = "host\0", 100
    assert NetrWkstaGetInfoRequest.decode(workstation.getData()) == NetrWkstaGetInfoRequest(
        100, "host"
    )
